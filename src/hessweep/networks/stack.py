"""Plain networks of one activation and size, kept as two arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.networks.two_layer import Network


@dataclass(frozen=True, eq=False)
class NetworkStack(Sequence[Network]):
    """Networks without biases and with one output; each is made when it is asked for."""

    W1: Float[ndarray, "S N_h N_i"]
    """Read-only."""
    W2: Float[ndarray, "S N_h"]
    """Read-only."""
    activation: Activation

    @classmethod
    def of(cls, networks: Sequence[Network]) -> "NetworkStack | None":
        """Return these networks, of one activation and size, as a stack; None if one is not plain.

        None, too, if there is none.
        """
        if isinstance(networks, NetworkStack):
            return networks
        if not networks or not all(network.is_plain for network in networks):
            return None
        W1 = np.stack([network.W1 for network in networks])
        W2 = np.stack([network.W2 for network in networks])
        return cls(W1, W2, networks[0].activation)

    def __len__(self) -> int:
        """Return the number of networks."""
        return len(self.W1)

    @overload
    def __getitem__(self, place: int) -> Network: ...
    @overload
    def __getitem__(self, place: slice) -> "NetworkStack": ...
    def __getitem__(self, place: int | slice) -> "Network | NetworkStack":
        """Return the network at a place, or the stack of those of a slice."""
        if isinstance(place, slice):
            return NetworkStack(self.W1[place], self.W2[place], self.activation)
        return Network._unchecked(self.W1[place], self.W2[place], self.activation)
