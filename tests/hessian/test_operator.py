"""The matrix-free Hessian against the dense one, data and its own algebra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hessweep.activations import activation
from hessweep.errors import InputError
from hessweep.hessian import hessian, hessian_operator
from hessweep.networks import Network, sample_teacher, sample_weights
from hessweep.spectrum import row_space

NAMES = ["linear", "quadratic", "cubic", "erf"]


@st.composite
def networks(draw: st.DrawFn) -> Network:
    N_i, N_h = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    W1, W2 = (np.array(w) for w in sample_weights(N_i, N_h, draw(st.integers(0, 99))))
    if draw(st.booleans()):
        W1[0], W2[-1] = W1[-1], 0
    if draw(st.booleans()):
        W1 = np.tril(W1)
    return Network(W1, W2, activation(draw(st.sampled_from(NAMES))))


@given(networks())
@settings(deadline=None, max_examples=150)
def test_acts_as_the_dense_hessian(network: Network) -> None:
    operator, H = hessian_operator(network), hessian(network)
    scale = np.linalg.norm(H)
    V = np.random.default_rng(0).standard_normal((network.P, 3))
    assert np.abs(operator @ V - H @ V).max() <= 1e-14 * scale * network.P
    assert np.abs(operator.T @ V[:, 0] - H @ V[:, 0]).max() <= 1e-14 * scale * network.P
    assert np.abs(operator.diagonal() - np.diagonal(H)).max() <= 1e-14 * scale
    assert operator.trace() == pytest.approx(np.trace(H), rel=1e-13)
    assert operator.frobenius_norm() == pytest.approx(scale, rel=1e-13)


@given(networks())
@settings(deadline=None, max_examples=50)
def test_float32_is_that_to_single_precision(network: Network) -> None:
    operator, H = hessian_operator(network, np.float32), hessian(network)
    v = np.random.default_rng(0).standard_normal(network.P).astype(np.float32)
    assert (operator @ v).dtype == np.float32
    error = np.linalg.norm(operator @ v - H @ v.astype(float))
    assert error <= 1e-6 * np.linalg.norm(H) * np.linalg.norm(v)
    assert operator.trace() == pytest.approx(np.trace(H), rel=1e-13)


@pytest.mark.parametrize(("N_i", "N_h"), [(300, 300), (300, 140), (140, 300)])
def test_triangular_rows_are_skipped_and_change_nothing(N_i: int, N_h: int) -> None:
    """Rotating the inputs, `W1 -> L = W1 Q`, turns the first part of a vector alike."""
    network = sample_teacher("erf", N_i, N_h, seed=0)
    Q, R = np.linalg.qr(network.W1.T, mode="complete")
    rotated = Network(np.triu(R).T, network.W2, network.activation)
    assert np.abs(rotated.W1 @ Q.T - network.W1).max() <= 1e-14
    v = np.random.default_rng(1).standard_normal(network.P)
    V, v2 = v[: network.W1.size].reshape(N_h, N_i), v[network.W1.size :]
    turned = hessian_operator(rotated) @ np.concatenate([(V @ Q).ravel(), v2])
    expected = hessian_operator(network) @ v
    Y = (turned[: network.W1.size].reshape(N_h, N_i) @ Q.T).ravel()
    assert np.linalg.norm(Y - expected[: network.W1.size]) <= 1e-12 * np.linalg.norm(expected)
    assert turned[network.W1.size :] == pytest.approx(expected[network.W1.size :], abs=1e-12)
    assert hessian_operator(rotated).flops < hessian_operator(network).flops


def test_is_the_mean_outer_product_of_gradients() -> None:
    """`v^T H v = E[(phi . v)²]`, by Monte Carlo within five standard errors."""
    network = sample_teacher("cubic", 30, 25, seed=3)
    rng = np.random.default_rng(4)
    v = rng.standard_normal(network.P) / np.sqrt(network.P)
    squares = (network.gradient(rng.standard_normal((20_000, network.N_i))) @ v) ** 2
    error = squares.std() / np.sqrt(len(squares))
    assert abs(squares.mean() - v @ (hessian_operator(network) @ v)) <= 5 * error
    assert error < 0.05 * squares.mean()


def test_row_space_keeps_trace_and_norm() -> None:
    network = sample_teacher("erf", 50, 7, seed=1)
    L, [outside] = row_space(network.activation, network.W1[None], network.W2[None])
    inside = hessian_operator(Network(L[0], network.W2, network.activation))
    whole = hessian_operator(network)
    assert whole.trace() == pytest.approx(inside.trace() + 43 * outside.sum(), rel=1e-13)
    squares = inside.frobenius_norm() ** 2 + 43 * (outside**2).sum()
    assert whole.frobenius_norm() ** 2 == pytest.approx(squares, rel=1e-13)


def test_products_do_not_disturb_one_another() -> None:
    operator = hessian_operator(sample_teacher("erf", 6, 5, seed=0))
    v, w = np.random.default_rng(0).standard_normal((2, operator.shape[0]))
    kept = v.copy()
    first = operator @ v
    again = first.copy()
    operator @ w
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(v, kept)
    np.testing.assert_array_equal(operator @ v, again)


def test_other_dtypes_are_refused() -> None:
    with pytest.raises(InputError, match="float64 or float32, got int64"):
        hessian_operator(sample_teacher("erf", 2, 2, seed=0), np.int64)
