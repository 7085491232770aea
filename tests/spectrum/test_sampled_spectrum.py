"""Sampled spectra of deep networks: their stated errors against spectra that are known."""

from itertools import product

import numpy as np
import pytest
from scipy import linalg

from hessweep import DeepNetwork, sample_deep_teacher, spectrum
from hessweep.activations import Activation
from hessweep.errors import InputError, PrecisionError, TooLargeError
from hessweep.hessian.factor import exact_factor
from hessweep.hessian.sampled import _disagreement, _half_disagreement, sampled_factor
from hessweep.networks import Network
from hessweep.spectrum import sampled_spectrum
from hessweep.spectrum.root import squared


def exact_and_sampled(kind, seed):
    rng = np.random.default_rng(seed)
    if kind == "linear":
        network = sample_deep_teacher(
            "linear", rng.integers(2, 5, 4).tolist(), seed, biases="hidden"
        )
        return network, spectrum(network)
    widths = (int(rng.integers(2, 6)), int(rng.integers(2, 5)), 1)
    network = sample_deep_teacher(kind, widths, seed)
    return network, spectrum(Network(network.weights[0], network.weights[1][0], kind))


def test_sampled_spectra_are_inside_their_error_and_not_far_inside():
    inside, ratios = [], []
    for kind, seed in product(("erf", "gelu", "relu", "linear"), range(6)):
        network, exact = exact_and_sampled(kind, seed)
        found = sampled_spectrum(network, relative_error=0.25)
        assert found.relative_error <= 0.25
        off = np.abs(found.eigenvalues - exact)
        inside.append((off <= found.errors + 1e-14 * exact[-1]).all())
        if found.rule == "sobol":
            assert found.samples * network.widths[-1] >= 30 * network.P
            known = exact > 1e-8 * exact[-1]
            ratios.append(found.relative_error / (off[known] / exact[known]).max())
    assert len(ratios) > 12
    assert np.mean(inside) >= 0.95
    assert np.median(ratios) < 10


def test_tensor_nodes_are_far_better_for_few_inputs():
    deep = sample_deep_teacher("erf", (1, 3, 1), 0)
    found = sampled_spectrum(deep)
    exact = spectrum(Network(deep.weights[0], deep.weights[1][0], "erf"))
    assert found.rule == "tensor"
    assert found.relative_error < 1e-6
    known = exact > 1e-9 * exact[-1]
    off = np.abs(found.eigenvalues - exact)[known] / exact[known]
    assert (off <= found.relative_error + 1e-15 * exact[-1] / exact[known]).all()


@pytest.mark.parametrize("off", [1e-6, 0.1, 3.0])
def test_disagreements_are_relative_differences_of_quadratic_forms(off):
    """By the generalised eigenvalues of `A = R^T R` of two factors."""
    rng = np.random.default_rng(0)
    coarse = rng.standard_normal((9, 4))
    fine = coarse + off * rng.standard_normal((9, 4))
    A, B = coarse.T @ coarse, fine.T @ fine
    by_fine, by_both = linalg.eigvalsh(A, B), linalg.eigvalsh(A, (A + B) / 2)
    assert _disagreement(coarse, fine) == pytest.approx(np.abs(by_fine - 1).max(), rel=1e-8)
    assert _half_disagreement(coarse, fine) == pytest.approx(np.abs(by_both - 1).max(), rel=1e-8)
    fine[:, 0] = 0  # a direction that the coarse one sees alone
    assert _disagreement(coarse, fine) > 1e10
    assert _half_disagreement(coarse, fine) == pytest.approx(1)


def test_more_samples_are_taken_for_a_smaller_error():
    network = sample_deep_teacher("relu", (4, 3, 2, 1), 0)
    rough, fine = (sampled_factor(network, error) for error in (0.5, 0.1))
    assert rough.samples < fine.samples
    assert fine.relative_error <= 0.1
    # Ostrowski: the two quadratic forms differ by no more than both errors say.
    one, two = (np.linalg.svd(f.R, compute_uv=False) ** 2 for f in (rough, fine))
    known = two > 1e-9 * two[0]
    assert (np.abs(one[known] / two[known] - 1) < 0.6 + 0.1).all()


