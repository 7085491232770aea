"""Kernels with offsets of activations without a closed form: a Hermite series for each neuron.

The series of `hessweep.activations.mehler` for the function `u -> g(u + b)`, each neuron with
an offset of its own. Where two normal variables are parallel, a neuron with itself among them,
the series stands at the edge of its convergence, and the sums that the Hessian sees are
integrated directly.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np
from numpy import ndarray

from hessweep.activations import hermite, mehler
from hessweep.activations.kernel import Activation
from hessweep.activations.numeric import FLOOR, require_long_rows
from hessweep.activations.offsets import (
    HIGHEST,
    CoarserOffsetKernels,
    OffsetKernel,
    OffsetMeans,
    orders_up_to,
)
from hessweep.activations.reach import reaches
from hessweep.errors import ActivationError

PARALLEL = 8 * np.finfo(float).eps
"""Variables count as parallel where `1 - ρ²` is below this: all that rounding leaves of it."""
NEAR = 1e-3
"""An input that varies by less than √`FLOOR` sees no kink that is further away than this."""
JUMP_STEP = 2.0**-20
"""How far on both sides of 0 a jump of g' is looked for."""

BLOCK = 32
"""Terms of the series that are added together."""

_TRANSPOSED = ((2, 1), (3, 1))
"""Orders of fields that `_correct_parallel` needs as well, for both neurons of a pair."""


def offset_series(
    g: Activation,
    p: ndarray,
    q: ndarray,
    c: ndarray,
    b: ndarray,
    d: ndarray,
    highest: int = HIGHEST,
) -> OffsetMeans:
    """Return the means in the kernel with offsets of any activation (docs/biases.md).

    Raises:
        ActivationError: If g is not finite where it is needed.
    """
    [means], _ = _evaluate(g, p, q, c, b, d, highest=highest)
    return means


