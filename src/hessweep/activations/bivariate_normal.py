"""The distribution function of two jointly normal variables, and its derivatives."""

from typing import NamedTuple

import numpy as np
import scipy  # its parts are imported when they are first used
from jaxtyping import Float
from numpy import ndarray

Values = Float[ndarray, "*shape"]

TINY = 1e-100
"""Numbers of standard deviations below this count as 0."""


class Correlated(NamedTuple):
    """Two normal variables, `U` and `V`, centred, and the offsets `b` and `d` added to them."""

    P: Values
    """Variance of U, positive."""
    Q: Values
    """Variance of V, positive."""
    c: Values
    """Their covariance."""
    D: Values
    """`PQ - c²`, positive; given by itself, since the difference may cancel."""
    b: Values
    d: Values

    @property
    def h(self) -> Values:
        """`b / √P`: `P(U + b > 0) = Φ(h)`."""
        return self.b / np.sqrt(self.P)

    @property
    def k(self) -> Values:
        """`d / √Q`: `P(V + d > 0) = Φ(k)`."""
        return self.d / np.sqrt(self.Q)

    @property
    def x(self) -> Values:
        """`P(U + b > 0 | V + d = 0) = Φ(x)`."""
        return (self.b * self.Q - self.c * self.d) / np.sqrt(self.Q * self.D)

    @property
    def y(self) -> Values:
        """`P(V + d > 0 | U + b = 0) = Φ(y)`."""
        return (self.d * self.P - self.c * self.b) / np.sqrt(self.P * self.D)


def density(x: Values) -> Values:
    """Return the density of the standard normal distribution."""
    return np.exp(-np.square(x) / 2) / np.sqrt(2 * np.pi)


def owen_sum(pair: Correlated) -> Values:
    """Return `T(h, y/h) + T(k, x/k) + [opposite]/2`, T being Owen's function.

    With it `P(U + b > 0, V + d > 0) = (Φ(h) + Φ(k)) / 2 - sum`. `opposite` says that h and k have
    opposite signs, or that one of them is 0 and the other negative.
    """
    h, k, x, y = np.broadcast_arrays(pair.h, pair.k, pair.x, pair.y)
    # The slopes below are quotients, which are lost where both numbers underflow.
    h, k = (np.where(np.abs(value) < TINY, 0.0, value) for value in (h, k))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        of_h, of_k = y / h, x / k
    of_h = np.where(h == 0, np.where(k > 0, np.inf, -np.inf), of_h)
    of_k = np.where(k == 0, np.where(h > 0, np.inf, -np.inf), of_k)
    opposite = (h * k < 0) | ((h * k == 0) & (h + k < 0))
    total = scipy.special.owens_t(h, of_h) + scipy.special.owens_t(k, of_k) + opposite / 2
    both_0 = (h == 0) & (k == 0)
    return np.where(both_0, 0.25 - np.arctan2(pair.c, np.sqrt(pair.D)) / (2 * np.pi), total)


def both_positive(pair: Correlated) -> Values:
    """Return `P(U + b > 0, V + d > 0)`."""
    return (scipy.special.ndtr(pair.h) + scipy.special.ndtr(pair.k)) / 2 - owen_sum(pair)


def with_unit_noise(p: Values, q: Values, c: Values, b: Values, d: Values) -> Correlated:
    """Return the pair `U = u + e`, `V = v + f` with independent e and f of variance 1.

    Args:
        p: Variance of u.
        q: Variance of v.
        c: Their covariance; rounding may make `|c|` larger than its bound √(pq).
        b: Offset of U.
        d: Offset of V.
    """
    D = 1 + p + q + np.maximum(p * q - c * c, 0)
    return Correlated(1 + p, 1 + q, c, D, b, d)


def density_derivatives(pair: Correlated, highest: int) -> dict[tuple[int, int], Values]:
    """Return `∂_b^i ∂_d^j` of the density of `(U + b, V + d)` at 0, by `(i, j)`.

    Args:
        pair: The two variables.
        highest: The largest `i + j`.
    """
    P, Q, c, D, b, d = pair
    # With the inverse R of the covariance matrix and t = R (b, d): ∂_b f = -t_1 f, ∂_d f = -t_2 f.
    R11, R12, R22 = Q / D, -c / D, P / D
    t1, t2 = (b * Q - c * d) / D, (d * P - c * b) / D
    with np.errstate(over="ignore"):
        quadratic = np.square(pair.h) + np.square(pair.y)
    f = {(0, 0): np.exp(-quadratic / 2) / (2 * np.pi * np.sqrt(D))}
    zero = np.zeros(np.shape(f[0, 0]))
    for total in range(highest):
        for i in range(total + 1):
            j = total - i
            f[i, j + 1] = -(
                t2 * f[i, j]
                + j * R22 * f.get((i, j - 1), zero)
                + i * R12 * f.get((i - 1, j), zero)
            )
        f[total + 1, 0] = -(t1 * f[total, 0] + total * R11 * f.get((total - 1, 0), zero))
    return f


def step_derivatives(pair: Correlated, highest: int) -> dict[tuple[int, int], Values]:
    """Return `S_ij = ∂_b^i ∂_d^j P(U + b > 0, V + d > 0)`, by `(i, j)`.

    These are the means of the i-th and j-th derivatives of two step functions.

    Args:
        pair: The two variables.
        highest: The largest `i + j`, at least 2.
    """
    P, Q, c, _, b, d = pair
    S = {(0, 0): both_positive(pair)}
    for (i, j), value in density_derivatives(pair, highest - 2).items():
        S[i + 1, j + 1] = value
    S[1, 0] = density(pair.h) / np.sqrt(P) * scipy.special.ndtr(pair.y)
    S[0, 1] = density(pair.k) / np.sqrt(Q) * scipy.special.ndtr(pair.x)
    for i in range(1, highest):
        # ∂_b of S_10 = φ(h) Φ(y) / √P, and Leibniz.
        before_u, before_v = ((i - 1) * S[i - 1, 0], (i - 1) * S[0, i - 1]) if i > 1 else (0, 0)
        S[i + 1, 0] = -(b * S[i, 0] + before_u + c * S[i, 1]) / P
        S[0, i + 1] = -(d * S[0, i] + before_v + c * S[1, i]) / Q
    return S


def normal_derivatives(variance: Values, b: Values, highest: int) -> list[Values]:
    """Return the derivatives `∂_b^i P(U + b > 0)` for i from 0 to `highest`."""
    h = b / np.sqrt(variance)
    found = [scipy.special.ndtr(h), density(h) / np.sqrt(variance)]
    for i in range(1, highest):
        before = (i - 1) * found[i - 1] if i > 1 else 0
        found.append(-(b * found[i] + before) / variance)
    return found[: highest + 1]
