"""The population loss of any student against a teacher, in closed form (MATH 6)."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import DualKernel
from hessweep.errors import ShapeError
from hessweep.hessian import stacked_hessian
from hessweep.networks import Network, check_two_layers

NEAR = 0.1
"""Below this distance from the teacher, relative to its norm, eight Gauss nodes on the segment
leave an error below rounding."""
_PATH, _PATH_WEIGHTS = np.polynomial.legendre.leggauss(8)
_PATH, _PATH_WEIGHTS = (1 + _PATH) / 2, _PATH_WEIGHTS / 2


class HessianParts(NamedTuple):
    """The Hessian of the loss away from the optimum (eq. 4); it is the sum of both."""

    outer: Float[ndarray, "P P"]
    """`E[phi phi^T]`, positive semidefinite."""
    functional: Float[ndarray, "P P"]
    """`E[(y - y*) ∂²y/∂θ²]`, zero at the optimum."""


class _Neurons(NamedTuple):
    """A stack of students, and the signed neurons of `y - y*`."""

    W1: Float[ndarray, "*stack N_h N_i"]
    W2: Float[ndarray, "*stack N_h"]
    rows: Float[ndarray, "*stack both N_i"]
    """Student's and teacher's rows of W1."""
    signed: Float[ndarray, "*stack both"]
    """`W2` of the student, `-W2*` of the teacher."""
    dual: DualKernel
    """Of student's neurons with all, each `(..., N_h, both)`."""


@dataclass(frozen=True, eq=False)
class PopulationLoss:
    """`L(θ) = E[(y - y*)²] / 2 = ½ Σ s_i s_j K(i,j)` over the neurons of student and teacher.

    A student is given by its parameters, `W1` row by row, then `W2`; stacks of students are
    taken at once. It has the teacher's inputs and activation, and any number of neurons.

    Sums over neurons cancel at the optimum to about `eps y*²`, some 1e-16. The gradient is that
    accurate absolutely; the loss near the optimum is better, for there it is the integral of
    the gradient along the segment from the teacher, in which only a factor `eps |δθ|` is lost.
    """

    teacher: Network

    def __post_init__(self) -> None:
        """Refuse deep networks.

        Raises:
            InputError: If the teacher is a `DeepNetwork`.
        """
        check_two_layers(self.teacher, "PopulationLoss")

    def loss(self, parameters: Float[ndarray, "*stack P"]) -> Float[ndarray, "*stack"]:
        """Return the generalisation error.

        Raises:
            ShapeError: If the parameters do not make rows of the teacher's N_i.
        """
        parameters = np.asarray(parameters, dtype=float)
        if parameters.shape[-1:] != (self.teacher.P,):
            return self._loss_by_sums(parameters)
        flat = parameters.reshape(-1, self.teacher.P)
        optimum = self.teacher.parameters
        distance = np.linalg.norm(flat - optimum, axis=-1)
        near = distance < NEAR * np.linalg.norm(optimum)
        losses = np.empty(len(flat))
        losses[near] = self._loss_by_path(flat[near] - optimum)
        losses[~near] = self._loss_by_sums(flat[~near])
        return losses.reshape(parameters.shape[:-1])

    def _loss_by_sums(self, parameters: ndarray) -> ndarray:
        n = self._neurons(parameters)
        N_h = n.W2.shape[-1]
        # The cross terms with the teacher count twice, but stand in K's rows once.
        by_neuron = (n.dual.K @ n.signed[..., None])[..., 0]
        cross = (n.dual.K[..., N_h:] @ self.teacher.W2[:, None])[..., 0]
        total = (n.W2 * (by_neuron - cross)).sum(axis=-1) + self._teacher_power
        return np.asarray(np.maximum(total / 2, 0))

    def _loss_by_path(self, displacement: ndarray) -> ndarray:
        """`L(θ* + δ) = ∫_0^1 δ·∂L(θ* + s δ) ds`, the gradient itself being zero at s = 0."""
        total = np.zeros(len(displacement))
        for s, weight in zip(_PATH, _PATH_WEIGHTS, strict=True):
            gradient = self.gradient(self.teacher.parameters + s * displacement)
            total += weight * (displacement * gradient).sum(axis=-1)
        return np.maximum(total, 0)

    def gradient(self, parameters: Float[ndarray, "*stack P"]) -> Float[ndarray, "*stack P"]:
        """Return `∂L/∂θ` (docs/dynamics.md, eq. 2).

        Raises:
            ShapeError: If the parameters do not make rows of the teacher's N_i.
        """
        n = self._neurons(parameters)
        dW2 = (n.dual.K @ n.signed[..., None])[..., 0]
        dW1 = n.W2[..., None] * _first_moment(n)
        P1 = dW1.shape[-2] * dW1.shape[-1]
        return np.concatenate([dW1.reshape(*dW2.shape[:-1], P1), dW2], axis=-1)

    def hessian(self, parameters: Float[ndarray, " P"]) -> HessianParts:
        """Return the Hessian of the loss in its two parts (docs/dynamics.md, eq. 3).

        Raises:
            ShapeError: If the parameters do not make rows of the teacher's N_i.
        """
        n = self._neurons(parameters)
        N_h, N_i = n.W1.shape
        P1, signed, k = N_h * N_i, n.signed, n.dual
        functional = np.zeros((P1 + N_h, P1 + N_h))
        across = _first_moment(n)
        for m, w in enumerate(n.W1):
            mixed = 2 * np.outer(w, (signed * k.K_pc[m]) @ n.rows)
            block = (n.rows * (signed * k.K_cc[m])[:, None]).T @ n.rows + mixed + mixed.T
            block += 4 * (signed @ k.K_pp[m]) * np.outer(w, w)
            block[np.diag_indices(N_i)] += 2 * (signed @ k.K_p[m])
            rows = slice(m * N_i, (m + 1) * N_i)
            functional[rows, rows] = n.W2[m] * block
            functional[rows, P1 + m] = functional[P1 + m, rows] = across[m]
        return HessianParts(stacked_hessian(self.teacher.activation, n.W1, n.W2), functional)

    @cached_property
    def _teacher_power(self) -> float:
        """E[y*²]."""
        K = self.teacher.activation.self_dual(self.teacher.W1).K
        return float(self.teacher.W2 @ K @ self.teacher.W2)

    def _neurons(self, parameters: ndarray) -> _Neurons:
        W1, W2 = split_parameters(parameters, self.teacher.N_i)
        stack = W2.shape[:-1]
        rows = np.concatenate(
            [W1, np.broadcast_to(self.teacher.W1, stack + self.teacher.W1.shape)], axis=-2
        )
        signed = np.concatenate(
            [W2, np.broadcast_to(-self.teacher.W2, stack + self.teacher.W2.shape)], axis=-1
        )
        c = W1 @ rows.swapaxes(-1, -2)
        q = (rows * rows).sum(axis=-1)
        p = q[..., : W2.shape[-1]]
        dual = self.teacher.activation.dual(p[..., :, None], q[..., None, :], c)
        return _Neurons(W1, W2, rows, signed, dual)


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


def _first_moment(n: _Neurons) -> Float[ndarray, "*stack N_h N_i"]:
    """`E[(y - y*) g'(u_m) x] = Σ_j s_j (K_c(m,j) w_j + 2 K_p(m,j) w_m)`, by Stein's lemma."""
    along = (n.dual.K_p @ n.signed[..., None]) * 2
    return (n.dual.K_c * n.signed[..., None, :]) @ n.rows + along * n.W1
