import io

import numpy as np
import pytest
from matplotlib.patches import Rectangle, StepPatch

from hessweep.errors import InputError
from hessweep.figures import rank_grid
from hessweep.hessian import hessian
from hessweep.networks import sample_teacher

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
    (frame,) = (patch for patch in axes.patches if isinstance(patch, Rectangle))
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


def staircases(axes):
    """The step functions that are drawn: heights and edges."""
    return [patch.get_data()[:2] for patch in axes.patches if isinstance(patch, StepPatch)]


def test_staircase_is_where_the_rank_stops_growing(published, tree):
    sizes = [(N_i, N_h) for N_i in (1, 2, 3) for N_h in (1, 2, 3, 4)]
    tables = rank_grid.data(tree(published("quadratic", sizes, seeds=1)))
    axes = rank_grid.plot(tables).axes[0]
    (heights, edges), again = staircases(axes)
    # The rank is N_i + N_i (N_i + 1) / 2 from N_h = N_i on: 2 from 1, 5 from 2, 9 from 3.
    assert heights.tolist() == again[0].tolist() == [-0.5, 0.5, 1.5]
    assert edges.tolist() == [-0.5, 0.5, 1.5, 2.5]
    assert "Above the orange staircase" in rank_grid.caption(tables)


def test_rank_that_never_grows_has_no_staircase(linear, tree):
    tables = rank_grid.data(tree(linear))
    assert staircases(rank_grid.plot(tables).axes[0]) == []
    assert "staircase" not in rank_grid.caption(tables)


def test_full_ranks_show_what_float64_misses(published, tree):
    results = published("erf", [(1, 2), (1, 10), (2, 3)], seeds=2)
    tables = rank_grid.data(tree(results))
    axes = rank_grid.plot(tables).axes[0]
    missed = 0
    for seed in range(2):
        values = np.linalg.eigvalsh(hessian(sample_teacher("erf", 1, 10, seed)))
        missed = max(missed, 20 - (np.abs(values) > 20 * 2**-52 * np.abs(values).max()).sum())
    assert missed > 5
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts[0, 2] == f"20\n−{missed}"
    assert texts[0, 0] == "4"
    assert texts[1, 1] == "9"
    (mesh,) = axes.collections
    assert mesh.get_array()[2, 0] == pytest.approx(missed / 20)
    assert mesh.get_array()[1, 1] == 0
    assert f"by up to {missed} at N_i = 1, N_h = 10" in rank_grid.caption(tables)
    ranks = rank_grid.data(tree(results), shows="rank")
    assert rank_grid.plot(ranks).axes[0].texts[0].get_text() == "4"
    with pytest.raises(InputError, match="shows: expected rank and float64, got 'error'"):
        rank_grid.data(tree(results), shows="error")
