"""The hyperbolic tangent."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from hessweep.activations.numeric import Numeric


@dataclass(frozen=True)
class Tanh(Numeric):
    """`g(x) = tanh x`; numeric kernel."""

    name: str = "tanh"

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return np.tanh(x)

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise."""
        # (1 - tanh)(1 + tanh) would lose the digits of a tail that cosh keeps.
        decay = np.exp(-2 * np.abs(x))
        return 4 * decay / (1 + decay) ** 2

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise."""
        return -2 * np.tanh(x) * self.derivative(x)
