"""Deep networks whose inputs are not standard normal, against nodes by another factor."""

from itertools import product

import numpy as np
import pytest
import scipy

from hessweep import Inputs, activation, hessian, rank, sample_deep_teacher
from hessweep.errors import InputError, ShapeError
from hessweep.kinds.deep import plan_of
from hessweep.networks import DeepNetwork
from hessweep.setup import Setup
from hessweep.spectrum import layer_shares, sampled_spectrum, spectrum_with_error

COVARIANCE = np.array([[2.0, 0.5], [0.5, 0.25]])
LAWS = (
    Inputs(mean=[0.5, -1.0], covariance=COVARIANCE),
    Inputs(covariance=[4.0, 0.25]),
    Inputs(mean=[1.0, 0.0]),
)


def dense(network, each):
    """Return H by Gauss-Hermite nodes that are mapped by the Cholesky factor."""
    law = network.inputs
    z, w = scipy.special.roots_hermitenorm(each)
    points = np.array(list(product(z, repeat=2)))
    weight = np.array([a * b for a, b in product(w / w.sum(), repeat=2)])
    x = points @ np.linalg.cholesky(law.matrix(2)).T + (0 if law.mean is None else law.mean)
    phi = network.gradient(x)
    rows = (phi * np.sqrt(weight)[:, None, None]).reshape(-1, network.P)
    return rows.T @ rows


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(
    ("name", "widths", "biases", "each"),
    [
        ("linear", (2, 3, 2, 2), "none", 2),
        ("linear", (2, 3, 2, 2), "hidden", 2),
        ("quadratic", (2, 2, 2, 1), "output", 6),
    ],
)
def test_exact_spectra_are_those_of_other_nodes(law, name, widths, biases, each):
    network = sample_deep_teacher(name, widths, 3, biases=biases, inputs=law)
    H = dense(network, each)
    np.testing.assert_allclose(hessian(network), H, atol=1e-12 * np.linalg.norm(H))
    expected, found = np.linalg.eigvalsh(H), spectrum_with_error(network)
    off = np.abs(found.eigenvalues - expected).max()
    assert off <= found.error + 1e-15 * network.P * expected[-1]
    assert found.error < 1e-9 * expected[-1]
    standard = sample_deep_teacher(name, widths, 3, biases=biases)
    assert np.array_equal(network.parameters, standard.parameters)
    assert np.abs(spectrum_with_error(standard).eigenvalues - expected).max() > 0.01
    assert rank(network).value == rank(standard).value >= (expected > 1e-9 * expected[-1]).sum()
    assert rank(network).certificate == "proved"


def test_a_mean_adds_a_column_to_the_small_matrix():
    """It does what biases of the first layer do."""
    for law, size in ((LAWS[0], 6), (LAWS[1], 4), (LAWS[2], 6)):
        network = sample_deep_teacher("linear", (2, 3, 2, 2), 0, inputs=law)
        assert spectrum_with_error(network).plan.size == size
    setup = Setup.of_widths(activation("linear"), (2, 3, 2, 2), inputs="mean(0.5)")
    assert plan_of(setup) == spectrum_with_error(setup.network(0)).plan


def test_sampled_spectra_are_inside_their_error_of_fine_nodes():
    network = sample_deep_teacher("erf", (2, 3, 2, 1), 0, inputs=LAWS[0])
    found, expected = sampled_spectrum(network), np.linalg.eigvalsh(dense(network, 420))
    allowed = found.errors + 1e-13 * expected[-1]
    assert (np.abs(found.eigenvalues - expected) <= allowed).all()
    assert rank(network).certificate == "proved"
    np.testing.assert_allclose(layer_shares(network).sum(), 1)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="a law of 3 inputs"):
        sample_deep_teacher("erf", (3, 2, 1), 0, inputs=Inputs(mean=[0.0, 1.0]))
    singular = sample_deep_teacher("erf", (2, 2, 2, 1), 0, inputs=Inputs(covariance=[1.0, 0.0]))
    with pytest.raises(InputError, match="covariances of full rank only"):
        rank(singular)


def test_other_parameters_keep_the_inputs_and_a_standard_law_is_none():
    network = sample_deep_teacher("erf", (2, 2, 1), 0, inputs=LAWS[0])
    assert network.with_parameters(2 * network.parameters).inputs is LAWS[0]
    assert DeepNetwork(network.weights, "erf", inputs=Inputs(mean=[0, 0])).inputs is None
