"""Eigenvalues of the Hessian at the optimum, by the cheapest exact route."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import linalg

from hessweep.hessian import hessian
from hessweep.network import Network


@dataclass(frozen=True, eq=False)
class Spectrum:
    """All eigenvalues of a Hessian, and how far off each may be."""

    eigenvalues: Float[ndarray, " P"]
    """Ascending; rounding may leave those that are 0 slightly negative."""
    error: float
    """Bound on the absolute error of each eigenvalue."""
    route: str
    """How they were computed."""


def spectrum(network: Network) -> Float[ndarray, " P"]:
    """Return the P eigenvalues of the population Hessian at the optimum, ascending."""
    return spectrum_with_error(network).eigenvalues


def spectrum_with_error(network: Network) -> Spectrum:
    """Return the eigenvalues with a bound on their error and the route that was taken."""
    eigenvalues = linalg.eigvalsh(hessian(network), overwrite_a=True, check_finite=False)
    # A backward-stable eigensolver: |error| <= c P eps |H| with a small c (docs/ranks.md).
    error = 4 * network.P * np.finfo(float).eps * abs(eigenvalues[-1])
    return Spectrum(eigenvalues, float(error), "dense")
