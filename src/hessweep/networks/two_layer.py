"""The two-layer network, `y = W2 g(W1 x + b1) + b2`: the paper's, with what people add to it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.activations import activation as resolve
from hessweep.errors import InputError, ShapeError
from hessweep.networks.arrays import real_array
from hessweep.networks.inputs import Inputs
from hessweep.networks.layout import Layout


@dataclass(frozen=True, eq=False)
class Network:
    """`y(x) = W2 g(W1 x + b1) + b2` for inputs `x ~ N(mean, covariance)` (docs/biases.md).

    Without biases, with one output and with standard normal inputs it is the network of the
    paper (sec. 2).

    Args:
        W1: First layer.
        W2: Second layer: a vector for one output, or a matrix with a row for each output.
        activation: g, its name, or a function of a numpy array.
        b1: Hidden biases. They are parameters if they are given, even where they are 0.
        b2: Output biases, parameters if they are given: one for each output. For a vector `W2`
            it may be a number.
        inputs: The law of the inputs; None for standard normal ones.

    Raises:
        ShapeError: If the shapes do not fit together.
        InputError: If a weight is not a real number or not finite.
    """

    W1: Float[ndarray, "N_h N_i"]
    W2: Float[ndarray, " N_h"] | Float[ndarray, "N_o N_h"]
    activation: Activation
    b1: Float[ndarray, " N_h"] | None = None
    b2: Float[ndarray, " N_o"] | None = None
    inputs: Inputs | None = None

    def __post_init__(self) -> None:
        """Copy the weights as read-only float64, check them, resolve the activation's name."""
        given = {"W1": self.W1, "W2": self.W2, "b1": self.b1, "b2": self.b2}
        arrays = {
            name: real_array(name, values)
            for name, values in given.items()
            if values is not None or name in ("W1", "W2")
        }
        if "b2" in arrays:
            arrays["b2"] = np.atleast_1d(arrays["b2"])
        _check_shapes(arrays)
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise InputError("weights: expected finite numbers, got nan or infinity")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        N_i = arrays["W1"].shape[1]
        if self.inputs is not None and self.inputs.N_i not in (None, N_i):
            raise ShapeError(
                f"inputs: expected a law of {N_i} inputs, as many as W1 has columns, got one of "
                f"{self.inputs.N_i}"
            )
        object.__setattr__(self, "activation", resolve(self.activation))

    @classmethod
    def _unchecked(
        cls, W1: Float[ndarray, "N_h N_i"], W2: Float[ndarray, " N_h"], activation: Activation
    ) -> "Network":
        """Return a network of read-only weights whose shapes are known to fit one another.

        Nothing is checked, which takes a tenth of the time of the constructor.
        """
        network = object.__new__(cls)
        vars(network).update(W1=W1, W2=W2, activation=activation)
        return network

    def __repr__(self) -> str:
        """Return activation and sizes, and what this network has besides the paper's."""
        parts = [str(self.activation), f"N_i={self.N_i}", f"N_h={self.N_h}"]
        if self.W2.ndim > 1:
            parts.append(f"N_o={self.N_o}")
        given = [name for name in ("b1", "b2") if getattr(self, name) is not None]
        words = {"b1": "hidden", "b2": "output"}
        if given:
            parts.append(f"biases={'both' if len(given) > 1 else words[given[0]]}")
        if self.inputs is not None and not self.inputs.is_standard:
            parts.append(f"inputs={self.inputs!r}")
        return f"Network({', '.join(parts)}, P={self.P})"

    @property
    def N_i(self) -> int:
        """Number of inputs."""
        return self.W1.shape[1]

    @property
    def N_h(self) -> int:
        """Number of hidden neurons."""
        return self.W1.shape[0]

    @property
    def N_o(self) -> int:
        """Number of outputs."""
        return 1 if self.W2.ndim == 1 else self.W2.shape[0]

    @property
    def layout(self) -> Layout:
        """Where each layer's parameters are in the vector of all of them."""
        return Layout(self.N_i, self.N_h, self.N_o, self.b1 is not None, self.b2 is not None)

    @property
    def P(self) -> int:
        """Number of parameters."""
        biases = (one.size for one in (self.b1, self.b2) if one is not None)
        return self.W1.size + self.W2.size + sum(biases)

    @property
    def is_plain(self) -> bool:
        """Whether this is a network of the paper.

        That is: without biases, with one output (`W2` a vector) and standard normal inputs.
        """
        return (
            self.b1 is None
            and self.b2 is None
            and self.W2.ndim == 1
            and (self.inputs is None or self.inputs.is_standard)
        )

    @property
    def output_rows(self) -> Float[ndarray, "N_o N_h"]:
        """`W2` as a matrix, with one row for one output."""
        return np.atleast_2d(self.W2)

    @property
    def b1_or_zeros(self) -> Float[ndarray, " N_h"]:
        """`b1`, or zeros where the hidden neurons have no biases."""
        return np.zeros(self.N_h) if self.b1 is None else self.b1

    @property
    def offsets(self) -> Float[ndarray, " N_h"]:
        """`b1 + W1 mean`, the mean of what each hidden neuron sees."""
        offsets = self.b1_or_zeros
        if self.inputs is None or self.inputs.mean is None:
            return offsets
        return offsets + self.W1 @ self.inputs.mean

    @property
    def parameters(self) -> Float[ndarray, " P"]:
        """All parameters: `W1` row by row, `b1`, `W2` row by row, `b2`."""
        layers = (self.W1, self.b1, self.W2, self.b2)
        return np.concatenate([layer.ravel() for layer in layers if layer is not None])

    def with_parameters(self, parameters: Float[ndarray, " P"]) -> "Network":
        """Return the same architecture with other weights, in the order of `parameters`."""
        parameters, layout = np.asarray(parameters), self.layout
        return Network(
            parameters[layout.W1].reshape(self.W1.shape),
            parameters[layout.W2].reshape(self.W2.shape),
            self.activation,
            b1=None if self.b1 is None else parameters[layout.b1],
            b2=None if self.b2 is None else parameters[layout.b2],
            inputs=self.inputs,
        )

    def __call__(
        self, x: Float[ndarray, "n N_i"]
    ) -> Float[ndarray, " n"] | Float[ndarray, "n N_o"]:
        """Return the outputs `y` for the rows of `x`; where `W2` is a vector, one number each."""
        y = self.activation(self._hidden(x)) @ self.W2.T
        if self.b2 is None:
            return y
        return y + (self.b2[0] if self.W2.ndim == 1 else self.b2)

    def gradient(
        self, x: Float[ndarray, "n N_i"]
    ) -> Float[ndarray, "n P"] | Float[ndarray, "n N_o P"]:
        """Return `phi = ∂y/∂θ` for the rows of `x`, shaped like `y` with P at the end."""
        z, layout = self._hidden(x), self.layout
        slopes = self.activation.derivative(z)[:, None, :] * self.output_rows
        phi = np.zeros((len(x), self.N_o, layout.P))
        dW1 = slopes[..., None] * x[:, None, None, :]
        phi[:, :, layout.W1] = dW1.reshape(len(x), self.N_o, -1)
        if self.b1 is not None:
            phi[:, :, layout.b1] = slopes
        values, start = self.activation(z), layout.W2.start
        for o in range(self.N_o):
            phi[:, o, start + o * self.N_h : start + (o + 1) * self.N_h] = values
        if self.b2 is not None:
            phi[:, :, layout.b2] = np.eye(self.N_o)
        return phi[:, 0] if self.W2.ndim == 1 else phi

    def _hidden(self, x: Float[ndarray, "n N_i"]) -> Float[ndarray, "n N_h"]:
        """Return what the hidden neurons see, `W1 x + b1`."""
        z = x @ self.W1.T
        return z if self.b1 is None else z + self.b1


