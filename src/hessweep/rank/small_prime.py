"""Exact arithmetic modulo primes below 2^22 in float64, and elimination by matrix products.

Residues are the whole numbers from -p/2 to p/2. Their products stay below 2^42, and sums of 2,000
of these below 2^53, so that float64 holds them exactly: BLAS multiplies matrices of residues.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from numpy.random import Generator

TERMS = 2000
"""Products of two residues of which the sum is exact, with one residue more."""

NARROW = 32
"""A matrix with at most so many columns is eliminated column by column."""

Residues = Float[ndarray, "*shape"]


class Eliminated(NamedTuple):
    """A matrix A of rank r in the form `A[order] = L E`, with E in echelon form."""

    order: Int[ndarray, " m"]
    """The rows, those with a pivot first."""
    L: Float[ndarray, "m r"]
    """Lower triangular, with ones on the diagonal."""
    inverse: Float[ndarray, "r r"]
    """The inverse of the first r rows of L."""


@dataclass(frozen=True)
class SmallPrime:
    """Residues modulo a prime below 2^22."""

    p: int

    def reduced(self, values: Residues) -> Residues:
        """Return the residues of whole numbers below 2^53."""
        whole = values * (1 / self.p)
        np.rint(whole, out=whole)
        whole *= -self.p
        whole += values
        return whole

    def residues(self, values: Float[ndarray, "*shape"]) -> Residues:
        """Return the exact residues of finite float64 values."""
        mantissa, exponent = np.frexp(values)
        whole = np.ldexp(mantissa, 53).astype(np.int64) % self.p
        exponents, places = np.unique(exponent, return_inverse=True)
        powers = np.array([pow(2, int(e) - 53, self.p) for e in exponents], dtype=np.int64)
        product = whole * powers[places].reshape(whole.shape) % self.p
        return self.reduced(product.astype(np.float64))

    def random(self, rng: Generator, size: tuple[int, ...]) -> Residues:
        """Return uniformly random residues."""
        return self.reduced(rng.integers(self.p, size=size).astype(np.float64))

    def multiply(self, a: Residues, b: Residues) -> Residues:
        """Return the products of residues, with broadcasting."""
        return self.reduced(a * b)

    def product(self, a: Float[ndarray, "m k"], b: Float[ndarray, "k n"]) -> Residues:
        """Return a matrix product."""
        total = self.reduced(a[:, :TERMS] @ b[:TERMS])
        for start in range(TERMS, a.shape[1], TERMS):
            part = slice(start, start + TERMS)
            total = self.reduced(total + a[:, part] @ b[part])
        return total

    def matrix_rank(self, matrix: Float[ndarray, "m n"]) -> int:
        """Return the rank modulo p.

        Half of the columns at a time: those that are left hold what the first ones do not span.
        """
        rank, rest = 0, matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
        while rest.shape[1] > NARROW:
            half = rest.shape[1] // 2
            left = self._eliminate(rest[:, :half])
            rest = self._complement(left, rest[left.order, half:])
            rank += left.L.shape[1]
        return rank + self._eliminate(rest).L.shape[1]

    def _complement(self, left: Eliminated, right: Float[ndarray, "m n"]) -> Residues:
        """Return what elimination of the left columns leaves of the others, below its pivots."""
        r = left.L.shape[1]
        top = self.product(left.inverse, right[:r])
        return self.reduced(right[r:] - self.product(left.L[r:], top))

    def _eliminate(self, A: Float[ndarray, "m n"]) -> Eliminated:
        if A.shape[1] <= NARROW:
            return self._eliminate_narrow(A)
        half = A.shape[1] // 2
        one = self._eliminate(A[:, :half])
        other = self._eliminate(self._complement(one, A[one.order, half:]))
        r, s = one.L.shape[1], other.L.shape[1]
        order = np.concatenate([one.order[:r], one.order[r:][other.order]])
        below = one.L[r:][other.order]
        L = np.zeros((len(A), r + s))
        L[:r, :r], L[r:, :r], L[r:, r:] = one.L[:r], below, other.L
        inverse = np.zeros((r + s, r + s))
        inverse[:r, :r], inverse[r:, r:] = one.inverse, other.inverse
        inverse[r:, :r] = -self.product(other.inverse, self.product(below[:s], one.inverse))
        return Eliminated(order, L, inverse)

    def _eliminate_narrow(self, A: Float[ndarray, "m n"]) -> Eliminated:
        m, n = A.shape
        order, r = np.arange(m), 0
        L, inverse = np.zeros((m, n), order="F"), np.zeros((n, n))
        for column in A.T:
            values = column[order]
            top = self.reduced(inverse[:r, :r] @ values[:r])
            rest = self.reduced(values[r:] - L[r:, :r] @ top)
            pivot = int(np.argmax(rest != 0)) if r < m else 0
            if r == m or rest[pivot] == 0:
                continue
            for rows in (order[r:], L[r:], rest):
                rows[[0, pivot]] = rows[[pivot, 0]]
            L[r, r] = 1
            L[r + 1 :, r] = self.reduced(rest[1:] * self._inverted(rest[0]))
            inverse[r, :r] = -self.reduced(L[r, :r] @ inverse[:r, :r])
            inverse[r, r] = 1
            r += 1
        return Eliminated(order, L[:, :r], inverse[:r, :r])

    def _inverted(self, value: float) -> float:
        inverse = pow(int(value), -1, self.p)
        return float(inverse - self.p if inverse > self.p // 2 else inverse)
