"""The hyperbolic tangent."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from hessweep.activations.ball_functions import BallFunctions
from hessweep.activations.facts import Facts
from hessweep.activations.numeric import Numeric
from hessweep.activations.theory import Theory


@dataclass(frozen=True)
class Tanh(Numeric):
    """`g(x) = tanh x`, with a numeric dual kernel."""

    name: str = "tanh"

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return np.tanh(x)

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise."""
        # For large |x|, (1 - tanh)(1 + tanh) would lose digits by cancellation.
        decay = np.exp(-2 * np.abs(x))
        return 4 * decay / (1 + decay) ** 2

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise."""
        return -2 * np.tanh(x) * self.derivative(x)

    def _facts(self) -> Facts:
        """Return what is proved about tanh."""
        theory = Theory(at_zero=0, slope_at_zero=1, reflection=(-1, 0, 0))
        return Facts(theory=theory, in_balls=_in_balls)


def _in_balls() -> BallFunctions:
    return BallFunctions(g=lambda u: u.tanh(), derivative=lambda u: 1 / u.cosh() ** 2)