def test_what_can_not_be_sampled_is_refused():
    network = sample_deep_teacher("erf", (4, 5, 4, 1), 0)
    with pytest.raises(TooLargeError, match=r"30 gradients for each of 44 parameters"):
        sampled_spectrum(network, work=1e5)
    with pytest.raises(PrecisionError, match=r"0\.001 is not reached with .* which give 0\.\d"):
        sampled_spectrum(network, relative_error=1e-3, work=1e8)
    with pytest.raises(InputError, match="between 0 and 1"):
        sampled_spectrum(network, relative_error=0)
    wide = sample_deep_teacher("quadratic", (40, 3, 2, 1), 0)
    with pytest.raises(TooLargeError, match=r"5\^40 nodes"):
        exact_factor(wide)
    with pytest.raises(InputError, match="polynomial"):
        exact_factor(network)


def test_a_user_s_activation_is_sampled_by_sobol_points():
    class Mine(Activation):
        def __call__(self, x):
            return np.tanh(x)

        def derivative(self, x):
            return 1 / np.cosh(x) ** 2

        def second_derivative(self, x):
            return -2 * np.tanh(x) / np.cosh(x) ** 2

        def dual(self, p, q, c):
            raise NotImplementedError

    widths = (2, 2, 1)
    found = sampled_spectrum(sample_deep_teacher(Mine("mine"), widths, 0))
    known = sampled_spectrum(sample_deep_teacher("tanh", widths, 0))
    assert (found.rule, known.rule) == ("sobol", "tensor")
    assert (np.abs(found.eigenvalues - known.eigenvalues) <= found.errors + known.errors).all()


@pytest.mark.parametrize("relative", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("rounding", [0.0, 1e-6, 0.1])
def test_errors_of_squares_cover_the_worst_that_rounding_and_samples_do(rounding, relative):
    singular = np.array([3.0, 1.0, 0.2, 0.0])
    eigenvalues, errors = squared(singular, rounding, relative, P=6)
    np.testing.assert_allclose(eigenvalues, [0, 0, 0, 0.04, 1, 9], rtol=1e-15)
    known = np.r_[0.0, 0.0, singular[::-1]]
    for sign in (-1, 1):
        moved = np.maximum(known + sign * rounding, 0) ** 2
        for truth in (moved / (1 - relative), moved / (1 + relative)):
            assert (np.abs(eigenvalues - truth) <= errors).all()


@pytest.mark.parametrize("nodes", [18, 27, 40])
def test_the_best_tensor_nodes_are_taken_that_the_work_allows(nodes):
    """Of 8, 12, 18, 27, 40, ... nodes; the first two are only to compare."""
    network = sample_deep_teacher("erf", (1, 2, 1), 0)
    work = 4 * 2 * nodes * network.P**2  # a quarter of the work is for tensor nodes
    found = sampled_spectrum(network, 0.5, work)
    assert (found.rule, found.samples) == ("tensor", nodes)
    assert 1e-8 < found.relative_error < 0.5
    exact = spectrum(Network(network.weights[0], network.weights[1][0], "erf"))
    assert (np.abs(found.eigenvalues - exact) <= found.errors + 1e-14 * exact[-1]).all()
    with pytest.raises(TooLargeError):  # as is said of Sobol points, which come next
        sampled_spectrum(network, found.relative_error / 2, work)
    if nodes > 18:
        fewer = sampled_spectrum(network, 0.5, work - 1)
        assert fewer.samples < nodes
        assert fewer.relative_error > found.relative_error


@pytest.mark.parametrize("name", ["erf", "relu"])
def test_a_network_whose_gradients_vanish_has_zeros_without_an_error(name):
    """The second hidden layer of ReLU is never active, and that of erf leads nowhere."""
    weights = [[[1.0], [2.0]], [[-1.0, -3.0]], [[1.0]]]
    if name == "erf":
        weights = [np.zeros((2, 1)), np.zeros((1, 2)), np.zeros((1, 1))]
    found = sampled_spectrum(DeepNetwork(weights, name))
    assert not found.eigenvalues.any()
    assert not found.errors.any()
    assert found.eigenvalues.shape == (5,)
