"""The largest eigenvalues where a Lanczos basis in float64 would need too much memory.

The Hessian acts on pairs (V, b) of an N_h x n matrix V and N_h numbers b. The eigenvectors of
eigenvalues of order one are nearly in the space `S = {(u x^T, b)}`, u the top eigenvector of
`(W2 W2^T) ∘ K_c` (density/comparison.py). S has n + N_h dimensions and is known by u alone, so it
needs no memory.

The method of Rayleigh and Ritz in the sum of S and a few vectors beside it, which are orthogonal
to S, gives approximate eigenvectors. Their residuals are the next vectors beside S, as in the
methods of Arnoldi and Davidson. On what is orthogonal to S the Hessian is as small as the bulk of
its eigenvalues, so that each round reduces the residuals by about the ratio of the bulk to the
eigenvalue, which is of order 1/N. All computations are in float64, and the residual of each
eigenvalue that is returned is that of its vector in a product with the Hessian.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.density.comparison import compression
from hessweep.density.inside import Inside
from hessweep.density.lanczos import orthogonalise
from hessweep.hessian import hessian_operator
from hessweep.networks import Network, require_plain

INDEPENDENT = 1e-3
"""A residual is added if at least this part of it is orthogonal to those added before."""

Vector = Float[ndarray, " P"]


def largest_beside(network: Network, most: int, tolerance: float, vectors: int) -> Inside:
    """Return approximations to the `most` largest eigenvalues, as good as the vectors allow.

    Args:
        network: A plain network.
        most: Number of eigenvalues, from 1 to n + N_h.
        tolerance: Vectors are added until all residuals are below this part of the largest
            eigenvalue.
        vectors: The most vectors beside S, each of P numbers in float64.

    Raises:
        InputError: If the network has biases, several outputs or other inputs.
    """
    require_plain(network, "largest_beside")
    space = _Space(network, vectors)
    while True:
        before = space.count
        ritz, coordinates = space.ritz(most)
        values, residual = np.empty(most), np.empty(most)
        for i, place in enumerate(coordinates.T):
            vector = space.vector(place)
            image = space.operator.product(vector)
            values[i] = vector @ image
            image -= values[i] * vector
            residual[i] = np.linalg.norm(image)
            if residual[i] > tolerance * ritz[0]:
                space.add(image, vector)
        if space.count == before:
            return Inside(values, residual, space.smallest)


class _Space:
    """S and vectors beside it, with the compression of the Hessian to their sum."""

    def __init__(self, network: Network, most: int) -> None:
        W1, W2 = network.W1, network.W2
        self._shape = W1.shape
        A = np.outer(W2, W2) * network.activation.self_dual(W1).K_c
        _, top = blas.scipy_eigh(A, subset_by_index=[len(A) - 1] * 2, overwrite_a=True)
        self._u = top[:, 0]
        self._size = sum(W1.shape)
        # Rows and columns of S, then those of the vectors.
        self._compressed = np.zeros((self._size + most, self._size + most))
        self._compressed[: self._size, : self._size] = compression(network, self._u)
        self._vectors = np.empty((most, network.P))
        self.count = 0
        """Number of vectors beside S."""
        self.operator = hessian_operator(network)

    @property
    def smallest(self) -> float:
        """The smallest Rayleigh quotient of the basis."""
        return float(self._compressed.diagonal()[: self._size + self.count].min())

    def ritz(self, most: int) -> tuple[Float[ndarray, " most"], Float[ndarray, "_ most"]]:
        """Return the largest eigenvalues of the compression, descending, and eigenvectors."""
        size = self._size + self.count
        compressed = self._compressed[:size, :size]
        try:
            values, vectors = blas.scipy_eigh(compressed, subset_by_index=[size - most, size - 1])
        except np.linalg.LinAlgError:  # LAPACK may fail where most splits equal eigenvalues.
            values, vectors = (part[..., -most:] for part in blas.eigh(compressed))
        return values[::-1], vectors[:, ::-1]

    def vector(self, coordinates: Float[ndarray, " size"]) -> Vector:
        """Return the unit vector with these coordinates."""
        known, beside = np.split(coordinates, [self._size])
        vector = beside @ self._vectors[: len(beside)]
        V, b = self._parts(vector)
        V += np.outer(self._u, known[: V.shape[1]])
        b += known[V.shape[1] :]
        vector /= np.linalg.norm(vector)
        return vector

    def add(self, vector: Vector, product: Vector) -> None:
        """Add what is orthogonal to the space of a vector, if that is new and there is room.

        Args:
            vector: The vector, which is overwritten.
            product: Room for a product with the Hessian.
        """
        if self.count == len(self._vectors):
            return
        length = np.linalg.norm(vector)
        known = self._vectors[: self.count]
        # The second time removes what rounding left.
        for _ in range(2):
            V, b = self._parts(vector)
            V -= np.outer(self._u, self._u @ V)
            b[:] = 0.0
            left = orthogonalise(vector, known)
            if left <= INDEPENDENT * length:
                return
        vector /= left
        self._vectors[self.count] = vector
        self.operator.product(vector, product)
        place = self._size + self.count
        self.count += 1
        V, b = self._parts(product)
        column = np.concatenate([self._u @ V, b, self._vectors[: self.count] @ product])
        self._compressed[: len(column), place] = column
        self._compressed[place, : len(column)] = column

    def _parts(self, vector: Vector) -> tuple[Float[ndarray, "N_h n"], Float[ndarray, " N_h"]]:
        """Return views of the matrix and the numbers that make up a vector."""
        N_h, n = self._shape
        return vector[: N_h * n].reshape(N_h, n), vector[N_h * n :]
