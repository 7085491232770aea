"""Dual kernels where digits could be lost: large and parallel rows, neurons with themselves."""

from fractions import Fraction
from math import factorial

import numpy as np
import pytest

from hessweep import activations
from hessweep.activations import activation


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_large_weights_do_not_overflow(name: str) -> None:
    # Of e^{-(p+q)/2} (e^c ∓ e^{-c}) / 2 only e^{-|w-w'|²/2} / 2 is left.
    p = np.array([4000.0])
    k = activation(name).dual(p, p, p - 1.5)
    np.testing.assert_allclose(k.K, np.exp(-1.5) / 2, rtol=1e-14)
    assert np.isfinite(np.array(k)).all()


def test_sin_of_nearly_orthogonal_rows_keeps_its_digits() -> None:
    k = activation("sin").dual(np.array(1.0), np.array(1.0), np.array(1e-12))
    # sinh c = c + c³/6 + …
    np.testing.assert_allclose(k.K, 1e-12 * np.exp(-1), rtol=1e-15)


@pytest.mark.parametrize("name", ["erf", "gelu", "gaussian"])
@pytest.mark.parametrize("size", [1.0, 100.0])
def test_a_neuron_with_itself(name: str, size: float) -> None:
    # One-dimensional route: u = v, by E[f(√p z)] with a rule fine enough for the narrow g''.
    g = activation(name)
    z = np.linspace(-12, 12, 400_001)
    w = np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * (24 / 400_000)
    u = np.sqrt(size) * z
    p = np.array(size)
    k = g.dual(p, p, p)
    np.testing.assert_allclose(k.K, (w * g(u) ** 2).sum(), rtol=1e-12)
    np.testing.assert_allclose(k.K_c, (w * g.derivative(u) ** 2).sum(), rtol=1e-11)
    np.testing.assert_allclose(k.K_cc, (w * g.second_derivative(u) ** 2).sum(), rtol=1e-10)
    np.testing.assert_allclose(
        2 * k.K_p, (w * g(u) * g.second_derivative(u)).sum(), rtol=1e-10, atol=1e-14
    )


def test_erf_of_nearly_parallel_large_rows() -> None:
    # Exact rational D; what rounding takes is eps p q / D, stated in docs/activations.md.
    p, q, c = 1000.0, 1000.0, 999.9990234375
    a, b, e = Fraction(p), Fraction(q), Fraction(c)
    D = float((1 + a) * (1 + b) - e * e)
    k = activation("erf").dual(np.array(p), np.array(q), np.array(c))
    np.testing.assert_allclose(k.K_c, 2 / np.pi / np.sqrt(D), rtol=1e-15 * p * q / D)
    np.testing.assert_allclose(k.K, 1 - 2 / np.pi * np.arctan(np.sqrt(D) / c), rtol=1e-13)


@pytest.mark.parametrize("ratio", [1.0, 2.5, -1.0, -0.3])
def test_relu_of_parallel_rows(ratio: float) -> None:
    w = np.array([[0.6, -0.8, 0.3]]) * np.array([[1.0], [ratio]])
    k = activation("relu").self_dual(w)
    p = (w**2).sum(axis=1)
    # u = √p z, v = ratio √p z: half of E[u v] where the signs agree, nothing where not.
    np.testing.assert_allclose(k.K[0, 1], max(ratio, 0) * p[0] / 2, atol=1e-15)
    np.testing.assert_allclose(k.K_c, [[0.5, 0.5 * (ratio > 0)], [0.5 * (ratio > 0), 0.5]])
    assert np.array(k[4:]).any() == 0


