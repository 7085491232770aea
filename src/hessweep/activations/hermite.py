"""Gaussian means of any function of two normal variables, by its Hermite series (docs).

With `â_l(p) = E[g(√p z) He_l(z)] / √l!` Mehler's formula and integration by parts give, for all
derivatives at once and from values of g alone,

    E[g^(f)(u) g^(h)(v)] = Σ_l ρ^l b_l^f(p) b_l^h(q),   ρ = c / √(pq),
    b_l^f(p) = p^{-f/2} √((l+f)!/l!) â_{l+f}(p).
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations.kernel import DualKernel

ORDERS = 512
"""Terms of the series: enough for tanh at variance 10, where its coefficients decay slowest."""
HIGHEST = 4
"""The highest derivative of g that a dual kernel holds."""
REACH = 13.0
"""Half-width of the quadrature: `e^{-z²/4}`, all that bounds the integrand, is 1e-18 there."""
PANELS = 64
NODES = 16
"""Gauss-Legendre panels, even so that 0 lies between two, and nodes in each."""

Rows = Float[ndarray, "*rows"]


@lru_cache(maxsize=8)
def quadrature(panels: int) -> tuple[Float[ndarray, " n"], Float[ndarray, " n"]]:
    """Return nodes and weights on `[-REACH, REACH]`, without the Gaussian factor."""
    return composite(np.linspace(-REACH, REACH, panels + 1))


def broken_quadrature(
    breaks: Float[ndarray, "*rows k"], panels: int
) -> tuple[Float[ndarray, "*rows n"], Float[ndarray, "*rows n"]]:
    """Return nodes and weights as `quadrature`, with panels broken at places of each row's own."""
    edges = np.linspace(-REACH, REACH, panels + 1)
    edges = np.broadcast_to(edges, (*breaks.shape[:-1], panels + 1))
    return composite(np.sort(np.concatenate([edges, np.clip(breaks, -REACH, REACH)], axis=-1)))


def composite(
    edges: Float[ndarray, "*rows m"],
) -> tuple[Float[ndarray, "*rows n"], Float[ndarray, "*rows n"]]:
    """Return Gauss-Legendre nodes and weights between neighbouring edges."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    half = (edges[..., 1:] - edges[..., :-1])[..., None] / 2
    middle = (edges[..., 1:] + edges[..., :-1])[..., None] / 2
    shape = (*edges.shape[:-1], -1)
    return (middle + half * x).reshape(shape), (half * w).reshape(shape)


def hermite_functions(z: Float[ndarray, "*rows n"]) -> Float[ndarray, "orders *rows n"]:
    """Return `He_l(z) e^{-z²/4} / √l!` for `l < ORDERS`; bounded, so that nothing overflows."""
    h = np.empty((ORDERS, *np.shape(z)))
    h[0] = np.exp(-z * z / 4)
    h[1] = z * h[0]
    for order in range(1, ORDERS - 1):
        h[order + 1] = (z * h[order] - np.sqrt(order) * h[order - 1]) / np.sqrt(order + 1)
    return h


@lru_cache(maxsize=4)
def _weighted_functions(panels: int) -> Float[ndarray, "n orders"]:
    """Return quadrature weights times Hermite functions: `â` is a product with g's values."""
    z, w = quadrature(panels)
    weight = w * np.exp(-z * z / 4) / np.sqrt(2 * np.pi)
    return np.ascontiguousarray((hermite_functions(z) * weight).T)


def coefficients(
    g: Callable[[ndarray], ndarray], p: Rows, kinks: Sequence[float], panels: int
) -> Float[ndarray, "*rows orders"]:
    """Return `â_l(p)` for `l < ORDERS`, each row computed by itself.

    Where the coefficients have sunk into rounding, all that follow are set to 0.
    """
    root = np.sqrt(p)[..., None]
    if not kinks:
        z, _ = quadrature(panels)
        # One row at a time, so that no result depends on which others share its batch.
        a = (g(root * z)[..., None, :] @ _weighted_functions(panels))[..., 0, :]
    else:
        a = np.empty((*np.shape(p), ORDERS))
        for row in np.ndindex(np.shape(p)):
            z, w = broken_quadrature(np.asarray(kinks) / root[row], panels)
            weight = w * np.exp(-z * z / 4) / np.sqrt(2 * np.pi)
            a[row] = hermite_functions(z) @ (weight * g(root[row] * z))
    noise = 32 * np.finfo(float).eps * np.sqrt(np.vecdot(a, a))[..., None]
    last = ORDERS - np.argmax((np.abs(a) > noise)[..., ::-1], axis=-1)[..., None]
    return np.where(np.arange(ORDERS) < last, a, 0.0)


_FIELDS = ((0, 0), (1, 1), (2, 2), (2, 0), (3, 1), (4, 0), (0, 2), (1, 3))
"""Orders of the derivatives in K, K_c, K_cc, K_p, K_pc, K_pp, K_q and K_qc."""


class Series:
    """The Mehler series of one function over pairs of variances `p, q` and covariances `c`."""

    def __init__(
        self, a_p: ndarray, a_q: ndarray | None, p: ndarray, q: ndarray, c: ndarray
    ) -> None:
        """Take the coefficients of both; None for q says that they are those of p, transposed."""
        self.symmetric = a_q is None
        self.rho = np.clip(c / np.sqrt(p * q), -1, 1)
        self.b_p = np.stack([_derived(a_p, p, order) for order in range(HIGHEST + 1)])
        self.b_q = (
            self.b_p.swapaxes(-1, -2)
            if a_q is None
            else np.stack([_derived(a_q, q, order) for order in range(HIGHEST + 1)])
        )

    def kernels(self, terms: Sequence[int] = (ORDERS,)) -> list[DualKernel]:
        """Return the sums of the first terms, for each of these ascending numbers of them."""
        # With rows and columns over the same neurons, two fields are transposes of two others.
        fields = _FIELDS[:6] if self.symmetric else _FIELDS
        sums = [np.zeros(self.rho.shape) for _ in fields]
        power, term = np.ones(self.rho.shape), np.empty(self.rho.shape)
        alive = min(_length(self.b_p), _length(self.b_q))
        kernels = []
        for start, stop in zip((0, *terms[:-1]), terms, strict=True):
            for order in range(start, min(stop, alive)):
                for total, (f, h) in zip(sums, fields, strict=True):
                    np.multiply(self.b_p[f, order], power, out=term)
                    term *= self.b_q[h, order]
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


def _derived(a: ndarray, p: ndarray, order: int) -> ndarray:
    """Return `b_l^order` with l in front, as many as `a`; those beyond the end of `a` are 0."""
    l = np.arange(ORDERS - order)  # noqa: E741
    growth = np.sqrt(np.prod([l + step for step in range(1, order + 1)], axis=0, initial=1.0))
    b = a[..., order:] * growth * p[..., None] ** (-order / 2)
    b = np.moveaxis(b, -1, 0)
    return np.pad(b, [(0, order)] + [(0, 0)] * (b.ndim - 1))


def _length(b: Float[ndarray, "derivatives orders *rows"]) -> int:
    """Return how many leading orders hold anything but 0; the rest change no sum."""
    used = np.any(b, axis=(0, *range(2, b.ndim)))
    return int(np.flatnonzero(used).max(initial=-1)) + 1
