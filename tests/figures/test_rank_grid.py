import io

import numpy as np
import pytest

from hessweep.figures import rank_grid

LINEAR = [(N_i, N_h) for N_i in (1, 2, 4) for N_h in (1, 3)]


@pytest.fixture(scope="module")
def linear(published):
    """Linear networks, whose rank is N_i, with a wrong formula at one size."""
    results = published("linear", LINEAR, seeds=2)
    formula = np.where((results["N_i"] == 2) & (results["N_h"] == 3), 5, results["N_i"])
    return results.assign(
        effective_parameters=("point", formula),
        effective_parameters_kind=("point", ["exact"] * len(formula)),
    )


def test_cells_say_rank_and_formula(linear, tree):
    (axes, _) = rank_grid.plot(rank_grid.data(tree(linear))).axes
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    for (x, y), text in cells.items():
        N_i, N_h = (1, 2, 4)[x], (1, 3)[y]
        assert text == (f"{N_i}\n(5)" if (N_i, N_h) == (2, 3) else str(N_i))
    assert len(cells) == 6
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2", "4"]


def test_frame_marks_where_they_differ(linear, tree):
    (axes, _) = rank_grid.plot(rank_grid.data(tree(linear))).axes
    (frame,) = axes.patches
    assert frame.get_center() == pytest.approx([1, 1])
    caption = rank_grid.caption(rank_grid.data(tree(linear)))
    assert "equal to the formula at 5 of 6 sizes" in caption


def test_colour_is_the_share_of_parameters(linear, tree):
    (axes, _) = rank_grid.plot(rank_grid.data(tree(linear))).axes
    (mesh,) = axes.collections
    expected = [[N_i / (N_h * (N_i + 1)) for N_i in (1, 2, 4)] for N_h in (1, 3)]
    np.testing.assert_allclose(mesh.get_array(), expected)


def test_bound_is_no_claim_of_equality(linear, tree):
    below = linear.assign(
        effective_parameters=linear["N_i"] + 1,
        effective_parameters_kind=("point", ["upper bound"] * linear.sizes["point"]),
    )
    ranks = rank_grid.data(tree(below))["ranks"]
    assert not ranks["differs"].any()
    assert "not above the bound at 6 of 6 sizes" in rank_grid.caption({"ranks": ranks})
    above = below.assign(effective_parameters=linear["N_i"] - 1)
    assert rank_grid.data(tree(above))["ranks"]["differs"].all()


def test_two_ranks_at_one_size_are_both_shown(linear, tree):
    rank = linear["rank"].values.copy()
    rank[0] = 0
    tables = rank_grid.data(tree(linear.assign(rank=("point", rank))))
    axes = rank_grid.plot(tables).axes[0]
    assert "0–1\n(1)" in [text.get_text() for text in axes.texts]


def test_panels_are_those_asked_for_in_that_order(linear, erf, tree):
    results = tree(linear, erf)
    one = rank_grid.data(results, "erf")["ranks"]
    assert set(one["activation"]) == {"erf"}
    figure = rank_grid.plot(rank_grid.data(results, ["linear", "erf"]))
    assert [axes.get_title() for axes in figure.axes[:2]] == ["linear", "erf"]
    assert len(figure.axes) == 3


@pytest.mark.parametrize("columns", [3, 8, 12])
def test_texts_fit_into_their_cells(linear, columns, tree):
    tables = rank_grid.data(tree(linear))
    wide = (
        tables["ranks"]
        .iloc[np.arange(2 * columns) % 6]
        .assign(N_i=np.repeat(np.arange(columns), 2), N_h=np.tile([1, 3], columns), rank_max=144)
    )
    figure = rank_grid.plot({"ranks": wide.assign(differs=True)})
    figure.savefig(io.BytesIO())
    axes = figure.axes[0]
    transform = axes.transData.inverted()
    for text in axes.texts:
        box = text.get_window_extent().transformed(transform)
        assert box.width < 1
        assert box.height < 1
