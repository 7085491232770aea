"""Activations without a closed-form kernel: its numbers, and an estimate of their error."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from hessweep.activations import hermite
from hessweep.activations.kernel import Activation, DualKernel
from hessweep.errors import ActivationError

PARALLEL = 8 * np.finfo(float).eps
"""Rows count as parallel where `1 - ρ²` is below this: all that the rounding of c leaves."""
FLOOR = 1e-10
"""A smaller variance is replaced by this one; the error of that is part of the estimate."""
SAFETY = 4.0
"""Two quadratures must agree; how far they disagree is taken this many times."""
CHUNK = 4096
"""Pairs of parallel rows in one quadrature, which bounds its memory."""

PINNED = ("K", "K_c", "K_p", "K_q", "K_cc", "K_pc", "K_qc")
"""The fields that parallel rows do not take from the series, by themselves or as a sum."""


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
        p, q, c = _prepared(p, q, c)
        return self._evaluate(p, q, c, hermite.PANELS)[0]

    def dual_error(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return an estimate of the absolute error of each field of `dual(p, q, c)`.

        Quadrature: by comparison with half the panels. Truncation: by extrapolating the last
        octaves of the series; infinite for a field whose series diverges. For parallel rows the
        errors of `K_cc`, `K_pc` and `K_qc` are those of the sum that enters the Hessian.
        """
        floor = FLOOR * ((np.asarray(p) < FLOOR) | (np.asarray(q) < FLOOR))
        p, q, c = _prepared(p, q, c)
        fine, series, parallel = self._evaluate(p, q, c, hermite.PANELS)
        coarse, _, _ = self._evaluate(p, q, c, hermite.PANELS // 2)
        tail = series.tail()
        pinned = {name: np.where(parallel, 0.0, tail._asdict()[name]) for name in PINNED}
        tail = tail._replace(**pinned)
        # A field is off by its slope along p where p was replaced; slopes are fields as well.
        slope = sum(np.abs(field) for field in (fine.K_p, fine.K_q, fine.K_pc, fine.K_qc))
        return DualKernel(
            *(
                SAFETY * np.abs(f - g) + t + floor * slope
                for f, g, t in zip(fine, coarse, tail, strict=True)
            )
        )

    def _evaluate(
        self, p: ndarray, q: ndarray, c: ndarray, panels: int
    ) -> tuple[DualKernel, hermite.Series, ndarray]:
        """Return the kernel, the series behind it, and which pairs are parallel."""
        a_p = hermite.coefficients(self._values, p, self.kinks, panels)
        same = p.ndim > 1 and np.array_equal(p.swapaxes(-1, -2), q)
        a_q = (
            a_p.swapaxes(-2, -3)
            if same
            else hermite.coefficients(self._values, q, self.kinks, panels)
        )
        series = hermite.Series(a_p, a_q, p, q, c)
        kernel = series.kernel()
        p, q, c = np.broadcast_arrays(p, q, c)
        parallel = p * q - c * c <= PARALLEL * p * q
        where = np.flatnonzero(parallel)
        for pairs in np.split(where, range(CHUNK, len(where), CHUNK)):
            ray = _Ray(self, p.flat[pairs], q.flat[pairs], np.sign(c.flat[pairs]), panels)
            ray.overwrite(kernel, pairs)
        return kernel, series, parallel

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


def _prepared(p: ndarray, q: ndarray, c: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    p, q = (np.maximum(np.asarray(variance, dtype=float), FLOOR) for variance in (p, q))
    return p, q, np.asarray(c, dtype=float)
