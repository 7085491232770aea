"""Activations in numpy, one that the package does not know, and Hessians by quadrature."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import special

from hessweep.activations import ACTIVATIONS, Activation, activation
from hessweep.networks import Network
from hessweep.spectrum import spectrum_plan


def _phi(u):
    return np.exp(-u * u / 2) / np.sqrt(2 * np.pi)


def _sigmoid_slope(u):
    return special.expit(u) * special.expit(-u)


def _swish(beta):
    return (
        lambda u: u * special.expit(beta * u),
        lambda u: special.expit(beta * u) + beta * u * _sigmoid_slope(beta * u),
    )


FUNCTIONS = {
    "linear": (lambda u: u, np.ones_like),
    "quadratic": (lambda u: u + u**2, lambda u: 1 + 2 * u),
    "cubic": (lambda u: u + u**2 + u**3, lambda u: 1 + 2 * u + 3 * u**2),
    "erf": (lambda u: special.erf(u / np.sqrt(2)), lambda u: 2 * _phi(u)),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda u: -np.sin(u)),
    "exp": (np.exp, np.exp),
    "gaussian": (lambda u: np.exp(-u * u / 2), lambda u: -u * np.exp(-u * u / 2)),
    "gelu": (lambda u: u * special.ndtr(u), lambda u: special.ndtr(u) + u * _phi(u)),
    "tanh": (np.tanh, lambda u: 1 / np.cosh(u) ** 2),
    "sigmoid": (special.expit, _sigmoid_slope),
    "softplus": (lambda u: np.logaddexp(0, u), special.expit),
    "silu": _swish(1.0),
    "swish": _swish(1.0),
    "relu": (lambda u: np.maximum(u, 0), lambda u: np.heaviside(u, 0)),
}
"""name -> g, g', written down apart from the package"""


FIXED = {name: activation(name) for name in ACTIVATIONS if name not in ("polynomial", "power")}
"""The activations of the package that need no parameters."""
THEORY = {name: g.theory for name, g in FIXED.items() if g.theory}
IN_BALLS = {name: g.in_balls for name, g in FIXED.items() if g.in_balls}
DENSE = spectrum_plan(activation("erf"), 2, 2)
ROW_SPACE = spectrum_plan(activation("erf"), 3, 2)
GRAM = spectrum_plan(activation("quadratic"), 5, 5)


def worst_case_of_the_solver(n):
    """Return the sum of all rounding errors of the eigensolver, relative to the norm.

    The terms are those of docs/ranks.md: in a reflection of length m, `4 m u` each for its vector
    and factor, for `A v` and for `v.(A v)`, and `71 u` for the update; in each of 30 n sweeps of
    QR, `17 u`.
    """
    u = 2.0**-53
    reflections = sum(3 * 4 * m * u + 71 * u for m in range(1, n + 1))
    return reflections + sum(17 * u for _ in range(30 * n))


@dataclass(frozen=True)
class Mine(Activation):
    """A user's own tanh: under whatever name, nothing is known of it."""

    name: str = "mine"

    def __call__(self, x):
        return np.tanh(x)

    def derivative(self, x):
        return 1 / np.cosh(x) ** 2

    def second_derivative(self, *_):
        raise AssertionError("the rank does not ask for it")

    def dual(self, *_):
        raise AssertionError("the rank does not ask for it")


def gradient(network: Network, x: np.ndarray) -> np.ndarray:
    """Return `∂y/∂theta` at the rows of x, from `FUNCTIONS`."""
    g, slope = FUNCTIONS[network.activation.name]
    u = x @ network.W1.T
    dW1 = (slope(u) * network.W2)[:, :, None] * x[:, None, :]
    return np.concatenate([dW1.reshape(len(x), -1), g(u)], axis=1)


def quadrature_hessian(network: Network, nodes: int = 60) -> np.ndarray:
    """Return `E[phi phi^T]` by tensor Gauss-Hermite quadrature."""
    x, weight = np.polynomial.hermite_e.hermegauss(nodes)
    points = np.array(list(product(x, repeat=network.N_i)))
    weights = np.prod(list(product(weight / weight.sum(), repeat=network.N_i)), axis=1)
    phi = gradient(network, points)
    return (phi * weights[:, None]).T @ phi
