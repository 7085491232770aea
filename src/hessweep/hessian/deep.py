"""Loss, gradient and Hessian of deep networks over a finite data set, by backpropagation."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.errors import ShapeError
from hessweep.networks import DeepNetwork


def batch_loss(
    student: DeepNetwork,
    teacher: DeepNetwork,
    x: Float[ndarray, "n d_0"],
    weight: Float[ndarray, " n"] | None = None,
) -> tuple[float, Float[ndarray, " P"]]:
    """Return the loss `Σ_s |y(x_s) - y*(x_s)|² / 2n` and its gradient.

    Args:
        student: The network whose parameters are varied.
        teacher: The network that it is compared with.
        x: The inputs.
        weight: Weights in the place of `1/n`; with the nodes and weights of an integration
            formula that is exact for the integrand, the population loss.

    Raises:
        ShapeError: If student, teacher and data do not fit together.
    """
    weight = _checked(student, teacher, x, weight)
    residual = student(x) - teacher(x)
    gradient = _cotangent_gradient(student, x, residual * weight[:, None])
    return float(weight @ np.square(residual).sum(axis=1)) / 2, gradient


def deep_batch_hessian(
    student: DeepNetwork,
    teacher: DeepNetwork,
    x: Float[ndarray, "n d_0"],
    weight: Float[ndarray, " n"] | None = None,
) -> tuple[Float[ndarray, "P P"], Float[ndarray, "P P"]]:
    """Return the Hessian of `batch_loss` in two parts (eqs 1-5).

    Returns:
        The outer-product part `Σ_s Σ_o phi_o phi_o^T / n` and the functional part
        `Σ_s Σ_o (y_o - y*_o) ∂²y_o/∂θ² / n`; the Hessian is their sum. At the optimum the
        second is 0.

    Raises:
        ShapeError: If student, teacher and data do not fit together.
    """
    weight = _checked(student, teacher, x, weight)
    phi = student.gradient(x)
    weighted = (phi * weight[:, None, None]).reshape(-1, student.P)
    outer = phi.reshape(-1, student.P).T @ weighted
    cotangent = (student(x) - teacher(x)) * weight[:, None]
    functional = np.empty((student.P, student.P))
    for i, direction in enumerate(np.eye(student.P)):
        functional[i] = _directional(student, x, cotangent, direction)
    return outer, (functional + functional.T) / 2


def _checked(
    student: DeepNetwork, teacher: DeepNetwork, x: ndarray, weight: ndarray | None
) -> Float[ndarray, " n"]:
    ends = [(network.widths[0], network.widths[-1]) for network in (student, teacher)]
    if ends[0] != ends[1]:
        raise ShapeError(
            "expected a student and a teacher with as many inputs and outputs, got widths "
            f"{student.widths} and {teacher.widths}"
        )
    if x.ndim != 2 or not len(x) or x.shape[1] != ends[0][0]:
        raise ShapeError(f"x: expected n x {ends[0][0]} inputs, got shape {x.shape}")
    if weight is None:
        return np.full(len(x), 1 / len(x))
    if weight.shape != (len(x),):
        raise ShapeError(f"weight: expected {len(x)} entries, got shape {weight.shape}")
    return weight


def _cotangent_gradient(
    network: DeepNetwork, x: Float[ndarray, "n d_0"], cotangent: Float[ndarray, "n d_L"]
) -> Float[ndarray, " P"]:
    """Return `Σ_s Σ_o cotangent_so ∂y_o(x_s)/∂θ`."""
    u, h = network.forward(x)
    result, delta = np.empty(network.P), cotangent
    for layer in range(len(u) - 1, -1, -1):
        place = network.layout[layer]
        result[place.weights] = (delta.T @ h[layer]).ravel()
        if network.biases[layer] is not None:
            result[place.biases] = delta.sum(axis=0)
        if layer:
            delta = (delta @ network.weights[layer]) * network.activations[layer - 1].derivative(
                u[layer - 1]
            )
    return result


def _directional(
    network: DeepNetwork,
    x: Float[ndarray, "n d_0"],
    cotangent: Float[ndarray, "n d_L"],
    direction: Float[ndarray, " P"],
) -> Float[ndarray, " P"]:
    """Return the derivative of `_cotangent_gradient` along a direction, the cotangent fixed.

    The forward pass and the backward pass are differentiated (Pearlmutter's R-operator).
    """
    u, h = network.forward(x)
    layers = list(zip(network.layout, network.weights, strict=True))
    moved_h, moved_u = [np.zeros_like(h[0])], []
    for layer, (place, W) in enumerate(layers):
        V = direction[place.weights].reshape(W.shape)
        moved = h[layer] @ V.T + moved_h[layer] @ W.T
        if network.biases[layer] is not None:
            moved += direction[place.biases]
        moved_u.append(moved)
        if layer < len(network.activations):
            moved_h.append(network.activations[layer].derivative(u[layer]) * moved)
    result = np.empty(network.P)
    delta, moved_delta = cotangent, np.zeros_like(cotangent)
    for layer in range(len(layers) - 1, -1, -1):
        place, W = layers[layer]
        V = direction[place.weights].reshape(W.shape)
        result[place.weights] = (moved_delta.T @ h[layer] + delta.T @ moved_h[layer]).ravel()
        if network.biases[layer] is not None:
            result[place.biases] = moved_delta.sum(axis=0)
        if layer:
            g = network.activations[layer - 1]
            slope, bend = g.derivative(u[layer - 1]), g.second_derivative(u[layer - 1])
            back = delta @ W
            moved_delta = (moved_delta @ W + delta @ V) * slope + back * bend * moved_u[layer - 1]
            delta = back * slope
    return result
