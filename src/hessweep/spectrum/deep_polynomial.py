"""Exact eigenvalues of deep polynomial networks, from Gauss-Hermite nodes."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.hessian.factor import EPS, exact_factor
from hessweep.networks import DeepNetwork


def polynomial_spectrum(network: DeepNetwork) -> tuple[Float[ndarray, " P"], float]:
    """Return the eigenvalues of a deep polynomial network, ascending, and a bound on errors.

    They are squares of singular values, so that the small ones are far more accurate than the
    bound, which holds for all of them, says.

    Raises:
        InputError: If an activation is not a polynomial.
        TooLargeError: If the nodes do not fit (`hessweep.hessian.factor.nodes_fit`).
    """
    R, rounding = exact_factor(network)
    singular = np.linalg.svd(R, compute_uv=False)
    off = rounding + (len(singular) + 20) * EPS * singular[0]
    eigenvalues = np.zeros(network.P)
    eigenvalues[network.P - len(singular) :] = singular[::-1] ** 2
    return eigenvalues, float(2 * singular[0] * off + off**2)
