"""Exact eigenvalues of deep polynomial networks, from Gauss-Hermite nodes."""

import numpy as np

from hessweep import blas
from hessweep.hessian.factor import exact_factor
from hessweep.networks import DeepNetwork
from hessweep.spectrum.root import Eigenvalues, squared


def polynomial_spectrum(network: DeepNetwork) -> Eigenvalues:
    """Return the eigenvalues of a deep polynomial network, ascending, and bounds on their errors.

    They are squares of singular values, so that the small ones have far smaller errors.

    Raises:
        InputError: If an activation is not a polynomial.
        TooLargeError: If the nodes do not fit (`hessweep.hessian.factor.nodes_fit`).
    """
    R, rounding = exact_factor(network)
    singular = blas.svd(R, compute_uv=False)
    squares = squared(singular, rounding, 0.0, network.P)
    return Eigenvalues(*squares, float(np.square(R).sum()))
