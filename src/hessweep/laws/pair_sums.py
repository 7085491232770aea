"""Integrals over pairs of eigenvalues of Γ(z): density and tail of the bulk (docs/laws.md).

With ρ the density of μ, `F(w) = P(μ > w)` and `σ(w) = -Im E[1/(z - (a2 + G(w)) χ)]/π`, the density
of N_h λ at z, and by counting the probability of larger values, are

    p(z) = ∫ ρ(v) σ(1/a1 - v) dv,        P(N_h λ > z) = P(a2 χ > z) + P(μ + μ' > 1/a1) / (2γ).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

from hessweep.errors import PrecisionError
from hessweep.laws.gamma import Gamma
from hessweep.laws.gaps import edges

REACH = 4.1
"""Range of the double exponential map: it ends 1e-40 of an interval from the interval's ends."""
FIRST_PANELS = 4
MAX_LEVELS = 14
NODES = 12
ABOVE = 1e-13
"""Height above the real axis, relative to w and 1/a1, at which `P(μ > w)` is evaluated."""
TOLERANCE = 2e-10
"""Part of an integral that the interpolation of one panel may be wrong by."""
NEGLIGIBLE = 1e-5
"""What panels that did not converge may have wrong at one z. Tables state an error that has it."""
_u, _w = np.polynomial.legendre.leggauss(NODES)
# The last two Legendre coefficients of the values at the nodes.
_tail = np.polynomial.legendre.legvander(_u, NODES - 1)[:, -2:] * _w[:, None]
_tail *= np.arange(NODES - 2, NODES) + 0.5

Integrand = Callable[[ndarray, ndarray], ndarray]


class Panels(NamedTuple):
    """Parts of the integrals of several rows, in the coordinate of the double exponential map."""

    row: ndarray
    low: ndarray
    """End of the interval; -inf for a half-line."""
    high: ndarray
    start: ndarray
    stop: ndarray


def bulk_density(
    law: Gamma, a1: float, z: Float[ndarray, " n"]
) -> tuple[Float[ndarray, " n"], Float[ndarray, " n"]]:
    """Return the density of `N_h λ` at z > 0, its atom at zero left out, and its error.

    The error is that of panels of the integral that did not converge, mostly 0.

    Raises:
        PrecisionError: If the integral does not converge.
    """
    t = 1 / a1

    def integrand(v: ndarray, at: ndarray) -> ndarray:
        rho, sigma = densities(law, law.transform(np.stack([v, t - v]), at)[0], at)
        return np.asarray((rho[0] * sigma[1] + rho[1] * sigma[0]) * at)

    values, lost = integrate(law, t, z, integrand)
    atom = max(0.0, 1 - law.ratio * law.chi.nonzero)
    single = atom * single_density(law, t, z) if atom else 0.0
    return values / z + single, lost / z


