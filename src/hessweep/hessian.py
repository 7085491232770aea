"""The dense Hessian of the loss: of the population at the optimum, and of a finite data set."""

from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation, DualKernel
from hessweep.compiled import assembly
from hessweep.errors import ShapeError
from hessweep.network import Network

SAFETY = 4.0
"""Two quadratures of a numeric kernel must agree; how far they disagree is taken so many times."""


class Blocks(NamedTuple):
    """The blocks of the Hessian at the optimum; `P1 = N_h N_i`."""

    A: Float[ndarray, "P1 P1"]
    """W1-W1"""
    B: Float[ndarray, "N_h N_h"]
    """W2-W2"""
    C: Float[ndarray, "P1 N_h"]
    """W1-W2"""


def hessian(network: Network) -> Float[ndarray, "P P"]:
    """Return the population Hessian at the optimum, `H = E[phi phi^T]` (MATH 2).

    Parameters are ordered `W1` row by row, then `W2`. `H` is symmetric, and positive
    semidefinite to rounding error.
    """
    return stacked_hessian(network.activation, network.W1, network.W2)


def blocks(network: Network) -> Blocks:
    """Return the blocks A, B and C of `hessian(network)`; views of one matrix."""
    H = hessian(network)
    P1 = network.W1.size
    return Blocks(A=H[:P1, :P1], B=H[P1:, P1:], C=H[:P1, P1:])


def trace(network: Network) -> float:
    """Return the trace of `hessian(network)`, `E[|phi|²]`, without a matrix."""
    return float(stacked_trace(network.activation, network.W1, network.W2))


def stacked_trace(
    activation: Activation,
    W1: Float[ndarray, "*stack N_h N_i"],
    W2: Float[ndarray, "*stack N_h"],
) -> Float[ndarray, "*stack"]:
    """Return the traces of `stacked_hessian(activation, W1, W2)`, without a matrix."""
    p = np.square(W1).sum(axis=-1)
    return kernel_trace(activation.dual(p, p, p), p, W2, W1.shape[-1])


def kernel_trace(
    k: DualKernel, p: Float[ndarray, "*stack N_h"], W2: Float[ndarray, "*stack N_h"], N_i: int
) -> Float[ndarray, "*stack"]:
    """Return the trace of what a kernel assembles to.

    Args:
        k: Of each neuron with itself.
        p: Squared lengths of the rows of W1.
        W2: Second layers.
        N_i: Number of inputs.
    """
    of_W1 = np.square(W2) * (N_i * k.K_c + p * (2 * k.K_cc + 4 * k.K_pc))
    return np.asarray(np.sum(k.K + of_W1, axis=-1))


def stacked_hessian(
    activation: Activation,
    W1: Float[ndarray, "*stack N_h N_i"],
    W2: Float[ndarray, "*stack N_h"],
) -> Float[ndarray, "*stack P P"]:
    """Return the Hessians at the optimum of a stack of networks of one activation and size.

    Exactly symmetric.
    """
    H = stacked_upper_hessian(activation.self_dual(W1), W1, W2)
    for i in range(1, H.shape[-1]):
        H[..., i, :i] = H[..., :i, i]
    return H


def stacked_upper_hessian(
    kernel: DualKernel,
    W1: Float[ndarray, "*stack N_h N_i"],
    W2: Float[ndarray, "*stack N_h"],
) -> Float[ndarray, "*stack P P"]:
    """Return what `stacked_hessian` does, with anything below the diagonal blocks of neurons.

    The block of neurons m and p is `K_c I` plus a 2 x 2 form in `w_m, w_p` (MATH 2, eqs 11-13
    and 16-19).

    Args:
        kernel: `activation.self_dual(W1)`.
        W1: First layers.
        W2: Second layers.
    """
    *stack, N_h, N_i = W1.shape
    P = N_h * (N_i + 1)
    H = np.empty((*stack, P, P))
    if assembly:
        of_pairs = (kernel.K, kernel.K_q, kernel.K_c, kernel.K_cc, kernel.K_qc)
        inputs = (np.ascontiguousarray(values, dtype=float) for values in (W1, W2, *of_pairs))
        assembly.assemble(tuple(inputs), H, prod(stack), N_h, N_i)
    else:
        _assemble(kernel, W1, W2, H)
    return H


