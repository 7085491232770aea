"""Directions in which the parameters of a deep network change nothing, for its own weights.

Each direction is a vector that the gradients of all inputs are orthogonal to; their number, if
they are linearly independent, is taken off P. Independence is shown modulo the prime, so that the
upper bound on the rank is proved.
"""

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from hessweep.networks import DeepNetwork
from hessweep.rank import mersenne
from hessweep.rank.formulas_deep import is_exponential, is_homogeneous


def kernel_bound(network: DeepNetwork) -> int:
    """Return P minus the number of independent directions that are known to change nothing."""
    directions = [
        *_unused(network),
        *_equal_neurons(network),
        *_rescalings(network),
        *_mixtures(network),
    ]
    if not directions:
        return network.P
    # Entries are copies of weights, 1 or -1, so that nothing is rounded.
    return network.P - mersenne.matrix_rank(mersenne.residues(np.array(directions)))


def live_neurons(network: DeepNetwork) -> list[Bool[ndarray, " d"]]:
    """Return for the layers 1, ..., L which neurons the outputs depend on by their weights."""
    live = [np.ones(network.widths[-1], dtype=bool)]
    for W in network.weights[:0:-1]:
        live.insert(0, (W[live[0]] != 0).any(axis=0))
    return live


def silent_neurons(network: DeepNetwork) -> list[Bool[ndarray, " d"]]:
    """Return for the layers 0, ..., L - 1 which activities are 0 for every input.

    Neurons of ReLU without a positive weight from an activity that is not silent, beyond the
    first hidden layer, whose inputs have both signs; and neurons with zero weights where
    `g(0) = 0`. A bias must be 0, or for ReLU not positive.
    """
    silent = [np.zeros(network.widths[0], dtype=bool)]
    zero = np.zeros(())
    for layer, g in enumerate(network.activations):
        W, b = network.weights[layer][:, ~silent[-1]], network.biases[layer]
        bias = np.zeros(len(W)) if b is None else b
        positive = layer > 0 and is_homogeneous(network.activations[layer - 1])
        if is_homogeneous(g):
            none = (W <= 0).all(axis=1) if positive else (W == 0).all(axis=1)
            silent.append(none & (bias <= 0))
        else:
            without = (W == 0).all(axis=1) & (bias == 0)
            silent.append(without & (float(g(zero)) == 0))
    return silent


def _unused(network: DeepNetwork) -> list[ndarray]:
    """Return the unit vectors of parameters behind silent and before dead neurons."""
    live, silent = live_neurons(network), silent_neurons(network)
    vectors = []
    for layer, place in enumerate(network.layout):
        dead = ~live[layer]
        if layer < len(network.activations) and is_homogeneous(network.activations[layer]):
            dead |= silent[layer + 1]
        unused = (dead[:, None] | silent[layer][None, :]).ravel()
        of_layer = [place.weights.start + i for i in np.flatnonzero(unused)]
        if network.biases[layer] is not None:
            of_layer += [place.biases.start + i for i in np.flatnonzero(dead)]
        vectors += [_unit(network.P, index) for index in of_layer]
    return vectors


def _equal_neurons(network: DeepNetwork) -> list[ndarray]:
    """Return what moves output weight from one neuron to an equal one of the same layer."""
    vectors = []
    for layer, W in enumerate(network.weights[:-1]):
        b = network.biases[layer]
        rows = W if b is None else np.column_stack([W, b])
        _, first, member = np.unique(rows + 0.0, axis=0, return_index=True, return_inverse=True)
        start, after = network.layout[layer + 1].weights.start, network.weights[layer + 1]
        for i, j in enumerate(first[member.reshape(-1)].tolist()):
            if i == j:
                continue
            for k in range(len(after)):
                vector = _unit(network.P, start + k * len(W) + i)
                vector[start + k * len(W) + j] = -1.0
                vectors.append(vector)
    return vectors


def _rescalings(network: DeepNetwork) -> list[ndarray]:
    """Return what scales a neuron of ReLU, or shifts one of exp, and is undone by its outputs."""
    vectors = []
    for layer, g in enumerate(network.activations):
        neurons = range(network.widths[layer + 1])
        if is_homogeneous(g):
            vectors += [_mixture(network, layer, i, i) for i in neurons]
        elif is_exponential(g) and network.biases[layer] is not None:
            for i in neurons:
                vector = np.zeros(network.P)
                vector[network.layout[layer].biases][i] = 1.0
                _undo(network, vector, layer, i, i)
                vectors.append(vector)
    return vectors


def _mixtures(network: DeepNetwork) -> list[ndarray]:
    """Return what mixes two neurons of ReLU that are active for every input.

    Such a neuron has positive weights for all activities before it that are not silent; with a
    positive bias they may also be 0.
    """
    vectors, silent = [], silent_neurons(network)
    for layer, g in enumerate(network.activations):
        if layer == 0 or not (
            is_homogeneous(g) and is_homogeneous(network.activations[layer - 1])
        ):
            continue
        W, b = network.weights[layer][:, ~silent[layer]], network.biases[layer]
        always = (W > 0).all(axis=1) if b is None else (W >= 0).all(axis=1) & (b > 0)
        active = np.flatnonzero(always).tolist()
        vectors += [_mixture(network, layer, i, j) for i in active for j in active if i != j]
    return vectors


def _mixture(network: DeepNetwork, layer: int, i: int, j: int) -> Float[ndarray, " P"]:
    """Return `u_i += ε u_j` in hidden layer l (from 0), undone by the weights that j leads to."""
    vector = np.zeros(network.P)
    place, W, b = network.layout[layer], network.weights[layer], network.biases[layer]
    vector[place.weights].reshape(W.shape)[i] = W[j]
    if b is not None:
        vector[place.biases][i] = b[j]
    _undo(network, vector, layer, i, j)
    return vector


def _undo(network: DeepNetwork, vector: ndarray, layer: int, i: int, j: int) -> None:
    """Take off neuron j's output weights what neuron i then adds."""
    place, out = network.layout[layer + 1], network.weights[layer + 1]
    vector[place.weights].reshape(out.shape)[:, j] = -out[:, i]


def _unit(size: int, index: int) -> Float[ndarray, " P"]:
    vector = np.zeros(size)
    vector[index] = 1.0
    return vector
