"""The inputs of a network, `x ~ N(mean, covariance)`."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.errors import InputError, ShapeError
from hessweep.networks.arrays import real_array

NEGATIVE = 1e-12
"""Eigenvalues of a covariance may be below 0 by this much of the largest one: by rounding."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Normal inputs `x ~ N(mean, covariance)`.

    Args:
        mean: The mean of each input; None for 0.
        covariance: A symmetric positive semidefinite matrix, which may be of deficient rank; or
            a vector, the diagonal of such a matrix; or None for the identity.

    Raises:
        ShapeError: If mean and covariance do not fit together.
        InputError: If an entry is not finite, or the covariance is not symmetric or not positive
            semidefinite.
    """

    mean: Float[ndarray, " N_i"] | None = None
    covariance: Float[ndarray, "N_i N_i"] | Float[ndarray, " N_i"] | None = None

    def __post_init__(self) -> None:
        """Copy the arrays as read-only float64, and check them."""
        for name, dimensions in (("mean", (1,)), ("covariance", (1, 2))):
            given = getattr(self, name)
            if given is None:
                continue
            array = real_array(name, given)
            if array.ndim not in dimensions or 0 in array.shape:
                allowed = "a vector" if dimensions == (1,) else "a square matrix or its diagonal"
                raise ShapeError(f"{name}: expected {allowed}, got shape {array.shape}")
            if not np.isfinite(array).all():
                raise InputError(f"{name}: expected finite numbers, got nan or infinity")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        given = {
            name: array.shape
            for name, array in (("mean", self.mean), ("covariance", self.covariance))
            if array is not None
        }
        if len({shape[0] for shape in given.values()}) > 1:
            raise ShapeError(
                "inputs: expected mean and covariance of the same number of inputs, got shapes "
                f"{given['mean']} and {given['covariance']}"
            )
        if self.covariance is not None:
            _check_covariance(self.covariance)

    def __repr__(self) -> str:
        """Return what is given, arrays by their shapes."""
        given = [
            f"{name}=array of shape {array.shape}"
            for name, array in (("mean", self.mean), ("covariance", self.covariance))
            if array is not None
        ]
        return f"Inputs({', '.join(given)})"

    @property
    def N_i(self) -> int | None:
        """Number of inputs, or None where neither mean nor covariance is given."""
        for array in (self.mean, self.covariance):
            if array is not None:
                return array.shape[0]
        return None

    @property
    def is_standard(self) -> bool:
        """Whether the inputs are independent standard normal variables."""
        identity = self.covariance is None or np.array_equal(self.matrix(), np.eye(self.N_i or 0))
        return identity and (self.mean is None or not self.mean.any())

    def matrix(self, N_i: int | None = None) -> Float[ndarray, "N_i N_i"]:
        """Return the covariance as a matrix.

        Args:
            N_i: Number of inputs, where the inputs themselves do not say it.
        """
        if self.covariance is None:
            return np.eye(self.N_i or N_i or 0)
        return np.diag(self.covariance) if self.covariance.ndim == 1 else self.covariance

    def factor(self, N_i: int | None = None) -> Float[ndarray, "N_i N_i"]:
        """Return a matrix R with `R R^T` the covariance to rounding error."""
        if self.covariance is None or self.covariance.ndim == 1:
            return np.sqrt(self.matrix(N_i))
        values, vectors = blas.eigh(self.covariance)
        return vectors * np.sqrt(np.maximum(values, 0.0))

    def sample(self, n: int, rng: np.random.Generator, N_i: int) -> Float[ndarray, "n N_i"]:
        """Return n independent inputs, one a row."""
        return self.of_standard(rng.standard_normal((n, N_i)))

    def of_standard(self, z: Float[ndarray, "*stack N_i"]) -> Float[ndarray, "*stack N_i"]:
        """Return the inputs that independent standard normal variables stand for."""
        x = z if self.covariance is None else z @ self.factor().T
        return x if self.mean is None else x + self.mean


def _check_covariance(covariance: ndarray) -> None:
    if covariance.ndim == 1:
        if (covariance < 0).any():
            raise InputError(
                f"covariance: expected variances of at least 0, got {covariance.min():g}"
            )
        return
    if covariance.shape[0] != covariance.shape[1]:
        raise ShapeError(f"covariance: expected a square matrix, got shape {covariance.shape}")
    if not np.array_equal(covariance, covariance.T):
        worst = np.abs(covariance - covariance.T).max()
        raise InputError(
            f"covariance: expected a symmetric matrix, got one that differs from its transpose "
            f"by {worst:g}; (C + C.T) / 2 is symmetric"
        )
    values = blas.eigvalsh(covariance)
    if values[0] < -NEGATIVE * max(values[-1], 0.0):
        raise InputError(
            "covariance: expected a positive semidefinite matrix, got one with the eigenvalue "
            f"{values[0]:g}"
        )
