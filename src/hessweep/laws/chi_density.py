"""The density of the gamma distribution, accurate to rounding for any shape."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import special

LARGE = 30.0
"""From this order on the density is expanded about its maximum, by Stirling's formula."""
_SERIES_TERMS = 12
"""Of the series of `_log_excess`, whose ratio is below 0.0312: what follows is below 1e-17."""


def gamma_log_density(x: Float[ndarray, "*n"], order: float) -> Float[ndarray, "*n"]:
    """Return `log(x^order e^-x / Γ(order + 1))` for x > 0.

    For a large order the three terms are large and cancel. They are therefore combined first:
    the exponent is `-order (u - log(1 + u))` with `u = x/order - 1`, which is small where the
    density is large, and what remains is the correction in Stirling's formula.

    Args:
        x: Positive numbers.
        order: The shape minus 1, above -1.
    """
    x = np.asarray(x, dtype=float)
    if order < LARGE:
        return np.asarray(special.xlogy(order, x) - x - special.gammaln(order + 1))
    return np.asarray(
        -order * _log_excess(x, order)
        - 0.5 * np.log(2 * np.pi * order)
        - _stirling_correction(order)
    )


def chi_square_density(s: Float[ndarray, "*n"], k: int) -> Float[ndarray, "*n"]:
    """Return the density of `χ²_k / k` at s > 0."""
    # With y = k s / 2 it is k/2 times the gamma density of order k/2 - 1 at y.
    y = k * np.asarray(s, dtype=float) / 2
    order = k / 2 - 1
    if order >= LARGE:
        return np.asarray(k / 2 * np.exp(gamma_log_density(y, order)))
    # Powers and the exponential of y itself lose no digits, unlike the sum of their logarithms.
    # Half of both at a time, for the exponential alone underflows first.
    half = np.exp(-y / 2) * y ** (order / 2)
    return np.asarray(half * (k / 2 / special.gamma(order + 1)) * half)


def _log_excess(x: ndarray, order: float) -> ndarray:
    """Return `u - log(1 + u)` with `u = x / order - 1`, without the cancellation near 0."""
    u = (x - order) / order
    with np.errstate(divide="ignore"):
        far = u - np.log(x / order)
    # log(1 + u) = 2 artanh(r) with r = u / (2 + u), and u - 2 r = r u.
    r = u / (2 + u)
    square, tail = r * r, np.zeros(np.shape(u))
    for j in range(_SERIES_TERMS, 0, -1):
        tail = (tail + 1 / (2 * j + 1)) * square
    return np.where(np.abs(u) < 0.3, r * (u - 2 * tail), far)


def _stirling_correction(n: float) -> float:
    """Return `log Γ(n + 1) - (n + 1/2) log n + n - log(2 π) / 2` for n of at least 30."""
    square = n * n
    return (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * square)) / square) / square) / n
