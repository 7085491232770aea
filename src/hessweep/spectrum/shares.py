"""Which layers the large eigenvalues of a deep network belong to."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.hessian import hessian_root
from hessweep.networks import DeepNetwork


def layer_shares(network: DeepNetwork, largest: int = 1) -> Float[ndarray, "k L"]:
    """Return how much of each of the largest eigenvectors of H lies in each layer.

    Args:
        network: A deep network at its optimum.
        largest: How many eigenvectors, from 1 to P.

    Returns:
        The sums of the squared components in the weights and biases of layers 1 to L: a row that
        adds up to 1 for each eigenvector, that of the largest eigenvalue first. There are fewer
        rows where fewer eigenvalues are known to be non-zero.

    Raises:
        TooLargeError: If the network is too large to be sampled.
        PrecisionError: If sampling does not reach its relative error.
    """
    _, _, vectors = blas.svd(hessian_root(network), full_matrices=False)
    return shares_of(network, vectors[:largest])


def shares_of(network: DeepNetwork, vectors: Float[ndarray, "k P"]) -> Float[ndarray, "k L"]:
    """Return how much of each of these vectors lies in each layer of a network."""
    squares = np.square(vectors)
    return np.stack([squares[:, place.layer].sum(axis=1) for place in network.layout], axis=1)
