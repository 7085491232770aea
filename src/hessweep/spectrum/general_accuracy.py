"""Bounds on how far the assembled Hessian of any two-layer network is from the true one.

As for networks without biases, the errors of the kernel's arguments times its derivatives, plus
roundings of its own (docs/biases.md).
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation, Polynomial
from hessweep.activations.offsets import ORDERS, WITH_DERIVATIVES, OffsetKernel, OffsetMeans
from hessweep.hessian.general import Seen, Weights
from hessweep.hessian.general_error import norm_bound
from hessweep.spectrum.solver import EPS

STEP = 2.0**-20
"""Relative step of the one-sided differences; a power of two, so that steps are exact."""

ROUNDINGS = 64
"""Roundings of a kernel's formula, in units of eps times the largest field of the two neurons."""


def kernel_with_error(
    activation: Activation, weights: Weights, of: Seen, row_error: float = 0.0
) -> tuple[OffsetKernel, Float[ndarray, " S"]]:
    """Return the kernel of a stack, and for each network a bound on `‖computed H - H‖₂`.

    What the series of an activation without a closed form leaves out is not contained.

    Args:
        activation: The activation of all of them.
        weights: Their weights.
        of: What the hidden neurons see.
        row_error: By how much of its length each row of W1 may have been moved before.
    """
    N_i, N_o = weights.layout.N_i, weights.layout.N_o
    products = (2 * N_i + 4) * EPS + 2 * row_error
    sizes = _sizes(weights, of)
    if activation.polynomial is not None:
        kernel = activation.offset_dual(*of.pairs())
        positive, relative = _majorant(activation.polynomial, products)
        delta = [relative * field for field in positive.offset_dual(*sizes.pairs())]
    else:
        means = activation.offset_means(*of.pairs(), WITH_DERIVATIVES)
        kernel = OffsetKernel.of(means)
        delta = _kernel_errors(activation, means, of, sizes, products)
        own = np.max([np.abs(_own(E)) for E in kernel[:7]], axis=0)
        scale = np.sqrt(own[..., :, None] * own[..., None, :])
        for at, field in enumerate(delta):
            field += ROUNDINGS * EPS * (scale if at < 7 else own[..., None])
    settled = products + (N_o + 16) * EPS
    total = (d + settled * np.abs(field) for d, field in zip(delta, kernel, strict=True))
    return kernel, norm_bound(weights, sizes, OffsetKernel(*total))


def general_gram_error(
    activation: Polynomial, weights: Weights, row_error: float = 0.0
) -> Float[ndarray, " S"]:
    """Return a bound on `‖computed J^T J - J^T J‖₂` for each network of a stack.

    As without biases (`gram_error`): the trace of `|J|^T |J|`, |J| being J with all coefficients
    and weights made positive, times the relative error of an entry.

    Args:
        activation: The activation of all of them.
        weights: Their weights.
        row_error: By how much of its length each row of W1 may have been moved before.
    """
    layout = weights.layout
    products = (2 * layout.N_i + 4) * EPS + 2 * row_error
    positive, relative = _majorant(activation, products)
    relative += EPS * (layout.N_h + ROUNDINGS)
    p, b = np.square(weights.W1).sum(axis=-1), np.abs(weights.b1)
    kernel = positive.offset_dual(p, p, p, b, b)
    of_W1 = layout.N_i * kernel.E11 + 2 * p * (kernel.E22 + kernel.E13)
    if layout.hidden_biases:
        of_W1 = of_W1 + kernel.E11
    G = np.square(weights.W2).sum(axis=-2)
    trace = (G * of_W1 + layout.N_o * kernel.E00).sum(axis=-1)
    return np.asarray(relative * (trace + layout.N_o * layout.output_biases))


def _majorant(polynomial: Polynomial, products: float) -> tuple[Polynomial, float]:
    """Return the polynomial with positive coefficients, and the relative error of its kernels.

    A term is a product of at most `degree` of the five arguments on each side, each with an error
    of `products`.
    """
    coefficients = tuple(abs(value) for value in polynomial.coefficients)
    relative = polynomial.degree * (2 * products + 8 * EPS) + ROUNDINGS * EPS
    return Polynomial(polynomial.name, coefficients=coefficients), relative


def _sizes(weights: Weights, of: Seen) -> Seen:
    """Return bounds on the absolute values of all terms of what the neurons see."""
    W1, mean = np.abs(weights.W1), np.abs(of.mean)
    covariance = np.abs(of.covariance)
    V = W1 @ covariance
    c = V @ W1.swapaxes(-1, -2)
    p = np.diagonal(c, axis1=-2, axis2=-1)
    return Seen(V, p, c, np.abs(weights.b1) + W1 @ mean, mean, covariance)