def test_relu_close_to_parallel_approaches_the_parallel_kernel() -> None:
    # What enters the Hessian is 2√(pq) K_cc + 2p K_pc + 2q K_qc = (1 - cos θ)/(π sin θ).
    for theta in (1e-1, 1e-3, 1e-5, 1e-7, 1e-9):
        k = activation("relu").dual(np.array(1.0), np.array(1.0), np.array(np.cos(theta)))
        seen = 2 * k.K_cc + 2 * k.K_pc + 2 * k.K_qc
        assert abs(seen - np.tan(theta / 2) / np.pi) < 1e-7
        assert abs(k.K_c - (np.pi - theta) / (2 * np.pi)) < 1e-8


def test_relu_with_a_zero_row_is_the_mean_of_its_gradient() -> None:
    # g(0) = g'(0) = 0: the neuron neither speaks nor learns.
    k = activation("relu").self_dual(np.array([[0.0, 0.0], [1.0, 2.0]]))
    assert np.array(k)[:, 0, :].any() == 0
    assert np.isfinite(np.array(k)).all()


def test_monomial_kernel_is_the_triple_sum_of_math_2() -> None:
    # In exact rationals, for x^a and x^b of one polynomial.
    coefficients = [Fraction(1, 2), Fraction(-1), Fraction(0), Fraction(3, 4), Fraction(1, 8)]
    p, q, c = Fraction(3, 2), Fraction(5, 4), Fraction(-7, 8)
    total = Fraction(0)
    for a, alpha in enumerate(coefficients):
        for b, beta in enumerate(coefficients):
            for order in range(min(a, b) + 1):
                i, j = Fraction(a - order, 2), Fraction(b - order, 2)
                if i.denominator == j.denominator == 1:
                    below = factorial(order) * 2 ** int(i + j) * factorial(int(i))
                    top = alpha * beta * factorial(a) * factorial(b)
                    total += (
                        top * c**order * p ** int(i) * q ** int(j) / (below * factorial(int(j)))
                    )
    g = activation("polynomial", coefficients=[float(x) for x in coefficients])
    k = g.dual(*(np.float64(x) for x in (p, q, c)))
    np.testing.assert_allclose(k.K, float(total), rtol=1e-14)


@pytest.mark.parametrize("name", sorted(activations.ACTIVATIONS))
def test_first_and_second_derivative_of_every_activation(name: str) -> None:
    parameters = {"power": {"degree": 3}, "polynomial": {"coefficients": [1, 2, 0, -1]}}
    g = activation(name, **parameters.get(name, {}))
    x = np.array([-2.3, -0.7, 0.4, 1.9])
    h = 1e-3
    first = (8 * (g(x + h) - g(x - h)) - g(x + 2 * h) + g(x - 2 * h)) / (12 * h)
    second = (
        8 * (g.derivative(x + h) - g.derivative(x - h))
        - g.derivative(x + 2 * h)
        + g.derivative(x - 2 * h)
    ) / (12 * h)
    np.testing.assert_allclose(g.derivative(x), first, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(g.second_derivative(x), second, rtol=1e-9, atol=1e-10)


def test_relu_with_one_input_has_parallel_rows_only() -> None:
    # pq - c² is rounding, of either sign; K_cc of 1e8 must not come of it.
    w = np.random.default_rng(0).standard_normal((40, 1))
    k = activation("relu").self_dual(w)
    assert not np.array(k[4:]).any()
    np.testing.assert_array_equal(k.K_c, (w * w.T > 0) / 2)


@pytest.mark.parametrize("name", ["erf", "relu", "gelu", "tanh"])
def test_between_two_networks(name: str) -> None:
    # Student against teacher: as many rows, but others; a block of the kernel of all of them.
    W = np.random.default_rng(1).standard_normal((6, 3)) / np.sqrt(3)
    both = activation(name).self_dual(W)
    c = W @ W.T
    p = np.diagonal(c)
    between = activation(name).dual(p[:3, None], p[None, 3:], c[:3, 3:])
    for got, expected in zip(between, both, strict=True):
        np.testing.assert_allclose(got, expected[:3, 3:], rtol=1e-13, atol=1e-15)
