"""Eigenvalues of deep networks, by the exact route where there is one, otherwise from samples."""

from jaxtyping import Float
from numpy import ndarray

from hessweep.hessian.deep_linear import is_linear_network
from hessweep.hessian.factor import nodes_fit
from hessweep.networks import DeepNetwork
from hessweep.spectrum.deep_linear import linear_spectrum
from hessweep.spectrum.deep_polynomial import polynomial_spectrum
from hessweep.spectrum.sampled import sampled_spectrum


def deep_spectrum(network: DeepNetwork) -> tuple[Float[ndarray, " P"], float, str]:
    """Return the eigenvalues, ascending, a bound on the error of each, and the route.

    Raises:
        TooLargeError: If no exact route fits, and sampling does not either.
        PrecisionError: If sampling does not reach its default relative error.
    """
    if is_linear_network(network):
        return linear_spectrum(network)
    if nodes_fit(network):
        return polynomial_spectrum(network)
    estimate = sampled_spectrum(network)
    return estimate.eigenvalues, float(estimate.errors[-1]), f"sampled, {estimate.rule}"
