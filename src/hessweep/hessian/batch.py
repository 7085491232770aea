"""The dense Hessian of the loss over a finite data set."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.errors import ShapeError
from hessweep.networks import Network


def batch_hessian(
    student: Network, teacher: Network, x: Float[ndarray, "n N_i"]
) -> tuple[Float[ndarray, "P P"], Float[ndarray, "P P"]]:
    """Return the Hessian of the batch loss `Σ (y - y*)² / 2n` as two parts (eqs 1-5).

    Args:
        student: The network whose parameters the loss is differentiated by.
        teacher: The network whose outputs are the targets `y*`.
        x: The inputs, one a row.

    Returns:
        The outer-product part `Σ phi phi^T / n` and the functional part
        `Σ (y - y*) ∂²y/∂θ² / n`; the Hessian is their sum. At the optimum the second is 0.

    For several outputs the loss is the sum over them, and so are both parts.

    Raises:
        ShapeError: If student, teacher and data do not have the same number of inputs, or student
            and teacher not the same number of outputs.
    """
    if x.ndim != 2 or not len(x) or not student.N_i == teacher.N_i == x.shape[1]:
        raise ShapeError(
            f"x: expected an n x N_i array, where N_i is {student.N_i} for the student and "
            f"{teacher.N_i} for the teacher, got shape {x.shape}"
        )
    if student.W2.shape[:-1] != teacher.W2.shape[:-1]:
        raise ShapeError(
            f"teacher: expected as many outputs as the student has, got W2 of shapes "
            f"{student.W2.shape} and {teacher.W2.shape}"
        )
    n = len(x)
    phi = np.asarray(student.gradient(x)).reshape(n, student.N_o, student.P)
    residual = ((student(x) - teacher(x)) / n).reshape(n, student.N_o)
    outer = np.einsum("nop,noq->pq", phi, phi, optimize=True) / n
    return outer, _functional(student, residual, x)


def _functional(
    student: Network, residual: Float[ndarray, "n N_o"], x: Float[ndarray, "n N_i"]
) -> Float[ndarray, "P P"]:
    """Return `Σ_n Σ_o residual ∂²y_o/∂θ²`: within each neuron, and between it and its outputs."""
    layout, N_h, N_i = student.layout, student.N_h, student.N_i
    z = x @ student.W1.T if student.b1 is None else x @ student.W1.T + student.b1
    within = student.activation.second_derivative(z) * (residual @ student.output_rows)
    slopes = student.activation.derivative(z)
    # The gradient of what a neuron sees: its inputs, and 1 for its bias.
    inputs = x if student.b1 is None else np.append(x, np.ones((len(x), 1)), axis=1)
    functional = np.zeros((student.P, student.P))
    for m in range(N_h):
        of_neuron = np.arange(m * N_i, (m + 1) * N_i)
        if student.b1 is not None:
            of_neuron = np.append(of_neuron, layout.b1.start + m)
        functional[np.ix_(of_neuron, of_neuron)] = (inputs * within[:, m, None]).T @ inputs
        of_outputs = layout.W2.start + m + N_h * np.arange(student.N_o)
        across = (inputs * slopes[:, m, None]).T @ residual
        functional[np.ix_(of_neuron, of_outputs)] = across
        functional[np.ix_(of_outputs, of_neuron)] = across.T
    return functional
