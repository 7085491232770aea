"""Where the law of Γ(z) has no mass: the gaps between the parts of its support (docs/laws.md).

Outside the support `b = a2 + G(w)` is real, `z - b χ` does not vanish, and w falls with b:

    w(b) = 1/(b - a2) + γ n̂(b),      dw/db < 0  <=>  γ (b - a2)² E[χ²/(z - bχ)²] < 1.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.laws.chi import Given
from hessweep.laws.gamma import Gamma

GRID = 160
"""Values of b in which a change of sign is looked for, on each interval."""
HALVINGS = 52


def gaps(law: Gamma, z: Float[ndarray, " n"]) -> Float[ndarray, "n gaps 2"]:
    """Return the gaps `(low, high)` of the support for each z, nan where there are fewer."""
    ends: list[list[tuple[float, float, bool]]] = [[] for _ in z]
    for start, stop in _intervals(law, z):
        b = _grid(start, stop, law.a2, z)
        falling = _falls(law, b, z[:, None])
        rows, k = np.nonzero(falling[:, :-1] != falling[:, 1:])
        if len(rows):
            at = _root(law, b[rows, k], b[rows, k + 1], z[rows])
            _add(ends, rows, at, law.inverse(at, z[rows]), falling[rows, k + 1])
        for column, end, opens in ((0, start, True), (-1, stop, False)):
            rows = np.flatnonzero(falling[:, column])
            if len(rows):
                at = b[rows, column]
                w = np.where(np.isinf(end[rows]), 0.0, law.inverse(at, z[rows]))
                w = np.where(end[rows] == law.a2, np.inf if opens else -np.inf, w)
                _add(ends, rows, at, w, np.full(len(rows), opens))
    return _pair(ends)


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


def _falls(law: Gamma, b: ndarray, z: ndarray) -> ndarray:
    """Whether w falls at b; False where b is nan."""
    with np.errstate(all="ignore"):
        return np.nan_to_num(law.squared_mean(b, z) * (b - law.a2) ** 2, nan=2) * law.ratio < 1


def _root(law: Gamma, low: ndarray, high: ndarray, z: ndarray) -> ndarray:
    """Bisect the change of `_falls`."""
    left = _falls(law, low, z)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        same = _falls(law, middle, z) == left
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
