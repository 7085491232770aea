"""Networks of other libraries as networks of hessweep, and its Hessian as others take operators.

PyTorch and JAX are not needed: what is read are arrays.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.sparse.linalg import LinearOperator

from hessweep.activations import Activation
from hessweep.errors import InputError, ShapeError
from hessweep.hessian import hessian_operator
from hessweep.networks import Network


def from_state_dict(
    state: Mapping[str, Any], activation: str | Activation, *, scale_of_erf: bool = False
) -> Network:
    """Return the network of two linear layers whose parameters PyTorch holds.

    Args:
        state: `module.state_dict()` of `Linear(N_i, N_h)`, an activation and `Linear(N_h, N_o)`,
            in this order, each with or without a bias; or the same arrays under the same names.
        activation: What stands between the layers. PyTorch's `ReLU`, `GELU()`, `Tanh`, `Sigmoid`,
            `Softplus` and `SiLU` are hessweep's of these names.
        scale_of_erf: Whether the module computes `erf(x)`. hessweep's is `erf(x / √2)`, so that
            the first layer is multiplied by √2: the same function, in other parameters.

    Raises:
        ShapeError: If the arrays are not those of two linear layers.
        InputError: If an array holds anything but real, finite numbers.
    """
    arrays = {name: _array(name, value) for name, value in state.items()}
    weights = [name for name, array in arrays.items() if array.ndim == 2]
    if len(weights) != 2:
        raise ShapeError(
            "state: expected the weights of two linear layers, got "
            + (", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing")
        )
    first, second = weights
    biases = [arrays.pop(name.removesuffix("weight") + "bias", None) for name in weights]
    unknown = sorted(set(arrays) - set(weights))
    if unknown:
        raise ShapeError(f"state: {', '.join(unknown)}: expected weights and biases of two layers")
    W2, scale = arrays[second], np.sqrt(2.0) if scale_of_erf else 1.0
    return Network(
        arrays[first] * scale,
        W2[0] if len(W2) == 1 else W2,
        activation,  # type: ignore[arg-type]
        b1=None if biases[0] is None else biases[0] * scale,
        b2=biases[1],
    )


def _array(name: str, value: Any) -> ndarray:
    """Return a parameter as float64, also one that PyTorch would not give away."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().double()
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"state: {name}: expected an array of numbers, got {error}") from error


class HessianOperator:
    """The population Hessian as curvlinops has its operators: `H @ v`, `.shape`, `.to_scipy()`.

    Parameters are ordered `W1` row by row, `b1`, `W2` row by row, `b2`, which is the order of
    `torch.nn.Sequential(Linear, activation, Linear).parameters()`.
    """

    def __init__(self, network: Network) -> None:
        """Take the network."""
        self._operator = hessian_operator(network)
        self._shapes = [
            array.shape
            for array in (network.W1, network.b1, network.output_rows, network.b2)
            if array is not None
        ]
        self.shape: tuple[int, int] = self._operator.shape
        self.dtype = np.dtype(float)

    def __matmul__(self, v: Any) -> Any:
        """Return `H v`: of a vector or a matrix of P rows, or of a list of arrays like parameters.

        Raises:
            ShapeError: If the shapes are not those of the parameters.
        """
        if isinstance(v, list | tuple):
            parts = [np.asarray(part, dtype=float) for part in v]
            if [part.shape for part in parts] != self._shapes:
                raise ShapeError(
                    f"H @ v: expected arrays of the shapes {self._shapes}, got "
                    f"{[part.shape for part in parts]}"
                )
            product = self @ np.concatenate([part.ravel() for part in parts])
            ends = np.cumsum([part.size for part in parts])[:-1]
            pieces = np.split(product, ends)
            return [x.reshape(s) for x, s in zip(pieces, self._shapes, strict=True)]
        v = np.asarray(v, dtype=float)
        if v.ndim not in (1, 2) or len(v) != self.shape[1]:
            raise ShapeError(f"H @ v: expected {self.shape[1]} rows, got shape {v.shape}")
        return self._operator @ v

    def to_scipy(self) -> LinearOperator:
        """Return the operator for `scipy.sparse.linalg`."""
        return self._operator


def relative_error(
    estimate: Float[ndarray, " P"], truth: Float[ndarray, " P"], error: float = 0.0
) -> Float[ndarray, " P"]:
    """Return how far each estimated eigenvalue is off, relative to the largest true one.

    Args:
        estimate: Eigenvalues, in any order.
        truth: The true ones, as many.
        error: A bound on the error of `truth`, which is subtracted: what is left is certain.
    """
    estimate, truth = np.sort(estimate), np.sort(truth)
    if estimate.shape != truth.shape:
        raise ShapeError(f"estimate: expected {truth.shape} eigenvalues, got {estimate.shape}")
    return np.maximum(np.abs(estimate - truth) - error, 0.0) / truth[-1]
