"""What arithmetic modulo a prime offers, and the rank of a matrix whose size chooses the prime."""

from collections.abc import Callable
from typing import Protocol

from jaxtyping import Float, Num
from numpy import ndarray
from numpy.random import Generator

from hessweep.rank import mersenne
from hessweep.rank.small_prime import SmallPrime

SMALL_PRIMES = (SmallPrime(4194187), SmallPrime(4194173))
"""Below 2^22; every residue but 0 is a power of 2 for both, so that few weights are alike."""

BLOCKED = 128
"""From this rank on elimination by matrix products is faster than FLINT's, conversion included."""


class Field(Protocol):
    """Whole numbers modulo a prime, as numpy arrays of residues of a type that it chooses."""

    def residues(self, values: Float[ndarray, "*shape"]) -> Num[ndarray, "*shape"]:
        """Return the exact residues of finite float64 values, which are dyadic."""

    def random(self, rng: Generator, size: tuple[int, ...]) -> Num[ndarray, "*shape"]:
        """Return uniformly random residues."""

    def reduced(self, values: Num[ndarray, "*shape"]) -> Num[ndarray, "*shape"]:
        """Return the residues of a sum of a few residues."""

    def multiply(self, a: Num[ndarray, "..."], b: Num[ndarray, "..."]) -> Num[ndarray, "..."]:
        """Return the products of residues, with broadcasting."""

    def product(self, a: Num[ndarray, "m k"], b: Num[ndarray, "k n"]) -> Num[ndarray, "m n"]:
        """Return a matrix product."""

    def matrix_rank(self, matrix: Num[ndarray, "m n"]) -> int:
        """Return the rank modulo the prime."""


def highest_rank(values: Callable[[Field], Num[ndarray, "m n"]], most: int) -> int:
    """Return the highest rank of a matrix modulo the primes that are tried.

    Each of them is a lower bound on the rank over the rationals. A large matrix is reduced modulo
    a prime of 22 bits, and modulo a second one if the first shows less than `most`; a small one
    modulo 2^61 - 1.

    Args:
        values: Returns the matrix modulo a prime.
        most: An upper bound on the rank.
    """
    fields: tuple[Field, ...] = SMALL_PRIMES if most >= BLOCKED else (mersenne,)
    best = 0
    for field in fields:
        best = max(best, field.matrix_rank(values(field)))
        if best >= most:
            break
    return best
