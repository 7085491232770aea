"""Gaussian means of a function at two normal variables, by its Hermite series.

With `â_l(p) = E[g(√p z) He_l(z)] / √l!`, Mehler's formula and integration by parts give the
means of all derivatives from values of g alone (docs/activations.md):

    E[g^(f)(u) g^(h)(v)] = Σ_l ρ^l b_l^f(p) b_l^h(q),   ρ = c / √(pq),
    b_l^f(p) = p^{-f/2} √((l+f)!/l!) â_{l+f}(p).
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import inf

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations.kernel import DualKernel
from hessweep.activations.reach import FIRST

ORDERS = 512
"""Number of terms of the series: enough for the slow decay of tanh at variance 10."""
HIGHEST = 4
"""The highest derivative of g in a dual kernel."""
PANELS = 64
NODES = 16
"""Number of Gauss-Legendre panels in `[-FIRST, FIRST]`, and of nodes in each. The number of panels
is even, so that 0 is a boundary between two of them. A wider interval has more panels."""

CUT = 32
"""Coefficients below this, in units of `_noise`, end the series."""
ROUNDING = 4
"""The rounding error of a coefficient in the same units; those of a constant are below 1."""

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


_FIELDS = ((0, 0), (1, 1), (2, 2), (2, 0), (3, 1), (4, 0), (0, 2), (1, 3))
"""Orders of the derivatives in K, K_c, K_cc, K_p, K_pc, K_pp, K_q and K_qc."""


class Series:
    """The Mehler series of one function over pairs of variances `p, q` and covariances `c`."""

    def __init__(
        self,
        a_p: ndarray,
        a_q: ndarray | None,
        p: ndarray,
        q: ndarray,
        c: ndarray,
        highest: int = HIGHEST,
    ) -> None:
        """Take the coefficients for p and q; None for q if they are those of p, transposed.

        `highest` is the highest derivative of g that is asked for.
        """
        self.symmetric = a_q is None
        self.a_p, self.a_q, self.p, self.q = a_p, a_q, p, q
        self.highest = highest
        self.rho = np.clip(c / np.sqrt(p * q), -1, 1)

    def derived(self) -> tuple[ndarray, ndarray]:
        """Return `b_l^order(p)` and `b_l^order(q)`: order first, then l."""
        return self._both(_cut)

    def _both(self, change: Callable[[ndarray], ndarray]) -> tuple[ndarray, ndarray]:
        """Return `b_l^order` of both variables, from their coefficients changed in this way."""
        b_p = _all_derived(change(self.a_p), self.p, self.highest)
        if self.a_q is None:
            return b_p, b_p.swapaxes(-1, -2)
        return b_p, _all_derived(change(self.a_q), self.q, self.highest)

    def rounding(self, fields: Sequence[tuple[int, int]]) -> list[ndarray]:
        """Return bounds on the errors of means that are due to the rounding of coefficients.

        For short rows this is most of the error: derivatives divide by powers of the variance.
        The field `(f, h)` is `E[g^(f)(u) g^(h)(v)]`.
        """
        (all_p, all_q), (d_p, d_q) = self.derived(), self._both(_uncertainty)
        sums = [np.zeros(self.rho.shape) for _ in fields]
        power = np.ones(self.rho.shape)
        for order in range(min(_length(all_p), _length(all_q))):
            for total, (f, h) in zip(sums, fields, strict=True):
                b_p, b_q = np.abs(all_p[f, order]), np.abs(all_q[h, order])
                total += power * (d_p[f, order] * (b_q + d_q[h, order]) + b_p * d_q[h, order])
            power *= np.abs(self.rho)
        return sums

    def mean_rounding(self) -> list[ndarray]:
        """Return bounds on the errors of `E[g^(f)(u)]` that are due to rounding, f from 0 up."""
        d_p, _ = self._both(_uncertainty)
        return [np.broadcast_to(of_order[0], self.p.shape) for of_order in d_p]

    def kernel_rounding(self) -> DualKernel:
        """Return `rounding` of the fields of a dual kernel."""
        return self._kernel(self.rounding(self._fields))

    @property
    def _fields(self) -> Sequence[tuple[int, int]]:
        """Two fields are transposes of two others if rows and columns are the same neurons."""
        return _FIELDS[:6] if self.symmetric else _FIELDS

    def kernels(self, terms: Sequence[int] = (ORDERS,)) -> list[DualKernel]:
        """Return the kernel from the first terms, for each of these ascending numbers of terms."""
        fields = self._fields
        sums = [np.zeros(self.rho.shape) for _ in fields]
        power, term = np.ones(self.rho.shape), np.empty(self.rho.shape)
        b_p, b_q = self.derived()
        alive = min(_length(b_p), _length(b_q))
        kernels = []
        for start, stop in zip((0, *terms[:-1]), terms, strict=True):
            for order in range(start, min(stop, alive)):
                for total, (f, h) in zip(sums, fields, strict=True):
                    np.multiply(b_p[f, order], power, out=term)
                    term *= b_q[h, order]
                    total += term
                power *= self.rho
            kernels.append(self._kernel(sums))
        return kernels

    def _kernel(self, sums: Sequence[ndarray]) -> DualKernel:
        K, K_c, K_cc, K_p, K_pc, K_pp = (
            total / by for total, by in zip(sums, (1, 1, 1, 2, 2, 4), strict=False)
        )
        if self.symmetric:
            K_q, K_qc = K_p.swapaxes(-1, -2).copy(), K_pc.swapaxes(-1, -2).copy()
        else:
            K_q, K_qc = sums[6] / 2, sums[7] / 2
        return DualKernel(K, K_c, K_p, K_q, K_cc, K_pc, K_qc, K_pp)


def _noise(a: Float[ndarray, "*rows orders"]) -> Float[ndarray, "*rows 1"]:
    """Return the unit in which rounding errors of coefficients are counted."""
    return np.asarray(np.finfo(float).eps * np.sqrt(np.vecdot(a, a))[..., None])


def _cut(a: Float[ndarray, "*rows orders"]) -> Float[ndarray, "*rows orders"]:
    """Return the coefficients with 0 for those after the last one above rounding error."""
    last = ORDERS - np.argmax((np.abs(a) > CUT * _noise(a))[..., ::-1], axis=-1)[..., None]
    return np.where(np.arange(ORDERS) < last, a, 0.0)


def _uncertainty(a: Float[ndarray, "*rows orders"]) -> Float[ndarray, "*rows orders"]:
    """Return bounds on the errors of coefficients that were cut."""
    return np.abs(a - _cut(a)) + ROUNDING * _noise(a)


def _all_derived(
    a: ndarray, p: ndarray, highest: int
) -> Float[ndarray, "derivatives orders *rows"]:
    """Return `b_l^order` for all orders up to the highest and `l < ORDERS`, 0 beyond the terms."""
    b = np.zeros((highest + 1, ORDERS, *a.shape[:-1]))
    for order, of_order in enumerate(b):
        l = np.arange(ORDERS - order)  # noqa: E741
        growth = np.sqrt(np.prod([l + step for step in range(1, order + 1)], axis=0, initial=1.0))
        grown = a[..., order:] * growth * p[..., None] ** (-order / 2)
        of_order[: ORDERS - order] = np.moveaxis(grown, -1, 0)
    return b


def _length(b: Float[ndarray, "derivatives orders *rows"]) -> int:
    """Return the number of orders up to the last that is not 0 everywhere."""
    used = np.any(b, axis=(0, *range(2, b.ndim)))
    return int(np.flatnonzero(used).max(initial=-1)) + 1
