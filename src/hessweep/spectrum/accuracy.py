"""Bounds on the distance of the assembled matrix from the Hessian of the given weights.

Every bound is the Frobenius norm of a small matrix over pairs of neurons, whose entries bound the
spectral norms of the blocks. By Weyl's inequality it also bounds the errors of the eigenvalues
(docs/spectra.md).
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation, DualKernel, Polynomial
from hessweep.hessian import hessian_error, kernel_trace
from hessweep.networks import Network
from hessweep.spectrum.solver import EPS

STEP = 2.0**-20
"""Relative step of the one-sided differences. It is a power of two, so that steps are exact."""

ROUNDINGS = 16
"""Rounding errors, in units of eps, between the formula of a kernel and an entry of the matrix."""

LONG = 1e4
"""From this square of a row's length on the kernels may change by more than a step shows."""

SMALLEST_STEP = 1e-13
"""A relative step that float64 resolves."""

SMALLEST_NORM = 1e-140
"""Squares of what is below this norm may underflow."""


def assembly_error(
    activation: Activation,
    kernel: DualKernel,
    W1: Float[ndarray, "S N_h n"],
    W2: Float[ndarray, "S N_h"],
    inputs: int,
) -> Float[ndarray, " S"]:
    """Return a bound on `‖computed H - H‖₂` for each network of a stack.

    For a kernel without a closed form it includes the estimate of `hessian_error`.

    Args:
        activation: The activation of all of them.
        kernel: `activation.self_dual(W1)`.
        W1: The rows from which the matrix is assembled: W1, or its row-space factor L.
        W2: The second layer.
        inputs: N_i of the original network. If W1 is L, the QR factorisation has changed each
            row by up to `(N_i + N_h) eps` times its length.
    """
    rows = _row_error(W1, inputs)
    if activation.polynomial is not None:
        delta = _polynomial_errors(activation.polynomial, W1, inputs)
    else:
        # The error of p, q and c, relative to |w| |w'|.
        products = EPS * W1.shape[2] + 2 * rows
        delta = _kernel_errors(activation, kernel, W1, products)
    settled = ROUNDINGS * EPS + 2 * rows
    total = DualKernel(*(d + settled * np.abs(k) for d, k in zip(delta, kernel, strict=True)))
    bound = _majorant_norm(total, W1, W2)
    if activation.is_numeric:
        stack = zip(W1, W2, strict=True)
        bound += [hessian_error(Network(*weights, activation)) for weights in stack]
    return bound


def gram_error(
    activation: Polynomial,
    W1: Float[ndarray, "S N_h n"],
    W2: Float[ndarray, "S N_h"],
    inputs: int,
) -> Float[ndarray, " S"]:
    """Return a bound on `‖computed J^T J - J^T J‖₂` for each network of a stack.

    Each entry is a sum over neurons, whose error is at most a multiple of the entry of
    `|J|^T |J|`, where |J| is J with all coefficients and weights made positive. The norm of that
    matrix is at most its trace, which is cheap to compute.
    """
    positive, relative = _majorant(activation, W1, inputs)
    relative += EPS * W1.shape[1]
    p = np.square(W1).sum(axis=2)
    return relative * kernel_trace(positive.dual(p, p, p), p, W2, W1.shape[2])


def _row_error(W1: Float[ndarray, "S N_h n"], inputs: int) -> float:
    """Return the relative error of a row that is due to the QR factorisation."""
    N_h, n = W1.shape[1:]
    return EPS * (inputs + N_h) if n < inputs else 0.0


def _majorant(
    activation: Polynomial, W1: Float[ndarray, "S N_h n"], inputs: int
) -> tuple[Polynomial, float]:
    """Return the polynomial with positive coefficients, and the relative error of its kernels.

    A term of degree 2 d in the weights is a product of at most d of p, q, c, and takes part in at
    most 4 d roundings. With positive coefficients nothing cancels.
    """
    coefficients = tuple(abs(value) for value in activation.coefficients)
    products = EPS * W1.shape[2] + 2 * _row_error(W1, inputs)
    relative = activation.degree * (products + 4 * EPS) + ROUNDINGS * EPS
    return Polynomial(activation.name, coefficients=coefficients), relative


def _polynomial_errors(
    activation: Polynomial, W1: Float[ndarray, "S N_h n"], inputs: int
) -> DualKernel:
    """Return bounds on the errors of the kernels, from the kernels with positive coefficients."""
    positive, relative = _majorant(activation, W1, inputs)
    p = np.square(W1).sum(axis=2)
    p, q = p[:, :, None], p[:, None, :]
    return DualKernel(*(relative * k for k in positive.dual(p, q, np.sqrt(p * q))))


