"""The dense Hessian of the loss: of the population at the optimum, and of a finite data set."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation, DualKernel
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

    Parameters are ordered `W1` row by row, then `W2`. `H` is symmetric, and positive
    semidefinite to rounding error.
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

    Exactly symmetric.
    """
    H = stacked_lower_hessian(activation.self_dual(W1), W1, W2)
    for i in range(1, H.shape[-1]):
        H[..., :i, i] = H[..., i, :i]
    return H


def stacked_lower_hessian(
    kernel: DualKernel,
    W1: Float[ndarray, "*stack N_h N_i"],
    W2: Float[ndarray, "*stack N_h"],
) -> Float[ndarray, "*stack P P"]:
    """Return what `stacked_hessian` does, with anything above the diagonal blocks of neurons.

    The block of neurons m and p is `K_c I` plus a 2 x 2 form in `w_m, w_p` (MATH 2, eqs 11-13
    and 16-19). A neuron's rows are assembled in place, for all p <= m at a time.

    Args:
        kernel: `activation.self_dual(W1)`.
        W1: First layers.
        W2: Second layers.
    """
    *stack, N_h, N_i = W1.shape
    P1 = N_h * N_i
    Z = W2[..., :, None] * W2[..., None, :]
    Z_c, Z_cc, Z_qc = Z * kernel.K_c, Z * kernel.K_cc, 2 * Z * kernel.K_qc

    H = np.empty((*stack, P1 + N_h, P1 + N_h))
    # w_pn along (p, q): spread out so that every operation runs over a whole row.
    spread = np.repeat(W1.swapaxes(-1, -2), N_i, axis=-1)
    for m in range(N_h):
        w_m, others, width = W1[..., m, None, :], W1[..., : m + 1, :], (m + 1) * N_i
        cc, qc = Z_cc[..., m, : m + 1, None], Z_qc[..., m, : m + 1, None]
        pc = Z_qc[..., : m + 1, m, None]
        # (p, q) factors that stand beside w_pn and beside w_mn.
        beside_p = (cc * w_m + qc * others).reshape(*stack, 1, width)
        beside_m = (cc * others + pc * w_m).reshape(*stack, 1, width)
        rows = H[..., m * N_i : (m + 1) * N_i, :width]
        np.multiply(spread[..., :width], beside_p, out=rows)
        rows += w_m.swapaxes(-1, -2) * beside_m
    A = H[..., :P1, :P1].reshape(*stack, N_h, N_i, N_h, N_i, copy=False)
    # The diagonals of all blocks, those above the diagonal of H too: a view, (..., m, p, n).
    np.einsum("...mnpn->...mpn", A)[:] += Z_c[..., None]

    # The transpose of C: W2_m (K_c(k,m) w_kn + 2 K_q(k,m) w_mn), rows k, columns (m, n).
    C = H[..., P1:, :P1].reshape(*stack, N_h, N_h, N_i, copy=False)
    out = W2[..., None, :]
    np.multiply((out * kernel.K_c)[..., None], W1[..., :, None, :], out=C)
    C += (2 * out * kernel.K_q)[..., None] * W1[..., None, :, :]
    H[..., P1:, P1:] = kernel.K
    return H


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
