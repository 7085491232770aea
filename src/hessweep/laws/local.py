"""Hermite coefficients of `g(√p z)`: those of a neuron whose weights have `|w|² = p`."""

from dataclasses import dataclass, fields
from functools import lru_cache
from math import factorial

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.activations.hermite import composite, hermite_functions
from hessweep.laws.coefficients import kinks_of

ORDERS = 13
REACH = 10.0
PANELS = 80


@dataclass(frozen=True, eq=False)
class LocalCoefficients:
    """What enters the law of one teacher's spectrum, for each neuron."""

    p: Float[ndarray, " N_h"]
    h: Float[ndarray, "orders N_h"]
    """`h_l(p) = E[He_l(z) g(√p z)]`."""
    squared_mean: Float[ndarray, " N_h"]
    """`E g(√p z)²`."""
    squared_slope: Float[ndarray, " N_h"]
    """`E g'(√p z)²`."""
    squared_turn: Float[ndarray, " N_h"]
    """`E z² g'(√p z)²`."""

    @property
    def b2(self) -> Float[ndarray, " N_h"]:
        """`E g² - h_0² - h_1²`."""
        return np.maximum(self.squared_mean - self.h[0] ** 2 - self.h[1] ** 2, 0)

    @property
    def diagonal(self) -> Float[ndarray, " N_h"]:
        """`E g'² - (h_1² + h_2²)/p`: a2 at p = 1."""
        return np.maximum(self.squared_slope - (self.h[1] ** 2 + self.h[2] ** 2) / self.p, 0)

    def alpha(self, degree: int) -> Float[ndarray, " N_h"]:
        """Return `h_l²/((l-1)! p)`, the part of the diagonal that comes from one degree."""
        return np.asarray(self.h[degree] ** 2 / (factorial(degree - 1) * self.p))


def local_coefficients(g: Activation, p: Float[ndarray, " N_h"]) -> LocalCoefficients:
    """Return the coefficients of g at each variance p, by quadrature to some 1e-6.

    The quadrature ends at the kinks of g, if it has some and names them.
    """
    p = np.maximum(np.asarray(p, dtype=float), 1e-12)
    kinks = kinks_of(g)
    if not kinks.any():  # A kink at 0 is at the end of a panel for every p.
        return _by_rule(g, p, ())
    rows = [_by_rule(g, one, tuple(kinks / np.sqrt(one))) for one in p[:, None]]
    return LocalCoefficients(
        *(
            np.concatenate([getattr(row, field.name) for row in rows], axis=-1)
            for field in fields(LocalCoefficients)
        )
    )


def _by_rule(
    g: Activation, p: Float[ndarray, " n"], breaks: tuple[float, ...]
) -> LocalCoefficients:
    z, weight, polynomials = _rule(breaks)
    u = np.sqrt(p)[:, None] * z
    values, slopes = g(u), g.derivative(u)
    h = (polynomials * weight) @ values.T
    squares = slopes**2
    return LocalCoefficients(
        p, h, values**2 @ weight, squares @ weight, squares @ (weight * z * z)
    )


@lru_cache(maxsize=1)
def _rule(
    breaks: tuple[float, ...],
) -> tuple[Float[ndarray, " n"], Float[ndarray, " n"], Float[ndarray, "orders n"]]:
    """Return nodes and weights of a standard normal z between these breaks, and `He_l(z)`."""
    edges = np.unique(np.r_[np.linspace(-REACH, REACH, PANELS + 1), breaks])
    z, w = composite(edges[np.abs(edges) <= REACH])
    functions = hermite_functions(z)[:ORDERS] * np.exp(z * z / 4)
    root = np.sqrt([float(factorial(k)) for k in range(ORDERS)])
    return z, w * np.exp(-z * z / 2) / np.sqrt(2 * np.pi), functions * root[:, None]
