"""Eigenvalues that are known before any Lanczos run, and the start of runs on the others."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.hessian.products import ProductOperator
from hessweep.networks import Network, check_two_layers
from hessweep.spectrum import row_space, spectrum, spectrum_plan
from hessweep.spectrum.general import general_row_space, plan_of


def known_part(network: Network) -> tuple[ndarray, ndarray, Network | None]:
    """Return the eigenvalues known from structure, their multiplicities, and a network.

    The network has the other eigenvalues; it is None if there are none.

    Raises:
        InputError: If the network is a deep one.
    """
    check_two_layers(network, "known_part")
    if not network.is_plain:
        return _general_known_part(network)
    plan = spectrum_plan(network.activation, network.N_i, network.N_h)
    zeros = [0.0] * (plan.zeros > 0)
    if plan.closed_form:
        outside, rest = spectrum(network)[plan.zeros :], None
        times = 1
    else:
        # If N_h >= N_i this rotates the inputs, which makes W1 triangular.
        L, [outside] = row_space(network.activation, network.W1[None], network.W2[None])
        rest = Network(L[0], network.W2, network.activation)
        times = network.N_i - rest.N_i
        outside = outside[: len(outside) * (times > 0)]
    counts = np.repeat([plan.zeros, times], [len(zeros), len(outside)])
    return np.concatenate([zeros, outside]), counts, rest


def _general_known_part(network: Network) -> tuple[ndarray, ndarray, Network | None]:
    plan = plan_of(network)
    if plan.closed_form:
        values, counts = np.unique(spectrum(network), return_counts=True)
        return values, counts, None
    if not plan.row_space:
        return np.empty(0), np.empty(0, dtype=np.int64), network
    rest, outside = general_row_space(network)
    return outside, np.full(len(outside), network.N_i - network.N_h), rest


def directions(rest: Network, seed: int) -> np.random.Generator:
    """Return the generator of the start vectors of runs on this network."""
    return np.random.default_rng(np.random.SeedSequence([seed, rest.N_i, rest.N_h]))


def direction(rng: np.random.Generator, operator: ProductOperator) -> Float[ndarray, " P"]:
    """Return a vector of random direction, which it still is after projection to a subspace."""
    return rng.standard_normal(operator.shape[0], dtype=operator.dtype)


def product_rounding(operator: ProductOperator) -> float:
    """Return eps times a bound on the largest eigenvalue: about the rounding of a product."""
    return float(np.finfo(operator.dtype).eps * operator.frobenius_norm())
