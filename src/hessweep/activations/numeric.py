"""Activations whose dual kernel has no closed form: its values, and an estimate of their error."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy import ndarray

from hessweep.activations import hermite, kinks, mehler
from hessweep.activations.kernel import Activation, CoarserDuals, DualKernel
from hessweep.activations.reach import reaches
from hessweep.errors import ActivationError, PrecisionError

PARALLEL = 8 * np.finfo(float).eps
"""Rows count as parallel if `1 - ρ²` is below this, which is the rounding error of c."""
FLOOR = 1e-10
"""A smaller variance is replaced by this one, because the series divides by the variance."""
CHUNK = 4096
"""Number of pairs of parallel rows in one quadrature, which bounds its memory."""


@dataclass(frozen=True)
class Numeric(Activation):
    """An activation given by its values: `__call__`, `derivative` and, if it has any, `kinks`.

    The kernel is a Hermite series (`mehler`), which needs only values of g. For two parallel
    rows, such as a neuron with itself, the series is at the edge of its convergence; there the
    quantities that the Hessian needs are integrated directly (`_ParallelPairs`).
    """

    revision: ClassVar[int] = 1

    @property
    def kinks(self) -> tuple[float, ...]:
        """The places other than 0 where g' jumps: quadrature panels end there."""
        return ()

    @property
    def jumps(self) -> tuple[tuple[float, float], ...]:
        """The kinks, and 0 if g' jumps there, each with the jump of g'."""
        return ()

    @abstractmethod
    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise; at a kink, any value between the slopes on its two sides."""

    def dual(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return the dual kernel and its derivatives.

        The Hessian at the optimum depends on `K_cc`, `K_pc`, `K_qc` of parallel rows only through
        `2 √(pq) K_cc + 2p K_pc + 2q K_qc`. `K_pc` and `K_qc` are shifted so that this sum is
        accurate, even if g has a kink and `K_cc` alone diverges.

        Raises:
            ActivationError: If g is not finite everywhere in the domain of integration, or grows
                so fast that a mean is infinite.
            PrecisionError: If g has a kink at 0 and a row is shorter than 1e-5.
        """
        return self._evaluate(p, q, c)[0][0]

    def coarser_duals(self, p: ndarray, q: ndarray, c: ndarray) -> CoarserDuals:
        """Return the kernel with fewer terms, fewer panels, and a larger smallest variance."""
        terms = tuple(hermite.ORDERS // part for part in (4, 2, 1))
        (quarter, half, full), series = self._evaluate(p, q, c, terms)
        rounding = _rounding(series)
        del series  # its memory, before more is needed
        floored = min(np.min(p), np.min(q)) < 2 * FLOOR
        return CoarserDuals(
            full,
            quarter,
            half,
            quadrature=self._evaluate(p, q, c, panels=hermite.PANELS // 2)[0][0],
            floor=self._evaluate(p, q, c, floor=2 * FLOOR)[0][0] if floored else full,
            rounding=rounding,
        )

    def _evaluate(
        self,
        p: ndarray,
        q: ndarray,
        c: ndarray,
        terms: tuple[int, ...] = (hermite.ORDERS,),
        panels: int = hermite.PANELS,
        floor: float = FLOOR,
    ) -> tuple[list[DualKernel], list[mehler.Series]]:
        """Return the kernel once for each number of terms, and the series that it comes from."""
        if any(place == 0 for place, _ in self.jumps):
            require_long_rows(self.label, p, q)
        p, q = (np.maximum(np.asarray(variance, dtype=float), floor) for variance in (p, q))
        c = np.asarray(c, dtype=float)
        reach_p, reach_q = (reaches(self, self.derivative, v, self.label) for v in (p, q))
        a_p = hermite.coefficients(self._values, p, self.kinks, panels, reach_p)
        same = p.ndim > 1 and np.array_equal(p.swapaxes(-1, -2), q)
        same = same and np.array_equal(c.swapaxes(-1, -2), c)
        a_q = None if same else hermite.coefficients(self._values, q, self.kinks, panels, reach_q)
        series = [mehler.Series(a_p, a_q, p, q, c)]
        kernels = series[0].kernels(terms)
        if self.jumps:
            series.append(self._series_of_kinks(p, q, c, panels, same))
            kernels = self._without_kinks(kernels, series[1].kernels(terms), p, q, c)
        p, q, c = np.broadcast_arrays(p, q, c)
        reach = np.broadcast_to(np.maximum(reach_p, reach_q), p.shape)
        parallel = np.flatnonzero(p * q - c * c <= PARALLEL * p * q)
        steep = np.maximum(p, q) > hermite.STEEP**2
        # The pairs of one quadrature at once.
        kinds = np.stack([reach.flat[parallel], steep.flat[parallel]], axis=-1)
        for width, is_steep in np.unique(kinds, axis=0).tolist():
            alike = parallel[(kinds == (width, is_steep)).all(axis=-1)]
            for start in range(0, len(alike), CHUNK):
                pairs = alike[start : start + CHUNK]
                sign = np.sign(c.flat[pairs])
                places = np.asarray(self.kinks, dtype=float)
                if is_steep:
                    places = np.concatenate([places, hermite.steep_places(panels)])
                of_pairs = p.flat[pairs], q.flat[pairs], sign
                means = _ParallelPairs(self, *of_pairs, places, panels, width)
                for kernel in kernels:
                    means.overwrite(kernel, pairs)
        return kernels, series

    def _series_of_kinks(
        self, p: ndarray, q: ndarray, c: ndarray, panels: int, same: bool
    ) -> mehler.Series:
        """Return the part of the series that is due to kinks."""

        def rectifiers(x: ndarray) -> ndarray:
            return kinks.rectifiers(self.jumps, x)

        places = tuple(place for place, _ in self.jumps)
        r_p = hermite.coefficients(rectifiers, p, places, panels)
        r_q = None if same else hermite.coefficients(rectifiers, q, places, panels)
        return mehler.Series(r_p, r_q, p, q, c)

    def _without_kinks(
        self,
        kernels: list[DualKernel],
        of_kinks: list[DualKernel],
        p: ndarray,
        q: ndarray,
        c: ndarray,
    ) -> list[DualKernel]:
        """Return the kernels with the part of the series that is due to kinks in closed form."""
        apart = p * q - c * c > PARALLEL * p * q
        closed = kinks.rectifiers_dual(
            self.jumps, *np.broadcast_arrays(p, q, np.where(apart, c, 0.0))
        )
        return [
            DualKernel(
                *(
                    k + np.where(apart, true - sum_, 0.0)
                    for k, true, sum_ in zip(kernel, closed, part, strict=True)
                )
            )
            for kernel, part in zip(kernels, of_kinks, strict=True)
        ]

    def _values(self, x: ndarray) -> ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            values = self(x)
        if not np.all(np.isfinite(values)):
            worst = x[~np.isfinite(values)]
            raise ActivationError(
                f"{self.label}: expected finite values for all inputs of the neurons, got nan or "
                f"infinity at x = {worst[np.argmin(np.abs(worst))]:g}; for weights this large, "
                "use an activation that grows more slowly"
            )
        return values


def _rounding(series: list[mehler.Series]) -> DualKernel:
    """Return bounds on the rounding errors of these series together, of rows that are apart.

    Those of parallel rows do not come from the series.
    """
    apart = np.abs(series[0].rho) < np.sqrt(1 - PARALLEL)
    parts = [part.kernel_rounding() for part in series]
    return DualKernel(*(np.where(apart, sum(fields), 0) for fields in zip(*parts, strict=True)))


def require_long_rows(label: str, *variances: ndarray) -> None:
    """Raise if a variance is below `FLOOR`, which would hide a kink at 0; zeros are no matter.

    Raises:
        PrecisionError: If there is one.
    """
    for variance in map(np.asarray, variances):
        short = variance[(variance > 0) & (variance < FLOOR)]
        if short.size:
            raise PrecisionError(
                f"{label}: expected rows of W1 whose |w|² is 0 or at least {FLOOR:g}, since the "
                f"activation has a kink where such a row keeps its input, got {short.min():g}; "
                "use larger weights"
            )


class _ParallelPairs:
    """Gaussian means for pairs of parallel rows, `u = √p z`, `v = ±√q z`, by quadrature in z."""

    def __init__(
        self,
        activation: Numeric,
        p: ndarray,
        q: ndarray,
        sign: ndarray,
        places: ndarray,
        panels: int,
        reach: float,
    ) -> None:
        self.p, self.q, self.sign = p, q, sign
        u_scale, v_scale = np.sqrt(p)[:, None], (sign * np.sqrt(q))[:, None]
        if len(places):
            breaks = np.concatenate([places / u_scale, places / v_scale], axis=-1)
            z, w = hermite.broken_quadrature(breaks, panels, reach)
        else:
            z, w = hermite.quadrature(panels, reach)
        self.z = z
        self.w, share = hermite.shared_weight(z, w, reach)
        self.g_u, self.g_v = (share * activation(scale * z) for scale in (u_scale, v_scale))
        self.dg_u, self.dg_v = (
            share * activation.derivative(scale * z) for scale in (u_scale, v_scale)
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
        # Integration by parts: E[g'(u) g(v) z] = √p E[g''(u) g(v)] ± √q E[g'(u) g'(v)].
        by_u = self.mean(self.dg_u * self.g_v * self.z)
        by_v = self.mean(self.g_u * self.dg_v * self.z)
        kernel.K_p.flat[pairs] = (by_u * np.sqrt(p) - cross * K_c) / (2 * p)
        kernel.K_q.flat[pairs] = (self.sign * by_v * np.sqrt(q) - cross * K_c) / (2 * q)
        # Two integrations by parts give E[g'(u) g'(v) (z² - 1)].
        wanted = self.mean(self.dg_u * self.dg_v * (self.z**2 - 1))
        K_cc, K_pc, K_qc = (x.flat[pairs] for x in (kernel.K_cc, kernel.K_pc, kernel.K_qc))
        shift = wanted - (2 * cross * K_cc + 2 * p * K_pc + 2 * q * K_qc)
        kernel.K_pc.flat[pairs] += shift / (4 * p)
        kernel.K_qc.flat[pairs] += shift / (4 * q)
        # Away from the optimum the multiple of w w^T must be right: E[g''(u) g(v) z²].
        bent = self.mean(
            self.dg_u * (self.g_v * (self.z**3 - 2 * self.z))
            - self.dg_u * self.dg_v * (self.sign * np.sqrt(q))[:, None] * self.z**2
        )
        along = (bent / np.sqrt(p) - 2 * kernel.K_p.flat[pairs]) / p
        share = cross / p
        known = K_cc * share**2 + 4 * kernel.K_pc.flat[pairs] * share
        kernel.K_pp.flat[pairs] = (along - known) / 4
