"""Polynomial activations in ball arithmetic."""

from collections.abc import Sequence
from math import factorial
from typing import TYPE_CHECKING, TypeVar

from hessweep.activations.ball_functions import BallFunctions, KernelFields, Pairs, pairs_of

if TYPE_CHECKING:
    from flint import arb, arb_series

Ball = TypeVar("Ball", "arb", "arb_series")


def polynomial_in_balls(coefficients: Sequence[float]) -> BallFunctions:
    """Return a polynomial, its derivative and its kernels in ball arithmetic."""
    from flint import arb

    return BallFunctions(
        g=lambda u: _horner(coefficients, u),
        derivative=lambda u: _horner(_derived_in_balls(coefficients), u),
        kernel=lambda p, q, c: _kernel_in_balls(coefficients, p, q, c),
        fields=lambda gram: _fields_in_balls(coefficients, gram),
        offset_kernel=lambda *at: _offset_kernel_in_balls(coefficients, *at),
        offset_mean=lambda p, b: _offset_mean_in_balls([arb(v) for v in coefficients], p, b),
    )


def _derived_in_balls(coefficients: "Sequence[float | arb]") -> "list[arb]":
    """Return the coefficients of the derivative, in balls because float64 would round them."""
    from flint import arb

    return [arb(value) * degree for degree, value in enumerate(coefficients)][1:]


def _horner(coefficients: "Sequence[float | arb]", u: Ball) -> Ball:
    """Return the polynomial at u in ball arithmetic."""
    total = 0 * u
    for coefficient in reversed(coefficients):
        total = total * u + coefficient
    return total


def _kernel_in_balls(
    coefficients: Sequence[float], p: "arb_series", q: "arb_series", c: "arb_series"
) -> "arb_series":
    """Return `Σ_l c^l / l! E[g^(l)(u)] E[g^(l)(v)]` (Mehler's formula)."""
    from flint import arb, arb_series

    total, power = arb_series([0]), arb_series([1])
    for order in range(len(coefficients)):
        # E[g^(order)(u)] = Σ_j a_{order+2j} (order + 2j)! / (2^j j!) p^j
        terms = [
            arb(value) * factorial(order + 2 * j) / (2**j * factorial(j))
            for j, value in enumerate(coefficients[order::2])
        ]
        mean_p, mean_q = arb_series([0]), arb_series([0])
        for term in reversed(terms):
            mean_p, mean_q = mean_p * p + term, mean_q * q + term
        total += power * mean_p * mean_q / factorial(order)
        power = power * c
    return total


def _fields_in_balls(coefficients: Sequence[float], gram: "list[list[arb]]") -> Pairs:
    """Return the kernel and its derivatives for all pairs of neurons (Mehler's formula).

    With `u_l = E[g^(l)(u)]`, of which the derivative by the variance of u is `u_{l+2}/2`, a
    derivative is `Σ_l c^(l-s)/(l-s)! u_{l+2i} v_{l+2j} / 2^(i+j)`.
    """
    from flint import arb

    orders = range(len(coefficients))
    terms = [
        [
            arb(value) * factorial(order + 2 * j) / (2**j * factorial(j))
            for j, value in enumerate(coefficients[order::2])
        ]
        for order in orders
    ]
    none = [arb(0), arb(0)]
    means = [
        [_horner(of_order, row[m]) for of_order in terms] + none for m, row in enumerate(gram)
    ]
    found = {}
    for m, n in pairs_of(len(gram)):
        u, v, powers = means[m], means[n], [arb(1)]
        for order in orders[1:]:
            powers.append(powers[-1] * gram[m][n] / order)
        both = [u[order] * v[order] for order in orders]
        of_p = [u[order + 2] * v[order] for order in orders]
        of_q = [u[order] * v[order + 2] for order in orders]
        found[m, n] = KernelFields(
            K=_sum_of_products(powers, both),
            K_c=_sum_of_products(powers, both[1:]),
            K_p=_sum_of_products(powers, of_p) / 2,
            K_q=_sum_of_products(powers, of_q) / 2,
            K_cc=_sum_of_products(powers, both[2:]),
            K_pc=_sum_of_products(powers, of_p[1:]) / 2,
            K_qc=_sum_of_products(powers, of_q[1:]) / 2,
        )
    return found


def _sum_of_products(powers: "list[arb]", values: "list[arb]") -> "arb":
    """Return the sum over as many terms as there are values, without those that are 0."""
    from flint import arb

    total = arb(0)
    for power, value in zip(powers, values, strict=False):
        if value != 0:
            total += power * value
    return total


def _offset_kernel_in_balls(
    coefficients: Sequence[float],
    p: "arb_series",
    q: "arb_series",
    c: "arb_series",
    b: "arb_series",
    d: "arb_series",
) -> "arb_series":
    """Return `Σ_l c^l / l! E[g^(l)(u + b)] E[g^(l)(v + d)]` (Mehler's formula)."""
    from flint import arb, arb_series

    derived = [arb(value) for value in coefficients]
    total, power = arb_series([0]), arb_series([1])
    for order in range(len(coefficients)):
        mean_u = _offset_mean_in_balls(derived, p, b)
        total += power * mean_u * _offset_mean_in_balls(derived, q, d) / factorial(order)
        derived, power = _derived_in_balls(derived), power * c
    return total


def _offset_mean_in_balls(
    coefficients: "Sequence[arb]", p: "arb_series", b: "arb_series"
) -> "arb_series":
    """Return `E[g(u + b)] = Σ_k p^k / (2^k k!) g^(2k)(b)`."""
    total, power, k = 0 * b, 1 + 0 * p, 0
    while coefficients:
        total += power * _horner(coefficients, b)
        coefficients, k = _derived_in_balls(_derived_in_balls(coefficients)), k + 1
        power = power * p / (2 * k)
    return total
