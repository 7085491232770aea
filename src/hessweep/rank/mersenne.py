"""Exact arithmetic on arrays of residues modulo the prime p = 2^61 - 1, in numpy's uint64.

Weights in float64 are dyadic rationals `m 2^e`. As `2^61 = 1 mod p`, their residues are exact.
"""

import numpy as np
from flint import fmpz_mat, nmod_mat
from jaxtyping import Float, UInt64
from numpy import ndarray
from numpy.random import Generator

EXPONENT = 61
PRIME = 2**EXPONENT - 1

_P = np.uint64(PRIME)
_LOW31, _LOW30 = np.uint64(2**31 - 1), np.uint64(2**30 - 1)

Residues = UInt64[ndarray, "*shape"]


def residues(values: Float[ndarray, "*shape"]) -> Residues:
    """Return the exact residues of finite float64 values."""
    mantissa, exponent = np.frexp(values)
    whole = np.ldexp(mantissa, 53).astype(np.int64)  # values = whole 2^(exponent - 53)
    shift = ((exponent.astype(np.int64) - 53) % EXPONENT).astype(np.uint64)
    # Multiplication by 2^shift rotates the 61 bits.
    size = np.abs(whole).astype(np.uint64)
    left = size << shift & _P
    rotated = reduced(left | size >> (np.uint64(EXPONENT) - shift))
    return np.where(whole < 0, reduced(_P - rotated), rotated)


def random(rng: Generator, size: tuple[int, ...]) -> Residues:
    """Return uniformly random residues."""
    return rng.integers(PRIME, size=size, dtype=np.uint64)


def reduced(values: Residues) -> Residues:
    """Return the residues, below p, of any uint64 values."""
    values = (values & _P) + (values >> np.uint64(EXPONENT))
    return np.where(values >= _P, values - _P, values)


def multiply(a: Residues, b: Residues) -> Residues:
    """Return `a b mod p` with broadcasting, for `a` and `b` below p.

    With `a = a1 2^31 + a0` and `2^62 = 2 mod p`, all partial sums stay below 2^64.
    """
    a1, a0 = a >> np.uint64(31), a & _LOW31
    b1, b0 = b >> np.uint64(31), b & _LOW31
    middle = a1 * b0 + a0 * b1
    total = (a1 * b1 << np.uint64(1)) + a0 * b0
    total += (middle >> np.uint64(30)) + ((middle & _LOW30) << np.uint64(31))
    return reduced(total)


def product(a: UInt64[ndarray, "m k"], b: UInt64[ndarray, "k n"]) -> UInt64[ndarray, "m n"]:
    """Return the matrix product `a b mod p`."""
    total = np.zeros((a.shape[0], b.shape[1]), dtype=np.uint64)
    for j in range(a.shape[1]):
        total = reduced(total + multiply(a[:, j, None], b[None, j]))
    return total


def matrix_rank(matrix: UInt64[ndarray, "m n"]) -> int:
    """Return the rank modulo p."""
    return int(flint_matrix(matrix).rank())


def independent_rows(matrix: UInt64[ndarray, "m n"]) -> list[int]:
    """Return the indices of the first rows that are linearly independent modulo p."""
    echelon, rank = flint_matrix(matrix.T).rref()
    pivots, column = [], 0
    for row in range(rank):
        while not int(echelon[row, column]):
            column += 1
        pivots.append(column)
    return pivots


def flint_matrix(matrix: UInt64[ndarray, "m n"]) -> nmod_mat:
    """Return the matrix as FLINT takes it."""
    # By way of whole numbers: twice as fast as from the list itself.
    return nmod_mat(fmpz_mat(matrix.shape[0], matrix.shape[1], matrix.ravel().tolist()), PRIME)
