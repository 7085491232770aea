"""The dense Hessian of the population loss at the optimum."""

from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hessweep.activations import Activation, DualKernel
from hessweep.blas import with_threads_for
from hessweep.compiled import assembly
from hessweep.errors import PrecisionError
from hessweep.hessian.general import general_hessian, general_trace
from hessweep.networks import Network, require_plain

EXTREME = 2.0**250
"""Rows whose largest weight is above this or below its inverse count as extreme."""


class Blocks(NamedTuple):
    """The blocks of the Hessian at the optimum; `P1 = N_h N_i`."""

    A: Float[ndarray, "P1 P1"]
    """The block of W1 with W1."""
    B: Float[ndarray, "N_h N_h"]
    """The block of W2 with W2."""
    C: Float[ndarray, "P1 N_h"]
    """The block of W1 with W2."""


@with_threads_for(lambda network: max(network.W1.shape))
def hessian(network: Network) -> Float[ndarray, "P P"]:
    """Return the population Hessian at the optimum, `H = E[phi phi^T]`.

    Its blocks are given in docs/mathematics.md, sec. 2, and in docs/biases.md. The parameters are
    ordered `W1` row by row, `b1`, `W2` row by row, `b2`, as in `network.parameters`. `H` is
    symmetric, and positive semidefinite up to rounding errors. For several outputs the loss is
    the sum over them, and so is `H`.

    Raises:
        PrecisionError: If an entry is too large for float64.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if network.is_plain:
            H = stacked_hessian(network.activation, network.W1, network.W2)
        else:
            H = general_hessian(network)
    if not np.isfinite(H).all():
        raise PrecisionError(
            f"hessian of {network.activation}: expected entries and kernels below 1.8e308, got "
            "larger ones; use weights of another size, or an activation that grows more slowly"
        )
    return H


def blocks(network: Network) -> Blocks:
    """Return the blocks A, B and C of `hessian(network)`, as views of one matrix.

    Raises:
        InputError: If the network has biases, several outputs or other inputs than standard
            normal ones; then the slices of `network.layout` give the blocks.
    """
    require_plain(network, "blocks")
    H = hessian(network)
    P1 = network.W1.size
    return Blocks(A=H[:P1, :P1], B=H[P1:, P1:], C=H[:P1, P1:])


def trace(network: Network) -> float:
    """Return the trace of `hessian(network)`, `E[|phi|²]`, without forming the matrix."""
    if not network.is_plain:
        return general_trace(network)
    return float(stacked_trace(network.activation, network.W1, network.W2))


def stacked_trace(
    activation: Activation,
    W1: Float[ndarray, "*stack N_h N_i"],
    W2: Float[ndarray, "*stack N_h"],
) -> Float[ndarray, "*stack"]:
    """Return the traces of `stacked_hessian(activation, W1, W2)` without forming the matrices."""
    p = np.square(W1).sum(axis=-1)
    return kernel_trace(activation.dual(p, p, p), p, W2, W1.shape[-1])


def kernel_trace(
    k: DualKernel, p: Float[ndarray, "*stack N_h"], W2: Float[ndarray, "*stack N_h"], N_i: int
) -> Float[ndarray, "*stack"]:
    """Return the trace of the matrix that is assembled from a dual kernel.

    Args:
        k: The dual kernel of each neuron with itself.
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
    """Return the Hessians at the optimum for a stack of networks of one activation and size.

    They are exactly symmetric.
    """
    W1, exponents = moderate_rows(activation, W1)
    H = stacked_upper_hessian(activation.self_dual(W1), W1, W2)
    lengthen_rows(H, exponents)
    for i in range(1, H.shape[-1]):
        H[..., i, :i] = H[..., :i, i]
    return H


def moderate_rows(
    activation: Activation, W1: Float[ndarray, "*stack N_h N_i"]
) -> tuple[Float[ndarray, "*stack N_h N_i"], Int[ndarray, "*stack N_h"] | None]:
    """Return W1 with rows of moderate size, and the powers of two by which they were divided.

    Squares of very long or short rows do not fit into float64, but a kernel of such rows may have
    a formula in which only ratios of the squares matter. If `g(s x) = s g(x)` for positive s, rows
    can be divided by s first; `lengthen_rows` then gives the Hessian of the original rows. For
    other activations, and where no row is extreme, W1 is returned as it is, with None.
    """
    known = activation.theory
    size = np.abs(W1).max(axis=-1)
    extreme = (size > EXTREME) | ((size < 1 / EXTREME) & (size > 0))
    if known is None or not known.homogeneous or not extreme.any():
        return W1, None
    exponents = np.where(extreme, np.frexp(size)[1], 0)
    return np.ldexp(W1, -exponents[..., None]), exponents


def lengthen_rows(
    H: Float[ndarray, "*stack P P"], exponents: Int[ndarray, "*stack N_h"] | None
) -> None:
    """Turn the Hessian of `moderate_rows` into that of the original rows, in place.

    The gradient by W1 does not change, and that by W2 is multiplied by the length of the row.
    """
    if exponents is None:
        return
    P1 = H.shape[-1] - exponents.shape[-1]
    with np.errstate(over="ignore"):
        H[..., P1:] = np.ldexp(H[..., P1:], exponents[..., None, :])
        H[..., P1:, P1:] = np.ldexp(H[..., P1:, P1:], exponents[..., :, None])


def stacked_upper_hessian(
    kernel: DualKernel,
    W1: Float[ndarray, "*stack N_h N_i"],
    W2: Float[ndarray, "*stack N_h"],
) -> Float[ndarray, "*stack P P"]:
    """Return `stacked_hessian`, but with arbitrary entries below the diagonal blocks of neurons.

    The block of neurons m and p is `K_c I` plus a 2 x 2 form in `w_m, w_p` (docs/mathematics.md,
    sec. 2; eqs 11-13 and 16-18 are special cases).

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
    """Assemble H in place as the compiled code does: a neuron's rows for all p >= m at once."""
    *stack, N_h, N_i = W1.shape
    P1 = N_h * N_i
    Z = W2[..., :, None] * W2[..., None, :]
    Z_c, Z_cc, Z_qc = Z * kernel.K_c, Z * kernel.K_cc, 2 * Z * kernel.K_qc

    # w_pn repeated along (p, q), so that every operation runs over a whole row.
    spread = np.repeat(W1.swapaxes(-1, -2), N_i, axis=-1)
    for m in range(N_h):
        w_m, others, width = W1[..., m, None, :], W1[..., m:, :], (N_h - m) * N_i
        cc, qc = Z_cc[..., m, m:, None], Z_qc[..., m, m:, None]
        pc = Z_qc[..., m:, m, None]
        # The factors (p, q) of w_pn and of w_mn.
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
