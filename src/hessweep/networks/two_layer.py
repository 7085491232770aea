"""The two-layer network of the paper, `y = W2 · g(W1 x)`."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import ArrayLike

from hessweep.activations import Activation
from hessweep.activations import activation as resolve
from hessweep.errors import InputError, ShapeError


@dataclass(frozen=True, eq=False)
class Network:
    """`y(x) = W2 · g(W1 x)`, without biases and with one output.

    Attributes:
        W1: The first layer, an N_h x N_i matrix; read-only.
        W2: The output weights, N_h of them; read-only.
        activation: The activation g; its name may be given instead.

    Raises:
        ShapeError: If `W1` is not `N_h x N_i` or `W2` does not have `N_h` entries.
        InputError: If a weight is not a real number or not finite.
    """

    W1: Float[ndarray, "N_h N_i"]
    W2: Float[ndarray, " N_h"]
    activation: Activation

    def __post_init__(self) -> None:
        """Copy the weights to read-only float64 arrays and look up the name of an activation."""
        W1, W2 = (_real(name, getattr(self, name)) for name in ("W1", "W2"))
        if W1.ndim != 2 or 0 in W1.shape:
            raise ShapeError(f"W1: expected a non-empty N_h x N_i matrix, got shape {W1.shape}")
        if W2.shape != W1.shape[:1]:
            raise ShapeError(
                f"W2: expected {W1.shape[0]} entries, one for each row of W1, got shape {W2.shape}"
            )
        if not (np.isfinite(W1).all() and np.isfinite(W2).all()):
            raise InputError("weights: expected finite numbers, got nan or infinity")
        W1.flags.writeable = W2.flags.writeable = False
        object.__setattr__(self, "W1", W1)
        object.__setattr__(self, "W2", W2)
        object.__setattr__(self, "activation", resolve(self.activation))

    @classmethod
    def _unchecked(
        cls, W1: Float[ndarray, "N_h N_i"], W2: Float[ndarray, " N_h"], activation: Activation
    ) -> "Network":
        """Return a network without checking its weights, which is ten times faster."""
        network = object.__new__(cls)
        vars(network).update(W1=W1, W2=W2, activation=activation)
        return network

    @property
    def N_i(self) -> int:
        """Number of inputs."""
        return self.W1.shape[1]

    @property
    def N_h(self) -> int:
        """Number of hidden neurons."""
        return self.W1.shape[0]

    @property
    def P(self) -> int:
        """Number of parameters, `N_h (N_i + 1)`."""
        return self.W1.size + self.W2.size

    @property
    def parameters(self) -> Float[ndarray, " P"]:
        """All weights: `W1` row by row, followed by `W2`."""
        return np.concatenate([self.W1.ravel(), self.W2])

    def with_parameters(self, parameters: Float[ndarray, " P"]) -> "Network":
        """Return a network like this one with other weights, in the order of `parameters`."""
        W1, W2 = np.split(np.asarray(parameters), [self.W1.size])
        return Network(W1.reshape(self.W1.shape), W2, self.activation)

    def __call__(self, x: Float[ndarray, "n N_i"]) -> Float[ndarray, " n"]:
        """Return the outputs `y` for the rows of `x`."""
        return self.activation(x @ self.W1.T) @ self.W2

    def gradient(self, x: Float[ndarray, "n N_i"]) -> Float[ndarray, "n P"]:
        """Return `phi = ∂y/∂θ` for the rows of `x`."""
        u = x @ self.W1.T
        dW1 = (self.activation.derivative(u) * self.W2)[:, :, None] * x[:, None, :]
        return np.concatenate([dW1.reshape(len(x), -1), self.activation(u)], axis=1)


def _real(name: str, weights: ArrayLike) -> Float[ndarray, "*shape"]:
    """Return a float64 copy of the weights.

    Raises:
        InputError: If they are not real numbers.
    """
    try:
        given = np.asarray(weights)
        if np.iscomplexobj(given):
            raise InputError(f"{name}: expected real numbers, got complex ones ({given.dtype})")
        return np.array(given, dtype=float)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: expected an array of real numbers, got {error}") from error
