"""Tables and figures of depth, on teachers computed here, against their Hessians."""

import numpy as np
import pytest

from hessweep import hessian
from hessweep.activations import activation
from hessweep.analysis import depth
from hessweep.errors import InputError
from hessweep.figures import depth_spectra, layer_shares
from hessweep.running.task import compute_batch
from hessweep.setup import Setup
from hessweep.spectrum import layer_shares as shares_of_network
from hessweep.store import open_results, publish

NAMES = ("linear", "quadratic")
WIDTHS = [(2, 2, 1), (2, 2, 2, 1), (2, 2, 2, 2, 1)]
SEEDS = range(3)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("depth")
    setups = [
        Setup.of_widths(activation(name), widths, kind="sampled")
        for name in NAMES
        for widths in WIDTHS
    ]
    setups += [
        Setup.of_widths(activation("quadratic"), (2, 4, 4, 1)),
        Setup.of_widths(activation("quadratic"), (2, 2, 2, 1), biases="both"),
    ]
    for setup in setups:
        assert compute_batch(setup.points(SEEDS), folder)[1] == {}
    publish(folder)
    return open_results(folder)


def teachers(name, widths):
    return [Setup.of_widths(activation(name), widths).network(seed) for seed in SEEDS]


def test_ranks_stand_beside_the_plain_count(results):
    ranks = depth.depth_ranks(results).set_index(["activation", "widths", "biases"])
    assert len(ranks) == 8
    assert (ranks["proved"] == 3).all()
    assert (ranks["rank_min"] == ranks["rank_max"]).all()
    assert (ranks["rank_max"] <= ranks["plain"]).all()
    assert (ranks["too_many"] == ranks["plain"] - ranks["rank_max"]).all()
    # x + x² with biases: min(P, C(2 + 4, 4)) = 15 less a rescaling of each neuron, and one less.
    biased = ranks.loc["quadratic", "2-2-2-1", "both"]
    assert (biased["P"], biased["plain"], biased["rank_max"]) == (15, 11, 10)
    assert biased["too_many"] == 1
    # Linear: min(P - 2 (L - 1), 2) = 2 in all depths.
    linear = ranks.loc["linear"]
    assert (linear["plain"] == 2).all()
    assert (linear["rank_max"] == 2).all()


def test_spectra_are_summed_up_over_teachers(results):
    rows = depth.depth_spectra(results).set_index(["activation", "depth"])
    assert len(rows) == 6
    for name in rows.index.unique("activation"):
        for widths in WIDTHS:
            row = rows.loc[(name, len(widths) - 1)]
            plain = "linear" if name == "linear" else "quadratic"
            spectra = [np.linalg.eigvalsh(hessian(n)) for n in teachers(plain, widths)]
            top = np.median([e[-1] for e in spectra])
            assert row["lambda_max"] == pytest.approx(top, rel=1e-10)
            large = np.median([(e > 0.01 * e[-1]).sum() for e in spectra])
            assert row["large"] == large
            assert row["teachers"] == 3
            if len(widths) > 3:
                each = [shares_of_network(n)[0] for n in teachers(plain, widths)]
                shares = np.mean(each, axis=0)
                assert row["first_share"] == pytest.approx(shares[0], rel=1e-6)
                assert row["output_share"] == pytest.approx(shares[-1], rel=1e-6)


def test_the_figures_draw_their_tables(results):
    tables = depth_spectra.data(results)
    figure = depth_spectra.plot(tables)
    assert len(figure.axes) == 3
    for axes, column in zip(figure.axes, depth_spectra.PANELS, strict=True):
        drawn = [line.get_ydata().tolist() for line in axes.lines]
        expected = tables["spectra"].groupby("activation", sort=False)[column].apply(list)
        assert drawn == expected.tolist()
    assert "2 inputs" in depth_spectra.caption(tables)
    tables = layer_shares.data(results)
    assert set(tables["shares"]["depth"]) == {4}
    sums = tables["shares"].groupby(["activation", "place"])["share"].sum()
    np.testing.assert_allclose(sums, 1, rtol=1e-12)
    figure = layer_shares.plot(tables)
    assert len(figure.axes) == 2
    for axes in figure.axes:
        tops = [bar.get_y() + bar.get_height() for bar in axes.containers[-1]]
        np.testing.assert_allclose(tops, 1, rtol=1e-12)
    assert "4 layers" in layer_shares.caption(tables)


def test_results_without_such_networks_are_refused(tmp_path):
    setup = Setup.of_widths(activation("linear"), (2, 3, 3, 1))
    assert compute_batch(setup.points([0]), tmp_path)[1] == {}
    publish(tmp_path)
    results = open_results(tmp_path)
    for make in (depth_spectra.data, layer_shares.data):
        with pytest.raises(InputError, match="one width"):
            make(results)
