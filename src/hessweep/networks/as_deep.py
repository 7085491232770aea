"""Two-layer networks as deep ones with the same parameters in the same order."""

import numpy as np

from hessweep.networks.deep import DeepNetwork
from hessweep.networks.two_layer import Network


def as_deep(network: Network | DeepNetwork) -> DeepNetwork:
    """Return the same network as a `DeepNetwork`."""
    if isinstance(network, DeepNetwork):
        return network
    weights = [network.W1, np.atleast_2d(network.W2)]
    return DeepNetwork(weights, network.activation, [network.b1, network.b2], network.inputs)
