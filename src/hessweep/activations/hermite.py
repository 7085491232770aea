"""The Hermite coefficients of a function of a normal variable, by composite quadrature."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import inf

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations.reach import FIRST

ORDERS = 512
"""Number of terms of the series: enough for the slow decay of tanh at variance 10."""
PANELS = 64
NODES = 16
"""Number of Gauss-Legendre panels in `[-FIRST, FIRST]`, and of nodes in each. The number of panels
is even, so that 0 is a boundary between two of them. A wider interval has more panels."""

STEEP = 32.0
"""For `√p` above this, changes of g over a unit of its argument are narrower than the panels. Then
further panels end at `steep_places`."""

Rows = Float[ndarray, "*rows"]


def rest_of_series(T: float, S: float, noise: float, worst: float = inf) -> float:
    """Return an estimated bound on what a series leaves out (docs/activations.md).

    If the ratio `r = S/T` of the last two changes does not grow, that is at most `S r / (1 - r)`.

    Args:
        T: Change by the last doubling of the number of terms but one.
        S: Change by the last doubling.
        noise: Changes up to this size may be due to rounding; then the rest is taken as S.
        worst: The rest is never larger than this.
    """
    if noise >= S:
        return S
    return min(S * S / (T - S), worst) if S < T else worst


@lru_cache(maxsize=8)
def quadrature(
    panels: int, reach: float = FIRST
) -> tuple[Float[ndarray, " n"], Float[ndarray, " n"]]:
    """Return nodes and weights on `[-reach, reach]`; the weights do not contain the Gaussian."""
    return composite(_edges(panels, reach))


def broken_quadrature(
    breaks: Float[ndarray, "*rows k"], panels: int, reach: float = FIRST
) -> tuple[Float[ndarray, "*rows n"], Float[ndarray, "*rows n"]]:
    """Return nodes and weights as `quadrature` does, with further panel boundaries in each row."""
    edges = _edges(panels, reach)
    edges = np.broadcast_to(edges, (*breaks.shape[:-1], len(edges)))
    return composite(np.sort(np.concatenate([edges, np.clip(breaks, -reach, reach)], axis=-1)))


def steep_places(panels: int) -> Float[ndarray, " n"]:
    """Return arguments of g at which panels end for a large variance: units, then octaves."""
    near = np.arange(-16.0, 16.5, PANELS / panels)
    far = 16 * 2.0 ** np.arange(1, 30)
    return np.concatenate([-far[::-1], near, far])


def shared_weight(
    z: Float[ndarray, "*rows n"], w: Float[ndarray, "*rows n"], reach: float
) -> tuple[ndarray, ndarray | float]:
    """Return weights for the mean of a product of two functions, and a factor for each function.

    On a wide interval each function takes half of the Gaussian, since their product may overflow.
    """
    if reach == FIRST:
        return w * np.exp(-z * z / 2) / np.sqrt(2 * np.pi), 1.0
    return w / np.sqrt(2 * np.pi), np.exp(-z * z / 4)


def _edges(panels: int, reach: float) -> Float[ndarray, " m"]:
    return np.linspace(-reach, reach, round(panels * reach / FIRST) + 1)


def composite(
    edges: Float[ndarray, "*rows m"],
) -> tuple[Float[ndarray, "*rows n"], Float[ndarray, "*rows n"]]:
    """Return the Gauss-Legendre nodes and weights of the panels between consecutive edges."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    half = (edges[..., 1:] - edges[..., :-1])[..., None] / 2
    middle = (edges[..., 1:] + edges[..., :-1])[..., None] / 2
    shape = (*edges.shape[:-1], -1)
    return (middle + half * x).reshape(shape), (half * w).reshape(shape)


def hermite_functions(z: Float[ndarray, "*rows n"]) -> Float[ndarray, "orders *rows n"]:
    """Return `He_l(z) e^{-z²/4} / √l!` for `l < ORDERS`; they are bounded and cannot overflow."""
    h = np.empty((ORDERS, *np.shape(z)))
    h[0] = np.exp(-z * z / 4)
    h[1] = z * h[0]
    for order in range(1, ORDERS - 1):
        h[order + 1] = (z * h[order] - np.sqrt(order) * h[order - 1]) / np.sqrt(order + 1)
    return h


@lru_cache(maxsize=6)
def _weighted_functions(panels: int, reach: float = FIRST) -> Float[ndarray, "n orders"]:
    """Return quadrature weights times Hermite functions, which turn values of g into `â`."""
    z, w = quadrature(panels, reach)
    weight = w * np.exp(-z * z / 4) / np.sqrt(2 * np.pi)
    return np.ascontiguousarray((hermite_functions(z) * weight).T)


def coefficients(
    g: Callable[[ndarray], ndarray],
    p: Rows,
    kinks: Sequence[float],
    panels: int,
    reach: Rows | float = FIRST,
) -> Float[ndarray, "*rows orders"]:
    """Return `â_l(p)` for `l < ORDERS`, each row computed on its own.

    Args:
        g: The function.
        p: Variances.
        kinks: Places where g' jumps.
        panels: Number of panels in `[-FIRST, FIRST]`.
        reach: Half-width of the quadrature of each row (`reaches`).
    """
    root, reach = np.sqrt(p), np.broadcast_to(reach, np.shape(p))
    usual = not kinks and (reach == FIRST).all() and not (root > STEEP).any()
    if usual:
        z, _ = quadrature(panels)
        # One row at a time, so that no result depends on the other rows of its batch.
        return (g(root[..., None] * z)[..., None, :] @ _weighted_functions(panels))[..., 0, :]
    rows = np.ndindex(np.shape(p))
    each = (_of_row(g, float(root[row]), kinks, panels, float(reach[row])) for row in rows)
    return np.stack(list(each)).reshape(*np.shape(p), ORDERS)


def _of_row(
    g: Callable[[ndarray], ndarray],
    root: float,
    kinks: Sequence[float],
    panels: int,
    reach: float,
) -> Float[ndarray, " orders"]:
    """Return the coefficients for one variance `root²`."""
    if not kinks and root <= STEEP:
        z, _ = quadrature(panels, reach)
        return np.asarray((g(root * z)[None, :] @ _weighted_functions(panels, reach))[0])
    places = np.asarray(kinks, dtype=float)
    if root > STEEP:
        places = np.concatenate([places, steep_places(panels)])
    z, w = broken_quadrature(places / root, panels, reach)
    weight = w * np.exp(-z * z / 4) / np.sqrt(2 * np.pi)
    return np.asarray(hermite_functions(z) @ (weight * g(root * z)))
