"""The law of a sum of two independent eigenvalues: what the linear network's Hessian has.

For one output the first is `χ²_k / k`; for several both are of Wishart matrices.

The integral `∫ ρ(t) χ(x - t) dt` is restricted to where the integrand matters, in comparison with
its maximum and not with 1. Hence it keeps its relative accuracy far out in the tails.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.laws.chi_density import chi_square_density
from hessweep.laws.on_demand import OnDemand
from hessweep.laws.panels import Places
from hessweep.laws.rules import Rule, double_exponential, gauss
from hessweep.laws.tabulated import EPS, Tabulated, tabulate
from hessweep.laws.wishart import NEGLIGIBLE, singular_range

WINDOW = 50.0
"""Parts of the integrand below `e^-WINDOW` of its largest part are left out."""
NEAR = 0.05
"""A window that begins at a smaller share of its width from a singularity begins there."""
BESIDE = 1e-3
"""A singularity beyond an end of a window by less than this share of its width counts as near."""
SMALL = 1e-25
"""Closer to the lower end, relative to the width of the part, no window is looked for."""
SMALL_BESIDE_AN_EDGE = 1e-6
"""The same where the part does not begin at 0, and x itself does not tell how close it is."""
GAUSS_NODES = 96
NODES_PER_EIGENVALUE = 4
"""Of the Gauss rule, and what is added for each oscillation of the density in the window."""
GROWTH = 1.25
"""Numbers of nodes are rounded up to powers of it, so that few rules are needed."""
CHUNK = 1 << 16
"""Values of the integrand held at once: arrays of half a megabyte, which stay in the cache."""

Rho = Callable[[Places], ndarray]


class Singular(NamedTuple):
    """A part whose density has a closed form with edges, as Marchenko and Pastur's."""

    table: Tabulated
    density: Callable[[ndarray, ndarray, ndarray], ndarray]
    """Of x and its distances from the lower and the upper edge."""


def with_chi_square(
    part: Tabulated | Singular,
    atom: float,
    k: int,
    oscillations: int = 0,
    error: float = 0.0,
    floor: float = 0.0,
) -> OnDemand:
    """Return the convolution of `χ²_k / k` with an atom at zero and a continuous part.

    Args:
        part: The continuous part. A table must be smooth but for its lower end, at 0.
        atom: The probability of zero in the other summand.
        k: Degrees of freedom.
        oscillations: How often the density of the part rises and falls.
        error: Of the density of the part, relative.
        floor: Absolute error of probabilities that is accepted, as in `tabulate`.
    """
    table = part.table if isinstance(part, Singular) else part
    chi = chi_square_table(k)
    convolution = _Convolution(part, table, chi, lambda s: chi_square_density(s, k), oscillations)
    low, high = table.breaks[0], table.breaks[-1]
    stop = high + chi.breaks[-1]
    if isinstance(part, Singular):
        # The convolution is not analytic at the edges of the part.
        breaks = [0.0, low, high, stop] if atom and low > 0 else [low, high, stop]
    else:
        breaks = [0.0, stop]
    edges = np.asarray(breaks)

    def density(at: Places) -> ndarray:
        result = np.zeros(at.x.shape)
        if atom:
            with np.errstate(divide="ignore"):
                result += atom * chi_square_density(at.x, k)
        start = edges[at.segment]
        # Distances from the edges of the part keep their digits where a segment begins or ends.
        above_low = np.where(start == low, at.from_low, at.x - low)
        beyond = np.where(
            start == high, at.from_low, np.where(edges[at.segment + 1] == high, -at.to_high,
                                                 at.x - high)
        )  # fmt: skip
        inside = above_low > 0
        result[inside] += (1 - atom) * convolution(at.x[inside], above_low[inside], beyond[inside])
        return result

    relative = error + (k + 20) * EPS + table.error
    lowest = 0.0 if atom or not isinstance(part, Singular) else low
    return OnDemand(density, edges, (lowest, np.inf), relative, floor)


class Summand(NamedTuple):
    """An atom at zero and a smooth continuous part on [0, ∞)."""

    table: Tabulated
    atom: float
    """The probability of zero."""


