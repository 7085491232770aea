"""Eigenvalues of deep networks, by the exact route where there is one, otherwise from samples."""

from jaxtyping import Float
from numpy import ndarray

from hessweep.networks import DeepNetwork
from hessweep.spectrum.deep_linear import linear_spectrum
from hessweep.spectrum.deep_plan import DeepPlan, deep_plan
from hessweep.spectrum.deep_polynomial import polynomial_spectrum
from hessweep.spectrum.sampled import sampled_spectrum


def deep_spectrum(network: DeepNetwork) -> tuple[Float[ndarray, " P"], float, DeepPlan]:
    """Return the eigenvalues, ascending, a bound on the error of each, and the plan.

    Raises:
        TooLargeError: If no exact route fits, and sampling does not either.
        PrecisionError: If sampling does not reach its default relative error.
    """
    plan = deep_plan(network.activations, network.widths, network.biased)
    if plan.method in ("linear", "dense"):
        return *linear_spectrum(network), plan
    if plan.method == "nodes":
        return *polynomial_spectrum(network), plan
    estimate = sampled_spectrum(network)
    return estimate.eigenvalues, float(estimate.errors[-1]), plan
