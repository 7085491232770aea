"""How far the Hessian of a numeric dual kernel may be from the true one."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import DualKernel
from hessweep.hessian.dense import kernel_trace
from hessweep.networks import Network

SAFETY = 4.0
"""Two quadratures of a numeric kernel must agree; how far they disagree is taken so many times."""


def hessian_error(network: Network) -> float:
    """Return an estimated bound on the spectral norm of the error of `hessian(network)`.

    By Weyl's inequality no eigenvalue is further off. Rounding is not counted: the bound is 0
    for an activation whose dual kernel has a closed form. For a numeric one (docs/activations.md)
    it adds what fewer quadrature panels change, `SAFETY` times, and what the rest of the series
    adds up to: the changes T, S by the last two doublings of its terms fall by a ratio that does
    not grow, so the rest is at most `S r / (1 - r)`, `r = S/T`. Where they do not fall yet, all
    that is known is that both H and what was computed are bounded (the trace of H is exact).
    """
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
    if 16 * np.finfo(float).eps * size >= S:
        rest = S
    else:
        rest = min(S * S / (T - S), worst) if S < T else worst
    return rest + SAFETY * change(kernel, coarser.quadrature) + change(kernel, coarser.floor)


def _norm_bound(
    k: DualKernel,
    p: Float[ndarray, "N_h 1"],
    q: Float[ndarray, "1 N_h"],
    c: Float[ndarray, "N_h N_h"],
    W2: Float[ndarray, " N_h"],
) -> float:
    """Return an upper bound on the spectral norm of the matrix that `k` assembles to.

    It is the Frobenius norm of the norms of the blocks. The block of a pair of neurons in A is
    `K_c I` plus a 2 x 2 form in their rows, in whose plane `w_m = (√p, 0)`, `w_p = (√q ρ, √q σ)`.
    """
    cross = np.sqrt(p * q)
    rho = np.divide(c, cross, out=np.zeros(c.shape), where=cross > 0).clip(-1, 1)
    sigma = np.sqrt(1 - rho**2)
    along = 2 * rho * cross * k.K_cc + 2 * p * k.K_pc + 2 * q * rho**2 * k.K_qc
    mixed = sigma * (cross * k.K_cc + 2 * q * rho * k.K_qc)
    across = 2 * q * sigma**2 * k.K_qc
    A = np.abs(k.K_c) + np.sqrt(along**2 + 2 * mixed**2 + across**2)
    # (k, m): K_c w_k + 2 K_q w_m, with w_k of squared length p.
    C = p * k.K_c**2 + 4 * c * k.K_c * k.K_q + 4 * q * k.K_q**2
    parts = (np.outer(W2, W2) * A, W2 * np.sqrt(2 * np.maximum(C, 0)), k.K)
    return float(np.sqrt(sum(np.square(part).sum() for part in parts)))
