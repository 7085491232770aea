"""The Hessian of deep linear networks at the optimum, in closed form.

With inputs `R z + mean` and the augmented input `(z, 1)`, the output is `A_l W_l B_l (z, 1)` plus
what does not depend on `W_l`; so the gradient by `W_l` is `A_l^T ⊗ B_l (z, 1)`, and that by `b_l`
is `A_l^T`.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.networks import DeepNetwork

EPS = float(np.finfo(float).eps)


class LinearFactors(NamedTuple):
    """What lies behind and before each layer of a deep linear network."""

    A: list[Float[ndarray, "d_L d_l"]]
    """`A_l = W_L ... W_{l+1}`, slopes included, for l = 1, ..., L."""
    B: list[Float[ndarray, "d_l1 d_01"]]
    """`B_l`, `d_{l-1} x (d_0 + 1)`: the activities before layer l are `B_l (x, 1)`."""
    A_error: list[float]
    """Bounds on the spectral norms of the rounding errors of A."""
    B_error: list[float]
    """The same of B."""


def is_affine(activation: Activation) -> bool:
    """Return whether `g(x) = a x + c`."""
    return activation.polynomial is not None and activation.polynomial.degree == 1


def linear_factors(network: DeepNetwork) -> LinearFactors:
    """Return `A_l` and `B_l` of a deep linear network, with bounds on their rounding errors."""
    W, outputs = network.weights, network.widths[-1]
    slopes = [float(g.derivative(np.zeros(()))) for g in network.activations]
    constants = [float(g(np.zeros(()))) for g in network.activations]
    A, A_error = [np.eye(outputs)], [0.0]
    for W_l, slope in zip(W[:0:-1], slopes[::-1], strict=True):
        product, error = _product(A[0], A_error[0], W_l)
        A, A_error = [slope * product, *A], [abs(slope) * error, *A_error]
    B, B_error = [network.input_root], [0.0]
    layers = zip(W[:-1], network.biases[:-1], slopes, constants, strict=True)
    for W_l, b, slope, constant in layers:
        product, error = _product(B[-1].T, B_error[-1], W_l.T)
        preactivation = product.T.copy()
        if b is not None:
            preactivation[:, -1] += b
        following = slope * preactivation
        following[:, -1] += constant
        B.append(following)
        B_error.append(abs(slope) * error + 4 * EPS * float(np.linalg.norm(following)))
    return LinearFactors(A, B, A_error, B_error)


def _product(X: ndarray, X_error: float, Y: ndarray) -> tuple[ndarray, float]:
    """Return `X Y` and a bound on the spectral norm of its error; Y is exact."""
    size = float(np.linalg.norm(X) * np.linalg.norm(Y))
    return X @ Y, X_error * float(np.linalg.norm(Y, 2)) + (len(Y) + 2) * EPS * size


def linear_hessian(network: DeepNetwork) -> Float[ndarray, "P P"]:
    """Return the population Hessian at the optimum of a deep linear network.

    The block of the weights of layers l and m is `A_l^T A_m ⊗ B_l B_m^T`; biases have the last
    unit vector in the place of B.
    """
    parts = _parts(network)
    H = np.empty((network.P, network.P))
    for i, (rows, A_l, B_l) in enumerate(parts):
        for columns, A_m, B_m in parts[i:]:
            H[rows, columns] = np.kron(A_l.T @ A_m, B_l @ B_m.T)
            H[columns, rows] = H[rows, columns].T
    return H


def linear_root(network: DeepNetwork) -> Float[ndarray, "n P"]:
    """Return R with `R^T R = H` of a deep linear network, `n = d_L (d_0 + 1)`.

    Its columns are the rows of `A_l^T ⊗ B_l`.
    """
    rows = network.widths[-1] * (network.widths[0] + 1)
    R = np.empty((rows, network.P))
    for columns, A_l, B_l in _parts(network):
        R[:, columns] = np.kron(A_l, B_l.T)
    return R


def linear_root_rounding(network: DeepNetwork) -> float:
    """Return a bound on the spectral norm of what rounding does to `linear_root`."""
    moved, rounded = 0.0, 0.0
    for A, B, A_error, B_error in zip(*linear_factors(network), strict=True):
        # A bias has the last unit vector in the place of B, so that 1 is added to the norm of B.
        norm_A, norm_B = float(np.linalg.norm(A)), float(np.linalg.norm(B)) + 1
        moved += (A_error * norm_B + norm_A * B_error + A_error * B_error) ** 2
        rounded += (norm_A * norm_B) ** 2
    return float(np.sqrt(moved) + EPS * np.sqrt(rounded))


def _parts(network: DeepNetwork) -> list[tuple[slice, ndarray, ndarray]]:
    """Return the place of each matrix and of each bias vector, with its A and B."""
    A, B, _, _ = linear_factors(network)
    unit = np.eye(1, network.widths[0] + 1, network.widths[0])
    parts = []
    for place, A_l, B_l, biased in zip(network.layout, A, B, network.biased, strict=True):
        parts.append((place.weights, A_l, B_l))
        if biased:
            parts.append((place.biases, A_l, unit))
    return parts
