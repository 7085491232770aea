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
        `Σ (y - y*) ∂²y/∂θ² / n`. The Hessian is their sum; at the optimum the second is 0.

    Raises:
        ShapeError: If student, teacher and data differ in their number of inputs.
    """
    if x.ndim != 2 or not len(x) or not student.N_i == teacher.N_i == x.shape[1]:
        raise ShapeError(
            f"x: expected an n x N_i array, where N_i is {student.N_i} for the student and "
            f"{teacher.N_i} for the teacher, got shape {x.shape}"
        )
    n, N_h, N_i = len(x), student.N_h, student.N_i
    phi = student.gradient(x)
    residual = (student(x) - teacher(x)) / n
    u = x @ student.W1.T
    functional = np.zeros((student.P, student.P))
    within = residual[:, None] * student.activation.second_derivative(u) * student.W2
    across = (residual[:, None] * student.activation.derivative(u)).T @ x
    for m in range(N_h):
        rows = slice(m * N_i, (m + 1) * N_i)
        functional[rows, rows] = (x * within[:, m, None]).T @ x
        functional[rows, N_h * N_i + m] = functional[N_h * N_i + m, rows] = across[m]
    return phi.T @ phi / n, functional
