"""Densities, extremes and norms of networks with biases, several outputs and other inputs."""

import numpy as np
import pytest

from hessweep import Inputs
from hessweep.activations import activation
from hessweep.density import (
    converged_eigenvalues,
    extreme_eigenvalues,
    general_density_plan,
    spectral_density,
)
from hessweep.hessian import hessian, hessian_operator
from hessweep.networks import Layout, Network, sample_teacher
from hessweep.setup import Setup
from hessweep.spectrum import spectrum, spectrum_with_error

rng = np.random.default_rng(5)
ROOT = rng.standard_normal((6, 4))
LAWS = {
    "standard": None,
    "mean": Inputs(mean=0.5 + rng.standard_normal(6)),
    "diagonal": Inputs(covariance=[2.0, 1.0, 0.5, 0.1, 0.0, 0.0], mean=np.ones(6)),
    "matrix": Inputs(covariance=ROOT @ ROOT.T, mean=rng.standard_normal(6)),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("biases", ["none", "hidden", "output", "both"])
@pytest.mark.parametrize(("name", "N_o"), [("erf", 1), ("cubic", 3), ("relu", 2), ("tanh", 1)])
def test_frobenius_norm_is_that_of_the_matrix(name, N_o, biases, law):
    network = sample_teacher(name, 6, 4, 3, biases=biases, N_o=N_o, inputs=LAWS[law])
    expected = np.linalg.norm(hessian(network))
    assert hessian_operator(network).frobenius_norm() == pytest.approx(expected, rel=1e-12)


def test_frobenius_norm_of_equal_and_opposite_neurons():
    """Fields of ReLU's kernel between parallel rows are right in their sums only."""
    W1 = np.array([[1.0, 2.0], [1.0, 2.0], [-2.0, -4.0], [0.3, 1.0]])
    network = Network(W1, [1.0, -2.0, 0.5, 1.0], "relu", b1=[0.5, 0.5, -1.0, 0.1])
    expected = np.linalg.norm(hessian(network))
    assert hessian_operator(network).frobenius_norm() == pytest.approx(expected, rel=1e-11)


CASES = [
    ("erf", 30, 30, "both", 1, None),
    ("erf", 60, 15, "both", 2, None),
    ("quadratic", 30, 20, "hidden", 1, Inputs(mean=np.full(30, 0.3))),
    ("erf", 25, 25, "none", 1, Inputs(covariance=np.linspace(0, 2, 25))),
    ("linear", 20, 30, "both", 3, None),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "N_i", "N_h", "biases", "N_o", "inputs"), CASES)
def test_distribution_is_the_exact_one(name, N_i, N_h, biases, N_o, inputs, dtype):
    network = sample_teacher(name, N_i, N_h, 1, biases=biases, N_o=N_o, inputs=inputs)
    eigenvalues = spectrum(network)
    density = spectral_density(network, dtype=dtype)
    x = np.geomspace(3e-4 * eigenvalues[-1], 1.01 * eigenvalues[-1], 1000)
    exact = np.searchsorted(eigenvalues, x, side="right") / network.P
    value, error = density.cdf(x)
    assert density.P == network.P
    assert np.abs(value - exact).max() <= 0.04
    lower, upper = density.bracket(x)
    slack = 5 * error + 2e-3
    assert (lower - slack <= exact).all()
    assert (exact <= upper + slack).all()
    assert density.moment(1).value == pytest.approx(eigenvalues.mean(), rel=1e-6)


@pytest.mark.parametrize(("name", "N_i", "N_h", "biases", "N_o", "inputs"), CASES)
def test_largest_eigenvalues_are_within_their_errors(name, N_i, N_h, biases, N_o, inputs):
    network = sample_teacher(name, N_i, N_h, 2, biases=biases, N_o=N_o, inputs=inputs)
    exact = spectrum_with_error(network)
    for found in (
        extreme_eigenvalues(network, k=12),
        converged_eigenvalues(network, 40, steps=150),
    ):
        expected = exact.eigenvalues[::-1][: len(found.largest)]
        assert len(found.largest) >= 5
        assert (np.abs(found.largest - expected) <= found.error + exact.error).all()
        assert (found.error <= 2e-8 * expected[0]).all()
        assert exact.eigenvalues[0] - exact.error <= found.smallest_upper


def test_eigenvalues_outside_the_row_space_come_with_their_multiplicity():
    network = sample_teacher("erf", 40, 3, 0, biases="both")
    density = spectral_density(network)
    assert density.multiplicities[density.multiplicities > 1].tolist() == [37] * 3
    found = converged_eigenvalues(network, 60).largest
    np.testing.assert_allclose(found, spectrum(network)[::-1][: len(found)], rtol=1e-9)


@pytest.mark.parametrize(
    ("biases", "N_o", "inputs"), [("both", 1, "standard"), ("none", 2, "rank(3) mean(0.5)")]
)
@pytest.mark.parametrize("name", ["erf", "cubic", "linear"])
def test_points_of_the_kind_density(name, biases, N_o, inputs):
    setup = Setup(activation(name), 9, 7, biases=biases, N_o=N_o, inputs=inputs, kind="density")
    exact = Setup(activation(name), 9, 7, biases=biases, N_o=N_o, inputs=inputs)
    [result], [other] = setup.compute([3]), exact.compute([3])
    scalars, expected = result.scalars, other.scalars
    assert scalars["P"] == setup.P == expected["P"]
    assert scalars["lambda_max"] == pytest.approx(expected["lambda_max"], rel=1e-9)
    assert scalars["trace"] == expected["trace"]
    assert scalars["frobenius_norm"] == pytest.approx(expected["frobenius_norm"], rel=1e-12)
    assert scalars["rank_lower"] <= expected["rank"] <= scalars["rank_upper"]
    assert scalars["effective_parameters"] == expected["effective_parameters"]
    assert (scalars["rank_certificate"] == "proved") == (name != "cubic")
    weights = result.flat["density_weights"]
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    again = setup.compute([3])[0]
    assert again.flat.keys() == result.flat.keys()
    assert all(again.flat[key].tobytes() == result.flat[key].tobytes() for key in result.flat)


def test_a_plan_covers_what_is_stored():
    for standard, inputs in ((True, "standard"), (False, "mean(0.5)")):
        setup = Setup(activation("erf"), 12, 5, biases="both", inputs=inputs, kind="density")
        plan = general_density_plan(setup.activation, setup.layout, standard)
        [result] = setup.compute([0])
        stored = len(result.eigenvalues) + sum(len(v) for k, v in result.flat.items() if k in (
            "density_nodes", "density_weights"))  # fmt: skip
        assert stored <= plan.stored_values + 2 * len(result.eigenvalues)
        assert setup.cost.peak_bytes == plan.peak_bytes


def test_a_basis_of_many_steps_must_fit_in_eight_hundred_megabytes():
    """Above that 100 steps are enough for the eigenvalues of order one."""
    for N, fits in ((380, True), (390, False)):
        layout = Layout(N, N, 1, hidden_biases=True, output_biases=True)
        plan = general_density_plan(activation("erf"), layout)
        long = 100 + 3 * N // 2
        assert plan.extreme_steps == (long if fits else 100)
        assert (8 * layout.P * long <= 8e8) == fits
        # The basis in float64, or that of 80 steps in float32, is among what is held.
        basis = max(8 * plan.extreme_steps, 4 * 80) * layout.P
        assert basis < plan.peak_bytes < 2 * basis + 8 * 150 * N**2
