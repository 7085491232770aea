"""Two-layer networks as deep ones with the same parameters in the same order."""

import numpy as np

from hessweep.errors import InputError
from hessweep.networks.deep import DeepNetwork
from hessweep.networks.two_layer import Network


def as_deep(network: Network | DeepNetwork) -> DeepNetwork:
    """Return the same network as a `DeepNetwork`.

    Raises:
        InputError: If its inputs are not standard normal.
    """
    if isinstance(network, DeepNetwork):
        return network
    weights = [network.W1, np.atleast_2d(network.W2)]
    if network.inputs is not None and not network.inputs.is_standard:
        raise InputError("inputs: a deep network takes standard normal inputs only")
    return DeepNetwork(weights, network.activation, [network.b1, network.b2])
