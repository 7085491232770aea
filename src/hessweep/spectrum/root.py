"""Eigenvalues and eigenvectors of deep networks from a root of the Hessian, `H = R^T R`."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.hessian.factor import EPS
from hessweep.hessian.root import Root, root_of
from hessweep.hessian.sampled import RELATIVE_ERROR, WORK
from hessweep.networks import DeepNetwork


class Eigenvalues(NamedTuple):
    """All eigenvalues of a Hessian, with an error for each of them."""

    eigenvalues: Float[ndarray, " P"]
    """Ascending."""
    errors: Float[ndarray, " P"]
    """How far each of them may be off."""
    trace: float
    """The trace of H, computed without them."""


@dataclass(frozen=True, eq=False)
class RootSpectrum:
    """All eigenvalues of a Hessian with an error for each of them, and its eigenvectors."""

    eigenvalues: Float[ndarray, " P"]
    """Ascending."""
    errors: Float[ndarray, " P"]
    """How far each eigenvalue may be off: that of the samples, if there are any, and rounding."""
    vectors: Float[ndarray, "k P"]
    """Eigenvectors, one a row, that of the largest eigenvalue first."""
    root: Root
    """The Hessian as `R^T R`, and how it was found."""


def root_spectrum(
    network: DeepNetwork, relative_error: float = RELATIVE_ERROR, work: float = WORK
) -> RootSpectrum:
    """Return eigenvalues and eigenvectors, exact where that fits, otherwise from samples.

    Args:
        network: Of any activations.
        relative_error: The relative error that is asked of every eigenvalue above rounding.
        work: How many multiplications samples may take.

    Raises:
        InputError: If the relative error is not between 0 and 1.
        TooLargeError: If the fewest samples take more than `work`.
        PrecisionError: If the relative error is not reached within `work`.
    """
    root = root_of(network, relative_error, work)
    _, singular, vectors = blas.svd(root.R, full_matrices=False)
    squares = squared(singular, root.rounding, root.relative_error, network.P)
    return RootSpectrum(*squares, vectors, root)


def squared(
    singular: Float[ndarray, " k"], rounding: float, relative: float, P: int
) -> tuple[Float[ndarray, " P"], Float[ndarray, " P"]]:
    """Return the P eigenvalues, ascending, and how far each may be off.

    Args:
        singular: Computed singular values of R, the largest first; others are 0.
        rounding: Bound on the spectral norm of the error of R.
        relative: Bound δ < 1 on the error of the eigenvalues of the exact `R^T R`, relative to the
            true ones, which are at most `1 / (1 - δ)` times as large.
        P: Number of parameters.
    """
    off = rounding + (P + 20) * EPS * singular[0]
    padded = np.zeros(P)
    padded[P - len(singular) :] = singular[::-1]
    eigenvalues = padded**2
    return eigenvalues, (relative * eigenvalues + 2 * padded * off + off**2) / (1 - relative)
