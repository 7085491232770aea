"""The rectifier, whose dual kernel is not smooth where two rows are parallel."""

from dataclasses import dataclass

import numpy as np
import scipy  # its parts are imported when they are first used
from numpy import ndarray

from hessweep.activations.bivariate_normal import Correlated, density
from hessweep.activations.facts import Facts
from hessweep.activations.kernel import DualKernel
from hessweep.activations.offset_closed_form import OffsetClosedForm
from hessweep.activations.offsets import FURTHER, HIGHEST, ORDERS, OffsetMeans, orders_up_to
from hessweep.activations.ramp import ramp_mean, ramp_means
from hessweep.activations.theory import Theory

EXTREME = 2.0**200
"""Variances above this or below its inverse are scaled before their products are formed, which
would otherwise overflow or underflow."""

PARALLEL = 4 * np.finfo(float).eps
"""Rows count as parallel if `sin² θ` is below this, which is the rounding error of `c`. At this
angle the two branches of the kernel differ by less than `2 √eps`."""

NEARLY_PARALLEL = 2.0**-13
"""Up to this `sin² θ` further derivatives are not given: they grow with powers of 1 / sin θ, while
most of the changes of a kernel's fields cancel in the Hessian, so that bounds made from them would
be larger than it by orders of magnitude."""


