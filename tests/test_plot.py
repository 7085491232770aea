"""Plots in one call: what is drawn is what was computed."""

import numpy as np
import pytest

import hessweep
from hessweep.errors import InputError
from hessweep.setup import Setup
from hessweep.store import publish, write_segment


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("plot")
    setups = [Setup(hessweep.activation(name), 2, N_h) for name in ("linear", "erf")
              for N_h in (2, 3)]  # fmt: skip
    write_segment(root, [s.point(seed).compute() for s in setups for seed in range(2)])
    publish(root)
    return hessweep.open_results(root)


def drawn(figure):
    """Return x and y of each line, by its label."""
    [axes] = figure.axes
    return {line.get_label(): np.array(line.get_data()) for line in axes.lines}


def test_a_network_s_spectrum_is_its_non_zero_eigenvalues():
    network = hessweep.sample_teacher("quadratic", 3, 4, seed=1)
    [(label, (k, values))] = drawn(hessweep.plot.spectrum(network)).items()
    assert label == "quadratic, N_i=3, N_h=4"
    rank = hessweep.rank(network).value
    assert k.tolist() == list(range(1, rank + 1))
    dense = np.linalg.eigvalsh(hessweep.hessian(network))
    np.testing.assert_allclose(values, dense[::-1][:rank], rtol=1e-9)


def test_curves_of_results_are_means_over_the_teachers_of_one_kind(results):
    curves = drawn(hessweep.plot.spectrum(results, "N_h == 3"))
    assert set(curves) == {"linear, N_i=2, N_h=3", "erf, N_i=2, N_h=3"}
    rows = [hessweep.spectrum(hessweep.sample_teacher("erf", 2, 3, seed)) for seed in range(2)]
    expected = np.exp(np.mean(np.log(rows), axis=0))[::-1]
    np.testing.assert_allclose(curves["erf, N_i=2, N_h=3"][1], expected, rtol=1e-9)


def test_densities_have_area_1(results):
    figure = hessweep.plot.density(results, "activation == 'erf'")
    [axes] = figure.axes
    assert len(axes.patches) == 2
    for patch in axes.patches:
        values, edges, _ = patch.get_data()
        assert np.sum(values * np.diff(np.log10(edges))) == pytest.approx(1)


def test_the_rank_grid_has_a_panel_for_each_activation(results):
    figure = hessweep.plot.rank_grid(results)
    assert {axes.get_title() for axes in figure.axes} >= {"linear", "erf"}


def test_what_can_not_be_read_is_refused(results):
    many = [hessweep.sample_teacher("erf", 2, 2, seed) for seed in range(8)]
    with pytest.raises(InputError, match=r"8 curves are more than the 7 .* select"):
        hessweep.plot.spectrum(many)
    with pytest.raises(InputError, match="a condition selects points of results"):
        hessweep.plot.density(many[0], "N_i == 2")
    with pytest.raises(InputError, match="expected a network, several networks, or results"):
        hessweep.plot.spectrum([np.eye(2)])
