"""The Hessian of one teacher as an operator of the bulk and 3 N_h directions (docs/laws.md).

The Hessian acts on pairs (V, b) of an N_h x N_i matrix V and N_h numbers b. With `K` the dual
kernel of the neurons and `Z = W2 W2^T`, neurons m and p share the block

    Z K_c 1 + Z K_cc (w_p w_m^T + w_m w_p^T) + 2 Z K_qc w_p w_p^T + 2 Z K_pc w_m w_m^T.

The last three terms act through `U_k = e_k w_k^T`, the change of `w_k` along itself, and
through matrices `y_k w_k^T`: they have rank 2 N_h. So do the blocks of W2. Only the first term
and the *exchange* `Z K_cc w_p w_m^T` are larger. Of the exchange, degree 2 belongs to the operator
T of the bulk, and what it does to the matrices `U_k` is of rank 2 N_h again and is kept exactly.
The rest of it, of degree 3 and more, is all that the law has to approximate.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.laws.harmonics import harmonic_parts
from hessweep.laws.local import LocalCoefficients

Neurons = Float[ndarray, "N_h N_h"]


@dataclass(frozen=True, eq=False)
class TeacherParts:
    """`N_h H` of one teacher, taken apart."""

    W1: Float[ndarray, "N_h n"]
    p: Float[ndarray, " N_h"]
    """`|w_m|²`."""
    strength: Float[ndarray, " N_h"]
    """The factor of each row of W1 in `rows`, with its sign."""
    neurons: Neurons
    """The first term beside `M M^T`: it acts on V from the left."""
    exchange: Neurons
    """Factors of `w_p w_m^T` in the degrees from 3 on; 0 for m = p."""
    corner: Neurons
    """X in `U X U^T`."""
    columns: Neurons
    """Column k is y_k in `U Y^T + Y U^T`, `Y_k = y_k w_k^T`."""
    of_b: Neurons
    """Column k is y_k of the part of block C that is no multiple of the matrices U."""
    of_b_along: Neurons
    """Factors of `U_m` in column k of block C."""
    block_B: Neurons

    @property
    def rows(self) -> Float[ndarray, "N_h n"]:
        """M of the operator T."""
        return self.strength[:, None] * self.W1

    @property
    def gram(self) -> Neurons:
        """`W1 W1^T`."""
        return self.W1 @ self.W1.T

    def exchange_moments(self) -> tuple[float, float]:
        """Return the second and third moment of the exchange beside all `U_k`.

        Exactly `tr (Q F Q)² / (N_h n)` and `tr (Q F Q)³ / (N_h n)`, Q the projection.
        """
        P, p, gram = self.W1.size, self.p, self.gram
        inner = self.exchange * gram
        # F U_k/|w_k| = y_k w_k^T with the columns y of `images`; `between` is U^T F U.
        images = inner / np.sqrt(p)
        between = inner * gram / np.sqrt(np.outer(p, p))
        squares = (images.T @ images) * gram
        second = (self.exchange**2 * np.outer(p, p)).sum() - 2 * np.trace(squares)
        second += (between**2).sum()
        turned = images * gram
        third = np.trace(inner @ inner @ inner) - 3 * (turned * (self.exchange @ turned)).sum()
        third += 3 * (between * squares).sum() - np.trace(between @ between @ between)
        return float(second / P), float(third / P)


def teacher_parts(
    g: Activation,
    local: LocalCoefficients,
    W1: Float[ndarray, "N_h n"],
    W2: Float[ndarray, " N_h"],
    inputs: int,
) -> TeacherParts:
    """Return the parts of one teacher's Hessian.

    Args:
        g: The activation.
        local: Its coefficients for each neuron.
        W1: Input weights, perhaps in an orthonormal basis of the inputs that they use.
        W2: Output weights.
        inputs: Number of all inputs.
    """
    N_h, p = len(W1), local.p
    with np.errstate(all="ignore"):
        # Of a neuron with itself some derivatives do not exist for ReLU; they are not used.
        kernel = g.self_dual(W1)
    Z = N_h * np.outer(W2, W2)
    strength = np.sign(W2 * local.h[2]) * np.sqrt(
        N_h * W2**2 * harmonic_parts(local, inputs)[1] / p
    )
    gram = W1 @ W1.T
    exchange = _without_diagonal(Z * kernel.K_cc - np.outer(strength, strength))
    # Of a neuron with itself all three forms are multiples of w w^T.
    itself = N_h * W2**2 * (local.squared_turn - local.squared_slope) / p - strength**2
    corner = _without_diagonal(Z * kernel.K_cc) + np.diag(itself)
    return TeacherParts(
        W1=W1,
        p=p,
        strength=strength,
        neurons=Z * kernel.K_c - np.outer(strength, strength) * gram,
        exchange=exchange,
        corner=corner - exchange * gram**2 / np.outer(p, p),
        columns=_without_diagonal(2 * Z * kernel.K_qc) + exchange * gram / p,
        of_b=N_h * W2[:, None] * kernel.K_c,
        of_b_along=N_h * (2 * W2 * kernel.K_q).T,
        block_B=N_h * kernel.K,
    )


def _without_diagonal(matrix: Neurons) -> Neurons:
    return np.where(np.eye(len(matrix), dtype=bool), 0.0, matrix)
