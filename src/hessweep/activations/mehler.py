"""Gaussian means of a function at two normal variables, by its Hermite series.

With `â_l(p) = E[g(√p z) He_l(z)] / √l!`, Mehler's formula and integration by parts give the
means of all derivatives from values of g alone (docs/activations.md):

    E[g^(f)(u) g^(h)(v)] = Σ_l ρ^l b_l^f(p) b_l^h(q),   ρ = c / √(pq),
    b_l^f(p) = p^{-f/2} √((l+f)!/l!) â_{l+f}(p).
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations.hermite import ORDERS
from hessweep.activations.kernel import DualKernel

HIGHEST = 4
"""The highest derivative of g in a dual kernel."""
CUT = 32
"""Coefficients below this, in units of `_noise`, end the series."""
ROUNDING = 4
"""The rounding error of a coefficient in the same units; those of a constant are below 1."""

FEW = 2**13
"""So many pairs times terms are computed at once."""


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
        alive, rho = min(_length(all_p), _length(all_q)), np.abs(self.rho)
        orders = np.arange(alive).reshape(-1, *[1] * rho.ndim)
        # Many terms at once for few pairs, for which most of the time goes into the calls.
        block = max(FEW // max(rho.size, 1), 1)
        for first in range(0, alive, block):
            part = slice(first, min(first + block, alive))
            power = rho ** orders[part]
            for total, (f, h) in zip(sums, fields, strict=True):
                b_p, b_q = np.abs(all_p[f, part]), np.abs(all_q[h, part])
                of_p = d_p[f, part] * (b_q + d_q[h, part])
                total += (power * (of_p + b_p * d_q[h, part])).sum(axis=0)
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
