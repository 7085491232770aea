"""The Gaussian function."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from hessweep.activations.ball_functions import BallFunctions, determinant, normal_exponential
from hessweep.activations.bivariate_normal import (
    density_derivatives,
    normal_derivatives,
    with_unit_noise,
)
from hessweep.activations.facts import Facts
from hessweep.activations.kernel import DualKernel
from hessweep.activations.offset_closed_form import OffsetClosedForm
from hessweep.activations.offsets import HIGHEST, OffsetMeans
from hessweep.activations.theory import Theory


@dataclass(frozen=True)
class Gaussian(OffsetClosedForm):
    """`g(x) = e^{-x²/2}`."""

    name: str = "gaussian"

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return np.exp(-np.square(x) / 2)

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise."""
        return -x * self(x)

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise."""
        return (np.square(x) - 1) * self(x)

    def dual(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return the dual kernel, `K = D^-1/2` with `D = (1 + p)(1 + q) - c²`."""
        # Rounding can make |c| larger than its bound √(pq).
        D = 1 + p + q + np.maximum(p * q - c * c, 0)
        K = 1 / np.sqrt(D)
        cube, fifth = K / D, K / D**2
        return DualKernel(
            K=K,
            K_c=c * cube,
            K_p=-(1 + q) * cube / 2,
            K_q=-(1 + p) * cube / 2,
            K_cc=cube + 3 * c * c * fifth,
            K_pc=-1.5 * (1 + q) * c * fifth,
            K_qc=-1.5 * (1 + p) * c * fifth,
            K_pp=0.75 * (1 + q) ** 2 * fifth,
        )

    def _facts(self) -> Facts:
        """Return what is proved about the Gaussian."""
        theory = Theory(at_zero=1, slope_at_zero=0, reflection=(1, 0, 0))
        return Facts(closed_form=True, theory=theory, in_balls=_in_balls)

    def offset_means(
        self, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray, highest: int = HIGHEST
    ) -> OffsetMeans:
        """Return the means of g and its derivatives at `u + b` and `v + d` (docs/biases.md)."""
        # Up to √(2π), g is the density of a normal variable of variance 1.
        f = density_derivatives(with_unit_noise(p, q, c, b, d), highest)
        _, *N = normal_derivatives(1 + p, b, highest - 1)
        M = [np.sqrt(2 * np.pi) * value for value in N]
        return OffsetMeans.of(lambda i, j: 2 * np.pi * f[i, j], M, highest)


def _in_balls() -> BallFunctions:
    return BallFunctions(
        g=lambda u: (-u * u / 2).exp(),
        derivative=lambda u: -u * (-u * u / 2).exp(),
        kernel=lambda p, q, c: determinant(p, q, c).rsqrt(),
        offset_kernel=normal_exponential,
        offset_mean=lambda p, b: (1 + p).rsqrt() * (-b * b / (2 * (1 + p))).exp(),
    )
