"""Estimated eigenvalues of deep networks, with an error for each of them (docs/depth.md)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.hessian.factor import EPS, qr_rounding
from hessweep.hessian.sampled import RELATIVE_ERROR, WORK, SampledFactor, sampled_factor
from hessweep.networks import DeepNetwork


@dataclass(frozen=True, eq=False)
class SampledSpectrum:
    """Estimated eigenvalues of a Hessian, and how far off they may be."""

    eigenvalues: Float[ndarray, " P"]
    """Ascending."""
    errors: Float[ndarray, " P"]
    """How far each eigenvalue may be off: `relative_error` of it, and rounding."""
    factor: SampledFactor
    """The estimated Hessian, and how it was estimated."""

    @property
    def relative_error(self) -> float:
        """Estimated bound on the relative error that the choice of inputs makes."""
        return self.factor.relative_error

    @property
    def samples(self) -> int:
        """Number of inputs at which the gradients were evaluated."""
        return self.factor.samples

    @property
    def rule(self) -> str:
        """`sobol` or `tensor`."""
        return self.factor.rule


def sampled_spectrum(
    network: DeepNetwork, relative_error: float = RELATIVE_ERROR, work: float = WORK
) -> SampledSpectrum:
    """Return the eigenvalues of the population Hessian at the optimum, estimated from samples.

    Args:
        network: Of any activations.
        relative_error: The relative error that is asked of every eigenvalue above rounding.
        work: How many multiplications it may take.

    Raises:
        InputError: If the relative error is not between 0 and 1.
        TooLargeError: If 30 gradients for each parameter, the fewest for a sound estimate, take
            more than `work`.
        PrecisionError: If the relative error is not reached within `work`.
    """
    factor = sampled_factor(network, relative_error, work)
    R, P = factor.R, network.P
    found = np.linalg.svd(R, compute_uv=False)
    singular = np.concatenate([np.zeros(P - len(found)), found[::-1]])
    off = qr_rounding(R) + (P + 20) * EPS * found[0]
    eigenvalues = singular**2
    relative = factor.relative_error
    errors = relative * eigenvalues + (1 + relative) * (2 * singular * off + off**2)
    return SampledSpectrum(eigenvalues, errors, factor)


def layer_shares(
    network: DeepNetwork, R: Float[ndarray, "k P"], largest: int
) -> Float[ndarray, "k L"]:
    """Return how much of each eigenvector of `R^T R` lies in each layer.

    Args:
        network: The network, for the places of its layers.
        R: Of `exact_factor` or `sampled_factor`.
        largest: How many eigenvectors, those of the largest eigenvalues.

    Returns:
        The sums of the squared components in the weights and biases of layers 1 to L, in rows
        that add up to 1, that of the largest eigenvalue first.
    """
    _, _, vectors = np.linalg.svd(R, full_matrices=False)
    squares = np.square(vectors[:largest])
    return np.stack([squares[:, place.layer].sum(axis=1) for place in network.layout], axis=1)
