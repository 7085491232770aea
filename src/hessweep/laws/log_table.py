"""A density on (0, ∞) whose behaviour near zero is any power: tabulated in log x."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.polynomial import chebyshev

from hessweep.errors import PrecisionError

NODES = 16
"""Chebyshev nodes a panel."""
FIRST_WIDTH = 5.0
"""Width in log x of the panels at the start."""
MAX_LEVELS = 18
TOLERANCE = 2e-10
"""Probability that the interpolation of one panel may be wrong by."""
NARROW = 1e-10
"""Probability below which a panel is taken as it is."""
STEPS = 60

_nodes = chebyshev.chebpts1(NODES)
_transform = chebyshev.chebvander(_nodes, NODES - 1).T * (2 / NODES)
_transform[0] /= 2

Density = Callable[[ndarray], tuple[ndarray, ndarray]]


@dataclass(frozen=True, eq=False)
class LogTable:
    """A continuous law whose distribution function is a piecewise polynomial in log x."""

    bounds: tuple[float, float]
    edges: Float[ndarray, " edges"]
    """In log x."""
    slopes: Float[ndarray, "nodes panels"] = field(repr=False)
    """Chebyshev coefficients of the probability per unit of a panel's own coordinate."""
    rises: Float[ndarray, "terms panels"] = field(repr=False)
    below: Float[ndarray, " edges"] = field(repr=False)
    above: Float[ndarray, " edges"] = field(repr=False)
    error: float
    """Bound on the error of `cdf`: that of the density, its interpolation, ends cut off, and the
    defect of the integral."""

    def support(self) -> tuple[float, float]:
        """Return the interval outside of which the density is 0."""
        return self.bounds

    def pdf(self, x: ndarray) -> ndarray:
        """Return the density, of integral 1, from the table."""
        panel, u, first, last = self._locate(x)
        half = np.diff(self.edges)[panel] / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            values = _evaluate(self.slopes, panel, u) / (half * np.asarray(x) * self.below[-1])
        return np.where(first | last, 0.0, np.maximum(values, 0.0))

    def cdf(self, x: ndarray) -> ndarray:
        """Return the probability of values up to x."""
        panel, u, first, last = self._locate(x)
        p = self.below[panel] + _evaluate(self.rises, panel, u)
        return np.where(first, 0.0, np.where(last, 1.0, np.clip(p / self.below[-1], 0, 1)))

    def sf(self, x: ndarray) -> ndarray:
        """Return the probability of values above x."""
        panel, u, first, last = self._locate(x)
        left = self.rises.sum(axis=0)[panel] - _evaluate(self.rises, panel, u)
        p = self.above[panel + 1] + left
        return np.where(first, 1.0, np.where(last, 0.0, np.clip(p / self.below[-1], 0, 1)))

    def ppf(self, q: ndarray) -> ndarray:
        """Return the quantiles of probabilities from 0 to 1; nan outside."""
        q = np.asarray(q, dtype=float)
        result = np.where(q == 0, self.bounds[0], np.where(q == 1, self.bounds[1], np.nan))
        inside = (q > 0) & (q < 1)
        target = q[inside] * self.below[-1]
        panel = np.searchsorted(self.below, target, side="right") - 1
        panel = np.clip(panel, 0, len(self.edges) - 2)
        low, high = np.full(target.shape, -1.0), np.ones(target.shape)
        u = np.zeros(target.shape)
        for _ in range(STEPS):
            defect = self.below[panel] + _evaluate(self.rises, panel, u) - target
            low, high = np.where(defect < 0, u, low), np.where(defect >= 0, u, high)
            slope = _evaluate(self.slopes, panel, u)
            with np.errstate(divide="ignore", invalid="ignore"):
                newton = u - defect / slope
            good = (newton > low) & (newton < high)
            new = np.where(good, newton, (low + high) / 2)
            if np.all(np.abs(new - u) < 1e-15):
                break
            u = new
        half = np.diff(self.edges)[panel] / 2
        result[inside] = np.exp(self.edges[panel] + half * (1 + u))
        return result

    def _locate(self, x: ndarray) -> tuple[ndarray, ndarray, ndarray, ndarray]:
        """The panel of each x, its place in it from -1 to 1, and whether it is outside."""
        x = np.asarray(x, dtype=float)
        low, high = np.exp(self.edges[0]), np.exp(self.edges[-1])
        first, last = x <= max(low, self.bounds[0]), x >= min(high, self.bounds[1])
        log = np.log(np.clip(x, low, high))
        panel = np.searchsorted(self.edges, log, side="right") - 1
        panel = np.clip(panel, 0, len(self.edges) - 2)
        half = np.diff(self.edges)[panel] / 2
        return panel, np.clip((log - self.edges[panel]) / half - 1, -1, 1), first, last