def _assemble(
    kernel: DualKernel,
    W1: Float[ndarray, "*stack N_h N_i"],
    W2: Float[ndarray, "*stack N_h"],
    H: Float[ndarray, "*stack P P"],
) -> None:
    """Do what the compiled kernel does: a neuron's rows in place, for all p >= m at a time."""
    *stack, N_h, N_i = W1.shape
    P1 = N_h * N_i
    Z = W2[..., :, None] * W2[..., None, :]
    Z_c, Z_cc, Z_qc = Z * kernel.K_c, Z * kernel.K_cc, 2 * Z * kernel.K_qc

    # w_pn along (p, q): spread out so that every operation runs over a whole row.
    spread = np.repeat(W1.swapaxes(-1, -2), N_i, axis=-1)
    for m in range(N_h):
        w_m, others, width = W1[..., m, None, :], W1[..., m:, :], (N_h - m) * N_i
        cc, qc = Z_cc[..., m, m:, None], Z_qc[..., m, m:, None]
        pc = Z_qc[..., m:, m, None]
        # (p, q) factors that stand beside w_pn and beside w_mn.
        beside_p = (cc * w_m + qc * others).reshape(*stack, 1, width)
        beside_m = (cc * others + pc * w_m).reshape(*stack, 1, width)
        rows = H[..., m * N_i : (m + 1) * N_i, m * N_i : P1]
        np.multiply(spread[..., m * N_i :], beside_p, out=rows)
        rows += w_m.swapaxes(-1, -2) * beside_m
        diagonals = rows.reshape(*stack, N_i, N_h - m, N_i, copy=False)
        np.einsum("...npn->...pn", diagonals)[:] += Z_c[..., m, m:, None]  # a view

    # C: W2_m (K_c(k,m) w_kn + 2 K_q(k,m) w_mn), rows (m, n), columns k.
    C = H[..., :P1, P1:].reshape(*stack, N_h, N_i, N_h, copy=False)
    of_k, of_m = ((W2[..., None, :] * K).swapaxes(-1, -2) for K in (kernel.K_c, 2 * kernel.K_q))
    np.multiply(of_k[..., None, :], W1.swapaxes(-1, -2)[..., None, :, :], out=C)
    C += of_m[..., None, :] * W1[..., None]
    H[..., P1:, P1:] = kernel.K


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


def batch_hessian(
    student: Network, teacher: Network, x: Float[ndarray, "n N_i"]
) -> tuple[Float[ndarray, "P P"], Float[ndarray, "P P"]]:
    """Return the Hessian of the batch loss `Σ (y - y*)² / 2n` in two parts (eqs 1-5).

    Returns:
        The outer-product part `Σ phi phi^T / n` and the functional part
        `Σ (y - y*) ∂²y/∂θ² / n`; the Hessian is their sum. At the optimum the second is 0.

    Raises:
        ShapeError: If student, teacher and data do not have the same number of inputs.
    """
    if x.ndim != 2 or not len(x) or not student.N_i == teacher.N_i == x.shape[1]:
        raise ShapeError(
            f"x: expected n x N_i with N_i = {student.N_i} of the student and {teacher.N_i} of "
            f"the teacher, got shape {x.shape}"
        )
    n, N_h, N_i = len(x), student.N_h, student.N_i
    phi = student.gradient(x)
    residual = (student(x) - teacher(x)) / n
    u = x @ student.W1.T
    functional = np.zeros((student.P, student.P))
    within = residual[:, None] * student.activation.second_derivative(u) * student.W2
    across = (residual[:, None] * student.activation.derivative(u)).T @ x
    for m in range(N_h):
        rows = slice(m * N_i, (m + 1) * N_i)
        functional[rows, rows] = (x * within[:, m, None]).T @ x
        functional[rows, N_h * N_i + m] = functional[N_h * N_i + m, rows] = across[m]
    return phi.T @ phi / n, functional