@dataclass(frozen=True)
class Relu(OffsetClosedForm):
    """`g(x) = max(x, 0)`, with `g'(0) = 0`."""

    name: str = "relu"

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return np.maximum(x, 0.0)

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise: a step, 0 at the origin."""
        return np.heaviside(x, 0.0)

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise: 0 wherever it exists, that is away from the origin."""
        return np.zeros(np.shape(x))

    def dual(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return the arc-cosine kernel; `Δ = pq - c²`, `cos θ = c / √(pq)`.

        For parallel rows, such as a neuron with itself, `K_cc`, `K_pc`, `K_qc` and `K_pp` are
        singular. They are returned as 0, which makes the block of the Hessian `K_c I`, as it is
        in the limit.
        """
        p, q, c = np.broadcast_arrays(p, q, c)
        s, t = _exponents(p), _exponents(q)
        if not (s.any() or t.any()):
            return _moderate_dual(p, q, c)
        p, q, c = np.ldexp(p, -2 * s), np.ldexp(q, -2 * t), np.ldexp(c, -s - t)
        # g(2^s x) = 2^s g(x): every field scales with a power of the lengths of the rows.
        powers = (s + t, 0 * s, t - s, s - t, -s - t, -2 * s, -2 * t, t - 3 * s)
        with np.errstate(over="ignore"):
            return DualKernel(*map(np.ldexp, _moderate_dual(p, q, c), powers))

    def _facts(self) -> Facts:
        """Return what is proved about ReLU."""
        theory = Theory(at_zero=0, slope_at_zero=0, reflection=(1, 0, -1), homogeneous=True)
        return Facts(closed_form=True, theory=theory)

    def offset_means(
        self, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray, highest: int = HIGHEST
    ) -> OffsetMeans:
        """Return the means of g and its derivatives at `u + b` and `v + d` (docs/biases.md).

        For parallel pairs the two sums that `OffsetKernel` names are split evenly.
        """
        s, t = _exponents(np.asarray(p)), _exponents(np.asarray(q))
        if not (s.any() or t.any()):
            return _moderate_offset_means(p, q, c, b, d, highest)
        p, q, c = np.ldexp(p, -2 * s), np.ldexp(q, -2 * t), np.ldexp(c, -s - t)
        b, d = np.ldexp(b, -s), np.ldexp(d, -t)
        with np.errstate(over="ignore"):
            E, M = _moderate_offset_means(p, q, c, b, d, highest)
            scaled = {
                (i, j): np.ldexp(E[i, j], (1 - i) * s + (1 - j) * t)
                for i, j in orders_up_to(highest)
            }
            of_u = [np.ldexp(value, (1 - i) * s) for i, value in enumerate(M)]
            return OffsetMeans(scaled, of_u)


def _exponents(variance: ndarray) -> ndarray:
    """Return the s for which `variance / 4^s` is moderate: 0 unless the variance is extreme."""
    extreme = (variance > EXTREME) | ((variance < 1 / EXTREME) & (variance > 0))
    return np.where(extreme, np.frexp(variance)[1] // 2, 0)


def _moderate_dual(p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
    """Return the kernel where no product of two of these arguments leaves float64."""
    present = (p > 0) & (q > 0)
    p, q = np.where(present, p, 1.0), np.where(present, q, 1.0)
    Delta = p * q - c * c
    apart = present & (Delta > PARALLEL * p * q)
    root = np.sqrt(np.where(apart, Delta, 0.0))
    inverse = np.divide(1.0, root, out=np.zeros(c.shape), where=apart)
    angle = np.pi - np.arctan2(root, c)  # π - θ
    return DualKernel(
        K=(root + c * angle) / (2 * np.pi),
        # For a zero row g'(0) = 0, so that its weights do not change the output.
        K_c=np.where(present, angle, 0.0) / (2 * np.pi),
        K_p=root / (4 * np.pi * p),
        K_q=root / (4 * np.pi * q),
        K_cc=inverse / (2 * np.pi),
        K_pc=-c * inverse / (4 * np.pi * p),
        K_qc=-c * inverse / (4 * np.pi * q),
        K_pp=(q * inverse / 2 - root / p) / (4 * np.pi * p),
    )


def _moderate_offset_means(
    p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray, highest: int
) -> OffsetMeans:
    """Return the means with offsets where no product of two variances leaves float64."""
    M, of_v = (_means(*of, highest - 1) for of in ((p, b), (q, d)))
    p, q, c, b, d = np.broadcast_arrays(p, q, c, b, d)
    Delta = p * q - c * c
    present = (p > 0) & (q > 0)
    apart = present & (Delta > PARALLEL * p * q)
    # These hold where one of the variables is a constant.
    E = {(i, j): M[i] * of_v[j] + np.zeros(c.shape) for i, j in orders_up_to(highest)}
    of_pairs = (p[apart], q[apart], c[apart], b[apart], d[apart])
    R = ramp_means(Correlated(*of_pairs[:3], Delta[apart], *of_pairs[3:]), highest)
    for order, field in E.items():
        field[apart] = R[order]
    parallel = present & ~apart
    chosen = _parallel(p[parallel], q[parallel], c[parallel], b[parallel], d[parallel])
    for order, values in zip(ORDERS, chosen, strict=True):
        E[order][parallel] = values
    near = present & ~(Delta > NEARLY_PARALLEL * p * q)
    for order in set(E).intersection(FURTHER):
        E[order][near] = np.nan
    return OffsetMeans(E, M[: highest - 1])


def _means(p: ndarray, b: ndarray, highest: int) -> list[ndarray]:
    """Return `E[g^(i)(u + b)]` for i from 0 to `highest`; a constant u has `g''(b) = 0`."""
    moving = p > 0
    of_moving = ramp_mean(np.where(moving, p, 1.0), b, highest)
    of_constant = [np.maximum(b, 0.0), np.heaviside(b, 0.0), *[0.0] * (highest - 1)]
    return [np.where(moving, *values) for values in zip(of_moving, of_constant, strict=True)]


def _parallel(p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray) -> list[ndarray]:
    """Return the fields from E00 to E22 of pairs `u = √p z`, `v = ±√q z`.

    Both g' are 1 for z between `low` and `high`; integrals over that interval are exact.
    """
    sign, root_p, root_q = np.sign(c), np.sqrt(p), np.sqrt(q)
    h, k = b / root_p, d / root_q
    low = np.where(sign > 0, -np.minimum(h, k), -h)
    high = np.maximum(np.where(sign > 0, np.inf, k), low)
    edge = np.where(np.isfinite(high), high, 0.0)  # z φ(z) is 0 at infinity
    phi_low, phi_high = density(low), density(high)
    Phi = scipy.special.ndtr(-low) - scipy.special.ndtr(-high)
    first = phi_low - phi_high  # ∫ z φ(z) dz
    second = Phi + low * phi_low - edge * phi_high  # ∫ z² φ(z) dz
    v_first, v_second = root_q * sign * first, root_q * sign * second
    step_of_u = np.heaviside(h - sign * k, 0.5)  # g'(u + b) where v + d = 0
    return [
        root_p * v_second + b * v_first + d * root_p * first + b * d * Phi,
        root_p * first + b * Phi,
        density(k) / root_q * np.maximum(b - c * d / q, 0.0),
        Phi,
        density(k) / root_q * step_of_u,
        (second - Phi) / (2 * q),
        np.zeros(h.shape),
    ]
