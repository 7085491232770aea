"""Networks with any number of layers, `y = W_L g(... g(W_1 x + b_1) ...) + b_L`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.activations import activation as resolve
from hessweep.errors import InputError, ShapeError
from hessweep.networks.arrays import real_array
from hessweep.networks.inputs import Inputs


class LayerSlices(NamedTuple):
    """Where the parameters of one layer are in the vector of all parameters."""

    weights: slice
    """The matrix `W_l`, row by row."""
    biases: slice
    """The vector `b_l`; empty where the layer has no biases."""

    @property
    def layer(self) -> slice:
        """Weights and biases together."""
        return slice(self.weights.start, self.biases.stop)


class Pass(NamedTuple):
    """What a forward pass leaves for the backward pass, for n inputs."""

    preactivations: list[Float[ndarray, "n d"]]
    """`u_l = W_l h_{l-1} + b_l` of the layers 1 to L; the last is the output."""
    activities: list[Float[ndarray, "n d"]]
    """`h_0 = x` and `h_l = g(u_l)` of the hidden layers 1 to L - 1."""


@dataclass(frozen=True, eq=False, init=False)
class DeepNetwork:
    """`h_0 = x`, `u_l = W_l h_{l-1} + b_l`, `h_l = g_l(u_l)`, `y = u_L`, for normal inputs x.

    The parameters are ordered layer by layer: `W_1` row by row, `b_1`, `W_2` row by row, ...
    A bias vector that is given, even one of zeros, is a vector of trained parameters.

    Args:
        weights: The matrices `W_1, ..., W_L`; `W_l` is `d_l x d_{l-1}`.
        activation: One activation, its name, or a function of an array, for all hidden layers;
            or a list with one for each of the L - 1 hidden layers.
        biases: The vectors `b_1, ..., b_L`, each `d_l` long or None; or None for no biases.
        inputs: The law of the inputs; None for independent standard normal ones.

    Raises:
        ShapeError: If the shapes of weights, biases, activations and inputs do not fit together.
        InputError: If a weight or bias is not finite.
        ActivationError: If an activation is unknown.
    """

    weights: tuple[Float[ndarray, "d_out d_in"], ...]
    activation: Activation | tuple[Activation, ...]
    biases: tuple[Float[ndarray, " d_out"] | None, ...]
    inputs: Inputs | None = None

    def __init__(
        self,
        weights: Sequence[Float[ndarray, "d_out d_in"]],
        activation: str | Activation | Sequence[str | Activation],
        biases: Sequence[Float[ndarray, " d_out"] | None] | None = None,
        inputs: Inputs | None = None,
    ) -> None:
        matrices = _checked_weights(weights)
        object.__setattr__(self, "weights", matrices)
        object.__setattr__(self, "activation", _resolved(activation, len(matrices) - 1))
        object.__setattr__(self, "biases", _checked_biases(biases, matrices))
        object.__setattr__(self, "inputs", _checked_inputs(inputs, matrices[0].shape[1]))

    def __repr__(self) -> str:
        """Return the activations and the sizes."""
        kinds = dict.fromkeys(map(str, self.activations))
        layers = [k + 1 for k, has in enumerate(self.biased) if has]
        biased = f", biases in layers {layers}" if layers else ""
        return f"DeepNetwork({', '.join(kinds)}, widths={self.widths}{biased}, P={self.P})"

    @property
    def widths(self) -> tuple[int, ...]:
        """`d_0, ..., d_L`: inputs, the hidden layers, outputs."""
        return (self.weights[0].shape[1], *(len(W) for W in self.weights))

    @property
    def activations(self) -> tuple[Activation, ...]:
        """One activation for each hidden layer."""
        if isinstance(self.activation, tuple):
            return self.activation
        return (self.activation,) * (len(self.weights) - 1)

    @property
    def biased(self) -> tuple[bool, ...]:
        """Whether each layer has biases."""
        return tuple(b is not None for b in self.biases)

    @property
    def P(self) -> int:
        """Number of parameters."""
        return self.layout[-1].biases.stop

    @property
    def layout(self) -> list[LayerSlices]:
        """The place of each layer's parameters in `parameters`."""
        places, start = [], 0
        for W, b in zip(self.weights, self.biases, strict=True):
            middle = start + W.size
            stop = middle + (0 if b is None else len(b))
            places.append(LayerSlices(slice(start, middle), slice(middle, stop)))
            start = stop
        return places

    @property
    def parameters(self) -> Float[ndarray, " P"]:
        """All weights and biases: `W_1` row by row, `b_1`, `W_2` row by row, ..."""
        pairs = zip(self.weights, self.biases, strict=True)
        return np.concatenate(
            [part.ravel() for pair in pairs for part in pair if part is not None]
        )

    def with_parameters(self, parameters: Float[ndarray, " P"]) -> "DeepNetwork":
        """Return the same architecture with other parameters, in the order of `parameters`.

        Raises:
            ShapeError: If there are not P of them.
        """
        values = np.asarray(parameters, dtype=float)
        if values.shape != (self.P,):
            raise ShapeError(f"parameters: expected {self.P} of them, got shape {values.shape}")
        weights = [
            values[place.weights].reshape(W.shape)
            for place, W in zip(self.layout, self.weights, strict=True)
        ]
        biases = [
            None if b is None else values[place.biases]
            for place, b in zip(self.layout, self.biases, strict=True)
        ]
        return DeepNetwork(weights, self.activation, biases, self.inputs)

    @property
    def input_root(self) -> Float[ndarray, "d_0 d_01"]:
        """`[R, mean]` with `x = R z + mean` for independent standard normal z.

        `R R^T` is the covariance, to rounding error where it is a full matrix.
        """
        d0 = self.widths[0]
        if self.inputs is None:
            return np.eye(d0, d0 + 1)
        mean = np.zeros(d0) if self.inputs.mean is None else self.inputs.mean
        return np.column_stack([self.inputs.factor(d0), mean])

    def inputs_at(self, z: Float[ndarray, "n d_0"]) -> Float[ndarray, "n d_0"]:
        """Return the inputs `R z + mean` for the rows z, nodes of the standard normal law."""
        if self.inputs is None:
            return z
        root = self.input_root
        return z @ root[:, :-1].T + root[:, -1]

    def forward(self, x: Float[ndarray, "n d_0"]) -> Pass:
        """Return the preactivations and the activities of all layers for the rows of `x`."""
        preactivations: list[ndarray] = []
        activities = [np.asarray(x, dtype=float)]
        for W, b, g in zip(self.weights, self.biases, (*self.activations, None), strict=True):
            u = activities[-1] @ W.T
            preactivations.append(u if b is None else u + b)
            if g is not None:
                activities.append(g(preactivations[-1]))
        return Pass(preactivations, activities)

    def __call__(self, x: Float[ndarray, "n d_0"]) -> Float[ndarray, "n d_L"]:
        """Return the outputs `y` for the rows of `x`."""
        return self.forward(x).preactivations[-1]

    def gradient(self, x: Float[ndarray, "n d_0"]) -> Float[ndarray, "n d_L P"]:
        """Return `∂y_o/∂θ` of every output o for the rows of `x`, by backpropagation."""
        u, h = self.forward(x)
        outputs = len(self.weights[-1])
        result = np.empty((len(x), outputs, self.P))
        delta = np.broadcast_to(np.eye(outputs), (len(x), outputs, outputs))
        for layer in range(len(self.weights) - 1, -1, -1):
            weights, biases = self.layout[layer]
            of_weights = result[:, :, weights].reshape(*delta.shape, -1)
            result[:, :, weights] = np.multiply(
                delta[..., None], h[layer][:, None, None, :], out=of_weights
            ).reshape(len(x), outputs, -1)
            if self.biases[layer] is not None:
                result[:, :, biases] = delta
            if layer:
                delta = (delta @ self.weights[layer]) * self.activations[layer - 1].derivative(
                    u[layer - 1]
                )[:, None]
        return result


