"""The population loss with biases, several outputs and other inputs (docs/dynamics.md, sec. 6)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.dynamics.general_functional import functional, higher_orders
from hessweep.dynamics.general_neurons import (
    GeneralNeurons,
    general_gradient,
    general_neurons,
    in_size,
)
from hessweep.dynamics.neurons import has_kink
from hessweep.dynamics.population import EPS, HessianParts, PopulationLoss
from hessweep.errors import InputError
from hessweep.hessian import hessian_error
from hessweep.hessian.error import SAFETY
from hessweep.hessian.general import general_hessian
from hessweep.networks import Network


@dataclass(frozen=True, eq=False)
class GeneralPopulationLoss(PopulationLoss):
    """`L(θ) = E|y - y*|² / 2` of students with the teacher's kinds of biases and its inputs.

    For several outputs it is the sum over them. What `PopulationLoss` says of its numerical error
    holds here as well. `PopulationLoss(teacher)` returns this for such a teacher.
    """

    def gradient(self, parameters: Float[ndarray, "*stack P"]) -> Float[ndarray, "*stack P"]:
        """Return `∂L/∂θ`, in the order of the parameters.

        Raises:
            ShapeError: If the number of parameters does not fit the teacher's architecture.
        """
        return general_gradient(general_neurons(parameters, self.teacher))

    def hessian(self, parameters: Float[ndarray, " P"]) -> HessianParts:
        """Return the Hessian of the loss in its two parts.

        Raises:
            InputError: If g has a kink: the functional part is not known then.
            ShapeError: If the number of parameters does not fit the teacher's architecture.
        """
        g = self.teacher.activation
        if has_kink(g):
            raise InputError(
                f"hessian: away from the optimum expected a smooth activation for a network with "
                f"biases, several outputs or other inputs, got {g}; the loss and its gradient "
                "are known"
            )
        n = general_neurons(parameters, self.teacher)
        student = self._student(n)
        outer = general_hessian(student)
        higher, coarser = higher_orders(g, n)
        part = functional(n, higher)
        size = np.linalg.norm(outer) + np.linalg.norm(functional(in_size(n), higher))
        rounding = EPS * (64 + self.teacher.N_i) * float(size) * (1 + 1 / 0.05**2 / 100)
        differences = float(np.linalg.norm(part - functional(n, coarser)))
        error = hessian_error(student) + SAFETY * differences + rounding
        return HessianParts(outer, part, float(error))

    def hessian_matrix(self, parameters: Float[ndarray, " P"]) -> Float[ndarray, "P P"]:
        """Return the Hessian of the loss; where g has a kink, its outer part alone.

        An integrator needs no more than an approximation.

        Raises:
            ShapeError: If the number of parameters does not fit the teacher's architecture.
        """
        n = general_neurons(parameters, self.teacher)
        outer = general_hessian(self._student(n))
        if has_kink(self.teacher.activation):
            return outer
        return outer + functional(n, higher_orders(self.teacher.activation, n)[0])

    def _student(self, n: GeneralNeurons) -> Network:
        W1, b1, W2, b2 = n.student
        return Network(W1, W2, self.teacher.activation, b1=b1, b2=b2, inputs=self.teacher.inputs)

    def _loss_by_sums(self, parameters: ndarray) -> tuple[ndarray, ndarray]:
        n = general_neurons(parameters, self.teacher)
        total, size = self._sums(n), self._sums(in_size(n))
        rounding = EPS * (16 + self.teacher.N_i + n.signed.shape[-1])
        return np.maximum(total / 2, 0), np.asarray(rounding * size)

    def _sums(self, n: GeneralNeurons) -> ndarray:
        """Return `E|y - y*|²`, with the teacher's own part."""
        N_h = n.student.W2.shape[-1]
        # The cross terms with the teacher count twice, but occur in the kernel once.
        both = (n.signed @ n.kernel.E00 * n.student.W2).sum(axis=(-1, -2))
        of_teacher = n.signed[..., N_h:] @ n.kernel.E00[..., N_h:, :]
        cross = (of_teacher * n.student.W2).sum(axis=(-1, -2))
        M0 = np.broadcast_to(n.kernel.M0, (*n.rows.shape[:-1], 1))[..., 0]
        shifted = 2 * (n.shift * (n.signed @ M0[..., None])[..., 0]).sum(axis=-1)
        return np.asarray(
            both + cross + shifted + np.square(n.shift).sum(axis=-1) + self._teacher_sums
        )

    @cached_property
    def _teacher_sums(self) -> float:
        """E|y* - b2*|²."""
        n = general_neurons(self.teacher.parameters, self.teacher)
        W2, N_h = self.teacher.output_rows, self.teacher.N_h
        return float(((W2 @ n.kernel.E00[:N_h]) * W2).sum())

    @cached_property
    def _teacher_power(self) -> float:
        """E|y*|²: the squared output of the teacher, its biases included."""
        total = self._teacher_sums
        if self.teacher.b2 is not None:
            n = general_neurons(self.teacher.parameters, self.teacher)
            means = self.teacher.output_rows @ n.own.M0
            total += float(self.teacher.b2 @ (2 * means + self.teacher.b2))
        return total

    def kernel_error(self, displacement: ndarray) -> float:  # noqa: ARG002
        """Return 0: for networks with offsets the error of the kernel is not estimated."""
        return 0.0

    def _gradient_and_rounding(self, displacement: ndarray, s: float) -> tuple[ndarray, ndarray]:
        n = general_neurons(self.teacher.parameters + s * displacement, self.teacher)
        size = in_size(n)
        if has_kink(self.teacher.activation) and self.teacher.N_i > 1:
            kernel = size.kernel
            size = size._replace(kernel=kernel._replace(E11=kernel.E11 + self._kinks(n)))
        rounding = EPS * (16 + self.teacher.N_i + n.signed.shape[-1])
        norm = np.linalg.norm(general_gradient(size), axis=-1)
        return general_gradient(n), rounding * np.linalg.norm(displacement, axis=-1) * norm

    @staticmethod
    def _kinks(n: GeneralNeurons) -> ndarray:
        """Return how E11 changes with a relative change of c, which is much between parallel rows.

        It is `√(pq) E22`, up to the angle at which rows count as parallel.
        """
        p, q, c, _, _ = n.arguments
        cross = np.sqrt(p * q)
        N_h = n.student.W2.shape[-1]
        same = (n.rows[..., :, None, :] == n.rows[..., None, :N_h, :]).all(axis=-1)
        parallel = (cross - np.abs(c) <= 16 * EPS * cross) & ~same
        return np.where(parallel, EPS**-0.5, np.abs(cross * n.kernel.E22) * ~same)