def _check_shapes(arrays: dict[str, ndarray]) -> None:
    """Raise unless the weights fit together."""
    W1, W2 = arrays["W1"], arrays["W2"]
    if W1.ndim != 2 or 0 in W1.shape:
        raise ShapeError(f"W1: expected a non-empty N_h x N_i matrix, got shape {W1.shape}")
    N_h = len(W1)
    if W2.ndim not in (1, 2) or 0 in W2.shape or W2.shape[-1] != N_h:
        raise ShapeError(
            f"W2: expected {N_h} entries, one for each row of W1, or an N_o x {N_h} matrix, got "
            f"shape {W2.shape}"
        )
    N_o = 1 if W2.ndim == 1 else len(W2)
    for name, size in (("b1", N_h), ("b2", N_o)):
        if name in arrays and arrays[name].shape != (size,):
            of = "hidden neuron" if name == "b1" else "output"
            raise ShapeError(
                f"{name}: expected {size} entries, one for each {of}, got shape "
                f"{arrays[name].shape}"
            )


def require_plain(network: Network, what: str) -> None:
    """Raise unless a network is one of the paper, for functions that know no others yet.

    Args:
        network: The network.
        what: The name of the function, for the message.

    Raises:
        InputError: If it is not a two-layer network, or has biases, several outputs or other
            inputs.
    """
    if not isinstance(network, Network):
        raise InputError(f"{what}: expected a two-layer Network, got a {type(network).__name__}")
    if network.is_plain:
        return
    extras = {
        "hidden biases": network.b1 is not None,
        "output biases": network.b2 is not None,
        "W2 as a matrix": network.W2.ndim == 2,
        "inputs that are not standard normal": not (
            network.inputs is None or network.inputs.is_standard
        ),
    }
    got = " and ".join(name for name, has_it in extras.items() if has_it)
    raise InputError(
        f"{what}: expected a network without biases, with one output (W2 a vector) and standard "
        f"normal inputs, got one with {got}; hessian(network) takes such networks"
    )