def _checked_weights(weights: Sequence[Any]) -> tuple[ndarray, ...]:
    matrices = tuple(real_array(f"W_{layer}", W) for layer, W in enumerate(weights, start=1))
    if not matrices:
        raise ShapeError("weights: expected a list of at least one matrix, got none")
    for layer, W in enumerate(matrices, start=1):
        if W.ndim != 2 or 0 in W.shape:
            raise ShapeError(f"W_{layer}: expected a non-empty matrix, got shape {W.shape}")
        if layer > 1 and W.shape[1] != len(matrices[layer - 2]):
            raise ShapeError(
                f"W_{layer}: expected {len(matrices[layer - 2])} columns, one for each row of "
                f"W_{layer - 1}, got shape {W.shape}"
            )
        _freeze(f"W_{layer}", W)
    return matrices


def _checked_biases(
    biases: Sequence[Any] | None, matrices: tuple[ndarray, ...]
) -> tuple[ndarray | None, ...]:
    given = [None] * len(matrices) if biases is None else list(biases)
    if len(given) != len(matrices):
        raise ShapeError(
            f"biases: expected {len(matrices)} entries, one for each layer (None where it has "
            f"no biases), got {len(given)}"
        )
    vectors = tuple(
        None if b is None else real_array(f"b_{layer}", b)
        for layer, b in enumerate(given, start=1)
    )
    for layer, (b, W) in enumerate(zip(vectors, matrices, strict=True), start=1):
        if b is not None and b.shape != W.shape[:1]:
            raise ShapeError(
                f"b_{layer}: expected {len(W)} entries, one for each row of W_{layer}, got shape "
                f"{b.shape}"
            )
        if b is not None:
            _freeze(f"b_{layer}", b)
    return vectors