def tabulate_log(
    density: Density,
    low: float,
    high: float,
    mass: float,
    bounds: tuple[float, float],
    most_defect: float = 1e-8,
) -> LogTable:
    """Return the law with the given density on `low < x < high`.

    Args:
        density: Vectorised; returns values, of integral `mass`, and their absolute errors.
        low: Where to begin, positive; what is below must be negligible.
        high: Where to end.
        mass: The integral of the density, known by other means: the check of the table.
        bounds: The support that the law shows.
        most_defect: How far the integral may be from `mass`.

    Raises:
        PrecisionError: If the integral of the density is not `mass`.
    """
    count = max(2, int(np.ceil((np.log(high) - np.log(low)) / FIRST_WIDTH)))
    edges = np.linspace(np.log(low), np.log(high), count + 1)
    left, right = edges[:-1], edges[1:]
    parts: list[tuple[ndarray, ndarray]] = []
    error = 0.0
    for level in range(MAX_LEVELS):
        half = (right - left) / 2
        x = np.exp(left + half * (1 + _nodes[:, None]))
        values, errors = (part.reshape(x.shape) * x * half for part in density(x.ravel()))
        coefficients = _transform @ values
        tail = np.abs(coefficients[-3:]).max(axis=0)
        small = np.abs(values).max(axis=0) < NARROW
        good = (tail <= TOLERANCE) | small | (level == MAX_LEVELS - 1)
        error += float(tail[good].sum() + 2 * errors[:, good].max(axis=0).sum())
        parts.append((left[good], coefficients[:, good]))
        middle = (left + right)[~good] / 2
        left, right = np.r_[left[~good], middle], np.r_[middle, right[~good]]
        if not len(left):
            break
    starts = np.concatenate([part[0] for part in parts])
    order = np.argsort(starts)
    slopes = np.concatenate([part[1] for part in parts], axis=1)[:, order]
    rises = chebyshev.chebint(slopes, lbnd=-1, axis=0)
    masses = rises.sum(axis=0)
    below = np.r_[0, np.cumsum(masses)]
    defect = abs(below[-1] - mass)
    if not defect + error < most_defect:
        raise PrecisionError(
            f"a density integrates to {below[-1]:.12g}, expected {mass:.12g} to {most_defect:g}"
        )
    return LogTable(
        bounds=bounds, edges=np.r_[starts[order], edges[-1]],
        slopes=slopes, rises=rises, below=below,
        above=np.r_[np.cumsum(masses[::-1])[::-1], 0], error=(error + defect) / mass,
    )  # fmt: skip


def _evaluate(coefficients: ndarray, panel: ndarray, u: ndarray) -> ndarray:
    """Evaluate each panel's series at its u, by Clenshaw's recurrence."""
    value, before = np.zeros(u.shape), np.zeros(u.shape)
    for row in coefficients[:0:-1]:
        value, before = row[panel] + 2 * u * value - before, value
    return np.asarray(coefficients[0][panel] + u * value - before)
