"""The rectifier, whose dual kernel is not smooth where two rows are parallel."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from hessweep.activations.facts import Facts
from hessweep.activations.kernel import Activation, DualKernel
from hessweep.activations.theory import Theory

PARALLEL = 4 * np.finfo(float).eps
"""Rows count as parallel if `sin² θ` is below this, which is the rounding error of `c`. At this
angle the two branches of the kernel differ by less than `2 √eps`."""


@dataclass(frozen=True)
class Relu(Activation):
    """`g(x) = max(x, 0)`, with `g'(0) = 0`."""

    name: str = "relu"

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return np.maximum(x, 0.0)

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise: a step, 0 at the origin."""
        return np.heaviside(x, 0.0)

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise: 0 wherever it exists, that is away from the origin."""
        return np.zeros(np.shape(x))

    def dual(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return the arc-cosine kernel; `Δ = pq - c²`, `cos θ = c / √(pq)`.

        For parallel rows, such as a neuron with itself, `K_cc`, `K_pc`, `K_qc` and `K_pp` are
        singular. They are returned as 0, which makes the block of the Hessian `K_c I`, as it is
        in the limit.
        """
        p, q, c = np.broadcast_arrays(p, q, c)
        present = (p > 0) & (q > 0)
        p, q = np.where(present, p, 1.0), np.where(present, q, 1.0)
        Delta = p * q - c * c
        apart = present & (Delta > PARALLEL * p * q)
        root = np.sqrt(np.where(apart, Delta, 0.0))
        inverse = np.divide(1.0, root, out=np.zeros(c.shape), where=apart)
        angle = np.pi - np.arctan2(root, c)  # π - θ
        return DualKernel(
            K=(root + c * angle) / (2 * np.pi),
            # For a zero row g'(0) = 0, so that its weights do not change the output.
            K_c=np.where(present, angle, 0.0) / (2 * np.pi),
            K_p=root / (4 * np.pi * p),
            K_q=root / (4 * np.pi * q),
            K_cc=inverse / (2 * np.pi),
            K_pc=-c * inverse / (4 * np.pi * p),
            K_qc=-c * inverse / (4 * np.pi * q),
            K_pp=(q * inverse / 2 - root / p) / (4 * np.pi * p),
        )

    def _facts(self) -> Facts:
        """Return what is proved about ReLU."""
        theory = Theory(at_zero=0, slope_at_zero=0, reflection=(1, 0, -1), homogeneous=True)
        return Facts(closed_form=True, theory=theory)
