"""Bounds on the learning coefficient of the population loss at an optimum (docs/students.md)."""

from math import fsum
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.networks import Network, require_plain
from hessweep.rank import Rank, rank
from hessweep.rank.formulas import formula


class LearningCoefficient(NamedTuple):
    """Proved bounds on the local learning coefficient; equal where it is known."""

    lower: float
    """Half of the proved lower bound on the rank."""
    upper: float
    """What the optima that are known near this one allow at most."""


class _Optima(NamedTuple):
    """Dimensions of manifolds of optima through a network."""

    dimension: int
    """Of the largest one that is known."""
    constant_rank: int
    """Of one along which the rank of the Hessian does not change."""


def learning_coefficient(network: Network, proof: Rank | None = None) -> LearningCoefficient:
    """Return bounds on the local learning coefficient of the population loss at an optimum.

    The learning coefficient λ, or real log canonical threshold, says how fast the volume of the
    students near this one with a loss below ε shrinks: as `ε^λ |log ε|^(m-1)`, with m the
    multiplicity. With the rank r of the Hessian and P parameters, λ is at least r/2. It is at most
    `(P - d)/2` if d is the dimension of a manifold of optima through the network. For a smooth
    loss it is at most `(P + r - d)/4` if the rank is constant along that manifold. Where the rank
    is the largest that a network of this size can have, λ = r/2. If the bounds are equal and the
    lower one is r/2, then m = 1 (docs/students.md, sec. 4).

    Args:
        network: A network that is its own teacher, such as a student that `widen` returns.
        proof: What `rank` returns for it, where that is known already.

    Raises:
        InputError: If `network` is not a `Network` without biases and with one output.
    """
    require_plain(network, "learning_coefficient")
    proof = rank(network) if proof is None else proof
    lower, P = proof.lower / 2, network.P
    if _is_largest(network, proof):
        # As nearly all random teachers have it; what follows takes far longer for small ones.
        return LearningCoefficient(lower, lower)
    if not is_differentiable(network.activation, network.W1):
        lower = 0.0
    optima = _optima(network, proof)
    upper = (P - optima.dimension) / 2
    if _is_smooth(network):
        upper = min(upper, (P + proof.upper - optima.constant_rank) / 4)
    return LearningCoefficient(lower, upper)


def is_differentiable(
    activation: Activation, W1: Float[ndarray, "*stack N_h N_i"]
) -> Bool[ndarray, "*stack"]:
    """Return whether the output is a differentiable function of the weights near these.

    It is not at a row of zeros for an activation with a kink.
    """
    known = activation.theory
    has_kink = known is not None and known.homogeneous
    return np.asarray(W1.any(axis=-1).all(axis=-1) | (not has_kink))


def _is_smooth(network: Network) -> bool:
    """Return whether the loss is known to have four continuous derivatives."""
    known = network.activation.theory
    return network.activation.polynomial is not None or (
        known is not None and not known.homogeneous
    )


def _optima(network: Network, proof: Rank) -> _Optima:
    """Return how many dimensions of optima are known near a network.

    Equal rows form a class. The output weights of a class may change as long as their sum stays
    the same. A class whose sum is 0 may move its row. The other classes are a smaller network,
    whose own optima are known if its rank is the largest one of its size.
    """
    at_zero = ~network.W1.any(axis=1)
    rows, member = np.unique(network.W1[~at_zero], axis=0, return_inverse=True)
    outputs = network.W2[~at_zero]
    kept, free, constant = [], 0, 0
    for c in range(len(rows)):
        of_class = outputs[member.reshape(-1) == c]
        if not of_class.any():
            free += len(of_class) * network.N_i
            continue
        constant += len(of_class) - 1
        total = fsum(of_class)
        if total == 0:
            free += network.N_i
        else:
            kept.append((rows[c], total))
    of_zero_rows, constant_at_zero = _optima_of_zero_rows(network, network.W2[at_zero])
    own = _own_optima(network, kept, proof)
    nothing_else = not free and not at_zero.any()
    dimension = free + constant + of_zero_rows + own
    return _Optima(dimension, constant + constant_at_zero + own * nothing_else)


def _optima_of_zero_rows(network: Network, outputs: np.ndarray) -> tuple[int, int]:
    """Return the dimensions of optima, and of those of constant rank, for rows of zeros.

    Their output weights may change if g(0) = 0, and otherwise as long as their sum stays the same.
    Where an output weight is 0, the row may change instead.
    """
    fixed = float(network.activation(np.zeros(1))[0]) != 0
    active = int(np.count_nonzero(outputs))
    if not active:
        return len(outputs) * network.N_i, 0
    return active - fixed + (len(outputs) - active) * network.N_i, len(outputs) - fixed


def _own_optima(network: Network, kept: list[tuple[np.ndarray, float]], proof: Rank) -> int:
    """Return the dimension of the optima of the network of the classes that are read out."""
    if not kept:
        return 0
    smaller = Network(
        np.array([row for row, _ in kept]),
        np.array([total for _, total in kept]),
        network.activation,
    )
    of_smaller = proof if smaller.N_h == network.N_h else rank(smaller)
    return smaller.P - of_smaller.value if _is_largest(smaller, of_smaller) else 0


def _is_largest(network: Network, proof: Rank) -> bool:
    """Return whether the rank is proved to be the largest one of networks of this size."""
    generic = formula(network.activation, network.N_i, network.N_h).value
    is_generic = proof.certificate == "proved" and proof.value == generic
    return is_generic and bool(is_differentiable(network.activation, network.W1))
