"""Bounds on how far the assembled matrix is from the Hessian of the given weights.

Every bound is the Frobenius norm of a small matrix over neuron pairs that majorises the spectral
norm of each block; Weyl's inequality turns it into one on the eigenvalues (docs/spectra.md).
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation, DualKernel, Polynomial
from hessweep.hessian import hessian_error, kernel_trace
from hessweep.networks import Network
from hessweep.spectrum.solver import EPS

STEP = 2.0**-20
"""Relative step of the one-sided differences; a power of two, so that steps are exact."""

ROUNDINGS = 16
"""Roundings, in units of eps, between a kernel's formula and a finished matrix entry."""


def assembly_error(
    activation: Activation,
    kernel: DualKernel,
    W1: Float[ndarray, "S N_h n"],
    W2: Float[ndarray, "S N_h"],
    inputs: int,
) -> Float[ndarray, " S"]:
    """Return a bound on `‖computed H - H‖₂` for each network of a stack.

    For a kernel without a closed form it contains the estimate of `hessian_error`.

    Args:
        activation: The activation of all of them.
        kernel: `activation.self_dual(W1)`.
        W1: The rows that the matrix is assembled from: W1, or its row-space factor L.
        W2: The second layer.
        inputs: N_i of the original network. Where W1 is L, the QR factorisation has moved
            each row by up to `(N_i + N_h) eps` of its length.
    """
    rows = _row_error(W1, inputs)
    if activation.polynomial is not None:
        delta = _polynomial_errors(activation.polynomial, W1, inputs)
    else:
        # Of p, q and c, relative to |w| |w'|.
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

    Entry by entry, a sum over neurons, the error is a multiple of `|J|^T |J|`, J with the signs
    of all coefficients and weights positive; its norm is at most its trace, which costs no matrix.
    """
    positive, relative = _majorant(activation, W1, inputs)
    relative += EPS * W1.shape[1]
    p = np.square(W1).sum(axis=2)
    return relative * kernel_trace(positive.dual(p, p, p), p, W2, W1.shape[2])


def _row_error(W1: Float[ndarray, "S N_h n"], inputs: int) -> float:
    """Return by how much of its length QR may have moved a row."""
    N_h, n = W1.shape[1:]
    return EPS * (inputs + N_h) if n < inputs else 0.0


def _majorant(
    activation: Polynomial, W1: Float[ndarray, "S N_h n"], inputs: int
) -> tuple[Polynomial, float]:
    """Return the polynomial without minus signs, and what its kernels times eps bound.

    A term of degree 2 d in the weights is a product of at most d of p, q, c and is summed with
    the others in at most 4 d roundings; with positive signs nothing cancels.
    """
    coefficients = tuple(abs(value) for value in activation.coefficients)
    products = EPS * W1.shape[2] + 2 * _row_error(W1, inputs)
    relative = activation.degree * (products + 4 * EPS) + ROUNDINGS * EPS
    return Polynomial(activation.name, coefficients=coefficients), relative


def _polynomial_errors(
    activation: Polynomial, W1: Float[ndarray, "S N_h n"], inputs: int
) -> DualKernel:
    """Bound the kernels' errors by those of all terms with positive signs."""
    positive, relative = _majorant(activation, W1, inputs)
    p = np.square(W1).sum(axis=2)
    p, q = p[:, :, None], p[:, None, :]
    return DualKernel(*(relative * k for k in positive.dual(p, q, np.sqrt(p * q))))


def _kernel_errors(
    activation: Activation, kernel: DualKernel, W1: Float[ndarray, "S N_h n"], products: float
) -> DualKernel:
    """Bound the kernels' errors by their differences under small steps of p, q and c.

    Off the diagonal p, q and c err independently; on it they are one number, `|w|²`.
    """
    c = W1 @ W1.swapaxes(1, 2)
    p = np.diagonal(c, axis1=1, axis2=2)
    p, q = p[:, :, None], p[:, None, :]
    inwards = c - np.copysign(STEP * np.sqrt(p * q), c)
    with np.errstate(all="ignore"):
        # Each neuron with itself: a stack of networks of one neuron.
        longer = activation.self_dual(W1[:, :, None] * (1 + STEP))
        of_c = activation.dual(p, q, inwards)
        of_p = activation.dual(p * (1 + STEP), q, c)
    of_q = _transposed(of_p)
    diagonal = np.arange(W1.shape[1])
    errors = []
    for base, *stepped, scaled in zip(kernel, of_c, of_p, of_q, longer, strict=True):
        change = sum(np.abs(value - base) for value in stepped)
        own = base[:, diagonal, diagonal]
        change[:, diagonal, diagonal] = np.abs(scaled[:, :, 0, 0] - own)
        # Twice: what a difference leaves of the second order. Not a number: no bound.
        errors.append(np.nan_to_num(2 * products / STEP * change, nan=np.inf))
    return DualKernel(*errors)


def _transposed(kernel: DualKernel) -> DualKernel:
    """Return the kernel with the parts of p and q exchanged (K_pp has no partner)."""
    swapped = kernel._replace(K_p=kernel.K_q, K_q=kernel.K_p, K_pc=kernel.K_qc, K_qc=kernel.K_pc)
    return DualKernel(*(value.swapaxes(-1, -2) for value in swapped))


def _majorant_norm(
    delta: DualKernel, W1: Float[ndarray, "S N_h n"], W2: Float[ndarray, "S N_h"]
) -> Float[ndarray, " S"]:
    """Return the Frobenius norm of the blocks' spectral norms, for kernels `delta >= 0`.

    A block of A is `K_c I` plus four outer products of `w` and `w'` (MATH 2), whose spectral
    norms are the products of the lengths.
    """
    length = np.sqrt(np.square(W1).sum(axis=2))
    own, other = length[:, :, None], length[:, None, :]
    out = np.abs(W2)[:, :, None]
    A = delta.K_c + 2 * delta.K_cc * own * other
    A += 2 * (delta.K_pc * own**2 + delta.K_qc * other**2)
    A *= out * out.swapaxes(1, 2)
    C = (delta.K_c * own + 2 * delta.K_q * other).swapaxes(1, 2) * out
    return np.sqrt(
        np.square(A).sum(axis=(1, 2))
        + 2 * np.square(C).sum(axis=(1, 2))
        + np.square(delta.K).sum(axis=(1, 2))
    )
