"""Activations without a closed-form kernel: its numbers, and an estimate of their error."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from hessweep.activations import hermite
from hessweep.activations.kernel import Activation, CoarserDuals, DualKernel
from hessweep.errors import ActivationError

PARALLEL = 8 * np.finfo(float).eps
"""Rows count as parallel where `1 - ρ²` is below this: all that the rounding of c leaves."""
FLOOR = 1e-10
"""A smaller variance is replaced by this one: the series divides by it."""
CHUNK = 4096
"""Pairs of parallel rows in one quadrature, which bounds its memory."""


@dataclass(frozen=True)
class Numeric(Activation):
    """An activation known by its values: `__call__`, `derivative` and, if it has any, `kinks`.

    The kernel is a Hermite series (`hermite`), which needs values of g alone. Where two rows
    are parallel, a neuron with itself among them, the series stands at the edge of its
    convergence, and what enters the Hessian is integrated directly (`_Ray`).
    """

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where g' jumps, besides 0: quadrature panels end there."""
        return ()

    @abstractmethod
    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise; at a kink any value between the two sides."""

    def dual(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return the dual kernel and its derivatives.

        For parallel rows `K_pc` and `K_qc` are shifted such that `2 √(pq) K_cc + 2p K_pc +
        2q K_qc`, all that the Hessian at the optimum sees of the three, is exact even where g
        has a kink and `K_cc` alone diverges.

        Raises:
            ActivationError: If g is not finite where it is needed.
        """
        return self._evaluate(p, q, c)[0]

    def coarser_duals(self, p: ndarray, q: ndarray, c: ndarray) -> CoarserDuals:
        """Return the kernel with fewer terms, with fewer panels, and with a higher floor."""
        terms = tuple(hermite.ORDERS // part for part in (4, 2, 1))
        quarter, half, full = self._evaluate(p, q, c, terms)
        floored = min(np.min(p), np.min(q)) < 2 * FLOOR
        return CoarserDuals(
            full,
            quarter,
            half,
            quadrature=self._evaluate(p, q, c, panels=hermite.PANELS // 2)[0],
            floor=self._evaluate(p, q, c, floor=2 * FLOOR)[0] if floored else full,
        )

    def _evaluate(
        self,
        p: ndarray,
        q: ndarray,
        c: ndarray,
        terms: tuple[int, ...] = (hermite.ORDERS,),
        panels: int = hermite.PANELS,
        floor: float = FLOOR,
    ) -> list[DualKernel]:
        """Return the kernel once for each number of terms."""
        p, q = (np.maximum(np.asarray(variance, dtype=float), floor) for variance in (p, q))
        c = np.asarray(c, dtype=float)
        a_p = hermite.coefficients(self._values, p, self.kinks, panels)
        same = p.ndim > 1 and np.array_equal(p.swapaxes(-1, -2), q)
        same = same and np.array_equal(c.swapaxes(-1, -2), c)
        a_q = None if same else hermite.coefficients(self._values, q, self.kinks, panels)
        kernels = hermite.Series(a_p, a_q, p, q, c).kernels(terms)
        p, q, c = np.broadcast_arrays(p, q, c)
        parallel = np.flatnonzero(p * q - c * c <= PARALLEL * p * q)
        for start in range(0, len(parallel), CHUNK):
            pairs = parallel[start : start + CHUNK]
            ray = _Ray(self, p.flat[pairs], q.flat[pairs], np.sign(c.flat[pairs]), panels)
            for kernel in kernels:
                ray.overwrite(kernel, pairs)
        return kernels

    def _values(self, x: ndarray) -> ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            values = self(x)
        if not np.all(np.isfinite(values)):
            worst = x[~np.isfinite(values)]
            raise ActivationError(
                f"{self.label}: expected finite values wherever a normal input can reach, got nan "
                f"or infinity at x = {worst[np.argmin(np.abs(worst))]:g}; weights this large need "
                "an activation that grows more slowly"
            )
        return values


class _Ray:
    """Means over parallel pairs, `u = √p z` and `v = ±√q z`: one-dimensional integrals."""

    def __init__(
        self, activation: Numeric, p: ndarray, q: ndarray, sign: ndarray, panels: int
    ) -> None:
        self.p, self.q, self.sign = p, q, sign
        u_scale, v_scale = np.sqrt(p)[:, None], (sign * np.sqrt(q))[:, None]
        kinks = np.asarray(activation.kinks)
        if len(kinks):
            breaks = np.concatenate([kinks / u_scale, kinks / v_scale], axis=-1)
            z, w = hermite.broken_quadrature(breaks, panels)
        else:
            z, w = hermite.quadrature(panels)
        self.z, self.w = z, w * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
        self.g_u, self.g_v = activation(u_scale * z), activation(v_scale * z)
        self.dg_u, self.dg_v = (
            activation.derivative(u_scale * z),
            activation.derivative(v_scale * z),
        )

    def mean(self, values: ndarray) -> ndarray:
        """Return the Gaussian mean of each row of values."""
        return (values * self.w).sum(axis=-1)

    def overwrite(self, kernel: DualKernel, pairs: ndarray) -> None:
        """Write the means into the kernel's fields, in place."""
        p, q, cross = self.p, self.q, self.sign * np.sqrt(self.p * self.q)
        K_c = self.mean(self.dg_u * self.dg_v)
        kernel.K.flat[pairs] = self.mean(self.g_u * self.g_v)
        kernel.K_c.flat[pairs] = K_c
        # E[g'(u) g(v) z] = √p E[g''(u) g(v)] ± √q E[g'(u) g'(v)], by parts in z.
        by_u = self.mean(self.dg_u * self.g_v * self.z)
        by_v = self.mean(self.g_u * self.dg_v * self.z)
        kernel.K_p.flat[pairs] = (by_u * np.sqrt(p) - cross * K_c) / (2 * p)
        kernel.K_q.flat[pairs] = (self.sign * by_v * np.sqrt(q) - cross * K_c) / (2 * q)
        # E[g'(u) g'(v) (z² - 1)], by parts twice.
        wanted = self.mean(self.dg_u * self.dg_v * (self.z**2 - 1))
        K_cc, K_pc, K_qc = (x.flat[pairs] for x in (kernel.K_cc, kernel.K_pc, kernel.K_qc))
        shift = wanted - (2 * cross * K_cc + 2 * p * K_pc + 2 * q * K_qc)
        kernel.K_pc.flat[pairs] += shift / (4 * p)
        kernel.K_qc.flat[pairs] += shift / (4 * q)
