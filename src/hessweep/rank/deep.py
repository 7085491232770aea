"""Proved bounds on the rank of the Hessian of a deep network at the optimum."""

from typing import NamedTuple

from hessweep.errors import InputError, PrecisionError
from hessweep.networks import DeepNetwork, Inputs
from hessweep.rank.deep_analytic import deep_minor
from hessweep.rank.deep_kernel import kernel_bound
from hessweep.rank.deep_linear import exact_linear_rank
from hessweep.rank.deep_polynomial import (
    deep_modular_rank,
    deep_rational_cost,
    deep_rational_rank,
)
from hessweep.rank.deep_relu import deep_relu_rank
from hessweep.rank.formulas_deep import formula_of, is_homogeneous
from hessweep.rank.modular import rank_of_rows

MODULAR_LIMIT = 4e11
"""Multiplications modulo p that a certificate may take: some minutes."""

RATIONAL_LIMIT = 2e10
"""Bit operations, as `deep_rational_cost` counts them, up to which an exact rank is tried."""

MINOR_LIMIT = 2000
"""Number of parameters up to which a minor is looked for."""


class DeepBounds(NamedTuple):
    """Proved bounds on a rank, and what decided."""

    lower: int
    upper: int
    method: str


def deep_bounds(network: DeepNetwork, theorems: bool = True) -> DeepBounds:
    """Return proved bounds on the rank of this network's Hessian (docs/depth.md).

    Linear networks have the exact rank by a theorem. Polynomials: exact arithmetic modulo a
    prime, then over the rationals if that is cheap. ReLU: exact gradients in many linear regions;
    the bounds need not meet. Other activations: a minor that balls prove to be non-zero.

    Args:
        network: The network.
        theorems: Whether lower bounds may come from theorems, or must be computed.

    Raises:
        InputError: If the covariance of the inputs is singular.
        PrecisionError: If the bounds contradict one another, which no weights can cause.
    """
    found = _bounds(network, theorems)
    if found.lower > found.upper:
        raise PrecisionError(
            f"rank of widths {network.widths}: {found.method} proves at least {found.lower}, but "
            f"counting allows {found.upper}; please report this"
        )
    return found


def _bounds(network: DeepNetwork, theorems: bool) -> DeepBounds:
    if network.inputs is not None:
        _check_covariance(network.inputs)
    activations = network.activations
    generic = formula_of(activations, network.widths, network.biased).value
    upper = min(network.P if generic is None else generic, kernel_bound(network))
    if all(g.polynomial is not None for g in activations):
        if theorems and all(g.is_linear for g in activations):
            exact = exact_linear_rank(network)
            return DeepBounds(exact, min(exact, upper), "theorem")
        return _polynomial_bounds(network, upper)
    if float(network.P) * upper**2 > MODULAR_LIMIT:
        return DeepBounds(0, upper, "theorem")
    if all(is_homogeneous(g) for g in activations):
        return DeepBounds(deep_relu_rank(network, upper), upper, "regions")
    lower = deep_minor(network, upper) if network.P <= MINOR_LIMIT else 0
    return DeepBounds(lower, upper, "minor")


def _check_covariance(inputs: Inputs) -> None:
    """Raise unless the inputs fill the space: then the rank is that for standard inputs.

    It is the dimension of the gradients as functions on the support of the inputs.
    """
    covariance = inputs.matrix()
    if rank_of_rows(covariance) < len(covariance):
        raise InputError(
            "inputs: the rank of deep networks is known for covariances of full rank only; leave "
            "out the inputs that do not vary, or combine them with others"
        )


def _polynomial_bounds(network: DeepNetwork, upper: int) -> DeepBounds:
    if float(network.P) * upper**2 > MODULAR_LIMIT:
        return DeepBounds(0, upper, "theorem")
    lower = deep_modular_rank(network, upper)
    if lower == upper or deep_rational_cost(network) > RATIONAL_LIMIT:
        return DeepBounds(lower, upper, "modular")
    exact = deep_rational_rank(network)
    return DeepBounds(exact, exact, "rational")
