"""Hermite coefficients of `g(√p z)`: those of a neuron whose weights have `|w|² = p`."""

from dataclasses import dataclass
from functools import lru_cache
from math import factorial

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.activations.hermite import composite, hermite_functions

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
    """Return the coefficients of g at each variance p, by quadrature to some 1e-6."""
    p = np.maximum(np.asarray(p, dtype=float), 1e-12)
    z, weight, polynomials = _rule()
    u = np.sqrt(p)[:, None] * z
    values, slopes = g(u), g.derivative(u)
    h = (polynomials * weight) @ values.T
    squares = slopes**2
    return LocalCoefficients(
        p, h, values**2 @ weight, squares @ weight, squares @ (weight * z * z)
    )


@lru_cache(maxsize=1)
def _rule() -> tuple[Float[ndarray, " n"], Float[ndarray, " n"], Float[ndarray, "orders n"]]:
    """Return nodes and weights of a standard normal z, and `He_l(z)`."""
    z, w = composite(np.linspace(-REACH, REACH, PANELS + 1))
    functions = hermite_functions(z)[:ORDERS] * np.exp(z * z / 4)
    root = np.sqrt([float(factorial(k)) for k in range(ORDERS)])
    return z, w * np.exp(-z * z / 2) / np.sqrt(2 * np.pi), functions * root[:, None]
