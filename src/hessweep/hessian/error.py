"""Estimates of the error of a Hessian whose dual kernel is numeric."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import DualKernel
from hessweep.activations.hermite import rest_of_series
from hessweep.hessian.dense import kernel_trace
from hessweep.hessian.general_error import general_hessian_error
from hessweep.networks import Network

SAFETY = 4.0
"""The difference between two quadratures of a numeric kernel is multiplied by this factor."""


def hessian_error(network: Network) -> float:
    """Return an estimated bound on the spectral norm of the error of `hessian(network)`.

    By Weyl's inequality the error of each eigenvalue is at most this. It is 0 for an activation
    whose dual kernel has a closed form, since the rounding of such a formula is not included. For
    a numeric kernel (docs/activations.md) it is a sum. One term is the change when the
    quadrature has half as many panels, times `SAFETY`. The next is an estimate of the rest of
    the series: if T and S are the changes by the last two doublings of the number of terms and
    their ratio `r = S/T` does not grow, the rest is at most `S r / (1 - r)`. If S is not smaller
    than T, the only bound is the sum of the norms of H and of the computed matrix. The last ones
    are the change by a larger smallest variance, and the rounding of the series.
    """
    if not network.is_plain:
        return general_hessian_error(network)
    W1, W2, g = network.W1, network.W2, network.activation
    c = W1 @ W1.T
    p, q = np.diagonal(c)[:, None], np.diagonal(c)[None, :]
    coarser = g.coarser_duals(p, q, c)
    if coarser is None:
        return 0.0
    kernel = coarser.full

    def change(one: DualKernel, other: DualKernel) -> float:
        difference = DualKernel(*(a - b for a, b in zip(one, other, strict=True)))
        return _norm_bound(difference, p, q, c, W2)

    T, S = change(coarser.half, coarser.quarter), change(kernel, coarser.half)
    size = _norm_bound(kernel, p, q, c, W2)
    own = DualKernel(*(np.diagonal(field) for field in kernel))
    worst = size + float(kernel_trace(own, p[:, 0], W2, network.N_i))
    rest = rest_of_series(T, S, 16 * np.finfo(float).eps * size, worst)
    rounding = _norm_bound(coarser.rounding, p, q, np.abs(c), W2)
    quadrature = SAFETY * change(kernel, coarser.quadrature)
    return rest + quadrature + change(kernel, coarser.floor) + rounding


def _norm_bound(
    k: DualKernel,
    p: Float[ndarray, "N_h 1"],
    q: Float[ndarray, "1 N_h"],
    c: Float[ndarray, "N_h N_h"],
    W2: Float[ndarray, " N_h"],
) -> float:
    """Return an upper bound on the spectral norm of the matrix that is assembled from `k`.

    It is the Frobenius norm of the matrix of the norms of the blocks. The block of a pair of
    neurons in A is `K_c I` plus a 2 x 2 form in their rows. In the plane of the two rows,
    `w_m = (√p, 0)` and `w_p = (√q ρ, √q σ)`.
    """
    cross = np.sqrt(p * q)
    rho = np.divide(c, cross, out=np.zeros(c.shape), where=cross > 0).clip(-1, 1)
    sigma = np.sqrt(1 - rho**2)
    along = 2 * rho * cross * k.K_cc + 2 * p * k.K_pc + 2 * q * rho**2 * k.K_qc
    mixed = sigma * (cross * k.K_cc + 2 * q * rho * k.K_qc)
    across = 2 * q * sigma**2 * k.K_qc
    A = np.abs(k.K_c) + np.sqrt(along**2 + 2 * mixed**2 + across**2)
    # Entry (k, m) is K_c w_k + 2 K_q w_m, where p is the squared length of w_k.
    C = p * k.K_c**2 + 4 * c * k.K_c * k.K_q + 4 * q * k.K_q**2
    parts = (np.outer(W2, W2) * A, W2 * np.sqrt(2 * np.maximum(C, 0)), k.K)
    return float(np.sqrt(sum(np.square(part).sum() for part in parts)))
