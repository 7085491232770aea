"""Where students start, and the random streams of their noise and of their batches."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.random import Generator, SeedSequence

from hessweep.networks import Network

NOISE, BATCHES, RANDOM = range(3)
"""What a stream is for: noise around an optimum, batches of SGD, weights from nothing."""


def stream(network: Network, seed: int, purpose: int, draw: int) -> Generator:
    """Return a random stream that depends on `(N_i, N_h, seed)`, purpose and draw alone."""
    entropy = [network.N_i, network.N_h, seed]
    return np.random.default_rng(SeedSequence(entropy, spawn_key=(purpose, draw)))


def displacement(network: Network, seed: int, draw: int, noise: float) -> Float[ndarray, " P"]:
    """Return normal noise of this standard deviation for each parameter.

    Draws that differ in the noise only share their direction.
    """
    return noise * stream(network, seed, NOISE, draw).standard_normal(network.P)


def random_weights(network: Network, seed: int, draw: int) -> Float[ndarray, " P"]:
    """Return normal weights of variance 1/fan_in that are independent of the network's own."""
    weights = stream(network, seed, RANDOM, draw).standard_normal(network.P)
    second = network.layout.W2.start
    weights[:second] /= np.sqrt(network.N_i)
    weights[second:] /= np.sqrt(network.N_h)
    return weights
