"""The Gaussian error linear unit."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are imported when they are first used
from numpy import ndarray

from hessweep.activations.ball_functions import (
    BallFunctions,
    determinant,
    normal_density,
    normal_distribution,
)
from hessweep.activations.bivariate_normal import with_unit_noise
from hessweep.activations.facts import Facts
from hessweep.activations.kernel import DualKernel, Matrix
from hessweep.activations.offset_closed_form import OffsetClosedForm
from hessweep.activations.offsets import HIGHEST, OffsetMeans
from hessweep.activations.ramp import ramp_mean, ramp_means
from hessweep.activations.theory import Theory

if TYPE_CHECKING:
    from flint import arb_series


@dataclass(frozen=True)
class Gelu(OffsetClosedForm):
    """`g(x) = x Φ(x)` with the normal distribution function `Φ` (not its tanh approximation)."""

    name: str = "gelu"

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return x * scipy.special.ndtr(x)

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise."""
        return scipy.special.ndtr(x) + x * _normal_density(x)

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise."""
        return (2 - np.square(x)) * _normal_density(x)

    def dual(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return the dual kernel; `D = (1 + p)(1 + q) - c²` (docs/activations.md)."""
        a, b = 1 + p, 1 + q
        Delta = np.maximum(p * q - c * c, 0)  # rounding can make |c| > √(pq)
        D = 1 + p + q + Delta
        root = np.sqrt(D)
        angle = np.arctan2(c, root)
        K_p, K_pp, K_pc = _by_variance(q, c, a, b, Delta, D)
        K_q, _, K_qc = _by_variance(p, c, b, a, Delta, D)
        return DualKernel(
            K=c / 4 + ((c * c + p * q * D) / (a * b * root) + c * angle) / (2 * np.pi),
            K_c=0.25 + (angle + c / root * (1 / a + 1 / b + 1 / D)) / (2 * np.pi),
            K_p=K_p,
            K_q=K_q,
            K_cc=(1 + (a + b + 1) / D + 3 * (c / D) ** 2) / (2 * np.pi * root),
            K_pc=K_pc,
            K_qc=K_qc,
            K_pp=K_pp,
        )

    def _facts(self) -> Facts:
        """Return what is proved about GELU."""
        theory = Theory(at_zero=0, slope_at_zero=0.5, reflection=(1, 0, -1))
        return Facts(closed_form=True, theory=theory, in_balls=_in_balls)

    def offset_means(
        self, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray, highest: int = HIGHEST
    ) -> OffsetMeans:
        """Return the means of g and its derivatives at `u + b` and `v + d` (docs/biases.md)."""
        R = ramp_means(with_unit_noise(p, q, c, b, d), highest + 4)
        R_b = ramp_mean(1 + p, b, highest)

        def mean(i: int, j: int) -> Matrix:
            """E[g^(i) g^(j)]: g is the smoothed ramp minus its second derivative."""
            return R[i, j] - R[i + 2, j] - R[i, j + 2] + R[i + 2, j + 2]

        M = [R_b[order] - R_b[order + 2] for order in range(highest - 1)]
        return OffsetMeans.of(mean, M, highest)


def _in_balls() -> BallFunctions:
    return BallFunctions(
        g=lambda u: u * normal_distribution(u),
        derivative=lambda u: normal_distribution(u) + u * normal_density(u),
        kernel=_kernel_in_balls,
    )


def _kernel_in_balls(p: "arb_series", q: "arb_series", c: "arb_series") -> "arb_series":
    from flint import arb

    D = determinant(p, q, c)
    root, tau = D.sqrt(), 2 * arb.pi()
    first = (c * c + p * q * D) / ((1 + p) * (1 + q) * root * tau)
    return c / 4 + first + c * (c / root).atan() / tau


def _normal_density(x: ndarray) -> ndarray:
    return np.exp(-np.square(x) / 2) / np.sqrt(2 * np.pi)


def _by_variance(
    q: Matrix, c: Matrix, a: Matrix, b: Matrix, Delta: Matrix, D: Matrix
) -> tuple[Matrix, Matrix, Matrix]:
    """Return `K_p, K_pp, K_pc`.

    With `a` and `b` exchanged and p in place of q, they are the derivatives by q in place of p.
    """
    scale = 1 / (2 * np.pi * np.sqrt(D))
    first = Delta / (2 * a) - c * c / (2 * a * D) + (q + Delta) / a**2
    second = (
        q / (2 * a)
        - Delta / (2 * a**2)
        + c * c / (2 * a * D) * (1 / a + b / D)
        + q / a**2
        - 2 * (q + Delta) / a**3
    )
    mixed = -c * (1 / (2 * a) + 1 / a**2 + (a + b) / (2 * a * D) + 1.5 * b / D**2)
    return scale * first, scale * (second - b * first / (2 * D)), scale * mixed