def coarser_offset_series(
    g: Activation, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray
) -> CoarserOffsetKernels:
    """Return the kernel with fewer terms, with fewer panels, and with a higher floor.

    Raises:
        ActivationError: If g is not finite where it is needed.
    """
    terms = tuple(hermite.ORDERS // part for part in (4, 2, 1))
    means, series = _evaluate(g, p, q, c, b, d, terms)
    quarter, half, full = map(OffsetKernel.of, means)
    floored = min(np.min(p), np.min(q)) < 2 * FLOOR
    [quadrature], _ = _evaluate(g, p, q, c, b, d, panels=hermite.PANELS // 2)
    floor = full
    if floored:
        floor = OffsetKernel.of(_evaluate(g, p, q, c, b, d, floor=2 * FLOOR)[0][0])
    return CoarserOffsetKernels(
        full, quarter, half, OffsetKernel.of(quadrature), floor, _rounding(series)
    )


def _rounding(series: mehler.Series) -> OffsetKernel:
    """Return bounds on the rounding errors; those of parallel variables have another origin."""
    orders = orders_up_to(HIGHEST)
    apart = np.abs(series.rho) < np.sqrt(1 - PARALLEL)
    sums = [np.where(apart, bound, 0) for bound in series.rounding(orders)]
    means = series.mean_rounding()[: HIGHEST - 1]
    return OffsetKernel.of(OffsetMeans(dict(zip(orders, sums, strict=True)), means))


@lru_cache(maxsize=256)
def bends(g: Activation) -> tuple[float, ...]:
    """Return where the first derivative of g jumps: where g says so, and 0 if it does there."""
    named = tuple(float(kink) for kink in getattr(g, "kinks", ()))
    near = np.array([-JUMP_STEP, 0.0, JUMP_STEP])
    bend = abs(float(np.diff(g(near), n=2)[0]))
    jumps = bend > 1e-3 * JUMP_STEP * float(np.ptp(g(np.linspace(-1, 1, 9))))
    return (*named, 0.0) if jumps and 0.0 not in named else named


def _evaluate(
    g: Activation,
    p: ndarray,
    q: ndarray,
    c: ndarray,
    b: ndarray,
    d: ndarray,
    terms: Sequence[int] = (hermite.ORDERS,),
    panels: int = hermite.PANELS,
    floor: float = FLOOR,
    highest: int = HIGHEST,
) -> tuple[list[OffsetMeans], mehler.Series]:
    """Return the means once for each of these ascending numbers of terms, and their series."""
    for variance, offset in ((p, b), (q, d)):
        near = [np.abs(np.subtract(offset, bend)) < NEAR for bend in g.bends]
        if near:
            beside = np.broadcast_to(np.any(near, axis=0), np.broadcast(variance, offset).shape)
            require_long_rows(g.label, np.broadcast_to(variance, beside.shape)[beside])
    p, q = (np.maximum(np.asarray(variance, dtype=float), floor) for variance in (p, q))
    c = np.asarray(c, dtype=float)
    p, b = np.broadcast_arrays(p, b)
    q, d = np.broadcast_arrays(q, d)
    reach_p, reach_q = _reaches(g, p, b), _reaches(g, q, d)
    a_p = _coefficients(g, p, b, panels, reach_p)
    same = p.ndim > 1 and all(
        np.array_equal(one.swapaxes(-1, -2), other) for one, other in ((p, q), (b, d))
    )
    a_q = a_p.swapaxes(-2, -3) if same else _coefficients(g, q, d, panels, reach_q)
    series = mehler.Series(a_p, a_q, p, q, c, highest)
    derived = series.derived()
    means = [np.broadcast_to(derived[0][order, 0], p.shape) for order in range(highest - 1)]
    pairs = np.broadcast_arrays(p, q, c, b, d)
    reach = np.broadcast_to(np.maximum(reach_p, reach_q), pairs[0].shape)
    square = pairs[0] * pairs[1]
    parallel = [tuple(at) for at in np.argwhere(square - pairs[2] ** 2 <= PARALLEL * square)]
    found = []
    fields = (*orders_up_to(highest), *_TRANSPOSED)
    for sums in _sums(derived, series.rho, pairs[0].shape, terms, fields):
        for pair in parallel:
            of_pair = [float(array[pair]) for array in pairs]
            _correct_parallel(g, sums, pair, of_pair, panels, float(reach[pair]))
        found.append(OffsetMeans(sums, means))
    return found, series


def _reaches(g: Activation, p: ndarray, b: ndarray) -> ndarray:
    """Return how far the quadrature of each row has to reach."""
    found = np.empty(p.shape)
    for row in np.ndindex(p.shape):
        g_shifted, slope = (partial(_shifted, f, float(b[row])) for f in (g, g.derivative))
        found[row] = reaches(g_shifted, slope, p[row], g.label)
    return found


def _shifted(f: Callable[[ndarray], ndarray], offset: float, x: ndarray) -> ndarray:
    return f(x + offset)


def _coefficients(g: Activation, p: ndarray, b: ndarray, panels: int, reach: ndarray) -> ndarray:
    """Return `E[g(√p z + b) He_l(z)] / √l!`, with l last; each row by itself."""
    a = np.empty((*p.shape, hermite.ORDERS))
    for row in np.ndindex(p.shape):
        offset = float(b[row])
        kinks = (_places(g, float(p[row]), panels) - offset).tolist()
        shifted = _finite_values(g, offset)
        a[row] = hermite.coefficients(shifted, p[row][None], kinks, panels, reach[row])[0]
    return a


def _places(g: Activation, p: float, panels: int) -> ndarray:
    """Return the arguments of g at which panels end: its kinks, and more if it is steep."""
    places = np.asarray(g.bends, dtype=float)
    steep = p > hermite.STEEP**2
    return np.concatenate([places, hermite.steep_places(panels)]) if steep else places


def _finite_values(g: Activation, offset: float) -> Callable[[ndarray], ndarray]:
    """Return `x -> g(x + offset)`, which raises where g is not finite."""

    def values(x: ndarray) -> ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            found = g(x + offset)
        if not np.all(np.isfinite(found)):
            worst = (x + offset)[~np.isfinite(found)]
            raise ActivationError(
                f"{g.label}: expected finite values wherever a normal input can reach, got nan "
                f"or infinity at x = {worst[np.argmin(np.abs(worst))]:g}; weights this large need "
                "an activation that grows more slowly"
            )
        return found

    return values


def _sums(
    derived: tuple[ndarray, ndarray],
    rho: ndarray,
    shape: tuple[int, ...],
    terms: Sequence[int],
    fields: Sequence[tuple[int, int]],
) -> list[dict[tuple[int, int], ndarray]]:
    """Return the sums `Σ_l ρ^l b_l^i(p) b_l^j(q)` of the first terms, by `(i, j)`."""
    total = {orders: np.zeros(shape) for orders in fields}
    b_p, b_q = derived
    used = np.any(b_p, axis=(0, *range(2, b_p.ndim)))
    used &= np.any(b_q, axis=(0, *range(2, b_q.ndim)))
    alive = int(np.flatnonzero(used).max(initial=-1)) + 1
    power, found = np.ones(shape), []
    for start, stop in zip((0, *terms[:-1]), terms, strict=True):
        for first in range(start, min(stop, alive), BLOCK):
            last = min(first + BLOCK, stop, alive)
            powers = power * rho ** np.arange(last - first).reshape(-1, *[1] * len(shape))
            for (i, j), value in total.items():
                value += (powers * b_p[i, first:last] * b_q[j, first:last]).sum(axis=0)
            power = powers[-1] * rho
        found.append({orders: value.copy() for orders, value in total.items()})
    return found


def _correct_parallel(
    g: Activation,
    sums: dict[tuple[int, int], ndarray],
    pair: tuple[int, ...],
    of_pair: Sequence[float],
    panels: int,
    reach: float,
) -> None:
    """Overwrite, in place, what the Hessian sees of a parallel pair by one-dimensional integrals.

    With `u = √p z`, `v = ±√q z`, integration by parts in z gives the means of second and third
    derivatives of g from those of g and g'.
    """
    p, q, c, b, d = of_pair
    root_p, root_q = np.sqrt(p), np.copysign(np.sqrt(q), c)
    places = _places(g, max(p, q), panels)
    breaks = np.concatenate([(places - b) / root_p, (places - d) / root_q])
    z, w = (
        hermite.broken_quadrature(breaks, panels, reach)
        if len(breaks)
        else hermite.quadrature(panels, reach)
    )
    w, share = hermite.shared_weight(z, w, reach)
    u, v = root_p * z + b, root_q * z + d
    g_u, g_v, dg_u, dg_v = (share * f(x) for f in (g, g.derivative) for x in (u, v))
    E11 = w @ (dg_u * dg_v)
    sums[0, 0][pair], sums[0, 1][pair], sums[1, 1][pair] = w @ (g_u * g_v), w @ (g_u * dg_v), E11
    sums[0, 2][pair] = (w @ (g_u * dg_v * z) - root_p * E11) / root_q
    # E[z g' g'] = √p E21 ± √q E12: the series may be wrong in both by what it has wrong here.
    wanted = w @ (dg_u * dg_v * z)
    shift = wanted - (root_p * sums[2, 1][pair] + root_q * sums[1, 2][pair])
    sums[1, 2][pair] += shift / (2 * root_q)
    sums[2, 1][pair] += shift / (2 * root_p)
    # E[(z² - 1) g' g'] = p E31 + 2 √p (±√q) E22 + q E13.
    wanted = w @ (dg_u * dg_v * (z * z - 1))
    mixed = 2 * root_p * root_q * sums[2, 2][pair]
    shift = wanted - (p * sums[3, 1][pair] + mixed + q * sums[1, 3][pair])
    sums[1, 3][pair] += shift / (2 * q)
    sums[3, 1][pair] += shift / (2 * p)
