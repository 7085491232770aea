"""The population loss of any student against a teacher, in closed form (docs/dynamics.md)."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import DualKernel
from hessweep.activations.hermite import rest_of_series
from hessweep.dynamics.neurons import (
    Neurons,
    first_moment,
    functional_part,
    functional_size,
    has_kink,
    set_own_covariances,
    split_parameters,
)
from hessweep.dynamics.segment import NODES, WEIGHTS, loss_by_parts
from hessweep.hessian import hessian_error, stacked_hessian
from hessweep.hessian.error import SAFETY
from hessweep.networks import Network, check_two_layers

NEAR = 0.1
"""Below this distance from the teacher, relative to its norm, the loss is an integral along the
segment from the teacher. For a smooth activation eight Gauss nodes leave an error below rounding;
with a kink the segment is divided."""
EPS = float(np.finfo(float).eps)


class HessianParts(NamedTuple):
    """The Hessian of the loss away from the optimum (eq. 4), as the sum of two matrices."""

    outer: Float[ndarray, "P P"]
    """`E[phi phi^T]`, positive semidefinite."""
    functional: Float[ndarray, "P P"]
    """`E[(y - y*) ∂²y/∂θ²]`, zero at the optimum."""
    error: float
    """Estimated bound on the spectral norm of the error of the sum."""

    @property
    def total(self) -> Float[ndarray, "P P"]:
        """The Hessian."""
        return self.outer + self.functional


@dataclass(frozen=True, eq=False)
class PopulationLoss:
    """`L(θ) = E[(y - y*)²] / 2 = ½ Σ s_i s_j K(i,j)` over the neurons of student and teacher.

    A student is given by its parameters, in the order of `Network.parameters`. A stack of students
    may be given at once. A student has the inputs and the activation of the teacher, and any
    number of neurons.

    At the optimum the sums over neurons cancel, which leaves an absolute error of about `eps y*²`
    in the loss and in the gradient. Near the optimum the loss is therefore the integral of the
    gradient along the segment from the teacher, whose error is smaller by a factor `|δθ|`.

    Attributes:
        teacher: The network that the students are compared with.
    """

    teacher: Network

    def __new__(cls, teacher: Network | None = None) -> "PopulationLoss":
        """Return the formulas that hold for a teacher: others with biases and the like.

        Raises:
            InputError: If the teacher is a deep network.
        """
        if teacher is not None:  # as it is while an object is unpickled
            check_two_layers(teacher, "PopulationLoss")
        if cls is PopulationLoss and teacher is not None and not teacher.is_plain:
            from hessweep.dynamics.general_population import GeneralPopulationLoss

            return object.__new__(GeneralPopulationLoss)
        return object.__new__(cls)

    def loss(self, parameters: Float[ndarray, "*stack P"]) -> Float[ndarray, "*stack"]:
        """Return the generalisation error, `E[(y - y*)²] / 2`.

        Raises:
            ShapeError: If the number of parameters is not a multiple of `N_i + 1`.
        """
        return self.loss_with_error(parameters)[0]

    def loss_with_error(
        self, parameters: Float[ndarray, "*stack P"]
    ) -> tuple[Float[ndarray, "*stack"], Float[ndarray, "*stack"]]:
        """Return the generalisation error and an estimated bound on its numerical error.

        The bound covers rounding and the integration along the segment. The error of a numeric
        dual kernel (docs/activations.md) is covered near the teacher if g has a kink, and
        otherwise to the extent that rounding causes it.

        Raises:
            ShapeError: If the number of parameters is not a multiple of `N_i + 1`.
        """
        parameters = np.asarray(parameters, dtype=float)
        if parameters.shape[-1:] != (self.teacher.P,):
            return self._loss_by_sums(parameters)
        flat = parameters.reshape(-1, self.teacher.P)
        optimum = self.teacher.parameters
        distance = np.linalg.norm(flat - optimum, axis=-1)
        near = distance < NEAR * np.linalg.norm(optimum)
        losses, errors = np.empty(len(flat)), np.empty(len(flat))
        if not near.all():
            losses[~near], errors[~near] = self._loss_by_sums(flat[~near])
        if has_kink(self.teacher.activation):
            for i in np.flatnonzero(near):
                losses[i], errors[i] = loss_by_parts(self, flat[i] - optimum)
        elif near.any():
            losses[near], errors[near] = self._loss_by_path(flat[near] - optimum)
        stack = parameters.shape[:-1]
        return losses.reshape(stack), errors.reshape(stack)

    def quick_loss(self, parameters: Float[ndarray, " P"], accuracy: float) -> float:
        """Return the loss of one student by the cheapest way that has this relative accuracy."""
        [loss], [error] = self._loss_by_sums(np.asarray(parameters, dtype=float)[None])
        return float(loss if error < accuracy * loss else self.loss(parameters))

    def _loss_by_sums(self, parameters: ndarray) -> tuple[ndarray, ndarray]:
        n = self._neurons(parameters)
        N_h = n.W2.shape[-1]
        # The cross terms with the teacher count twice, but occur in the rows of K once.
        by_neuron = (n.dual.K @ n.signed[..., None])[..., 0]
        cross = (n.dual.K[..., N_h:] @ self.teacher.W2[:, None])[..., 0]
        total = (n.W2 * (by_neuron - cross)).sum(axis=-1) + self._teacher_power
        size = (np.abs(n.W2) * (np.abs(n.dual.K) @ np.abs(n.signed)[..., None])[..., 0]).sum(-1)
        rounding = EPS * (16 + self.teacher.N_i + n.signed.shape[-1])
        return np.maximum(total / 2, 0), rounding * (size + self._teacher_power)

    def _loss_by_path(self, displacement: ndarray) -> tuple[ndarray, ndarray]:
        """`L(θ* + δ) = ∫_0^1 δ·∂L(θ* + s δ) ds`, because the gradient is zero at s = 0."""
        total, rounding = np.zeros((2, len(displacement)))
        for s, weight in zip(NODES, WEIGHTS, strict=True):
            gradient, bound = self._gradient_and_rounding(displacement, s)
            total += weight * (displacement * gradient).sum(axis=-1)
            rounding += weight * bound
        return np.maximum(total, 0), rounding

    def rounding(self, displacement: ndarray, s: float) -> ndarray:
        """Return a bound on the rounding errors of `δ·∂L(θ* + s δ)`."""
        return self._gradient_and_rounding(displacement, s)[1]

    def _gradient_and_rounding(self, displacement: ndarray, s: float) -> tuple[ndarray, ndarray]:
        """Return `∂L(θ* + s δ)`, and what `rounding` returns."""
        n = self._neurons(self.teacher.parameters + s * displacement)
        sizes = [np.abs(field) for field in (n.dual.K, n.dual.K_c, n.dual.K_p)]
        if has_kink(self.teacher.activation) and self.teacher.N_i > 1:
            sizes[1] += self._sensitivity(n)
        signed = np.abs(n.signed)[..., None]
        lengths = np.linalg.norm(n.rows, axis=-1)[..., None]
        own = lengths[..., : n.W2.shape[-1], :]
        of_W1 = sizes[1] @ (signed * lengths) + 2 * own * (sizes[2] @ signed)
        size = np.concatenate([np.abs(n.W2)[..., None] * of_W1, sizes[0] @ signed], axis=-2)
        rounding = EPS * (16 + self.teacher.N_i + n.signed.shape[-1])
        norm = np.linalg.norm(size[..., 0], axis=-1)
        return _gradient(n), rounding * np.linalg.norm(displacement, axis=-1) * norm

    @staticmethod
    def _sensitivity(n: Neurons) -> ndarray:
        """Return how K_c of rows that are nearly parallel changes with a relative change of c.

        It is `√(pq) K_cc`, up to the angle at which rows count as parallel and K_cc as 0.
        """
        p, q, c = n.variances
        cross = np.sqrt(p * q)
        same = (n.rows[..., : n.W2.shape[-1], None, :] == n.rows[..., None, :, :]).all(axis=-1)
        parallel = (cross - np.abs(c) <= 16 * EPS * cross) & ~same
        return np.where(parallel, EPS**-0.5, np.abs(cross * n.dual.K_cc) * ~same)

    def kernel_error(self, displacement: Float[ndarray, " P"]) -> float:
        """Return an estimate of the error of `δ·∂L(θ* + δ)` that a numeric kernel causes.

        It is sensitive to the rounding of c where rows are nearly parallel.
        """
        if not self.teacher.activation.is_numeric:
            return 0.0
        n = self._neurons(self.teacher.parameters + displacement)
        p, q, c = n.variances
        moved = self.teacher.activation.dual(p, q, c * (1 - self._step(n)))
        change = n._replace(dual=DualKernel(*(a - b for a, b in zip(n.dual, moved, strict=True))))
        of_W1 = np.linalg.norm(n.W2[..., None] * first_moment(change))
        of_W2 = np.linalg.norm(change.dual.K @ n.signed)
        return float((of_W1 + of_W2) * np.linalg.norm(displacement))

    def _step(self, n: Neurons) -> ndarray:
        """Return the relative rounding of c, which is exact for a row with itself."""
        same = (n.rows[: n.W2.shape[-1], None, :] == n.rows[None, :, :]).all(axis=-1)
        return np.where(same, 0.0, (8 + self.teacher.N_i) * EPS)

    def gradient(self, parameters: Float[ndarray, "*stack P"]) -> Float[ndarray, "*stack P"]:
        """Return `∂L/∂θ` (docs/dynamics.md, eq. 2).

        Raises:
            ShapeError: If the number of parameters is not a multiple of `N_i + 1`.
        """
        return _gradient(self._neurons(parameters))

    def hessian(self, parameters: Float[ndarray, " P"]) -> HessianParts:
        """Return the Hessian of the loss in its two parts (docs/dynamics.md, eq. 3).

        Raises:
            ShapeError: If the number of parameters is not a multiple of `N_i + 1`.
        """
        n = self._neurons(parameters)
        student = Network(n.W1, n.W2, self.teacher.activation)
        outer = stacked_hessian(self.teacher.activation, n.W1, n.W2)
        functional = functional_part(n, n.dual)
        size = np.linalg.norm(outer) + np.linalg.norm(functional_size(n))
        rounding = EPS * (32 + self.teacher.N_i) * float(size)
        error = hessian_error(student) + self._functional_error(n) + rounding
        return HessianParts(outer, functional, float(error))

    def hessian_matrix(self, parameters: Float[ndarray, " P"]) -> Float[ndarray, "P P"]:
        """Return the Hessian of the loss, without an error.

        Raises:
            ShapeError: If the number of parameters is not a multiple of `N_i + 1`.
        """
        n = self._neurons(parameters)
        return stacked_hessian(self.teacher.activation, n.W1, n.W2) + functional_part(n, n.dual)

    def _functional_error(self, n: Neurons) -> float:
        """Return an estimate of the error of the functional part that is due to the kernel."""

        def change(one: DualKernel, other: DualKernel) -> float:
            difference = DualKernel(*(a - b for a, b in zip(one, other, strict=True)))
            return float(np.linalg.norm(functional_part(n, difference)))

        g, (p, q, c) = self.teacher.activation, n.variances
        # Rows that are nearly parallel are sensitive to the rounding of c.
        error = 2 * change(n.dual, g.dual(p, q, c * (1 - self._step(n))))
        coarser = g.coarser_duals(p, q, c)
        if coarser is None:
            return error
        T, S = change(coarser.half, coarser.quarter), change(coarser.full, coarser.half)
        size = float(np.linalg.norm(functional_size(n)))
        rest = rest_of_series(T, S, 64 * EPS * size)
        return error + rest + SAFETY * change(coarser.full, coarser.quadrature)

    @property
    def scale(self) -> float:
        """The loss of a student whose output is 0."""
        return self._teacher_power / 2

    @cached_property
    def _teacher_power(self) -> float:
        """E[y*²]."""
        K = self.teacher.activation.self_dual(self.teacher.W1).K
        return float(self.teacher.W2 @ K @ self.teacher.W2)

    def _neurons(self, parameters: ndarray) -> Neurons:
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
        set_own_covariances(c[..., : W2.shape[-1]], p)
        variances = (p[..., :, None], q[..., None, :], c)
        dual = self.teacher.activation.dual(*variances)
        return Neurons(W1, W2, rows, signed, dual, variances)


def _gradient(n: Neurons) -> Float[ndarray, "*stack P"]:
    dW2 = (n.dual.K @ n.signed[..., None])[..., 0]
    dW1 = n.W2[..., None] * first_moment(n)
    P1 = dW1.shape[-2] * dW1.shape[-1]
    return np.concatenate([dW1.reshape(*dW2.shape[:-1], P1), dW2], axis=-1)
