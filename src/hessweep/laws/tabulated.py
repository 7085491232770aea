"""A density on an interval, integrated once and for all: cdf and ppf fast on arrays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.polynomial import chebyshev

from hessweep.errors import PrecisionError

NODES = 24
"""Chebyshev nodes a panel."""
FIRST_PANELS = 8
"""Panels a segment starts with; more come where the density asks for them."""
MAX_LEVELS = 60
"""Halvings of a panel, and steps to a quantile, before giving up."""
MAX_PANELS = 1 << 14
TOLERANCE = 1e-13
"""Probability that the interpolation of one panel may be wrong by."""
RESOLUTION = 1e-14
"""Newton step, relative to a panel, at which a quantile is done."""
MAX_DEFECT = 1e-9
"""How far the integral of the density may be from 1 before `tabulate` refuses."""

_nodes = chebyshev.chebpts1(NODES)
# Values at the nodes -> Chebyshev coefficients: the discrete cosine transform.
_transform = chebyshev.chebvander(_nodes, NODES - 1).T * (2 / NODES)
_transform[0] /= 2

Density = Callable[[ndarray], ndarray]


@dataclass(frozen=True, eq=False)
class Tabulated:
    """A continuous law whose distribution function is a piecewise polynomial.

    On each segment between two breaks `x = lo + (hi - lo) sin²(φ/2)`: densities that behave as
    half-integer powers at the breaks, integrable poles among them, are analytic in φ. The
    panels divide φ; segment s holds `s π < φ < (s + 1) π`.
    """

    density: Density
    """Exact; what `pdf` evaluates."""
    bounds: tuple[float, float]
    breaks: Float[ndarray, " breaks"]
    edges: Float[ndarray, " edges"]
    """In φ."""
    slopes: Float[ndarray, "nodes panels"] = field(repr=False)
    """Chebyshev coefficients of the density with respect to φ."""
    rises: Float[ndarray, "terms panels"] = field(repr=False)
    """The same of its integral from the panel's left edge."""
    below: Float[ndarray, " edges"] = field(repr=False)
    """Probability below each edge."""
    above: Float[ndarray, " edges"] = field(repr=False)
    """Probability above each edge, summed from the right to keep its digits."""
    error: float
    """Bound on the error of `cdf`, from the last coefficients of every panel."""

    def support(self) -> tuple[float, float]:
        """Return the interval outside of which the density is 0."""
        return self.bounds

    def pdf(self, x: ndarray) -> ndarray:
        """Return the density; infinite at a pole."""
        return self.density(np.asarray(x, dtype=float))

    def cdf(self, x: ndarray) -> ndarray:
        """Return the probability of values up to x."""
        panel, u = self._locate(x)
        p = self.below[panel] + _clenshaw(self.rises, panel, u)
        return np.where(x <= self.breaks[0], 0.0, np.clip(p, 0, 1))

    def sf(self, x: ndarray) -> ndarray:
        """Return the probability of values above x."""
        panel, u = self._locate(x)
        left = self.rises.sum(axis=0)[panel] - _clenshaw(self.rises, panel, u)
        p = np.clip(self.above[panel + 1] + left, 0, 1)
        return np.where(x <= self.breaks[0], 1.0, np.where(x >= self.breaks[-1], 0.0, p))

    def interpolated_pdf(self, x: ndarray) -> ndarray:
        """Return the density from the table: fast, not relatively exact in tails, 0 at breaks."""
        panel, u = self._locate(x)
        half = np.diff(self.edges)[panel] / 2
        segment = self._segment(panel)
        # dx/dφ, from the distances to both breaks.
        stretch = np.sqrt(
            np.clip((x - self.breaks[segment]) * (self.breaks[segment + 1] - x), 0, None)
        )
        per_phi = _clenshaw(self.slopes, panel, u) / half
        return np.divide(per_phi, stretch, out=np.zeros(per_phi.shape), where=stretch > 0)

    def ppf(self, q: ndarray) -> ndarray:
        """Return the quantiles of probabilities from 0 to 1; nan outside."""
        q = np.asarray(q, dtype=float)
        inside = (q > 0) & (q < 1)
        x = np.where(q == 0, self.bounds[0], np.where(q == 1, self.bounds[1], np.nan))
        x[inside] = self._quantiles(q[inside])
        return x

    def _quantiles(self, q: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """Invert `cdf` by Newton steps that fall back to bisection of the panel."""
        panel = np.clip(np.searchsorted(self.below, q, side="right") - 1, 0, len(self.edges) - 2)
        rise = q - self.below[panel]
        u = np.zeros(len(q))
        low, high = np.full(len(q), -1.0), np.full(len(q), 1.0)
        todo = np.arange(len(q))
        for _ in range(MAX_LEVELS):
            here, at = u[todo], panel[todo]
            defect = _clenshaw(self.rises, at, here) - rise[todo]
            slope = _clenshaw(self.slopes, at, here)
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
        return _position(self.breaks, self._segment(panel), self._phi(panel, u))

    def moments(self) -> tuple[float, float]:
        """Return mean and variance, by integrating the table."""
        # Gauss nodes: exact for the density's polynomial times the smooth x(φ).
        u, weights = np.polynomial.legendre.leggauss(2 * NODES)
        panel = np.repeat(np.arange(len(self.edges) - 1), len(u))
        u, weights = np.tile(u, len(self.edges) - 1), np.tile(weights, len(self.edges) - 1)
        x = _position(self.breaks, self._segment(panel), self._phi(panel, u))
        mass = _clenshaw(self.slopes, panel, u) * weights
        mean = mass @ x / mass.sum()
        return float(mean), float(mass @ (x - mean) ** 2 / mass.sum())

    def _segment(self, panel: ndarray) -> ndarray:
        return np.floor((self.edges[panel] + self.edges[panel + 1]) / (2 * np.pi)).astype(int)

    def _phi(self, panel: ndarray, u: ndarray) -> ndarray:
        return self.edges[panel] + np.diff(self.edges)[panel] / 2 * (1 + u)

    def _locate(self, x: ndarray) -> tuple[ndarray, ndarray]:
        """The panel of each x, and its place in it from -1 to 1."""
        x = np.clip(np.asarray(x, dtype=float), self.breaks[0], self.breaks[-1])
        last = len(self.breaks) - 2
        segment = np.clip(np.searchsorted(self.breaks, x, side="right") - 1, 0, last)
        lo, hi = self.breaks[segment], self.breaks[segment + 1]
        # atan2 of both distances keeps the digits at both ends.
        phi = segment * np.pi + 2 * np.arctan2(np.sqrt(x - lo), np.sqrt(hi - x))
        panel = np.clip(np.searchsorted(self.edges, phi, side="right") - 1, 0, len(self.edges) - 2)
        half = np.diff(self.edges)[panel] / 2
        return panel, np.clip((phi - self.edges[panel]) / half - 1, -1, 1)


def tabulate(density: Density, breaks: Sequence[float], bounds: tuple[float, float]) -> Tabulated:
    """Return the law with the given density.

    Args:
        density: Vectorised, non-negative, of integral 1; analytic between the breaks and a sum
            of half-integer powers beside them. Other behaviour costs panels, not accuracy.
        breaks: Where the density is not analytic, ascending; the first and the last enclose all
            probability but about 1e-18.
        bounds: The support that the law shows; infinite ends are allowed.

    Raises:
        PrecisionError: If the panels do not converge, or the integral is not 1.
    """
    ends = np.asarray(breaks, dtype=float)
    phi = np.linspace(0, np.pi * (len(ends) - 1), FIRST_PANELS * (len(ends) - 1) + 1)
    left, right = phi[:-1], phi[1:]
    parts: list[tuple[ndarray, ndarray, ndarray]] = []
    error = 0.0
    for _ in range(MAX_LEVELS):
        coefficients = _panel_coefficients(density, ends, left, right)
        # The last three, for a symmetric panel has every other one 0.
        tail = np.abs(coefficients[-3:]).max(axis=0)
        if not np.isfinite(tail).all() or len(left) > MAX_PANELS:
            break
        good = tail <= TOLERANCE
        error += tail[good].sum()
        parts.append((left[good], right[good], coefficients[:, good]))
        middle = (left + right)[~good] / 2
        left, right = np.r_[left[~good], middle], np.r_[middle, right[~good]]
        if not len(left):
            break
    if len(left):
        raise PrecisionError(
            f"a density can not be integrated near φ = {left[0]:.6g} of the breaks "
            f"{ends.tolist()}: expected finite values, smooth between breaks; add a break there"
        )
    starts = np.concatenate([part[0] for part in parts])
    order = np.argsort(starts)
    slopes = np.concatenate([part[2] for part in parts], axis=1)[:, order]
    rises = chebyshev.chebint(slopes, lbnd=-1, axis=0)
    masses = rises.sum(axis=0)
    below = np.r_[0, np.cumsum(masses)]
    if not abs(below[-1] - 1) < MAX_DEFECT:
        raise PrecisionError(
            f"a density integrates to {below[-1]:.12g} on {ends.tolist()}, expected 1 to "
            f"{MAX_DEFECT:g}: give breaks that enclose all of it and mark narrow peaks"
        )
    return Tabulated(
        density=density, bounds=bounds, breaks=ends, edges=np.r_[starts[order], phi[-1]],
        slopes=slopes, rises=rises, below=below,
        above=np.r_[np.cumsum(masses[::-1])[::-1], 0], error=float(error),
    )  # fmt: skip


def _panel_coefficients(
    density: Density, breaks: ndarray, left: ndarray, right: ndarray
) -> Float[ndarray, "nodes panels"]:
    """Chebyshev coefficients of probability per unit of a panel's own coordinate."""
    half = (right - left) / 2
    phi = left + half * (1 + _nodes[:, None])
    segment = np.broadcast_to(np.floor((left + right) / (2 * np.pi)).astype(int), phi.shape)
    width = np.diff(breaks)[segment]
    values = density(_position(breaks, segment, phi).ravel()).reshape(phi.shape)
    return _transform @ (values * width * np.abs(np.sin(phi)) / 2 * half)


def _position(breaks: ndarray, segment: ndarray, phi: ndarray) -> ndarray:
    """Return `x(φ)`, measured from the nearer end of the segment."""
    lo, hi = breaks[segment], breaks[segment + 1]
    angle = (phi - segment * np.pi) / 2
    near = angle < np.pi / 4
    return np.where(near, lo + (hi - lo) * np.sin(angle) ** 2, hi - (hi - lo) * np.cos(angle) ** 2)


def _clenshaw(coefficients: ndarray, panel: ndarray, u: ndarray) -> ndarray:
    """Evaluate each panel's series at its u, one coefficient at a time to save memory."""
    value, before = np.zeros(u.shape), np.zeros(u.shape)
    for row in coefficients[:0:-1]:
        value, before = row[panel] + 2 * u * value - before, value
    return coefficients[0][panel] + u * value - before