def _checked_inputs(inputs: Inputs | None, d0: int) -> Inputs | None:
    if inputs is not None and not isinstance(inputs, Inputs):
        raise InputError(f"inputs: expected hessweep.Inputs or None, got {inputs!r}")
    if inputs is not None and inputs.N_i not in (None, d0):
        raise ShapeError(
            f"inputs: expected a law of {d0} inputs, as many as W_1 has columns, got one of "
            f"{inputs.N_i}"
        )
    return None if inputs is None or inputs.is_standard else inputs


def _freeze(name: str, values: ndarray) -> None:
    if not np.isfinite(values).all():
        raise InputError(f"{name}: expected finite numbers, got nan or infinity")
    values.flags.writeable = False


def _resolved(
    activation: str | Activation | Sequence[str | Activation], hidden: int
) -> Activation | tuple[Activation, ...]:
    """Return one activation, or one for each hidden layer where they differ."""
    if isinstance(activation, str) or not isinstance(activation, Sequence):
        return resolve(activation)
    found = tuple(resolve(one) for one in activation)
    if len(found) != hidden:
        raise ShapeError(
            f"activation: expected one, or a list of {hidden} for the hidden layers, got "
            f"{len(found)}"
        )
    return found[0] if len(set(found)) == 1 else found


def check_two_layers(network: object, function: str) -> None:
    """Raise where a function of two-layer networks is given a deep one, or no network.

    Raises:
        InputError: If the network is not a `Network`.
    """
    if isinstance(network, DeepNetwork):
        raise InputError(
            f"{function}: expected a two-layer Network, got a DeepNetwork of widths "
            f"{network.widths}; hessian, spectrum and rank take deep networks"
        )
    if not hasattr(network, "is_plain"):
        raise InputError(
            f"{function}: expected a two-layer Network, got a {type(network).__name__}"
        )
