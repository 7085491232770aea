"""What Hessians as operators have in common, whatever their formulas."""

from abc import abstractmethod
from typing import Self

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import DTypeLike
from scipy.sparse.linalg import LinearOperator

from hessweep.blas import with_threads_for
from hessweep.errors import InputError
from hessweep.networks import Network

one_thread_if_small = with_threads_for(lambda operator: operator.layer_size)
"""Decorates products: those of small networks use one thread of BLAS."""


class ProductOperator(LinearOperator):
    """A Hessian that is known by its products and its diagonal.

    Raises:
        InputError: If dtype is neither float64 nor float32.
    """

    def __init__(self, network: Network, dtype: DTypeLike) -> None:
        if np.dtype(dtype) not in (np.float64, np.float32):
            raise InputError(f"dtype: expected float64 or float32, got {np.dtype(dtype)}")
        super().__init__(dtype, (network.P, network.P))
        self.network = network
        self.layer_size = max(network.W1.shape)

    @abstractmethod
    def product(
        self, v: Float[ndarray, " P"], out: Float[ndarray, " P"] | None = None
    ) -> Float[ndarray, " P"]:
        """Return `H v`.

        Args:
            v: A vector of the operator's dtype.
            out: A contiguous vector of the same dtype for the result, which must not overlap
                `v`; None for a new one.
        """

    @abstractmethod
    def diagonal(self) -> Float[ndarray, " P"]:
        """Return the diagonal of H in float64, whatever the dtype of the operator."""

    @abstractmethod
    def frobenius_norm(self) -> float:
        """Return the square root of the sum of the squared eigenvalues, computed in float64."""

    def trace(self) -> float:
        """Return the sum of the eigenvalues."""
        return float(self.diagonal().sum())

    def _matvec(self, x: ndarray) -> ndarray:
        return self.product(x.astype(self.dtype, copy=False).ravel())

    def _matmat(self, X: ndarray) -> ndarray:
        out = np.empty(X.shape[::-1], self.dtype)
        for column, result in zip(X.T, out, strict=True):
            self.product(column.astype(self.dtype), result)
        return out.T

    def _adjoint(self) -> Self:
        return self
