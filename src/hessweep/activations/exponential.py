"""The exponential function."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from hessweep.activations.ball_functions import BallFunctions
from hessweep.activations.facts import Facts
from hessweep.activations.kernel import DualKernel
from hessweep.activations.offset_closed_form import OffsetClosedForm
from hessweep.activations.offsets import HIGHEST, OffsetMeans
from hessweep.activations.theory import Theory


@dataclass(frozen=True)
class Exp(OffsetClosedForm):
    """`g(x) = e^x`."""

    name: str = "exp"

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return np.exp(x)

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise."""
        return np.exp(x)

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise."""
        return np.exp(x)

    def dual(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return the dual kernel, `K = e^{(p+q)/2 + c}` (docs/activations.md)."""
        K = np.exp((p + q) / 2 + c)
        return DualKernel(
            K=K, K_c=K, K_p=K / 2, K_q=K / 2, K_cc=K, K_pc=K / 2, K_qc=K / 2, K_pp=K / 4
        )

    def _facts(self) -> Facts:
        """Return what is proved about the exponential function."""
        theory = Theory(at_zero=1, slope_at_zero=1, reflection=None)
        return Facts(closed_form=True, theory=theory, in_balls=_in_balls)

    def offset_means(
        self, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray, highest: int = HIGHEST
    ) -> OffsetMeans:
        """Return the means of g at `u + b` and `v + d`: g is its own derivative."""
        K = np.exp(b + d + (p + q) / 2 + c)
        M = np.exp(b + p / 2)
        return OffsetMeans.of(lambda *_: K, [M] * (highest - 1), highest)


def _in_balls() -> BallFunctions:
    return BallFunctions(
        g=lambda u: u.exp(),
        derivative=lambda u: u.exp(),
        kernel=lambda p, q, c: ((p + q) / 2 + c).exp(),
        offset_kernel=lambda p, q, c, b, d: ((p + q) / 2 + c + b + d).exp(),
        offset_mean=lambda p, b: (p / 2 + b).exp(),
    )
