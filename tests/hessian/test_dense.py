"""The dense Hessian against quadrature, finite differences, Monte Carlo and reference numbers."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hessweep.activations import activation
from hessweep.errors import ShapeError
from hessweep.hessian import (
    batch_hessian,
    blocks,
    hessian,
    hessian_error,
    stacked_hessian,
)
from hessweep.networks import Network, sample_teacher, sample_weights

CASES = json.loads((Path(__file__).parents[1] / "reference" / "hessians.json").read_text())[
    "cases"
]
ACTIVATIONS = ["linear", "quadratic", "cubic", "erf", "relu", "gelu", "sin", "cos", "exp"]
ACTIVATIONS += ["gaussian", "tanh", "sigmoid", "softplus", "silu"]


def mean_of_outer_product(network: Network, n: int) -> np.ndarray:
    """E[phi phi^T] by tensor Gauss-Hermite quadrature with n nodes for each input."""
    z, w = np.polynomial.hermite_e.hermegauss(n)
    x = np.stack(np.meshgrid(*[z] * network.N_i, indexing="ij"), -1).reshape(-1, network.N_i)
    weight = np.ones(1)
    for _ in range(network.N_i):
        weight = np.outer(weight, w / w.sum()).ravel()
    phi = network.gradient(x)
    return (phi.T * weight) @ phi


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_reference_hessians(case: dict) -> None:
    named = isinstance(case["activation"], str)
    g = (
        activation(case["activation"])
        if named
        else activation("polynomial", coefficients=case["activation"])
    )
    H = hessian(Network(case["W1"], case["W2"], g))
    expected = np.array(case["hessian"])
    assert np.abs(H - expected).max() <= 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["linear", "quadratic", "cubic", "erf", "gelu", "sin", "tanh"])
@settings(max_examples=6, deadline=None)
@given(
    N_i=st.integers(1, 3),
    N_h=st.integers(1, 6),
    seed=st.integers(0, 2**63 - 1),
    weights=st.sampled_from(["normal", "uniform", "rademacher", "laplace"]),
)
def test_random_shapes_against_quadrature(
    name: str, N_i: int, N_h: int, seed: int, weights: str
) -> None:
    if name == "tanh":  # its poles make quadrature slow: too many nodes in three dimensions
        N_i = min(N_i, 2)
    W1, W2 = sample_weights(N_i, N_h, seed, weights)
    # Rows of length 1 at most: beyond, it is the quadrature that is off.
    W1 = W1 * np.minimum(1, 1 / np.linalg.norm(W1, axis=1, keepdims=True))
    network = Network(W1, W2, name)
    exact = name in {"linear", "quadratic", "cubic"}
    expected = mean_of_outer_product(network, 8 if exact else (150, 120, 50)[N_i - 1])
    tolerance = 1e-13 if exact else 1e-8
    assert np.abs(hessian(network) - expected).max() <= tolerance * np.abs(expected).max()


def plane_by_angle(network: Network) -> np.ndarray:
    """E[phi phi^T] for N_i = 2 in polar coordinates, arcs ending where a neuron switches."""
    nodes, weights = np.polynomial.legendre.leggauss(20)

    def between(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
        return (middle[:, None] + half[:, None] * nodes).ravel(), np.outer(half, weights).ravel()

    switch = np.arctan2(network.W1[:, 0], -network.W1[:, 1])
    corners = np.mod(np.concatenate([switch, switch + np.pi]), 2 * np.pi)
    angle, w_angle = between(np.sort(np.concatenate([np.linspace(0, 2 * np.pi, 9), corners])))
    r, w_r = between(np.linspace(0, 12, 7))
    x = np.stack([np.outer(r, f(angle)).ravel() for f in (np.cos, np.sin)], axis=-1)
    weight = np.outer(w_r * r * np.exp(-r * r / 2), w_angle).ravel() / (2 * np.pi)
    phi = network.gradient(x)
    return (phi.T * weight) @ phi


@pytest.mark.parametrize("weights", ["normal", "rademacher", "student-t"])
def test_relu_in_the_plane(weights: str) -> None:
    # Rademacher rows in the plane are all parallel, opposite or orthogonal.
    network = sample_teacher("relu", 2, 7, seed=4, weights=weights)
    H, expected = hessian(network), plane_by_angle(network)
    np.testing.assert_allclose(H, expected, atol=1e-12 * np.abs(expected).max())
    for m in range(7):  # A_mm = W2_m² I/2
        block = H[2 * m : 2 * m + 2, 2 * m : 2 * m + 2]
        np.testing.assert_allclose(block, network.W2[m] ** 2 * np.eye(2) / 2, rtol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_symmetric_positive_semidefinite_with_its_blocks(name: str) -> None:
    network = sample_teacher(name, 5, 4, seed=2)
    H = hessian(network)
    assert H.shape == (24, 24)
    np.testing.assert_allclose(H, H.T, atol=1e-15 * np.abs(H).max())
    eigenvalues = np.linalg.eigvalsh(H)
    assert eigenvalues[0] > -1e-14 * eigenvalues[-1]
    parts = blocks(network)
    np.testing.assert_array_equal(np.block([[parts.A, parts.C], [parts.C.T, parts.B]]), H)
    assert hessian_error(network) < 1e-11 * eigenvalues[-1]


@pytest.mark.parametrize("name", ["quadratic", "erf", "relu", "tanh"])
def test_stacks_are_their_members_bit_for_bit(name: str) -> None:
    g = activation(name)
    weights = [sample_weights(3, 4, seed) for seed in range(6)]
    W1, W2 = (
        np.stack(layer).reshape(2, 3, *layer[0].shape) for layer in zip(*weights, strict=True)
    )
    H = stacked_hessian(g, W1, W2)
    for s in np.ndindex(2, 3):
        np.testing.assert_array_equal(H[s], hessian(Network(W1[s], W2[s], g)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 7), (17, 4)])
@pytest.mark.parametrize("name", ["cubic", "erf", "relu"])
def test_without_the_compiled_kernel_numpy_gives_the_same(
    name: str, shape: tuple[int, int], monkeypatch
) -> None:
    stack = [sample_weights(*shape, seed) for seed in range(3)]
    W1, W2 = (np.array(weights) for weights in zip(*stack, strict=True))
    module = sys.modules["hessweep.hessian.dense"]
    assert module.assembly is not None
    here = stacked_hessian(activation(name), W1, W2)
    monkeypatch.setattr(module, "assembly", None)
    there = stacked_hessian(activation(name), W1, W2)
    np.testing.assert_allclose(here, there, rtol=0, atol=1e-15 * np.abs(here).max())


@pytest.mark.parametrize("name", ["quadratic", "erf", "relu", "gelu", "tanh"])
def test_batch_hessian_tends_to_the_population(name: str) -> None:
    teacher = sample_teacher(name, 3, 3, seed=5)
    x = np.random.default_rng(1).standard_normal((100_000, 3))
    outer, functional = batch_hessian(teacher, teacher, x)
    assert not functional.any()
    phi = teacher.gradient(x)
    # The standard error of each entry, from the fourth moments of the sample itself.
    standard_error = np.sqrt(((phi**2).T @ phi**2 / len(x) - outer**2).clip(0) / len(x))
    deviation = np.abs(outer - hessian(teacher))
    assert (deviation < 5 * standard_error + 1e-12).all()
    # 1.4 times: not only below its limit, but of the size that sampling gives.
    assert (
        0.3 < np.sqrt(np.mean((deviation / (standard_error + 1e-300))[deviation > 0] ** 2)) < 1.4
    )


@pytest.mark.parametrize("name", ["quadratic", "cubic", "erf", "gelu", "tanh", "gaussian"])
def test_batch_hessian_is_the_derivative_of_the_gradient(name: str) -> None:
    teacher, student = (sample_teacher(name, 3, 2, seed=s) for s in (0, 1))
    x = np.random.default_rng(2).standard_normal((20, 3))

    def loss_gradient(theta: np.ndarray) -> np.ndarray:
        network = student.with_parameters(theta)
        return (network(x) - teacher(x)) @ network.gradient(x) / len(x)

    theta, h = student.parameters, 1e-3
    rows = []
    for step in np.eye(student.P) * h:
        g = [loss_gradient(theta + k * step) for k in (-2, -1, 1, 2)]
        rows.append((g[0] - 8 * g[1] + 8 * g[2] - g[3]) / (12 * h))
    outer, functional = batch_hessian(student, teacher, x)
    assert np.abs(functional).max() > 1e-3
    np.testing.assert_allclose(outer + functional, rows, atol=1e-9 * np.abs(rows).max())


def test_the_hessian_is_the_fisher_matrix() -> None:
    """App. D: of the model y + N(0, 1) the score is noise times phi."""
    teacher = sample_teacher("erf", 2, 3, seed=0)
    rng = np.random.default_rng(3)
    n = 200_000
    x, noise = rng.standard_normal((n, 2)), rng.standard_normal(n)
    observed = teacher(x) + noise
    theta, h = teacher.parameters, 1e-4

    def log_likelihood(parameters: np.ndarray) -> np.ndarray:
        return -((observed - teacher.with_parameters(parameters)(x)) ** 2) / 2

    score = np.stack(
        [
            (log_likelihood(theta + step) - log_likelihood(theta - step)) / (2 * h)
            for step in np.eye(teacher.P) * h
        ]
    )
    fisher = score @ score.T / n
    standard_error = np.sqrt(((score**2) @ (score**2).T / n - fisher**2) / n)
    z = (fisher - hessian(teacher)) / standard_error
    assert np.abs(z).max() < 5
    assert 0.2 < np.sqrt((z**2).mean()) < 1.6


def test_batch_hessian_with_data_that_do_not_fit() -> None:
    teacher, other = sample_teacher("erf", 3, 2, seed=0), sample_teacher("erf", 2, 2, seed=0)
    for x in (np.ones((4, 2)), np.ones(3), np.ones((0, 3))):
        with pytest.raises(
            ShapeError, match="x: expected an n x N_i array, where N_i is 3 for the student"
        ):
            batch_hessian(teacher, teacher, x)
    with pytest.raises(ShapeError, match="2 for the teacher"):
        batch_hessian(teacher, other, np.ones((4, 3)))
