"""A lower bound on the rank of deep ReLU networks, from exact gradients at many inputs.

Within one linear region the gradient is a polynomial of weights and input. The signs of all
preactivations are certified by a bound on the rounding errors, so that gradients at float64
inputs, which are dyadic rationals, have exact residues.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt64
from numpy import ndarray

from hessweep.networks import DeepNetwork
from hessweep.rank import mersenne
from hessweep.rank.residues import Function, Layers, block_size, gradients

SEED = 20251215
"""Of the random points; fixed, so that a certificate does not change from run to run."""

SCALES = (0.25, 1.0, 4.0, 16.0)
"""Inputs are normal with these deviations: with biases, far regions count as near ones do."""

ROUNDS = 6
"""Rounds of twice as many points that are tried at most."""

ROUNDOFF = 2.0**-53


class Signs(NamedTuple):
    """Inputs at which every preactivation has a certain sign, and which neurons are active."""

    x: Float[ndarray, "n d_0"]
    active: list[Bool[ndarray, "n d"]]
    """For each hidden layer."""


def deep_relu_rank(network: DeepNetwork, upper: int) -> int:
    """Return a proved lower bound on the rank of a deep ReLU network's Hessian.

    The rank of the gradients at random inputs, modulo the prime. Points are added until they
    reach the upper bound, or two rounds in a row find no new dimension. Small linear regions may
    be missed, so that the true rank can be larger.

    Args:
        network: All its activations are ReLU.
        upper: An upper bound on the rank.
    """
    rng = np.random.default_rng(SEED)
    found = np.empty((network.P, 0), dtype=np.uint64)
    count, idle = max(2 * network.P, 64), 0
    for _ in range(ROUNDS):
        before = found.shape[1]
        values = np.concatenate([found, _random_gradients(network, rng, count)], axis=1)
        found = values[:, mersenne.independent_rows(values.T)]
        idle = idle + 1 if found.shape[1] == before else 0
        if found.shape[1] >= upper or idle == 2:
            break
        count *= 2
    return int(found.shape[1])


def _random_gradients(
    network: DeepNetwork, rng: np.random.Generator, count: int
) -> UInt64[ndarray, "P n"]:
    scale = rng.choice(SCALES, size=(count, 1))
    signs = certain_signs(network, rng.standard_normal((count, network.widths[0])) * scale)
    x = mersenne.residues(signs.x.T)
    outputs = mersenne.random(rng, (network.widths[-1], x.shape[1]))
    parts = [np.empty((network.P, 0), dtype=np.uint64)]
    layers = Layers.of(network, [])
    block = block_size(layers)
    for start in range(0, x.shape[1], block):
        part = slice(start, start + block)
        masked = layers._replace(functions=[_masked(active[part]) for active in signs.active])
        parts.append(gradients(masked, x[:, part], outputs[:, part]))
    return np.concatenate(parts, axis=1)


def certain_signs(network: DeepNetwork, x: Float[ndarray, "n d_0"]) -> Signs:
    """Return those of the inputs at which no rounding can change the sign of a preactivation.

    A preactivation of which every term is exactly 0 counts as inactive: there the neuron does not
    respond to its inputs.
    """
    h, h_error = x, np.zeros_like(x)
    certain, active = np.ones(len(x), dtype=bool), []
    for W, b in zip(network.weights[:-1], network.biases[:-1], strict=True):
        size = np.abs(W)
        u = h @ W.T + (0.0 if b is None else b)
        terms = (np.abs(h) + h_error) @ size.T + (0.0 if b is None else np.abs(b))
        # The last factor covers the roundings in the bound itself.
        error = (h_error @ size.T + (W.shape[1] + 2) * ROUNDOFF * terms) * (1 + 2.0**-20)
        certain &= ((np.abs(u) > error) | (terms == 0)).all(axis=1)
        active.append(u > error)
        h, h_error = np.where(active[-1], u, 0.0), np.where(active[-1], error, 0.0)
    return Signs(x[certain], [mask[certain] for mask in active])


def _masked(active: Bool[ndarray, "n d"]) -> Function:
    """Return ReLU and its derivative at n points whose active neurons are known."""
    mask = active.T.astype(np.uint64)
    return Function(lambda u: u * mask, lambda _: mask)
