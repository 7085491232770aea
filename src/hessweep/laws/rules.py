"""Rules that integrate over [0, 1], also where the integrand is a power at one of the ends."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy import ndarray
from scipy import special

STEP = 1 / 40
REACH = 4.0
"""Step and half-width of the double exponential rule."""


class Rule(NamedTuple):
    """A rule on [0, 1]: shares of the way from both ends, and weights."""

    from_low: ndarray
    from_high: ndarray
    weights: ndarray


@lru_cache(maxsize=64)
def gauss(nodes: int) -> Rule:
    """Return the Gauss-Legendre rule in φ, `t = sin²(φ/2)`: any half-integer power at the ends."""
    u, weights = special.roots_legendre(nodes)
    angle = np.pi / 4 * (1 + u)
    # From the nearer end, by symmetry of the nodes.
    sine, cosine = np.sin(angle), np.sin(angle[::-1])
    return Rule(sine**2, cosine**2, weights * np.pi / 2 * sine * cosine)


@lru_cache(maxsize=1)
def double_exponential() -> Rule:
    """Return the double exponential rule: any integrable powers, at the ends and beyond them."""
    u = np.arange(-REACH, REACH + STEP / 2, STEP)
    from_low, from_high = (special.expit(sign * np.pi * np.sinh(u)) for sign in (1, -1))
    return Rule(from_low, from_high, STEP * np.pi * np.cosh(u) * from_low * from_high)
