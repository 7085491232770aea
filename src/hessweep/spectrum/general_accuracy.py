"""Bounds on how far the assembled Hessian of any two-layer network is from the true one.

As for networks without biases, the errors of the kernel's arguments times its derivatives, which
are taken as differences and doubled, plus roundings of its own (docs/biases.md).
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation, Polynomial
from hessweep.activations.offsets import OffsetKernel
from hessweep.hessian.general import Seen, Weights
from hessweep.hessian.general_error import norm_bound
from hessweep.spectrum.solver import EPS

STEP = 2.0**-20
"""Relative step of the one-sided differences; a power of two, so that steps are exact."""

ROUNDINGS = 64
"""Roundings of a kernel's formula, in units of eps times the largest field of the two neurons."""


def general_assembly_error(
    activation: Activation,
    weights: Weights,
    of: Seen,
    kernel: OffsetKernel,
    row_error: float = 0.0,
) -> Float[ndarray, " S"]:
    """Return a bound on `‖computed H - H‖₂` for each network of a stack.

    What the series of an activation without a closed form leaves out is not contained.

    Args:
        activation: The activation of all of them.
        weights: Their weights.
        of: What the hidden neurons see.
        kernel: The kernel that the matrices are assembled from.
        row_error: By how much of its length each row of W1 may have been moved before.
    """
    N_i, N_o = weights.layout.N_i, weights.layout.N_o
    products = (2 * N_i + 4) * EPS + 2 * row_error
    sizes = _sizes(weights, of)
    polynomial = activation.polynomial
    if polynomial is not None:
        # A term is a product of at most `degree` of the five arguments on each side.
        positive = Polynomial(
            polynomial.name, coefficients=tuple(abs(value) for value in polynomial.coefficients)
        )
        relative = polynomial.degree * (2 * products + 8 * EPS) + ROUNDINGS * EPS
        delta = [relative * field for field in positive.offset_dual(*sizes.pairs())]
    else:
        delta = _differences(activation, of, kernel, sizes, products)
        own = np.max([np.abs(np.diagonal(E, axis1=-2, axis2=-1)) for E in kernel[:7]], axis=0)
        scale = np.sqrt(own[..., :, None] * own[..., None, :])
        for at, field in enumerate(delta):
            field += ROUNDINGS * EPS * (scale if at < 7 else own[..., None])
    settled = products + (N_o + 16) * EPS
    total = (d + settled * np.abs(field) for d, field in zip(delta, kernel, strict=True))
    return norm_bound(weights, sizes, OffsetKernel(*total))


def _sizes(weights: Weights, of: Seen) -> Seen:
    """Return bounds on the absolute values of all terms of what the neurons see."""
    W1, mean = np.abs(weights.W1), np.abs(of.mean)
    covariance = np.abs(of.covariance)
    V = W1 @ covariance
    c = V @ W1.swapaxes(-1, -2)
    p = np.diagonal(c, axis1=-2, axis2=-1)
    return Seen(V, p, c, np.abs(weights.b1) + W1 @ mean, mean, covariance)


def _differences(
    activation: Activation, of: Seen, kernel: OffsetKernel, sizes: Seen, products: float
) -> list[ndarray]:
    """Bound the errors by the kernel's differences under small steps of its arguments."""
    p, q, c, b, d = of.pairs()
    cross = np.sqrt(p * q)
    width_b = np.abs(b) + np.sqrt(p)
    width_d = width_b.swapaxes(-1, -2)
    with np.errstate(all="ignore"):
        # Of each argument: the kernel after a step, and the error in units of that step.
        of_c = products / STEP * sizes.c / cross
        of_p = products / STEP * sizes.p[..., :, None] / p
        of_b = products / STEP * sizes.b[..., :, None] / width_b
        q_ratio, d_ratio = of_p.swapaxes(-1, -2), of_b.swapaxes(-1, -2)
        steps = [
            (activation.offset_dual(p, q, c - np.copysign(STEP * cross, c), b, d), of_c),
            (activation.offset_dual(p * (1 + STEP), q, c, b, d), of_p),
            (activation.offset_dual(p, q * (1 + STEP), c, b, d), q_ratio),
            (activation.offset_dual(p, q, c, b + STEP * width_b, d), of_b),
            (activation.offset_dual(p, q, c, b, d + STEP * width_d), d_ratio),
        ]
        errors = _summed(kernel, steps)
        # A neuron with itself: p, q and c are one number, and so are b and d.
        p, b, width = p[..., 0], b[..., 0], width_b[..., 0]
        alone = activation.offset_dual(p, p, p, b, b)
        longer = p * (1 + STEP)
        moved = b + STEP * width
        of_itself = _summed(
            alone,
            [
                (activation.offset_dual(longer, longer, longer, b, b), of_p[..., 0]),
                (activation.offset_dual(p, p, p, moved, moved), of_b[..., 0]),
            ],
        )
    diagonal = np.arange(p.shape[-1])
    for error, own in zip(errors[:7], of_itself[:7], strict=True):
        error[..., diagonal, diagonal] = own
    for at in range(7, 10):
        errors[at] = of_itself[at][..., None]
    return [np.nan_to_num(error, nan=np.inf) for error in errors]


def _summed(kernel: OffsetKernel, steps: list[tuple[OffsetKernel, ndarray]]) -> list[ndarray]:
    """Return twice the sums of the changes of each field, each times its ratio."""
    errors = []
    for at, base in enumerate(kernel):
        total = np.zeros(np.shape(base))
        for stepped, ratio in steps:
            # A change of 0 counts as 0, however large its ratio: a row of zeros has no error.
            change = np.abs(stepped[at] - base)
            total = total + np.where(change == 0, 0.0, 2 * change * ratio)
        errors.append(total)
    return errors
