"""The dense Hessian of the loss: of the population at the optimum, and of a finite data set."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.errors import ShapeError
from hessweep.network import Network


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

    Parameters are ordered `W1` row by row, then `W2`. `H` is symmetric to rounding error and
    positive semidefinite.
    """
    return stacked_hessian(network.activation, network.W1, network.W2)


def blocks(network: Network) -> Blocks:
    """Return the blocks A, B and C of `hessian(network)`; views of one matrix."""
    H = hessian(network)
    P1 = network.W1.size
    return Blocks(A=H[:P1, :P1], B=H[P1:, P1:], C=H[:P1, P1:])


def stacked_hessian(
    activation: Activation,
    W1: Float[ndarray, "*stack N_h N_i"],
    W2: Float[ndarray, "*stack N_h"],
) -> Float[ndarray, "*stack P P"]:
    """Return the Hessians at the optimum of a stack of networks of one activation and size.

    With `U_m = [w_m, w_p]` the block of neurons m and p is `K_c I` plus a 2 x 2 form in
    `w_m, w_p` (MATH 2, eqs 11-13 and 16-19); all of it is assembled in place.
    """
    *stack, N_h, N_i = W1.shape
    P1 = N_h * N_i
    k = activation.self_dual(W1)
    Z = W2[..., :, None] * W2[..., None, :]
    Z_c, Z_cc, Z_qc = Z * k.K_c, Z * k.K_cc, 2 * Z * k.K_qc

    H = np.empty((*stack, P1 + N_h, P1 + N_h))
    A = H[..., :P1, :P1].reshape(*stack, N_h, N_i, N_h, N_i, copy=False)
    for m in range(N_h):
        w_m = W1[..., m, :]
        # (p, i) factors that stand beside w_pn, and beside w_mn; the transposes of one another.
        beside_p = Z_cc[..., m, :, None] * w_m[..., None, :] + Z_qc[..., m, :, None] * W1
        beside_m = Z_cc[..., m, :, None] * W1 + Z_qc[..., :, m, None] * w_m[..., None, :]
        rows = A[..., m, :, :, :]  # (n, p, q)
        np.multiply(W1.swapaxes(-1, -2)[..., :, :, None], beside_p[..., None, :, :], out=rows)
        rows += w_m[..., :, None, None] * beside_m[..., None, :, :]
    n = np.arange(N_i)
    # Advanced indices in front: the diagonal of each neuron pair's block, (n, ..., m, p).
    np.moveaxis(A, (-3, -1), (0, 1))[n, n] += Z_c

    # C[(m,n), k] = W2_m (K_c(k,m) w_kn + 2 K_q(k,m) w_mn)
    C = (
        W2[..., :, None, None]
        * (
            np.swapaxes(k.K_c, -1, -2)[..., :, None, :] * W1.swapaxes(-1, -2)[..., None, :, :]
            + 2 * np.swapaxes(k.K_q, -1, -2)[..., :, None, :] * W1[..., :, :, None]
        )
    ).reshape(*stack, P1, N_h)
    H[..., :P1, P1:] = C
    H[..., P1:, :P1] = C.swapaxes(-1, -2)
    H[..., P1:, P1:] = k.K
    return H


def hessian_error(network: Network) -> float:
    """Return an estimated bound on the spectral norm of the error of `hessian(network)`.

    By Weyl's inequality no eigenvalue is further off. Rounding is not counted: it is 0 for an
    activation whose dual kernel has a closed form, and for a numeric one it is the norm of the
    errors of the blocks, as `Activation.dual_error` has them (docs/activations.md).
    """
    W1, W2 = network.W1, np.abs(network.W2)
    c = W1 @ W1.T
    p, q = np.diagonal(c)[:, None], np.diagonal(c)[None, :]
    e = network.activation.dual_error(p, q, c)
    A = e.K_c + 2 * np.sqrt(p * q) * e.K_cc + 2 * p * e.K_pc + 2 * q * e.K_qc
    C = np.sqrt(p) * e.K_c + 2 * np.sqrt(q) * e.K_q  # (k, m)
    parts = (W2[:, None] * W2 * A, W2 * C, W2 * C, e.K)
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
