"""Estimated eigenvalues of deep networks, with an error for each of them (docs/depth.md)."""

from dataclasses import dataclass

from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.hessian.factor import qr_rounding
from hessweep.hessian.sampled import RELATIVE_ERROR, WORK, SampledFactor, sampled_factor
from hessweep.networks import DeepNetwork
from hessweep.spectrum.root import squared


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
    singular = blas.svd(factor.R, compute_uv=False)
    rounding = qr_rounding(factor.R, factor.samples * network.widths[-1])
    squares = squared(singular, rounding, factor.relative_error, network.P)
    return SampledSpectrum(*squares, factor)
