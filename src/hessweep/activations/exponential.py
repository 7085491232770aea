"""The exponential function."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from hessweep.activations.kernel import Activation, DualKernel


@dataclass(frozen=True)
class Exp(Activation):
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
        """Return the dual kernel, `K = e^{(p+q)/2 + c}` (MATH 2)."""
        K = np.exp((p + q) / 2 + c)
        return DualKernel(
            K=K, K_c=K, K_p=K / 2, K_q=K / 2, K_cc=K, K_pc=K / 2, K_qc=K / 2, K_pp=K / 4
        )
