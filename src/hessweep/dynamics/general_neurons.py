"""Students and teachers with biases, several outputs and other inputs (docs/dynamics.md, sec. 6).

With j over the neurons of student and teacher, `s_oj` their output weights (negative for the
teacher), `δ = b2 - b2*`, `A = s^T W2`, `f = W2^T δ` and `v = W1 Σ`, all means of the gradient are
those of products of two neurons: `E_ij[j, m] = E[g^(i)(z_j) g^(j)(z_m)]`.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations.offsets import OffsetKernel
from hessweep.dynamics.neurons import set_own_covariances
from hessweep.errors import ShapeError
from hessweep.networks import Inputs, Network


class Students(NamedTuple):
    """The layers of a stack of students."""

    W1: Float[ndarray, "*stack N_h N_i"]
    b1: Float[ndarray, "*stack N_h"] | None
    W2: Float[ndarray, "*stack N_o N_h"]
    b2: Float[ndarray, "*stack N_o"] | None


class GeneralNeurons(NamedTuple):
    """A stack of students beside their teacher."""

    student: Students
    rows: Float[ndarray, "*stack both N_i"]
    """The rows of W1 of student and teacher."""
    V: Float[ndarray, "*stack both N_i"]
    """`rows Σ`."""
    signed: Float[ndarray, "*stack N_o both"]
    """`W2` of the student and `-W2*` of the teacher."""
    shift: Float[ndarray, "*stack N_o"]
    """`b2 - b2*`; zeros where there are no output biases."""
    arguments: tuple[ndarray, ndarray, ndarray, ndarray, ndarray]
    """The p, q, c, b, d of the kernel."""
    kernel: OffsetKernel
    """Of all neurons with the student's, each field `(..., both, N_h)`."""
    own: OffsetKernel
    """Of each of the student's neurons with itself, `(..., N_h)`, for its means."""
    mean: Float[ndarray, " N_i"]
    second_moments: Float[ndarray, "N_i N_i"]
    """`Σ + μ μ^T`."""


def split_layers(parameters: Float[ndarray, "*stack P"], teacher: Network) -> Students:
    """Return the layers of stacked parameters of students with the teacher's kinds of biases.

    Raises:
        ShapeError: If their number is not that of any number of neurons.
    """
    parameters = np.asarray(parameters, dtype=float)
    N_i, N_o = teacher.N_i, teacher.N_o
    biased, of_output = teacher.b1 is not None, N_o * (teacher.b2 is not None)
    P = parameters.shape[-1] if parameters.ndim else 0
    each = N_i + biased + N_o
    N_h, rest = divmod(P - of_output, each)
    if rest or N_h < 1:
        raise ShapeError(
            f"parameters: expected N_h times {each} of them plus {of_output}, as the teacher's "
            f"architecture says, got {P}"
        )
    stack = parameters.shape[:-1]
    first, hidden = N_h * N_i, N_h * (N_i + biased)
    W1 = parameters[..., :first].reshape(*stack, N_h, N_i)
    W2 = parameters[..., hidden : hidden + N_o * N_h].reshape(*stack, N_o, N_h)
    b1 = parameters[..., first:hidden] if biased else None
    b2 = parameters[..., hidden + N_o * N_h :] if of_output else None
    return Students(W1, b1, W2, b2)


def general_neurons(parameters: Float[ndarray, "*stack P"], teacher: Network) -> GeneralNeurons:
    """Return students and teacher with the kernels of their neurons.

    Raises:
        ShapeError: If the number of parameters does not fit the teacher's architecture.
    """
    student = split_layers(parameters, teacher)
    stack, N_h = student.W2.shape[:-2], student.W2.shape[-1]
    inputs = Inputs() if teacher.inputs is None else teacher.inputs
    covariance = inputs.matrix(teacher.N_i)
    mean = np.zeros(teacher.N_i) if inputs.mean is None else inputs.mean

    def beside(own: ndarray, other: ndarray, axis: int) -> ndarray:
        return np.concatenate([own, np.broadcast_to(other, stack + other.shape)], axis=axis)

    zeros = np.zeros((*stack, N_h))
    rows = beside(student.W1, teacher.W1, -2)
    b1 = zeros if student.b1 is None else student.b1
    offsets = beside(b1, teacher.b1_or_zeros, -1) + rows @ mean
    signed = beside(student.W2, -teacher.output_rows, -1)
    shift = np.zeros((*stack, teacher.N_o))
    if student.b2 is not None and teacher.b2 is not None:
        shift = student.b2 - teacher.b2
    V = rows @ covariance
    p = np.maximum((V * rows).sum(axis=-1), 0.0)
    c = V @ student.W1.swapaxes(-1, -2)
    q, d = p[..., :N_h], offsets[..., :N_h]
    set_own_covariances(c[..., :N_h, :], q)
    arguments = (p[..., :, None], q[..., None, :], c, offsets[..., :, None], d[..., None, :])
    g = teacher.activation
    return GeneralNeurons(
        student, rows, V, signed, shift, arguments, g.offset_dual(*arguments),
        g.offset_dual(q, q, q, d, d), mean, covariance + np.outer(mean, mean),
    )  # fmt: skip


def general_gradient(n: GeneralNeurons) -> Float[ndarray, "*stack P"]:
    """Return `∂L/∂θ` (docs/dynamics.md, eq. 10)."""
    student, k, own = n.student, n.kernel, n.own
    N_h = student.W2.shape[-1]
    A = n.signed.swapaxes(-1, -2) @ student.W2
    f = (n.shift[..., None, :] @ student.W2)[..., 0, :]
    slopes = (A * k.E01).sum(axis=-2) + f * own.M1
    along = (A * k.E02).sum(axis=-2) + f * own.M2
    first = (A * k.E11).swapaxes(-1, -2) @ n.V + along[..., None] * n.V[..., :N_h, :]
    first += slopes[..., None] * n.mean
    second = n.signed @ k.E00 + n.shift[..., None] * own.M0[..., None, :]
    stack = student.W2.shape[:-2]
    parts = [first.reshape(*stack, -1)]
    if student.b1 is not None:
        parts.append(slopes)
    parts.append(second.reshape(*stack, -1))
    if student.b2 is not None:
        M0 = np.broadcast_to(k.M0, (*n.rows.shape[:-1], 1))
        parts.append((n.signed @ M0)[..., 0] + n.shift)
    return np.concatenate(parts, axis=-1)


def in_size(n: GeneralNeurons) -> GeneralNeurons:
    """Return the same with all terms made positive, so that sums do not cancel."""
    W1, b1, W2, b2 = n.student
    student = Students(
        np.abs(W1),
        None if b1 is None else np.abs(b1),
        np.abs(W2),
        None if b2 is None else np.abs(b2),
    )
    return n._replace(
        student=student,
        rows=np.abs(n.rows),
        V=np.abs(n.V),
        signed=np.abs(n.signed),
        shift=np.abs(n.shift),
        kernel=OffsetKernel(*(np.abs(field) for field in n.kernel)),
        own=OffsetKernel(*(np.abs(field) for field in n.own)),
        mean=np.abs(n.mean),
        second_moments=np.abs(n.second_moments),
    )
