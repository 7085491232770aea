"""The logistic sigmoid and activations derived from it: softplus, SiLU and swish."""

from dataclasses import dataclass
from math import isfinite, log

import numpy as np
import scipy  # its parts are imported when they are first used
from numpy import ndarray

from hessweep.activations.ball_functions import BallFunctions, logistic
from hessweep.activations.facts import Facts
from hessweep.activations.numeric import Numeric
from hessweep.activations.theory import Theory
from hessweep.errors import ActivationError


@dataclass(frozen=True)
class Sigmoid(Numeric):
    """`g(x) = 1 / (1 + e^-x)`, with a numeric dual kernel."""

    name: str = "sigmoid"

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return scipy.special.expit(x)

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise."""
        return scipy.special.expit(x) * scipy.special.expit(-np.asarray(x))

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise."""
        return -np.tanh(np.asarray(x) / 2) * self.derivative(x)

    def _facts(self) -> Facts:
        """Return what is proved about the sigmoid."""
        theory = Theory(at_zero=0.5, slope_at_zero=0.25, reflection=(-1, 1, 0))
        return Facts(theory=theory, in_balls=_sigmoid_in_balls)


@dataclass(frozen=True)
class Softplus(Numeric):
    """`g(x) = log(1 + e^x)`, with a numeric dual kernel."""

    name: str = "softplus"

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return np.logaddexp(0.0, x)

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise."""
        return scipy.special.expit(x)

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise."""
        return scipy.special.expit(x) * scipy.special.expit(-np.asarray(x))

    def _facts(self) -> Facts:
        """Return what is proved about softplus."""
        theory = Theory(at_zero=log(2), slope_at_zero=0.5, reflection=(1, 0, -1))
        return Facts(theory=theory, in_balls=_softplus_in_balls)


@dataclass(frozen=True)
class Swish(Numeric):
    """`g(x) = x / (1 + e^{-beta x})`; beta = 1 gives SiLU. The dual kernel is numeric."""

    beta: float = 1.0

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return x * scipy.special.expit(self.beta * np.asarray(x))

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise."""
        t = self.beta * np.asarray(x)
        return scipy.special.expit(t) * (1 + t * scipy.special.expit(-t))

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise."""
        t = self.beta * np.asarray(x)
        slope = scipy.special.expit(t) * scipy.special.expit(-t)
        return self.beta * slope * (2 - t * np.tanh(t / 2))

    def _facts(self) -> Facts:
        """Return what is proved about swish: nothing for beta = 0, where it is linear."""
        if not isfinite(self.beta) or self.beta == 0:
            return Facts()
        # All other values of beta give the same facts: g(x) = h(beta x) / beta, where h is SiLU.
        theory = Theory(at_zero=0, slope_at_zero=0.5, reflection=(1, 0, -1))
        return Facts(theory=theory, in_balls=lambda: _swish_in_balls(self.beta))


def _sigmoid_in_balls() -> BallFunctions:
    return BallFunctions(g=logistic, derivative=lambda u: logistic(u) * logistic(-u))


def _softplus_in_balls() -> BallFunctions:
    return BallFunctions(g=lambda u: u.exp().log1p(), derivative=logistic)


def _swish_in_balls(beta: float) -> BallFunctions:
    return BallFunctions(
        g=lambda u: u * logistic(beta * u),
        derivative=lambda u: logistic(beta * u) * (1 + beta * u * logistic(-beta * u)),
    )


def silu() -> Swish:
    """Return `g(x) = x / (1 + e^-x)`."""
    return Swish("silu")


def swish(beta: float = 1.0) -> Swish:
    """Return `g(x) = x / (1 + e^{-beta x})`.

    Raises:
        ActivationError: If beta is zero, which gives a linear network, or not finite.
    """
    try:
        value = float(beta)
    except (TypeError, ValueError):
        value = float("nan")
    if not np.isfinite(value) or value == 0:
        raise ActivationError(f"beta: expected a finite non-zero number, got {beta!r}")
    return Swish("swish", (("beta", value),), default_parameters=(("beta", 1.0),), beta=value)
