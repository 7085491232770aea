"""Eigenvalues of the batch Hessian at the optimum, `Σ phi phi^T / n`, from the gradients alone.

They are squares of singular values of the gradients divided by √n, which float64 resolves far
below the rounding error of the matrix itself.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.activations import Activation, Own, Polynomial
from hessweep.activations.from_functions import FromFunctions
from hessweep.errors import ShapeError
from hessweep.networks import Network

EPS = float(np.finfo(float).eps)
ROUNDINGS = 16
"""Roundings in a value of g or g', in units of eps times its size and that of its terms."""

DIFFERENCES = 1e-8
"""Error of the derivative of a user's own activation that is taken by differences, relative to
values around it; about 1e-13 is usual."""


@dataclass(frozen=True)
class BatchPlan:
    """How the spectrum of a batch Hessian is computed."""

    route: str = "batch"
    row_space: bool = False


class BatchGradients(NamedTuple):
    """All gradients divided by √n, and what their rounding errors are at most."""

    phi: Float[ndarray, "rows P"]
    """A row for each input and output: `H = phi^T phi`."""
    error: float
    """Bound on the Frobenius norm of the error."""


class BatchSpectrum(NamedTuple):
    """The singular values of the gradients: the square roots of the eigenvalues."""

    singular: Float[ndarray, " k"]
    """Descending; k is the smaller side of the matrix of gradients."""
    error: float
    """Bound on the absolute error of each."""
    P: int

    @property
    def eigenvalues(self) -> Float[ndarray, " P"]:
        """The P eigenvalues, ascending. Where there are fewer gradients than P, the rest is 0."""
        values = np.zeros(self.P)
        values[self.P - len(self.singular) :] = self.singular[::-1] ** 2
        return values

    @property
    def eigenvalue_error(self) -> float:
        """Bound on the absolute error of each eigenvalue."""
        return float(self.error * (2 * self.singular[0] + self.error))


def batch_gradients(network: Network, x: Float[ndarray, "n N_i"]) -> BatchGradients:
    """Return the gradients of all outputs at all inputs.

    Args:
        network: The network at its optimum.
        x: The inputs, one a row.

    Raises:
        ShapeError: If `x` is no such matrix.
    """
    if x.ndim != 2 or not len(x) or x.shape[1] != network.N_i:
        raise ShapeError(f"x: expected an n x {network.N_i} array, got shape {x.shape}")
    n = len(x)
    phi = np.asarray(network.gradient(x)).reshape(n * network.N_o, network.P)
    b1 = network.b1_or_zeros
    z = x @ network.W1.T + b1
    moved = (network.N_i + 3) * EPS * (np.abs(x) @ np.abs(network.W1).T + np.abs(b1))
    of_g, of_slope = _errors(network.activation, z, moved)
    squares = np.square(network.output_rows).sum(axis=0)
    ones = network.b1 is not None
    inputs = np.square(x).sum(axis=1) + ones
    # 3 roundings more in the products of slopes with W2 and x.
    slopes = np.square(of_slope + 3 * EPS * np.abs(network.activation.derivative(z))) @ squares
    total = float((slopes * inputs).sum() + network.N_o * np.square(of_g).sum())
    root = np.sqrt(n)
    return BatchGradients(
        phi / root, np.sqrt(total) / root + EPS * float(np.linalg.norm(phi)) / root
    )


def _errors(g: Activation, z: ndarray, moved: ndarray) -> tuple[ndarray, ndarray]:
    """Return bounds on the errors of g(z) and g'(z), z off by up to `moved`."""
    if (polynomial := g.polynomial) is not None:
        coefficients = tuple(abs(value) for value in polynomial.coefficients)
        positive, size = Polynomial("positive", coefficients=coefficients), np.abs(z)
        rounded = 2 * (polynomial.degree + 2) * EPS
        return (
            rounded * positive(size) + 2 * moved * positive.derivative(size + moved),
            rounded * positive.derivative(size)
            + 2 * moved * positive.second_derivative(size + moved),
        )
    value, slope, bend = np.abs(g(z)), np.abs(g.derivative(z)), np.abs(g.second_derivative(z))
    # Twice, because slopes change within `moved`.
    of_g = ROUNDINGS * EPS * (value + np.abs(z) * slope + 1) + 2 * moved * slope
    of_slope = ROUNDINGS * EPS * (slope + np.abs(z) * bend + 1) + 2 * moved * bend
    if isinstance(g, Own | FromFunctions):
        of_slope = of_slope + DIFFERENCES * (1 + value + slope)
    return of_g, of_slope


def batch_spectrum(gradients: BatchGradients) -> BatchSpectrum:
    """Return the singular values of the gradients, with a worst-case bound on their errors.

    The bound on what the solver does is that of docs/ranks.md, eq. 4: `(8 k + 600) k u` times the
    norm, for k singular values. The k reflections that come first are as long as the longer side
    of the matrix: `4 eps` for each of their entries, as for the rows of W1.
    """
    phi = gradients.phi
    # A triangular factor first: a quarter of the time where there are many more rows than columns.
    if phi.shape[0] > 2 * phi.shape[1]:
        phi = np.asarray(blas.qr(phi, mode="r"))
    singular = blas.svd(phi, compute_uv=False)
    k = len(singular)
    solver = (8 * k + 600) * k * EPS / 2 * float(np.linalg.norm(phi))
    reflections = 4 * max(gradients.phi.shape) * k * EPS * float(np.linalg.norm(phi))
    return BatchSpectrum(singular, gradients.error + solver + reflections, gradients.phi.shape[1])