def _kernel_errors(
    activation: Activation, kernel: DualKernel, W1: Float[ndarray, "S N_h n"], products: float
) -> DualKernel:
    """Return bounds on the errors of the kernels, from their changes by small steps of p, q and c.

    Off the diagonal the errors of p, q and c are independent; on it all three are `|w|²`. Kernels
    of long rows depend on `pq - c²` beside 1, and so need steps that are smaller by its size.
    """
    errors = _changes(activation, kernel, W1, products, STEP)
    longest = np.square(W1).sum(axis=2).max(axis=1)
    # One by one, so that no network's bound depends on the others of its stack.
    for i in np.flatnonzero(longest >= LONG):
        step = max(STEP / float(longest[i]), SMALLEST_STEP)
        own = DualKernel(*(field[i : i + 1] for field in kernel))
        small = _changes(activation, own, W1[i : i + 1], products, step)
        for whole, part in zip(errors, small, strict=True):
            whole[i] = np.maximum(whole[i], part[0])
    return errors


def _changes(
    activation: Activation,
    kernel: DualKernel,
    W1: Float[ndarray, "S N_h n"],
    products: float,
    step: float,
) -> DualKernel:
    """Return the changes of the kernels by relative steps, multiplied by their errors over it."""
    c = W1 @ W1.swapaxes(1, 2)
    p = np.diagonal(c, axis1=1, axis2=2)
    p, q = p[:, :, None], p[:, None, :]
    inwards = c - np.copysign(step * np.sqrt(p * q), c)
    with np.errstate(all="ignore"):
        # Each neuron with itself, as a stack of networks with one neuron.
        longer = activation.self_dual(W1[:, :, None] * (1 + step))
        of_c = activation.dual(p, q, inwards)
        of_p = activation.dual(p * (1 + step), q, c)
    of_q = _transposed(of_p)
    diagonal = np.arange(W1.shape[1])
    errors = []
    for base, *stepped, scaled in zip(kernel, of_c, of_p, of_q, longer, strict=True):
        change = sum(np.abs(value - base) for value in stepped)
        own = base[:, diagonal, diagonal]
        change[:, diagonal, diagonal] = np.abs(scaled[:, :, 0, 0] - own)
        # The factor 2 allows for terms of second order. If a change is NaN, there is no bound.
        errors.append(np.nan_to_num(2 * products / step * change, nan=np.inf))
    return DualKernel(*errors)


def _transposed(kernel: DualKernel) -> DualKernel:
    """Return the kernel with p and q exchanged; K_pp has no counterpart and is transposed."""
    swapped = kernel._replace(K_p=kernel.K_q, K_q=kernel.K_p, K_pc=kernel.K_qc, K_qc=kernel.K_pc)
    return DualKernel(*(value.swapaxes(-1, -2) for value in swapped))


def _majorant_norm(
    delta: DualKernel, W1: Float[ndarray, "S N_h n"], W2: Float[ndarray, "S N_h"]
) -> Float[ndarray, " S"]:
    """Return the Frobenius norm of the blocks' spectral norms, for kernels `delta >= 0`.

    A block of A is `K_c I` plus four outer products of `w` and `w'` (docs/mathematics.md, sec. 2),
    whose spectral norms are the products of the lengths.
    """
    length = np.sqrt(np.square(W1).sum(axis=2))
    own, other = length[:, :, None], length[:, None, :]
    out = np.abs(W2)[:, :, None]
    A = delta.K_c + 2 * delta.K_cc * own * other
    A += 2 * (delta.K_pc * own**2 + delta.K_qc * other**2)
    A *= out * out.swapaxes(1, 2)
    C = (delta.K_c * own + 2 * delta.K_q * other).swapaxes(1, 2) * out
    norm = _norm(A, C, delta.K)
    extreme = ~((norm > SMALLEST_NORM) & np.isfinite(norm))
    if extreme.any():
        # Divided by a power of two, so that no square leaves float64.
        largest = np.max([np.abs(block).max(axis=(1, 2)) for block in (A, C, delta.K)], axis=0)
        exponent = np.where(extreme & np.isfinite(largest), np.frexp(largest)[1], 0)
        scaled = (np.ldexp(block, -exponent[:, None, None]) for block in (A, C, delta.K))
        norm = np.where(extreme, np.ldexp(_norm(*scaled), exponent), norm)
    return np.nan_to_num(norm, nan=np.inf, posinf=np.inf)


def _norm(A: ndarray, C: ndarray, B: ndarray) -> Float[ndarray, " S"]:
    """Return the Frobenius norm of a symmetric matrix by its blocks."""
    return np.asarray(
        np.sqrt(
            np.square(A).sum(axis=(1, 2))
            + 2 * np.square(C).sum(axis=(1, 2))
            + np.square(B).sum(axis=(1, 2))
        )
    )
