"""How many eigenvalues of the limiting operator are above z, exactly, for one teacher.

The operator is `T: V -> a1 (M M^T V + M V^T M) + a2 D² V` on N_h x N_i matrices V, with
`D² = diag(χ)` and `M = D W1`. With μ_j the eigenvalues of `Γ(z) = W1^T diag(χ/(z - a2 χ)) W1`,

    #{T > z} = N_i #{a2 χ > z} + #{j <= k : μ_j + μ_k > 1/a1}.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.laws.law import Law

HALVINGS = 60
LEAST = 1e-12
"""Eigenvalues below this part of the largest are zeros that rounding has moved."""


@dataclass(frozen=True, eq=False)
class CountedBulk:
    """The step function `#{T > z}/(N_h N_i)`; a z costs the eigenvalues of an N_i x N_i matrix."""

    a1: float
    a2: float
    W1: Float[ndarray, "N_h N_i"]
    chi: Float[ndarray, " N_h"]
    error: float = 1e-12

    def support(self) -> tuple[float, float]:
        """Return 0 and a bound on the largest eigenvalue of T."""
        largest = float(np.linalg.norm(np.sqrt(self.chi)[:, None] * self.W1, 2)) ** 2
        return 0.0, 2 * self.a1 * largest + self.a2 * float(self.chi.max())

    def count(self, z: float) -> int:
        """Return how many eigenvalues of T are above z > 0."""
        N_i = self.W1.shape[1]
        above = N_i * int(np.count_nonzero(self.a2 * self.chi > z))
        if not self.a1:
            return above
        # Never exactly at a pole, where the count is continuous.
        gap = z - self.a2 * self.chi
        gap = np.where(gap == 0, -np.finfo(float).tiny, gap)
        y = self.chi / gap
        mu = self._eigenvalues(y)
        t = 1 / self.a1
        ordered = N_i - np.searchsorted(mu, t - mu, side="right")
        diagonal = int(np.count_nonzero(2 * mu > t))
        return above + (int(ordered.sum()) + diagonal) // 2

    def _eigenvalues(self, y: ndarray) -> Float[ndarray, " N_i"]:
        """Ascending eigenvalues of `W1^T diag(y) W1`."""
        return blas.eigvalsh((self.W1.T * y) @ self.W1)

    def sf(self, x: ndarray) -> ndarray:
        """Return the share of eigenvalues above x."""
        least = LEAST * self.support()[1]
        flat = [self.count(max(z, least)) if z >= 0 else self.W1.size for z in np.ravel(x)]
        return np.reshape(np.array(flat, dtype=float) / self.W1.size, np.shape(x))

    def cdf(self, x: ndarray) -> ndarray:
        """Return the share of eigenvalues up to x."""
        return 1 - self.sf(x)

    def pdf(self, x: ndarray) -> ndarray:
        """Return 0: there are atoms only."""
        return np.zeros(np.shape(x))

    def ppf(self, q: ndarray) -> ndarray:
        """Return the quantiles, by bisection."""
        q = np.asarray(q, dtype=float)
        low, high = np.zeros(q.shape), np.full(q.shape, self.support()[1])
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            enough = self.cdf(middle) >= q
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return np.where((q >= 0) & (q <= 1), high, np.nan)


def counted_bulk(
    name: str, a1: float, a2: float, W1: Float[ndarray, "N_h N_i"], W2: Float[ndarray, " N_h"]
) -> Law:
    """Return the exact law of the eigenvalues of T for one teacher."""
    chi = len(W2) * W2**2
    N_i = W1.shape[1]
    M = np.sqrt(chi)[:, None] * W1
    # tr T and tr T², from the definition of T.
    gram, squares = M @ M.T, float((M**2).sum())
    trace = a1 * (N_i * squares + squares) + a2 * N_i * chi.sum()
    pairs = 2 * float((gram**2).sum())
    square = a1**2 * (N_i * float((gram**2).sum()) + squares**2 + pairs)
    square += 2 * a1 * a2 * (N_i + 1) * float(chi @ (M**2).sum(axis=1))
    square += a2**2 * N_i * float(chi @ chi)
    mean = trace / W1.size
    return Law(
        f"{name}, given W", CountedBulk(a1, a2, W1, chi), (float(mean), square / W1.size - mean**2)
    )