def bulk_tail(law: Gamma, a1: float, z: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
    """Return `P(N_h λ > z)` at z > 0 by counting, without the density.

    Raises:
        PrecisionError: If the integral does not converge.
    """
    t = 1 / a1

    def tail(w: ndarray, at: ndarray) -> ndarray:
        # Just above the real axis it converges in gaps too, where the tail is constant.
        w = w + 1j * ABOVE * (np.abs(w) + t)
        return gamma_tail(law, w, at, law.transform(w, at)[0])

    def integrand(v: ndarray, at: ndarray) -> ndarray:
        return np.asarray(-law.transform(v, at)[0].imag / np.pi * tail(t - v, at))

    atom = max(0.0, 1 - law.ratio * law.chi.nonzero)
    # It is divided by γ in the end.
    tolerance = TOLERANCE * min(1.0, law.ratio)
    pairs = 2 * integrate(law, t, z, integrand, both=False, tolerance=tolerance)[0]
    pairs += tail(np.full(len(z), t / 2), z) ** 2
    if atom:
        pairs += 2 * atom * tail(np.full(len(z), t), z)
    above = law.chi.sf(z / law.a2) if law.a2 else 0.0
    return np.asarray(above + pairs / (2 * law.ratio))


def has_mass(law: Gamma, a1: float, z: Float[ndarray, " n"]) -> ndarray:
    """Return where the density is not 0, z being in the support of the bulk."""
    t = 1 / a1
    single = ~in_gap(edges(law, z).gaps, np.full((len(z), 1), t))[:, 0]
    result = single & (law.ratio * law.chi.nonzero < 1)
    result[_pieces(law, t, z, True).row] = True
    return result


def single_density(law: Gamma, t: float, z: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
    """Return σ(t), the density of the law of the `(N_i - N_h)`-fold eigenvalues."""
    outside = in_gap(edges(law, z).gaps, np.full((len(z), 1), t))[:, 0]
    result = np.zeros(z.shape)
    rows = np.flatnonzero(~outside)
    if len(rows):
        G = law.transform(np.full(len(rows), t), z[rows])[0]
        result[rows] = densities(law, G, z[rows])[1]
    return result


def densities(
    law: Gamma, G: Complex[ndarray, "*n"], z: Float[ndarray, "*n"]
) -> tuple[Float[ndarray, "*n"], Float[ndarray, "*n"]]:
    """Return ρ and σ from `G(w + i0)`."""
    # E 1/(z - bχ) = (1 + n(z/b))/z
    above = law.chi.n(z / (law.a2 + G))[1]
    return -G.imag / np.pi, -above.imag / (np.pi * z)


def gamma_tail(law: Gamma, w: ndarray, z: ndarray, G: ndarray) -> ndarray:
    """Return `P(μ > w)` from `G(w + i0)`: `Im{w G - log G + γ E log(1 - y G)}/π`."""
    q = z / (law.a2 + G)
    y = np.sqrt(q)
    y = np.where(y.imag < 0, -y, y)
    # log(z - bχ) = log b + log(q - χ)
    log = law.chi.log_mean(y) + np.log(law.a2 + G)
    above = law.chi.sf(z / law.a2) if law.a2 else 0.0
    return np.asarray((w * G - np.log(G) + law.ratio * log).imag / np.pi - law.ratio * above)


def integrate(
    law: Gamma,
    t: float,
    z: Float[ndarray, " n"],
    integrand: Integrand,
    both: bool = True,
    tolerance: float = TOLERANCE,
) -> tuple[Float[ndarray, " n"], Float[ndarray, " n"]]:
    """Integrate over all `v < t/2` where v and, unless `both` is False, t - v are in the support.

    Returns:
        The integrals, and what panels that did not converge may have wrong in them.

    Raises:
        PrecisionError: If panels do not converge.
    """
    panels = _pieces(law, t, z, both)
    scale = np.abs(t) + law.ratio / z
    total, lost = np.zeros(len(z)), np.zeros(len(z))
    for level in range(MAX_LEVELS):
        row, low, high, start, stop = panels
        half = (stop - start)[:, None] / 2
        v, slope = _place(low, high, scale[row], start[:, None] + half * (1 + _u))
        at = np.broadcast_to(z[row][:, None], v.shape)
        values = integrand(v, at) * slope * half
        sums, error = values @ _w, np.abs(values @ _tail).max(axis=1)
        good = (error < tolerance) | (level == MAX_LEVELS - 1)
        total += np.bincount(row[good], sums[good], len(z))
        bad = good & (error > tolerance)
        lost += np.bincount(row[bad], error[bad], len(z))
        panels = _halve(Panels(*(part[~good] for part in panels)))
        if not len(panels.row):
            break
    if (lost > NEGLIGIBLE).any():
        worst = int(np.argmax(lost))
        raise PrecisionError(
            f"the law of the bulk does not converge at N_h λ = {z[worst]:.6g}: the error may be "
            f"{lost[worst]:.1e}"
        )
    return total, lost


def _halve(panels: Panels) -> Panels:
    row, low, high, start, stop = panels
    middle = (start + stop) / 2
    return Panels(
        np.r_[row, row], np.r_[low, low], np.r_[high, high],
        np.r_[start, middle], np.r_[middle, stop],
    )  # fmt: skip


def _place(
    low: ndarray, high: ndarray, scale: ndarray, u: Float[ndarray, "n nodes"]
) -> tuple[ndarray, ndarray]:
    """Return v and dv/du of the double exponential map."""
    exponent, rise = np.pi * np.sinh(u), np.pi * np.cosh(u)
    # Measured from the nearer end: both are logistic functions.
    p, q = 1 / (1 + np.exp(-exponent)), 1 / (1 + np.exp(exponent))
    a, b = low[:, None], high[:, None]
    with np.errstate(invalid="ignore"):
        v = np.where(u < 0, a + (b - a) * p, b - (b - a) * q)
        slope = (b - a) * p * q * rise
    d = scale[:, None] * np.exp(exponent / 2)
    half_line = np.isinf(a)
    return np.where(half_line, b - d, v), np.where(half_line, d * rise / 2, slope)


def _pieces(law: Gamma, t: float, z: Float[ndarray, " n"], both: bool) -> Panels:
    """Return the first panels, between all places where the integrand is not smooth."""
    empty, cusps = edges(law, z)
    ends = np.concatenate([empty.reshape(len(z), -1), cusps], axis=1)
    # Where the edges of the part near -1/a2 tend for small z: steep, though not singular.
    steep = [-((1 + sign * np.sqrt(law.ratio)) ** 2) / law.a2 for sign in (-1, 1) if law.a2]
    steep = [0.0, *steep, *(t - x for x in steep), t / 2]
    points = np.concatenate([ends, t - ends, np.tile(steep, (len(z), 1))], axis=1)
    points = np.sort(np.where(np.isfinite(points) & (points <= t / 2), points, t / 2), axis=1)
    low = np.concatenate([np.full((len(z), 1), -np.inf), points[:, :-1]], axis=1)
    high = points
    middle = np.where(np.isinf(low), high - 1e3 * (t + law.ratio / z[:, None]), (low + high) / 2)
    use = (low < high) & ~in_gap(empty, middle) & ~(both & in_gap(empty, t - middle))
    row, column = np.nonzero(use)
    places = np.linspace(-REACH, REACH, FIRST_PANELS + 1)
    count = len(row)
    return Panels(
        np.repeat(row, FIRST_PANELS),
        np.repeat(low[row, column], FIRST_PANELS),
        np.repeat(high[row, column], FIRST_PANELS),
        np.tile(places[:-1], count),
        np.tile(places[1:], count),
    )


def in_gap(empty: Float[ndarray, "n gaps 2"], w: Float[ndarray, "n m"]) -> ndarray:
    """Return whether w lies where the law of Γ(z) has no mass."""
    inside = (w[:, :, None] > empty[:, None, :, 0]) & (w[:, :, None] < empty[:, None, :, 1])
    return np.any(inside, axis=2)
