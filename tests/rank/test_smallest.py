"""The smallest non-zero eigenvalue against all eigenvalues in high precision."""

import numpy as np
import pytest
from flint import acb_mat, ctx
from named import DENSE

from hessweep.activations import activation
from hessweep.hessian import hessian
from hessweep.networks import Network, sample_teacher
from hessweep.rank import ball, smallest_eigenvalue
from hessweep.rank.smallest import enclosed_smallest_eigenvalue
from hessweep.spectrum import Spectrum, spectrum_with_error


def all_eigenvalues(network, bits=600):
    """Eigenvalues in 600 bits, ascending, by the QR algorithm."""
    before, ctx.prec = ctx.prec, bits
    try:
        found = acb_mat(ball.hessian(network).mid()).eig(algorithm="approx")
        return sorted(float(value.real.mid()) for value in found)
    finally:
        ctx.prec = before


a, b = [0.9, -0.5], [0.25, 1.5]
SPECIAL = {
    "equal": Network(np.array([a, a, b]), np.array([1.0, 2, 1]), "erf"),
    "opposite": Network(np.array([a, b, [-0.9, 0.5]]), np.array([1.0, 0, 1]), "erf"),
    "zero row": Network(np.array([[0.0, 0], b]), np.array([1.0, 0.5]), "erf"),
    "gelu pair": Network(np.array([a, [-0.9, 0.5]]), np.array([1.0, 0.5]), activation("gelu")),
    "polynomial": Network(np.array([a, b, [1, 1], [0.5, 2]]), np.ones(4), "cubic"),
    "silent": Network(np.array([a, b, [1, 1]]), np.array([1.0, 0, 0]), "cubic"),
}
RANK = {"equal": 6, "opposite": 4, "zero row": 5, "gelu pair": 5, "polynomial": 9, "silent": 5}


@pytest.mark.parametrize(("N_i", "N_h"), [(1, 6), (1, 12), (2, 10), (3, 8)])
def test_eigenvalues_far_below_the_noise_of_float64(N_i, N_h):
    network = sample_teacher("erf", N_i, N_h, 0)
    truth = all_eigenvalues(network)[0]
    found = enclosed_smallest_eigenvalue(network, network.P)
    assert abs(found.value - truth) <= found.relative_error * truth
    assert found.relative_error < 1e-9


@pytest.mark.parametrize("case", SPECIAL)
def test_zeros_are_left_out(case):
    network, rank = SPECIAL[case], RANK[case]
    eigenvalues = all_eigenvalues(network)
    truth = eigenvalues[-rank]
    assert max(map(abs, eigenvalues[:-rank])) < 1e-100 < truth
    found = enclosed_smallest_eigenvalue(network, rank)
    assert abs(found.value - truth) <= found.relative_error * truth
    assert found.relative_error < 1e-9


def test_float64_is_taken_where_it_is_good_enough():
    network = sample_teacher("erf", 4, 4, 0)
    spectrum = spectrum_with_error(network)
    found = smallest_eigenvalue(network, spectrum, network.P)
    assert found.method == "float64"
    assert found.value == spectrum.eigenvalues[0]
    exact = enclosed_smallest_eigenvalue(network, network.P)
    assert abs(found.value - exact.value) <= found.relative_error * exact.value


def test_more_accuracy_is_had_for_the_asking():
    network = sample_teacher("erf", 4, 4, 0)
    found = smallest_eigenvalue(network, spectrum_with_error(network), network.P, 1e-12)
    assert found.method == "ball"


def test_an_eigenvalue_below_float64_is_zero_with_an_error_of_one(monkeypatch):
    network = sample_teacher("erf", 1, 12, 0)
    monkeypatch.setattr(np, "finfo", lambda _: type("Coarse", (), {"tiny": 1e-40}))
    assert enclosed_smallest_eigenvalue(network, network.P)[:2] == (0.0, 1.0)


def test_what_no_engine_can_see_is_zero_with_an_error_of_one():
    network = Network(np.array([[1.0], [1.001]]), np.ones(2), activation("tanh"))
    spectrum = Spectrum(np.array([1e-20, 1e-3, 1.0, 2.0]), 1e-15, DENSE)
    assert smallest_eigenvalue(network, spectrum, 4) == (0.0, 1.0, "float64")


def test_a_network_of_rank_zero_has_none():
    network = Network(np.zeros((1, 2)), np.zeros(1), "quadratic")
    spectrum = Spectrum(np.linalg.eigvalsh(hessian(network)), 0.0, DENSE)
    assert smallest_eigenvalue(network, spectrum, 0)[:2] == (0.0, 0.0)