def _kernel_errors(
    activation: Activation, means: OffsetMeans, of: Seen, sizes: Seen, products: float
) -> list[ndarray]:
    """Bound the errors of the kernel that are due to those of its arguments, to first order.

    With `∂_b E_ij = E_{i+1,j}`, `∂_c E_ij = E_{i+1,j+1}` and `∂_p E_ij = E_{i+2,j} / 2`. A neuron
    with itself has one number for p, q and c, and one for b and d. Where the kernel has no
    derivatives, its differences take their place. All are doubled for terms of second order.
    """
    # Doubled, and the factor 1/2 of derivatives by p is left out.
    of_p, of_c, of_b = products * sizes.p, 2 * products * sizes.c, 2 * products * sizes.b
    by_p, by_b = of_p[..., :, None], of_b[..., :, None]
    by_q, by_d = of_p[..., None, :], of_b[..., None, :]
    E = partial(_of_order, means.E)
    errors = []
    with np.errstate(over="ignore", invalid="ignore"):
        for i, j in ORDERS:
            by_variances, by_offsets = (E(i + 2, j), E(i, j + 2)), (E(i + 1, j), E(i, j + 1))
            across = E(i + 1, j + 1)
            error = of_c * np.abs(across)
            for factor, derivative in zip(
                (by_p, by_q, by_b, by_d), (*by_variances, *by_offsets), strict=True
            ):
                error += factor * np.abs(derivative)
            own = of_p * np.abs(_own(by_variances[0] + by_variances[1] + 2 * across))
            own += of_b * np.abs(_own(by_offsets[0] + by_offsets[1]))
            _own(error)[...] = own
            errors.append(error)
        for i in range(3):
            errors.append(by_p * np.abs(means.M[i + 2]) + by_b * np.abs(means.M[i + 1]))
    missing = ~np.isfinite(sum(errors[: len(ORDERS)]))
    if missing.any():
        chords = _chords(activation, of, sizes, products, missing)
        for error, chord in zip(errors, chords, strict=False):
            error[missing] = chord
    return [np.nan_to_num(error, nan=np.inf) for error in errors]


def _of_order(E: Mapping[tuple[int, int], ndarray], i: int, j: int) -> ndarray:
    """Return `E_ij` for all i and j: between the same neurons `E_ji` is its transpose."""
    return E[i, j] if i <= j else E[j, i].swapaxes(-1, -2)


def _own(field: ndarray) -> ndarray:
    """Return a view of the values of neurons with themselves."""
    return np.einsum("...mm->...m", field)


def _chords(
    activation: Activation, of: Seen, sizes: Seen, products: float, where: ndarray
) -> list[ndarray]:
    """Bound the errors of some pairs by the kernel's changes under small steps of its arguments.

    Args:
        activation: The activation.
        of: What the hidden neurons see.
        sizes: Bounds on the absolute values of all terms of it.
        products: The relative error of a sum of products.
        where: The pairs.

    Returns:
        For each field but the means of single neurons a bound for each of these pairs.
    """
    index = np.nonzero(where)
    own = index[-2] == index[-1]
    at = [np.broadcast_to(value, where.shape)[where] for value in of.pairs()]
    of_sizes = [np.broadcast_to(value, where.shape)[where] for value in sizes.pairs()]
    p, q, c, b, d = at
    with np.errstate(all="ignore"):
        scales = [p, q, np.sqrt(p * q), np.abs(b) + np.sqrt(p), np.abs(d) + np.sqrt(q)]
        ratios = [products / STEP * s / scale for s, scale in zip(of_sizes, scales, strict=True)]
        lengths = [STEP * scale for scale in scales]
        # Inwards, as c² <= pq; but a neuron's own covariance is its variance.
        lengths[2] = np.where(own, lengths[2], -np.copysign(lengths[2], c))
        base = activation.offset_dual(*at)
        total = [np.zeros(p.shape) for _ in ORDERS]
        for k in range(5):
            joint = {0: (0, 1, 2), 3: (3, 4)}.get(k, ())
            # The steps of a neuron with itself move all that is one number for it.
            moved = np.flatnonzero(~own | bool(joint))
            stepped = [
                (value + np.where(own, other in joint, other == k) * length)[moved]
                for other, (value, length) in enumerate(zip(at, lengths, strict=True))
            ]
            kernel = activation.offset_dual(*stepped)
            for error, one, other in zip(total, kernel, base, strict=False):
                # A change of 0 counts as 0, however large its ratio: a row of zeros has no error.
                change = np.abs(one - other[moved])
                error[moved] += np.where(change == 0, 0.0, 2 * change * ratios[k][moved])
    return total
