import numpy as np
import pytest

from hessweep.figures import float64_floor
from hessweep.networks import sample_teacher
from hessweep.rank.smallest import enclosed_smallest_eigenvalue
from hessweep.spectrum import spectrum

SIZES = [(1, 2), (1, 10), (2, 3)]


@pytest.fixture(scope="module")
def small_erf(published):
    return published("erf", SIZES, seeds=2)


def test_smallest_eigenvalues_are_those_of_ball_arithmetic(small_erf, tree):
    table = float64_floor.data(tree(small_erf))["floor"]
    assert list(zip(table["N_i"], table["N_h"], strict=True)) == SIZES
    for row in table.to_dict("records"):
        ratios = []
        for seed in range(2):
            network = sample_teacher("erf", row["N_i"], row["N_h"], seed)
            least = enclosed_smallest_eigenvalue(network, network.P).value
            ratios.append(least / spectrum(network)[-1])
        assert row["low"] == pytest.approx(min(ratios), rel=1e-2)
        assert row["high"] == pytest.approx(max(ratios), rel=1e-2)
        assert row["mean"] == pytest.approx(np.sqrt(np.prod(ratios)), rel=1e-2)
    assert table["low"].min() < 1e-30


def test_curves_floor_and_ranks_are_the_table(small_erf, tree):
    tables = float64_floor.data(tree(small_erf))
    upper, lower = float64_floor.plot(tables).axes
    rows = tables["floor"][tables["floor"]["N_i"] == 1]
    curve, _ = upper.lines
    np.testing.assert_array_equal(curve.get_xdata(), rows["N_h"])
    np.testing.assert_array_equal(curve.get_ydata(), rows["mean"])
    proved, by_numpy = lower.lines[:2]
    np.testing.assert_array_equal(proved.get_ydata(), [4, 20])
    np.testing.assert_array_equal(by_numpy.get_ydata(), rows["numpy"])
    assert by_numpy.get_ydata()[1] < 20
    assert [text.get_text() for text in upper.get_legend().get_texts()] == [
        "$N_i = 1$",
        "$N_i = 2$",
    ]
    assert tables["floor"]["noise"].tolist() == [4 * 2**-52, 20 * 2**-52, 9 * 2**-52]


def test_sizes_with_an_unknown_eigenvalue_are_left_out(small_erf, tree):
    error = small_erf["lambda_min_error"].copy()
    error[0] = 1.0
    size = int(small_erf["N_h"][0]), int(small_erf["N_i"][0])
    table = float64_floor.data(tree(small_erf.assign(lambda_min_error=error)))["floor"]
    assert len(table) == len(SIZES) - 1
    assert not ((table["N_h"] == size[0]) & (table["N_i"] == size[1])).any()


def test_inputs_choose_the_curves(small_erf, tree):
    table = float64_floor.data(tree(small_erf), inputs=[2])["floor"]
    assert table["N_i"].tolist() == [2]


def test_caption_has_the_least_eigenvalue_and_the_largest_miss(small_erf, tree):
    tables = float64_floor.data(tree(small_erf))
    caption = float64_floor.caption(tables)
    worst = tables["floor"].iloc[1]
    assert f"The smallest ratio is {worst['low']:.0e}, at N_i = 1, N_h = 10" in caption
    assert f"too low by up to {20 - worst['numpy']:.1f}, at N_i = 1, N_h = 10" in caption
