"""The Hessian of a deep network as `R^T R`, by whichever way is exact, otherwise from samples."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.hessian.deep_linear import is_affine, linear_root, linear_root_rounding
from hessweep.hessian.factor import exact_factor, nodes_fit, qr_rounding
from hessweep.hessian.nodes import exact_nodes_each
from hessweep.hessian.sampled import RELATIVE_ERROR, WORK, sampled_factor
from hessweep.networks import DeepNetwork


class Root(NamedTuple):
    """`R` with `R^T R` the Hessian or an estimate of it, and how near it is."""

    R: Float[ndarray, "k P"]
    rounding: float
    """Bound on the spectral norm of what rounding did to R."""
    relative_error: float
    """Estimated bound on the relative error that the choice of inputs makes in every eigenvalue;
    0 for exact rules."""
    samples: int
    """Number of inputs at which the gradients were evaluated."""
    rule: str
    """`linear`: the closed form; `nodes`: exact Gauss-Hermite nodes; otherwise that of the
    samples."""

    @property
    def trace(self) -> float:
        """The trace of `R^T R`."""
        return float(np.square(self.R).sum())


def root_of(
    network: DeepNetwork, relative_error: float = RELATIVE_ERROR, work: float = WORK
) -> Root:
    """Return the root of the Hessian at the optimum: exact where that fits, otherwise sampled.

    Args:
        network: Of any activations.
        relative_error: The relative error that is asked of every eigenvalue above rounding.
        work: How many multiplications samples may take.

    Raises:
        InputError: If the relative error is not between 0 and 1.
        TooLargeError: If the fewest samples take more than `work`.
        PrecisionError: If the relative error is not reached within `work`.
    """
    if all(is_affine(g) for g in network.activations):
        return Root(linear_root(network), linear_root_rounding(network), 0.0, 0, "linear")
    if nodes_fit(network.activations, network.widths, network.P):
        each = exact_nodes_each(network.activations) or 0
        return Root(*exact_factor(network), 0.0, each ** network.widths[0], "nodes")
    found = sampled_factor(network, relative_error, work)
    rounding = qr_rounding(found.R, found.samples * network.widths[-1])
    return Root(found.R, rounding, found.relative_error, found.samples, found.rule)
