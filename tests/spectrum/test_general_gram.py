"""Spectra of polynomial networks with biases by their Gram side, and their true errors."""

from itertools import product
from math import prod

import numpy as np
import pytest
from flint import arb, arb_mat, arb_poly
from inertia import eigenvalues_below

from hessweep.activations import Activation, activation
from hessweep.hessian import hessian
from hessweep.networks import Inputs, Network, sample_teacher
from hessweep.rank import ball
from hessweep.spectrum import spectra_of, spectrum_with_error

ACTIVATIONS = {
    "quadratic": activation("quadratic", epsilon=-0.7),
    "cubic": activation("cubic"),
    "square": activation("power", degree=2),
    "gapped": activation("polynomial", coefficients=[0.3, 1, 0, -0.5, 0.1]),
    "cancelling": activation("polynomial", coefficients=[0, 1, 0, -1e-6]),  # g(1000) = 0
}


@pytest.mark.parametrize("N_o", [1, 2, 3])
@pytest.mark.parametrize("biases", ["hidden", "output", "both"])
@pytest.mark.parametrize("g", ACTIVATIONS.values(), ids=ACTIVATIONS.keys())
def test_the_gram_side_has_the_eigenvalues_of_the_matrix(
    g: Activation, biases: str, N_o: int
) -> None:
    for N_i, N_h in ((1, 7), (2, 12), (3, 29)):
        network = sample_teacher(g, N_i, N_h, 3, biases=biases, N_o=N_o)
        found = spectrum_with_error(network)
        expected = np.linalg.eigvalsh(hessian(network))
        assert found.route == "gram"
        assert found.eigenvalues.shape == (network.P,)
        np.testing.assert_array_equal(found.eigenvalues, np.sort(found.eigenvalues))
        np.testing.assert_allclose(found.eigenvalues, expected, atol=1e-13 * expected[-1], rtol=0)
        assert (found.eigenvalues == 0).sum() >= found.plan.zeros
        assert found.plan.size + found.plan.zeros == network.P
        assert found.error < 1e-11 * expected[-1]


def test_the_row_space_and_the_gram_side_go_together() -> None:
    network = sample_teacher("quadratic", 9, 6, 1, biases="both")
    found = spectrum_with_error(network)
    expected = np.linalg.eigvalsh(hessian(network))
    assert found.route == "row space, gram"
    np.testing.assert_allclose(found.eigenvalues, expected, atol=1e-13 * expected[-1], rtol=0)


@pytest.mark.parametrize(("N_i", "route"), [(3, "gram"), (9, "row space, gram")])
def test_a_mean_of_zeros_is_none(N_i: int, route: str) -> None:
    plain = sample_teacher("quadratic", N_i, 6, 1, biases="both")
    named = Inputs(mean=np.zeros(N_i), covariance=np.ones(N_i))
    same = Network(plain.W1, plain.W2, plain.activation, plain.b1, plain.b2, inputs=named)
    found = spectrum_with_error(same)
    assert found.route == route
    np.testing.assert_array_equal(found.eigenvalues, spectrum_with_error(plain).eigenvalues)


@pytest.mark.parametrize("inputs", [Inputs(mean=[0.1, 0.2]), Inputs(covariance=[1.0, 2.0])])
def test_other_inputs_take_the_dense_matrix(inputs: Inputs) -> None:
    network = sample_teacher("quadratic", 2, 9, 1, biases="both", inputs=inputs)
    found = spectrum_with_error(network)
    assert found.route == "dense"
    expected = np.linalg.eigvalsh(hessian(network))
    np.testing.assert_allclose(found.eigenvalues, expected, atol=1e-13 * expected[-1], rtol=0)


def test_a_stack_is_bit_for_bit_each_of_its_networks() -> None:
    networks = [sample_teacher("cubic", 2, 9, seed, biases="both", N_o=2) for seed in range(5)]
    for network, together in zip(networks, spectra_of(networks), strict=True):
        alone = spectrum_with_error(network)
        np.testing.assert_array_equal(alone.eigenvalues, together.eigenvalues)
        assert alone.error == together.error


def ball_hessian(network: Network) -> list[list[arb]]:
    """Of a polynomial of degree 3 at most: nodes and weights for degree 7 are enough."""
    # The roots of He_4 are ±√(3 ± √6), with weights (3 ∓ √6) / 12.
    root = arb(6).sqrt()
    nodes = [
        (sign * (3 + other * root).sqrt(), (3 - other * root) / 12)
        for sign, other in product((1, -1), repeat=2)
    ]
    coefficients = [arb(value) for value in network.activation.coefficients]
    g = arb_poly(coefficients)
    W1 = [[arb(value) for value in row] for row in network.W1.tolist()]
    b1 = [arb(value) for value in network.b1.tolist()]
    rows, weights = [], []
    for point in product(nodes, repeat=network.N_i):
        x = [node for node, _ in point]
        z = [sum(v * x_n for v, x_n in zip(w, x, strict=True)) + b for w, b in zip(W1, b1)]  # noqa: B905
        values, slopes = ([f(value) for value in z] for f in (g, g.derivative()))
        for o, out in enumerate(network.output_rows.tolist()):
            by_b1 = [w * value for w, value in zip(out, slopes, strict=True)]
            by_W1 = [value * x_n for value in by_b1 for x_n in x]
            here = [arb(o == other) for other in range(network.N_o)]
            rows.append([*by_W1, *by_b1, *(v * k for k in here for v in values), *here])
            weights.append(prod(weight for _, weight in point))
    F = arb_mat(rows)
    weighted = arb_mat(
        [[w * value for value in row] for w, row in zip(weights, rows, strict=True)]
    )
    return (F.transpose() * weighted).tolist()


@pytest.mark.parametrize(
    "b1",
    [[0.3, -0.2, 1.0, 0.1, 0.0, -0.4], [30.0, -31.0, 12.0, -3.0, 9.0, 4.0], [1e3] * 6],
    ids=["usual", "large", "cancelling"],
)
@pytest.mark.parametrize("N_o", [1, 2])
@pytest.mark.parametrize("name", ["cubic", "square", "cancelling"])
def test_every_eigenvalue_is_within_the_bound(name: str, N_o: int, b1: list[float]) -> None:
    rng = np.random.default_rng(4)
    W2 = rng.normal(size=(N_o, 6))
    network = Network(rng.normal(size=(6, 2)), W2, ACTIVATIONS[name], b1=b1, b2=np.zeros(N_o))
    found = spectrum_with_error(network)
    assert found.route == "gram"
    first = found.plan.zeros
    places = [0, first - 1, first, first + 1, network.P - 2, network.P - 1]
    with ball.working_precision(400):
        H = ball_hessian(network)
        for i in places:
            value, error = arb(float(found.eigenvalues[i])), arb(found.error)
            below, above = (eigenvalues_below(H, value + s * error) for s in (-1, 1))
            assert below <= i < above
    assert found.error < 1e-6 * found.eigenvalues[-1]