def sum_law(
    one: Summand, other: Summand, oscillations: int, error: float, floor: float
) -> OnDemand:
    """Return the continuous part of the law of a sum of two independent numbers.

    Args:
        one: The law of the first.
        other: The law of the second.
        oscillations: How often the two densities rise and fall.
        error: Of the densities, relative.
        floor: Absolute error of probabilities that is accepted, as in `tabulate`.
    """
    second = other.table
    convolution = _Convolution(
        one.table,
        one.table,
        second,
        lambda s: second.interpolate(_between(second, s)).reshape(s.shape),
        oscillations,
    )
    whole = 1 - one.atom * other.atom

    def density(at: Places) -> ndarray:
        result = (
            (1 - one.atom) * (1 - other.atom) * convolution(at.x, at.x, at.x - convolution.high)
        )
        for atom, part in ((other.atom, one), (one.atom, other)):
            if atom:
                result += (
                    atom * (1 - part.atom) * part.table.interpolate(_between(part.table, at.x))
                )
        return result / whole

    stop = one.table.breaks[-1] + second.breaks[-1]
    relative = error + 40 * EPS + one.table.error + second.error
    return OnDemand(density, np.array([0.0, stop]), (0.0, np.inf), relative, floor)


def _between(table: Tabulated, x: ndarray) -> Places:
    """Return places of a table, whose density beyond the last break is negligible."""
    stop = float(table.breaks[-1])
    inside = np.clip(x, 0.0, stop).ravel()
    return Places(inside, np.zeros(inside.shape, int), inside, stop - inside)


@lru_cache(maxsize=64)
def chi_square_table(k: int) -> Tabulated:
    """Return the law of `χ²_k / k`; its panels tell where its density changes."""
    high = singular_range(1, k, NEGLIGIBLE)[1] ** 2 / k
    return tabulate(lambda at: chi_square_density(at.x, k), [0.0, high], (0.0, np.inf))


