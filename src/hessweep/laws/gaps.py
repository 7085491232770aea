"""Where the law of Γ(z) has no mass: the gaps between the parts of its support (docs/laws.md).

Outside the support `b = a2 + G(w)` is real, `z - b χ` does not vanish, and w falls with b:

    w(b) = 1/(b - a2) + γ n̂(b),      dw/db < 0  <=>  s(b) = γ (b - a2)² E[χ²/(z - bχ)²] < 1.

Where the least value of s is just above 1 a gap is about to open. There the law is smooth, but
`G(w)` is almost a cube root: its branch points are close above and below the real axis.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.laws.chi import Given
from hessweep.laws.gamma import Gamma

GRID = 160
"""Values of b in which a change of sign is looked for, on each interval."""
HALVINGS = 52
THIRDS = 60
"""Steps to a minimum of s, each of which leaves 0.62 of an interval."""
ROUNDING = 1e-6
"""Relative differences of s below which there is no minimum; s is constant at the ends."""
CUSP = 4.0
"""Least values of s below which a gap is taken as about to open."""


class Edges(NamedTuple):
    """Where the density of μ is not smooth, for each z; nan where there are fewer."""

    gaps: Float[ndarray, "n gaps 2"]
    """Ends `(low, high)` of each gap."""
    cusps: Float[ndarray, "n cusps"]
    """Where a gap is about to open, or has hardly closed."""


def edges(law: Gamma, z: Float[ndarray, " n"]) -> Edges:
    """Return the gaps of the support and the places where one is about to open, for each z."""
    ends: list[list[tuple[float, float, bool]]] = [[] for _ in z]
    cusps: list[list[float]] = [[] for _ in z]
    for start, stop in _intervals(law, z):
        b = _grid(start, stop, law.a2, z)
        b, s = _with_minima(law, b, z)
        falling = s < 1
        rows, k = np.nonzero(falling[:, :-1] != falling[:, 1:])
        if len(rows):
            at = _root(law, b[rows, k], b[rows, k + 1], z[rows])
            _add(ends, rows, at, law.inverse(at, z[rows]), falling[rows, k + 1])
        rows, k = np.nonzero(_is_least(s) & (s[:, 1:-1] < CUSP) & ~falling[:, 1:-1])
        for row, w in zip(rows, law.inverse(b[rows, k + 1], z[rows]), strict=True):
            cusps[row].append(float(w))
        for column, end, opens in ((0, start, True), (-1, stop, False)):
            rows = np.flatnonzero(falling[:, column])
            if len(rows):
                at = b[rows, column]
                w = np.where(np.isinf(end[rows]), 0.0, law.inverse(at, z[rows]))
                w = np.where(end[rows] == law.a2, np.inf if opens else -np.inf, w)
                _add(ends, rows, at, w, np.full(len(rows), opens))
    return Edges(_pair(ends), _rectangle(cusps))


def _is_least(s: Float[ndarray, "n grid"]) -> ndarray:
    """Whether each inner value is below both of its neighbours, by more than rounding."""
    before, s, after = s[:, :-2], s[:, 1:-1], s[:, 2:]
    return (s < before) & (s <= after) & (np.maximum(before, after) > s * (1 + ROUNDING))


def _with_minima(law: Gamma, b: Float[ndarray, "n grid"], z: ndarray) -> tuple[ndarray, ndarray]:
    """Return b and s(b), with b moved to the minima of s where these decide about a gap."""
    s = _slope(law, b, z[:, None])
    rows, k = np.nonzero(_is_least(s) & (s[:, 1:-1] > 1))
    low, high, z = b[rows, k], b[rows, k + 2], z[rows]
    part = (np.sqrt(5) - 1) / 2
    for _ in range(THIRDS if len(rows) else 0):
        left, right = high - part * (high - low), low + part * (high - low)
        fewer = _slope(law, left, z) < _slope(law, right, z)
        low, high = np.where(fewer, low, left), np.where(fewer, right, high)
    at = (low + high) / 2
    least = _slope(law, at, z)
    # Rounding may put the middle of what is left above the value of the grid.
    better = least <= s[rows, k + 1]
    b[rows[better], k[better] + 1] = at[better]
    s[rows[better], k[better] + 1] = least[better]
    return b, s


def _add(
    ends: list[list[tuple[float, float, bool]]],
    rows: ndarray,
    b: ndarray,
    w: ndarray,
    opens: ndarray,
) -> None:
    for row, at, value, opening in zip(rows, b, w, opens, strict=True):
        ends[row].append((float(at), float(value), bool(opening)))


def _intervals(law: Gamma, z: ndarray) -> list[tuple[ndarray, ndarray]]:
    """Intervals of real b between `z/χ` and a2, for each z."""
    infinite = np.full(z.shape, np.inf)
    values = np.unique(law.chi.values) if isinstance(law.chi, Given) else [law.chi.largest]
    poles = np.array([z / value for value in values if value > 0]).reshape(-1, len(z))
    points = np.sort(np.concatenate([poles, np.full((1, len(z)), law.a2)]), axis=0)
    points = np.concatenate([-infinite[None], points, infinite[None]])
    result = []
    for start, stop in pairwise(points):
        inside = isinstance(law.chi, Given) | (stop <= z / law.chi.largest)
        use = inside & (start < stop)
        result.append((np.where(use, start, np.nan), np.where(use, stop, np.nan)))
    return result


def _grid(start: ndarray, stop: ndarray, a2: float, z: ndarray) -> Float[ndarray, "n grid"]:
    """Values of b that resolve both ends on a logarithmic scale."""
    u = np.linspace(-1, 1, GRID)
    step = 10.0 ** (14 * u)
    near, far = start[:, None], stop[:, None]
    scale = (z + a2)[:, None]
    with np.errstate(invalid="ignore"):
        between = near + (far - near) * step / (1 + step)
        lower = far - scale / step
        upper = near + scale * step
    return np.where(np.isinf(near), lower, np.where(np.isinf(far), upper, between))


def _slope(law: Gamma, b: ndarray, z: ndarray) -> ndarray:
    """Return s(b), below 1 where w falls; 2 where b is nan."""
    with np.errstate(all="ignore"):
        s = np.nan_to_num(law.squared_mean(b, z) * (b - law.a2) ** 2, nan=2 / law.ratio)
    return np.asarray(s * law.ratio)


def _root(law: Gamma, low: ndarray, high: ndarray, z: ndarray) -> ndarray:
    """Bisect the place where s(b) = 1."""
    left = _slope(law, low, z) < 1
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        same = (_slope(law, middle, z) < 1) == left
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return (low + high) / 2


def _pair(ends: list[list[tuple[float, float, bool]]]) -> Float[ndarray, "n gaps 2"]:
    """Pair the ends of the intervals of b where w falls; w runs the other way."""
    most = max([len(row) // 2 for row in ends], default=0)
    result = np.full((len(ends), most, 2), np.nan)
    for row, found in enumerate(ends):
        found.sort(key=lambda end: (end[0], not end[2]))
        for k, (first, second) in enumerate(zip(found[::2], found[1::2], strict=True)):
            result[row, k] = second[1], first[1]
    return result


def _rectangle(rows: list[list[float]]) -> Float[ndarray, "n most"]:
    result = np.full((len(rows), max(map(len, rows), default=0)), np.nan)
    for k, row in enumerate(rows):
        result[k, : len(row)] = row
    return result
