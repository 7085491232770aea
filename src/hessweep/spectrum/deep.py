"""Eigenvalues of deep networks, by the exact route where there is one, otherwise from samples."""

from hessweep.networks import DeepNetwork
from hessweep.spectrum.deep_linear import linear_spectrum
from hessweep.spectrum.deep_plan import DeepPlan, deep_plan
from hessweep.spectrum.deep_polynomial import polynomial_spectrum
from hessweep.spectrum.root import Eigenvalues, root_spectrum


def deep_spectrum(network: DeepNetwork) -> tuple[Eigenvalues, DeepPlan]:
    """Return the eigenvalues, ascending, with an error for each of them, and the plan.

    Raises:
        TooLargeError: If no exact route fits, and sampling does not either.
        PrecisionError: If sampling does not reach its default relative error.
    """
    shifted = bool(network.input_root[:, -1].any())
    plan = deep_plan(network.activations, network.widths, network.biased, shifted)
    if plan.method in ("linear", "dense"):
        return linear_spectrum(network), plan
    if plan.method == "nodes":
        return polynomial_spectrum(network), plan
    found = root_spectrum(network)
    return Eigenvalues(found.eigenvalues, found.errors, found.root.trace), plan
