"""A density on an interval, integrated once, so that cdf, sf and ppf are fast on arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.polynomial import chebyshev

from hessweep.errors import PrecisionError
from hessweep.laws.panels import (
    NODES,
    REACH,
    Density,
    Panels,
    Places,
    between,
    clenshaw,
    coordinate,
    divide,
    places,
    stretch,
)

MAX_STEPS = 120
"""Newton or bisection steps to a quantile before giving up."""
RESOLUTION = 1e-14
"""Newton step, relative to a panel, at which a quantile is done."""
MAX_DEFECT = 1e-9
"""How far the integral of the density may be from 1 before `tabulate` refuses."""
EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Tabulated:
    """A continuous law whose distribution function is a piecewise polynomial (`panels`)."""

    density: Density
    """Exact; what `pdf` evaluates."""
    bounds: tuple[float, float]
    breaks: Float[ndarray, " breaks"]
    panels: Panels = field(repr=False)
    rises: Float[ndarray, "terms panels"] = field(repr=False)
    """Chebyshev coefficients of the density's integral from each panel's left edge."""
    falls: Float[ndarray, "terms panels"] = field(repr=False)
    """The same of its integral up to the panel's right edge."""
    below: Float[ndarray, " edges"] = field(repr=False)
    """Probability below each edge."""
    above: Float[ndarray, " edges"] = field(repr=False)
    """Probability above each edge, summed from the right to keep its digits."""
    powers: tuple[float, float] = field(repr=False)
    """Exponents of the distance from the first and the last break beyond the outer edges."""
    error: float
    """Estimated bound on the absolute error of `cdf` and of `sf` (docs/laws.md)."""

    def support(self) -> tuple[float, float]:
        """Return the interval outside of which the density is 0."""
        return self.bounds

    def pdf(self, x: ndarray) -> ndarray:
        """Return the density: infinite at a pole, 0 at infinity, nan for nan."""
        return density_at(self.density, self.breaks, x)

    def cdf(self, x: ndarray) -> ndarray:
        """Return the probability of values up to x."""
        at, panel, u = self._find(x)
        p = self.below[panel] + clenshaw(self.rises, panel, u)
        first = at.from_low < _end_distance(self.breaks[:2])
        p = np.where(first & (at.segment == 0), self._beyond(at.from_low, 0), p)
        return self._clipped(x, p, 0.0, 1.0)

    def sf(self, x: ndarray) -> ndarray:
        """Return the probability of values above x."""
        at, panel, u = self._find(x)
        p = self.above[panel + 1] + clenshaw(self.falls, panel, u)
        last = at.to_high < _end_distance(self.breaks[-2:])
        p = np.where(last & (at.segment == len(self.breaks) - 2), self._beyond(at.to_high, 1), p)
        return self._clipped(x, p, 1.0, 0.0)

    def interpolate(self, at: Places) -> ndarray:
        """Return the density from the table, many times faster than `density`.

        For laws without inner breaks.
        """
        panel, u = self._panel(at)
        scale = stretch(self.breaks, at) * self.panels.half[panel]
        values = np.maximum(clenshaw(self.panels.slopes, panel, u), 0)
        # Beyond the outer edges the density is a power.
        nearest = _end_distance(self.breaks)
        values = values * np.minimum(at.from_low / nearest, 1) ** self.powers[0]
        return np.divide(values, scale, out=np.zeros(values.shape), where=scale > 0)

    def edge_places(self) -> Places:
        """Return the edges of the panels, where the density changes by a few times at most."""
        z, segment = self.panels.left, self.panels.segment
        return places(self.breaks, np.r_[z, REACH], np.r_[segment, segment[-1]])

    def ppf(self, q: ndarray) -> ndarray:
        """Return the quantiles of probabilities from 0 to 1; nan outside."""
        q = np.asarray(q, dtype=float)
        inside = (q > 0) & (q < 1)
        x = np.where(q == 0, self.bounds[0], np.where(q == 1, self.bounds[1], np.nan))
        x[inside] = self._quantiles(q[inside])
        return x

    def moments(self) -> tuple[float, float]:
        """Return mean and variance, by integrating the table."""
        # Gauss nodes: exact for the density's polynomial times the smooth x(z).
        u, weights = np.polynomial.legendre.leggauss(2 * NODES)
        count = len(self.panels.left)
        panel = np.repeat(np.arange(count), len(u))
        u, weights = np.tile(u, count), np.tile(weights, count)
        x = self._x(panel, u)
        mass = clenshaw(self.panels.slopes, panel, u) * weights
        mean = mass @ x / mass.sum()
        return float(mean), float(mass @ (x - mean) ** 2 / mass.sum())

    def _quantiles(self, q: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """Invert `cdf` by Newton steps that fall back to bisection of the panel."""
        last = len(self.panels.left) - 1
        panel = np.clip(np.searchsorted(self.below, q, side="right") - 1, 0, last)
        rise = q - self.below[panel]
        u = np.zeros(len(q))
        low, high = np.full(len(q), -1.0), np.full(len(q), 1.0)
        todo = np.arange(len(q))
        for _ in range(MAX_STEPS):
            here, at = u[todo], panel[todo]
            defect = clenshaw(self.rises, at, here) - rise[todo]
            slope = clenshaw(self.panels.slopes, at, here)
            low[todo] = np.where(defect <= 0, here, low[todo])
            high[todo] = np.where(defect >= 0, here, high[todo])
            newton = here - np.divide(
                defect, slope, out=np.full(len(todo), np.inf), where=slope > 0
            )
            inside = (newton >= low[todo]) & (newton <= high[todo])
            u[todo] = np.where(inside, newton, (low[todo] + high[todo]) / 2)
            todo = todo[np.abs(u[todo] - here) > RESOLUTION]
            if not len(todo):
                break
        x = self._x(panel, u)
        # Below the first edge the distribution function is a power.
        first = q < self.below[0]
        distance = _end_distance(self.breaks[:2])
        x[first] = self.breaks[0] + distance * (q[first] / self.below[0]) ** (1 / self.powers[0])
        return x

    def _beyond(self, distance: ndarray, end: int) -> ndarray:
        """Return the probability between an end of the support and a point near to it."""
        mass = (self.below[0], self.above[-1])[end]
        nearest = _end_distance(self.breaks[:2] if end == 0 else self.breaks[-2:])
        return mass * np.minimum(np.maximum(distance, 0) / nearest, 1) ** self.powers[end]

    def _clipped(self, x: ndarray, p: ndarray, left: float, right: float) -> ndarray:
        x = np.asarray(x, dtype=float)
        p = np.where(x <= self.breaks[0], left, np.where(x >= self.breaks[-1], right, p))
        return np.where(np.isnan(x), np.nan, np.clip(p, 0, 1))

    def _x(self, panel: ndarray, u: ndarray) -> ndarray:
        z = self.panels.left[panel] + self.panels.half[panel] * (1 + u)
        return places(self.breaks, z, self.panels.segment[panel]).x

    def _find(self, x: ndarray) -> tuple[Places, ndarray, ndarray]:
        """Return x clipped to the breaks, the panel of each, and its place in it from -1 to 1."""
        clipped = np.clip(np.nan_to_num(np.asarray(x, float)), self.breaks[0], self.breaks[-1])
        at = between(self.breaks, clipped)
        return at, *self._panel(at)

    def _panel(self, at: Places) -> tuple[ndarray, ndarray]:
        z, panels = coordinate(at), self.panels
        panel = np.zeros(z.shape, int)
        for segment in range(len(self.breaks) - 1):
            mine = at.segment == segment
            first, stop = np.searchsorted(panels.segment, [segment, segment + 1])
            found = np.searchsorted(panels.left[first:stop], z[mine], side="right") - 1
            panel[mine] = first + np.maximum(found, 0)
        return panel, np.clip((z - panels.left[panel]) / panels.half[panel] - 1, -1, 1)


def density_at(density: Density, breaks: Float[ndarray, " breaks"], x: ndarray) -> ndarray:
    """Return the density: infinite at a pole, 0 outside the breaks, nan for nan."""
    x = np.asarray(x, dtype=float)
    result = np.where(np.isnan(x), np.nan, 0.0)
    inside = (x >= breaks[0]) & (x < breaks[-1])
    result[inside] = density(between(breaks, x[inside]))
    return result


def _end_distance(segment: ndarray) -> float:
    """Return the distance of the outermost edge of a panel from the end of the support."""
    return float((segment[1] - segment[0]) / (1 + np.exp(REACH)))


def _half_integer(power: float) -> float:
    """Return the half-integer that a measured exponent is, if it is one."""
    nearest = round(2 * power) / 2
    return nearest if abs(power - nearest) < 1e-9 else power


def tabulate(
    density: Density,
    breaks: Sequence[float] | Float[ndarray, " breaks"],
    bounds: tuple[float, float],
    relative_error: float = 4 * EPS,
    floor: float = 0.0,
) -> Tabulated:
    """Return the law with the given density.

    Args:
        density: Vectorised, non-negative, of integral 1; analytic between the breaks, and a power
            of the distance times a series in its root beside them.
        breaks: Where the density is not analytic, ascending; the first and the last enclose all
            probability but a negligible part.
        bounds: The support that the law shows; infinite ends are allowed.
        relative_error: Of the density's values.
        floor: Absolute error in a panel's probability below which nothing is resolved. With 0,
            small probabilities in the tails are as accurate relatively as large ones.

    Raises:
        PrecisionError: If the panels do not converge, or the integral is not 1.
    """
    ends = np.asarray(breaks, dtype=float)
    panels = divide(density, ends, floor)
    slopes, half = panels.slopes, panels.half
    rises = chebyshev.chebint(slopes, lbnd=-1, axis=0)
    falls = -chebyshev.chebint(slopes, lbnd=1, axis=0)
    masses = rises.sum(axis=0)
    powers, outside = [1.0, 1.0], [0.0, 0.0]
    for side, (panel, u, sign) in enumerate([(0, -1.0, 1), (-1, 1.0, -1)]):
        index = np.array([panel])
        at_end, inside = (
            float(clenshaw(slopes, index, np.array([v]))[0] / half[panel])
            for v in (u, u + sign * min(1.0, 1 / half[panel]))
        )
        if at_end > 0 and inside > 0:
            step = half[panel] * min(1.0, 1 / half[panel])
            powers[side] = _half_integer(float(np.log(inside / at_end) / step))
            outside[side] = at_end / powers[side] if powers[side] > 0 else np.inf
    below = outside[0] + np.r_[0, np.cumsum(masses)]
    above = outside[1] + np.r_[np.cumsum(masses[::-1])[::-1], 0]
    defect = below[-1] + outside[1] - 1
    if not abs(defect) < MAX_DEFECT:
        raise PrecisionError(
            f"a density integrates to {1 + defect:.12g} on {ends.tolist()}, expected 1 to "
            f"{MAX_DEFECT:g}: give breaks that enclose all of it and mark narrow peaks"
        )
    return Tabulated(
        density=density, bounds=bounds, breaks=ends, panels=panels, rises=rises, falls=falls,
        below=below, above=above, powers=(powers[0], powers[1]),
        error=float(panels.error + abs(defect) + relative_error + 64 * EPS),
    )  # fmt: skip
