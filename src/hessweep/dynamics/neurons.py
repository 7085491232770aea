"""A stack of students beside their teacher: all signed neurons of `y - y*` and their kernels."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation, DualKernel, Own
from hessweep.activations.relu import Relu
from hessweep.errors import ShapeError


class Neurons(NamedTuple):
    """A stack of students, and the signed neurons of `y - y*`."""

    W1: Float[ndarray, "*stack N_h N_i"]
    W2: Float[ndarray, "*stack N_h"]
    rows: Float[ndarray, "*stack both N_i"]
    """The rows of W1 of student and teacher."""
    signed: Float[ndarray, "*stack both"]
    """`W2` of the student and `-W2*` of the teacher."""
    dual: DualKernel
    """Of the student's neurons with all, each `(..., N_h, both)`."""
    variances: tuple[ndarray, ndarray, ndarray]
    """The p, q and c of the dual kernel."""


def split_parameters(
    parameters: Float[ndarray, "*stack P"], N_i: int
) -> tuple[Float[ndarray, "*stack N_h N_i"], Float[ndarray, "*stack N_h"]]:
    """Return `W1` and `W2` of stacked parameters, as views.

    Raises:
        ShapeError: If P is not a multiple of `N_i + 1`.
    """
    parameters = np.asarray(parameters, dtype=float)
    P = parameters.shape[-1] if parameters.ndim else 0
    N_h, rest = divmod(P, N_i + 1)
    if rest or not N_h:
        raise ShapeError(
            f"parameters: expected N_h (N_i + 1) of them with N_i = {N_i} of the teacher, got {P}"
        )
    W1 = parameters[..., : N_h * N_i].reshape(*parameters.shape[:-1], N_h, N_i)
    return W1, parameters[..., N_h * N_i :]


def set_own_covariances(
    c: Float[ndarray, "*stack N_h N_h"], variances: Float[ndarray, "*stack N_h"]
) -> None:
    """Write the variances into the diagonal of c, which a matrix product rounds otherwise.

    A covariance a little below the variance puts a row at an angle to itself, to which kernels of
    functions with kinks are sensitive.
    """
    np.einsum("...mm->...m", c)[...] = variances


def has_kink(activation: Activation) -> bool:
    """Return whether g may have a kink: for ReLU, and for an activation from a user's file."""
    return isinstance(activation, Relu | Own)


def functional_part(n: Neurons, k: DualKernel) -> Float[ndarray, "P P"]:
    """Return `E[(y - y*) ∂²y/∂θ²]` for one student (docs/dynamics.md, eq. 3)."""
    N_h, N_i = n.W1.shape
    P1, signed = N_h * N_i, n.signed
    functional = np.zeros((P1 + N_h, P1 + N_h))
    across = first_moment(n._replace(dual=k))
    for m, w in enumerate(n.W1):
        mixed = 2 * np.outer(w, (signed * k.K_pc[m]) @ n.rows)
        block = (n.rows * (signed * k.K_cc[m])[:, None]).T @ n.rows + mixed + mixed.T
        block += 4 * (signed @ k.K_pp[m]) * np.outer(w, w)
        block[np.diag_indices(N_i)] += 2 * (signed @ k.K_p[m])
        rows = slice(m * N_i, (m + 1) * N_i)
        functional[rows, rows] = n.W2[m] * block
        functional[rows, P1 + m] = functional[P1 + m, rows] = across[m]
    return functional


def functional_size(n: Neurons) -> Float[ndarray, "P P"]:
    """Return the functional part without cancellation: all its terms made positive."""
    positive = DualKernel(*(np.abs(field) for field in n.dual))
    parts = (n.W1, n.W2, n.rows, n.signed)
    W1, W2, rows, signed = (np.abs(part) for part in parts)
    return functional_part(n._replace(W1=W1, W2=W2, rows=rows, signed=signed), positive)


def first_moment(n: Neurons) -> Float[ndarray, "*stack N_h N_i"]:
    """`E[(y - y*) g'(u_m) x] = Σ_j s_j (K_c(m,j) w_j + 2 K_p(m,j) w_m)`, by Stein's lemma."""
    along = (n.dual.K_p @ n.signed[..., None]) * 2
    return (n.dual.K_c * n.signed[..., None, :]) @ n.rows + along * n.W1
