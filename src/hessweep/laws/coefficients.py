"""The Hermite coefficients of an activation, on which its limit laws depend (docs/laws.md)."""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import factorial

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation, Polynomial
from hessweep.activations import activation as resolve
from hessweep.activations.hermite import composite, hermite_functions
from hessweep.activations.polynomial import mean_of_derivative
from hessweep.errors import ActivationError, InputError

ORDERS = 64
"""Hermite coefficients that are kept; the norms use the function itself, not their sum."""
REACH = 13.0
ZERO = 1e-12
"""Coefficients below this part of the norm of g, or below twice their error, count as 0."""


@dataclass(frozen=True, eq=False)
class Coefficients:
    """`h_l = E[He_l(z) g(z)]` of a standard normal z, and what follows from them."""

    h: Float[ndarray, " orders"]
    squared_mean: float
    """`E g²`."""
    squared_slope: float
    """`E g'²`."""
    kappa: float
    """The scale of the N_h special directions: `e - f²/b2`, see docs/laws.md."""
    square_2: float
    """`E[He_2(z) g²]`."""
    square_4: float
    """`E[He_4(z) g²]`."""
    error: float
    """Estimate of the absolute error of each number here; 0 for polynomials."""

    @property
    def a0(self) -> float:
        """`h_1²`: of the eigenvalues of order one."""
        return float(self.h[1] ** 2)

    @property
    def a1(self) -> float:
        """`h_2²`: of the symmetric part of the bulk."""
        return float(self.h[2] ** 2)

    @property
    def a2(self) -> float:
        """`E g'² - h_1² - h_2²`: of the diagonal part of the bulk."""
        return self._positive(self.squared_slope - self.a0 - self.a1)

    @property
    def b2(self) -> float:
        """`E g² - h_0² - h_1²`: of the N_h eigenvalues of block B of order one."""
        return self._positive(self.squared_mean - float(self.h[0] ** 2) - self.a0)

    @property
    def alphas(self) -> Float[ndarray, " orders"]:
        """`α_l = h_l²/(l-1)!` for l = 0, 1, ...: parts of `E g'²`; those below 3 are 0."""
        alpha = np.array([h**2 / factorial(max(l - 1, 0)) for l, h in enumerate(self.h)])  # noqa: E741
        alpha[:3] = 0
        return alpha

    def _positive(self, value: float) -> float:
        return value if value > ZERO * self.squared_slope + 4 * self.error else 0.0


def coefficients(activation: str | Activation) -> Coefficients:
    """Return the Hermite coefficients of an activation, one's own included.

    Polynomials are done in closed form, all others by quadrature between their kinks; the stated
    error is the difference to a quadrature of half the panels.

    Raises:
        ActivationError: If the activation is unknown, or not finite where it is needed.
    """
    return _coefficients(resolve(activation))


@lru_cache(maxsize=128)
def _coefficients(g: Activation) -> Coefficients:
    if isinstance(g, Polynomial):
        return _of_polynomial(g)
    fine, coarse = (_by_quadrature(g, panels) for panels in (128, 64))
    error = max(
        float(np.abs(fine.h[:5] - coarse.h[:5]).max()),
        abs(fine.squared_mean - coarse.squared_mean),
        abs(fine.squared_slope - coarse.squared_slope),
        abs(fine.kappa - coarse.kappa),
        abs(fine.square_2 - coarse.square_2),
        abs(fine.square_4 - coarse.square_4),
        8 * np.finfo(float).eps * (1 + fine.squared_slope),
    )
    small = np.abs(fine.h) < ZERO * np.sqrt(fine.squared_mean) + 4 * error
    small &= np.arange(ORDERS) < 5
    h = np.where(small, 0.0, fine.h)
    return replace(fine, h=h, error=error)


def _of_polynomial(g: Polynomial) -> Coefficients:
    one = np.array(1.0)
    h = np.zeros(ORDERS)
    for order in range(g.degree + 1):
        h[order] = mean_of_derivative(g.coefficients, order, one)
    # Hermite series of z g' from z He_n = He_{n+1} + n He_{n-1}: E[He_l z g'] = h_{l+2} + l h_l.
    l = np.arange(g.degree + 1)  # noqa: E741
    moved = h[l + 2] + l * h[l]
    weights = np.array([1 / factorial(k) for k in l])
    squared = float((h[l] ** 2 * weights).sum())
    slope = float(sum(h[k] ** 2 / factorial(k - 1) for k in l[1:]))
    e = float((moved**2 * weights)[2:].sum())
    f = float((moved * h[l] * weights)[2:].sum())
    b2 = float((h[l] ** 2 * weights)[2:].sum())
    kappa = e - f * f / b2 if b2 else 0.0
    square = np.convolve(g.coefficients, g.coefficients).tolist()
    square_2, square_4 = (float(mean_of_derivative(square, order, one)) for order in (2, 4))
    kappa = kappa if kappa > ZERO * max(e, 1) else 0.0
    return Coefficients(h, squared, slope, kappa, square_2, square_4, 0.0)


def _by_quadrature(g: Activation, panels: int) -> Coefficients:
    edges = np.unique(np.r_[np.linspace(-REACH, REACH, panels + 1), 0.0, kinks_of(g)])
    z, w = composite(edges[np.abs(edges) <= REACH])
    weight = w * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    with np.errstate(over="ignore", invalid="ignore"):
        values, slopes = g(z), g.derivative(z)
    if not (np.isfinite(values).all() and np.isfinite(slopes).all()):
        raise ActivationError(f"{g.label}: expected finite values and slopes for |x| < {REACH:g}")
    functions = hermite_functions(z)[:ORDERS]
    root = np.array([float(factorial(k)) ** 0.5 for k in range(ORDERS)])
    half = np.exp(z * z / 4)
    normalised = functions @ (weight * half * values)
    h = normalised * root
    moved = z * slopes

    def rest(u: ndarray, v: ndarray) -> float:
        """`E u v` without degrees 0 and 1."""
        a = [weight @ u * (weight @ v), weight @ (u * z) * (weight @ (v * z))]
        return float(weight @ (u * v) - sum(a))

    b2, e, f = rest(values, values), rest(moved, moved), rest(moved, values)
    kappa = e - f * f / b2 if b2 > ZERO else 0.0
    return Coefficients(
        h, float(weight @ values**2), float(weight @ slopes**2),
        kappa if kappa > 1e-10 * max(e, ZERO) else 0.0,
        float(weight @ (values**2 * (z * z - 1))),
        float(weight @ (values**2 * (z**4 - 6 * z * z + 3))), 0.0,
    )  # fmt: skip


def kinks_of(g: Activation) -> Float[ndarray, " kinks"]:
    """Return the kinks that an activation names; those of an activation of one's own, too."""
    return np.asarray(getattr(getattr(g, "inner", g), "kinks", ()), dtype=float)


def require_bulk(c: Coefficients, name: str) -> None:
    """Raise unless some eigenvalues of the bulk are not zero.

    Raises:
        InputError: If the activation is linear.
    """
    if not (c.a1 or c.a2):
        raise InputError(
            f"{name}: expected an activation with a bulk, but all of its eigenvalues beyond those "
            "of order one are zero; use hessian_law for linear networks"
        )
