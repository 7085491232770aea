"""How far the quadrature of a Gaussian mean has to reach for an activation that grows fast.

The integrals of a numeric kernel end at `|z| = R`. What they leave out of `E[g(u)²]` and
`E[g'(u)²]`, with the powers of z that the derivatives of the kernel add, has to be below
rounding. It is for `R = FIRST` unless g grows about as fast as an exponential of a large multiple
of z. Then R is doubled; where that does not help, the means are infinite or out of reach
(docs/activations.md).
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.errors import ActivationError

FIRST = 13.0
"""The usual half-width. At its ends the factor `e^{-z²/4}` of the integrand is below 1e-18."""

WIDTHS = (FIRST, 2 * FIRST, 4 * FIRST)
"""The half-widths that are tried; beyond the last, Hermite functions would underflow."""

POWER = 8
"""The highest power of z that derivatives of the kernel add to the integrand."""

NEGLIGIBLE = 1e-18
"""What may be left out, relative to the whole integral."""

FURTHEST = 6
"""Octaves beyond `FIRST` at which the growth of g is looked at."""

STEPS = 8
"""Places in each octave."""

GAUSSIAN = 2.1
"""A function is refused if its logarithm grows faster than this power of its argument."""

_INSIDE = np.linspace(-FIRST, FIRST, 209)
_OUTSIDE = FIRST * 2.0 ** (np.arange(FURTHEST * STEPS + 1) / STEPS)

Function = Callable[[ndarray], ndarray]


def reaches(
    g: Function, slope: Function, p: Float[ndarray, "*rows"], label: str
) -> Float[ndarray, "*rows"]:
    """Return the half-width of the quadrature in `z = u/√p` for each variance p of u.

    Args:
        g: The activation.
        slope: Its derivative.
        p: Variances, positive.
        label: The name of the activation in messages.

    Raises:
        ActivationError: If `E[g(u)²]` or `E[g'(u)²]` is infinite for one of them, or converges
            too slowly to be integrated.
    """
    p = np.asarray(p, dtype=float)
    found = np.empty(p.shape)
    # Each row on its own, so that no result depends on the other rows of its batch.
    known: dict[float, float] = {}
    for row in np.ndindex(p.shape):
        variance = float(p[row])
        if variance not in known:
            known[variance] = max(_reach(f, variance, label) for f in (g, slope))
        found[row] = known[variance]
    return found


def _reach(f: Function, p: float, label: str) -> float:
    root = float(np.sqrt(p))
    inside = _logarithms(f, root * _INSIDE)
    if not np.isfinite(inside).any() or np.isposinf(inside).any():
        return FIRST  # the quadrature itself raises, or there is nothing to integrate
    # log ∫ f² φ dz; the step of the grid and the factor of the density do not matter here.
    weighted = 2 * np.where(np.isnan(inside), -np.inf, inside) - _INSIDE**2 / 2
    allowed = np.log(NEGLIGIBLE) + np.logaddexp.reduce(weighted)
    needed = max(_needed(_logarithms(f, s * root * _OUTSIDE), allowed) for s in (-1.0, 1.0))
    for width in WIDTHS:
        if needed <= width:
            return width
    raise ActivationError(
        f"{label}: expected E[g(u)²] and E[g'(u)²] to be finite for a neuron whose input has "
        f"variance |w|² = {p:g}, but g grows so fast that they are infinite or can not be "
        "integrated; use smaller weights, or an activation that grows more slowly"
    )


def _needed(size: Float[ndarray, " n"], allowed: float) -> float:
    """Return from where on the integrand is negligible, by `log |f|` on one side."""
    # Where f is not defined, as beyond the ends of a table, nothing is known of it.
    known = len(size) if not np.isnan(size).any() else int(np.argmax(np.isnan(size)))
    overflow = np.flatnonzero(np.isposinf(size[:known]))
    finite = int(overflow[0]) if len(overflow) else known
    z, size = _OUTSIDE[:finite], size[:finite]
    integrand = 2 * size + POWER * np.log(z) - z**2 / 2
    large = np.flatnonzero(integrand > allowed)
    if len(overflow) and not _is_below_gaussian(size):
        return np.inf
    if not len(large):
        return FIRST
    last = int(large[-1])
    return float(z[last + 1]) if last + 1 < finite else np.inf


def _is_below_gaussian(size: Float[ndarray, " n"]) -> bool:
    """Return whether `log |f|` grows at most as the square up to where f overflows."""
    if len(size) <= STEPS:
        return True  # too short to tell; f is then large where it matters, too
    before, last = size[-1 - STEPS], size[-1]
    return bool(before > 0 and np.log2(last / before) <= GAUSSIAN)


def _logarithms(f: Function, x: ndarray) -> Float[ndarray, " n"]:
    """Return `log |f(x)|`: infinite where f overflows, NaN where it is not defined."""
    try:
        values = _values(f, x)
    except Exception:  # a table may raise outside its range
        values = np.array([_value(f, place) for place in x])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(np.abs(values)))


def _value(f: Function, x: float) -> float:
    try:
        return float(_values(f, np.array([x]))[0])
    except Exception:
        return float("nan")


def _values(f: Function, x: ndarray) -> ndarray:
    with np.errstate(all="ignore"):
        return np.asarray(f(x), dtype=float)