class _Convolution:
    """`∫ ρ(t) χ(x - t) dt` at any x, where χ may be any law on [0, ∞)."""

    def __init__(
        self,
        part: Tabulated | Singular,
        table: Tabulated,
        chi: Tabulated,
        chi_density: Callable[[ndarray], ndarray],
        oscillations: int,
    ) -> None:
        self.part, self.table, self.oscillations = part, table, oscillations
        self.chi_density = chi_density
        self.low, self.high = float(table.breaks[0]), float(table.breaks[-1])
        self.t, self.log_rho = _logarithms(table)
        self.s, self.log_chi = _logarithms(chi)

    def __call__(self, x: ndarray, above_low: ndarray, beyond: ndarray) -> ndarray:
        """Return the values at x, from its distances to the lower and from the upper edge."""
        total = np.zeros(x.shape)
        for some in np.array_split(np.arange(x.size), 1 + x.size * self.t.size // CHUNK):
            total[some] = self._some(x[some], above_low[some], beyond[some])
        return total

    def _some(self, x: ndarray, above_low: ndarray, beyond: ndarray) -> ndarray:
        start, stop = self._window(x)
        upper = np.minimum(x, self.high)
        # Next to the lower end both densities are powers over all of the interval.
        small = SMALL if self.low == 0 else SMALL_BESIDE_AN_EDGE
        powers = above_low < small * (self.high - self.low)
        start = np.where(powers, self.low, start)
        stop = np.where(powers, upper, stop)
        # Windows that end near a singularity end at it: from both sides of the rule it is then
        # a power of the distance.
        width = stop - start
        start = np.where(start - self.low <= NEAR * width, self.low, start)
        at_end = upper - stop <= NEAR * width
        stop = np.where(at_end, upper, stop)
        # x - stop, without cancellation.
        rest = np.where(at_end, np.maximum(beyond, 0), x - stop)
        whole = (start == self.low) & at_end
        width = np.where(whole & (beyond <= 0), above_low, stop - start)
        if isinstance(self.part, Singular):
            # Gauss's rule takes half-integer powers at the ends, but no singularity just beyond
            # them. There may be one at 0, and one at the nearer of x and the upper edge.
            pole = (start == self.low) & (self.low > 0) & (self.low < BESIDE * width)
            edge = at_end & (beyond != 0) & (np.abs(beyond) < BESIDE * width)
            nodes = np.where(pole | edge, 0, GAUSS_NODES)
        else:
            nodes = self._nodes(start, stop)
        total = np.zeros(x.shape)
        for count in np.unique(nodes):
            group = np.flatnonzero(nodes == count)
            rule = double_exponential() if count == 0 else gauss(int(count))
            for some in np.array_split(group, 1 + group.size * rule.weights.size // CHUNK):
                arguments = (start, width, rest, x, beyond)
                total[some] = self._integrals(rule, *(a[some, None] for a in arguments))
        return total

    def _integrals(
        self, rule: Rule, start: ndarray, width: ndarray, rest: ndarray, x: ndarray,
        beyond: ndarray,
    ) -> ndarray:  # fmt: skip
        forward, backward = width * rule.from_low, width * rule.from_high
        s = rest + backward
        from_low = (start - self.low) + forward
        # high - t = (high - x) + (x - t), the first of them known exactly.
        # Where the window ends at high, rounding must not put it beyond: the density ends there.
        left = np.maximum(self.high - (start + width), 0.0)
        to_high = np.where(beyond < 0, s - beyond, left + backward)
        t = np.where(rule.from_low < 0.5, start + forward, x - s)
        if isinstance(self.part, Singular):
            rho = self.part.density(t, from_low, to_high)
        else:
            places = (t, np.zeros(t.shape, int), from_low, to_high)
            rho = self.table.interpolate(Places(*(part.ravel() for part in places)))
            rho = rho.reshape(t.shape)
        values = rho * self.chi_density(s)
        return np.asarray(width[:, 0] * (values @ rule.weights))

    def _nodes(self, start: ndarray, stop: ndarray) -> ndarray:
        """Return the number of Gauss nodes that the oscillations in each window ask for."""
        share = np.abs(self.table.cdf(stop) - self.table.cdf(start))
        count = GAUSS_NODES + NODES_PER_EIGENVALUE * self.oscillations * share
        return np.ceil(GROWTH ** np.ceil(np.log(count) / np.log(GROWTH))).astype(int)

    def _window(self, x: Float[ndarray, " n"]) -> tuple[ndarray, ndarray]:
        """Return where the integrand is not negligible, from its values at edges of panels."""
        column = x[:, None]
        upper = np.minimum(x, self.high)
        # For a step relative to both distances, so that poles at the ends count as little as they
        # contribute.
        of_t = self.log_rho + np.interp(column - self.t, self.s, self.log_chi, -np.inf, -np.inf)
        of_s = self.log_chi + np.interp(column - self.s, self.t, self.log_rho, -np.inf, -np.inf)
        least = np.maximum(of_t.max(axis=1), of_s.max(axis=1)) - WINDOW
        first, last = upper, np.full(x.shape, self.low)
        row = np.arange(len(x))
        for values, points in ((of_t, self.t), (of_s, x[:, None] - self.s[::-1])):
            large = values if values is of_t else values[:, ::-1]
            large = large >= least[:, None]
            points = np.broadcast_to(points, large.shape)
            left, right = large.argmax(axis=1), large.shape[1] - 1 - large[:, ::-1].argmax(axis=1)
            some = large.any(axis=1)
            first = np.where(some, np.minimum(first, points[row, left]), first)
            last = np.where(some, np.maximum(last, points[row, right]), last)
        # To the next edge on each side, of whichever table.
        start = np.maximum(_previous(self.t, first), x - _next(self.s, x - first))
        stop = np.minimum(_next(self.t, last), x - _previous(self.s, x - last))
        start = np.clip(start, self.low, upper)
        return start, np.clip(stop, start, upper)


def _logarithms(table: Tabulated) -> tuple[ndarray, ndarray]:
    """Return edges of panels, and the logarithms of density times distance from the lower end."""
    edges = table.edge_places()
    values = table.interpolate(edges) * edges.from_low
    return edges.x, np.log(np.maximum(values, np.finfo(float).tiny))


def _previous(edges: ndarray, x: ndarray) -> ndarray:
    return edges[np.maximum(np.searchsorted(edges, x * (1 - 1e-12)) - 1, 0)]


def _next(edges: ndarray, x: ndarray) -> ndarray:
    return edges[np.minimum(np.searchsorted(edges, x * (1 + 1e-12), "right"), len(edges) - 1)]


__all__: Sequence[str] = ["Singular", "Summand", "chi_square_table", "sum_law", "with_chi_square"]
