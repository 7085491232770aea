"""How fast the exact laws approach their limits, and power laws fitted to it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.errors import InputError
from hessweep.laws.law import law_distance
from hessweep.laws.linear import block_B_law, hessian_law


class Distances(NamedTuple):
    """Kolmogorov-Smirnov distances of exact laws to their limits, at one size."""

    hessian: float
    """Of the non-zero eigenvalues of H."""
    block_B: float
    """Of the eigenvalues of W1 W1^T; block A has its exact law at every size."""


class PowerFit(NamedTuple):
    """`y = prefactor x^exponent`, fitted in logarithms."""

    exponent: float
    exponent_error: float
    """Standard error, from the scatter about the line."""
    prefactor: float

    def __call__(self, x: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
        """Return the fitted y."""
        return self.prefactor * np.asarray(x, dtype=float) ** self.exponent


def distance_to_limit(N_i: int, N_h: int) -> Distances:
    """Return how far the exact laws of this size are from the paper's asymptotic ones.

    Raises:
        ShapeError: If a size is below 1.
    """
    return Distances(
        hessian=law_distance(hessian_law(N_i, N_h, True), hessian_law(N_i, N_h)),
        block_B=law_distance(block_B_law(N_i, N_h, True), block_B_law(N_i, N_h)),
    )


def fit_power(x: Sequence[float] | ndarray, y: Sequence[float] | ndarray) -> PowerFit:
    """Fit `y = prefactor x^exponent` by least squares in logarithms.

    Raises:
        InputError: If there are fewer than 3 points, or values that are not positive.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if not (x.shape == y.shape and x.ndim == 1 and len(np.unique(x)) >= 3):
        raise InputError(
            f"fit_power: expected two lists of at least 3 distinct sizes, got shapes {x.shape} "
            f"and {y.shape}"
        )
    if not ((x > 0).all() and (y > 0).all()):
        raise InputError("fit_power: expected positive values, for it fits their logarithms")
    centred = np.log(x) - np.log(x).mean()
    exponent = centred @ np.log(y) / (centred @ centred)
    intercept = np.log(y).mean() - exponent * np.log(x).mean()
    residual = np.log(y) - intercept - exponent * np.log(x)
    error = np.sqrt(residual @ residual / (len(x) - 2) / (centred @ centred))
    return PowerFit(float(exponent), float(error), float(np.exp(intercept)))
