"""The dual kernels of a sum of shifted rectifiers, in closed form: what kinks need.

The Hermite series of a function with a kink converges too slowly for rows that are nearly
parallel. The kinks are therefore taken out of it. With `R(x) = Σ_k J_k max(x - k, 0)`, where J_k
is the jump of g' at k, the series of the difference of the two kernels converges fast, and the
kernel of R is known (docs/activations.md).
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import scipy  # its parts are imported when they are first used
from numpy import ndarray

from hessweep.activations.kernel import DualKernel

Jumps = Sequence[tuple[float, float]]
"""Places of kinks, each with the jump of the slope there."""


def rectifiers(jumps: Jumps, x: ndarray) -> ndarray:
    """Return `R(x)`."""
    return sum((jump * np.maximum(x - kink, 0) for kink, jump in jumps), np.zeros(np.shape(x)))


def rectifiers_dual(jumps: Jumps, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
    """Return the dual kernel of R for rows that are not parallel."""
    total = [np.zeros(np.shape(c)) for _ in DualKernel._fields]
    for (a, jump_a), (b, jump_b) in product(jumps, repeat=2):
        for sum_, value in zip(total, _shifted(a, b, p, q, c), strict=True):
            sum_ += jump_a * jump_b * value
    return DualKernel(*total)


def _shifted(a: float, b: float, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
    """Return the kernel of `max(x - a, 0)` for u and `max(x - b, 0)` for v."""
    Delta = p * q - c * c
    above = _both_above(a, b, p, q, c)
    at_a, at_b = _density(a, p), _density(b, q)
    # Given u = a, v is normal with mean a c/p and variance Delta/p; and the other way round.
    s, m = np.sqrt(Delta / p), a * c / p - b
    Phi, phi = scipy.special.ndtr(m / s), np.exp(-((m / s) ** 2) / 2) / np.sqrt(2 * np.pi)
    s_other, m_other = np.sqrt(Delta / q), b * c / q - a
    t = m_other / s_other
    Phi_other, phi_other = scipy.special.ndtr(t), np.exp(-t * t / 2) / np.sqrt(2 * np.pi)
    mean, mean_other = s * phi + m * Phi, s_other * phi_other + m_other * Phi_other
    both = at_a * phi / s
    K_p, K_q = at_a * mean / 2, at_b * mean_other / 2
    first = c * at_a * Phi + q * at_b * Phi_other  # E[v 1(u > a) 1(v > b)]
    return DualKernel(
        K=2 * p * K_p + c * above - a * (first - b * above),
        K_c=above,
        K_p=K_p,
        K_q=K_q,
        K_cc=both,
        K_pc=(a / p * at_a * Phi - c / p * both) / 2,
        K_qc=(b / q * at_b * Phi_other - c / q * both) / 2,
        K_pp=(at_a * ((a * a / p - 1) / p * mean - 2 * a * c / p**2 * Phi) + (c / p) ** 2 * both)
        / 4,
    )


def _density(x: float, variance: ndarray) -> ndarray:
    return np.exp(-x * x / (2 * variance)) / np.sqrt(2 * np.pi * variance)


def _both_above(a: float, b: float, p: ndarray, q: ndarray, c: ndarray) -> ndarray:
    """Return `P(u > a, v > b)`, by Owen's function."""
    h, k = 0.0 - a / np.sqrt(p), 0.0 - b / np.sqrt(q)  # not -0.0, whose inverse is -inf
    root = np.sqrt(np.maximum(p * q - c * c, 0))
    if a == 0 and b == 0:
        return np.asarray((np.pi - np.arctan2(root, c)) / (2 * np.pi))
    # (k - ρ h) / (h √(1 - ρ²)) with p, q, c in place of ρ; at h = 0 it is infinite.
    scale = np.sqrt(p * q)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_h = (k * scale - c * h) / (h * root)
        of_k = (h * scale - c * k) / (k * root)
    T = scipy.special.owens_t
    opposite = (h * k < 0) | ((h * k == 0) & (h + k < 0))
    half = (scipy.special.ndtr(h) + scipy.special.ndtr(k)) / 2
    return np.asarray(half - T(h, of_h) - T(k, of_k) - opposite / 2)
