"""Arithmetic modulo primes of 22 bits in float64, against Python's whole numbers and FLINT."""

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpz_mat, nmod_mat
from hypothesis import given
from hypothesis import strategies as st

from hessweep.rank import field
from hessweep.rank.field import SMALL_PRIMES, highest_rank
from hessweep.rank.small_prime import NARROW, TERMS, SmallPrime

FIELD = SMALL_PRIMES[0]
P = FIELD.p
LARGEST = (P - 1) // 2


def whole(values):
    """The residues as Python's numbers from 0 on."""
    return [int(value) % P for value in np.ravel(values)]


def flint_rank(matrix, p=P):
    return nmod_mat(fmpz_mat(*matrix.shape, [int(x) for x in matrix.ravel()]), p).rank()


@pytest.mark.parametrize("prime", [one.p for one in SMALL_PRIMES])
def test_the_moduli_are_primes_and_two_has_the_highest_order(prime):
    factors = [d for d in range(2, 2048) if prime % d == 0]
    assert factors == []
    assert prime < 2**22
    powers, power = 0, 1
    while powers == 0 or power != 1:
        power, powers = 2 * power % prime, powers + 1
    assert powers == prime - 1


@given(st.integers(-(2**52), 2**52))
def test_whole_numbers_are_reduced(value):
    reduced = float(FIELD.reduced(np.array([float(value)]))[0])
    assert (value - int(reduced)) % P == 0
    assert abs(reduced) <= LARGEST + 1
    assert (reduced == 0) == (value % P == 0)


finite = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 5e-324])


@given(st.lists(finite, min_size=1, max_size=6))
def test_floats_have_the_residues_of_their_fractions(values):
    exact = [Fraction(value) for value in values]
    expected = [f.numerator * pow(f.denominator, -1, P) % P for f in exact]
    both = np.array([values, values[::-1]])
    assert whole(FIELD.residues(both)) == expected + expected[::-1]


@pytest.mark.parametrize("terms", [1, TERMS, TERMS + 1, 3 * TERMS + 7])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_sums_of_products_are_exact(terms, sign):
    a = np.full((2, terms), float(LARGEST))
    b = np.full((terms, 3), float(sign * LARGEST))
    b[0] -= sign
    exact = sign * LARGEST * (terms * LARGEST - 1) % P
    assert whole(FIELD.product(a, b)) == [exact] * 6


def test_random_products_are_exact():
    rng = np.random.default_rng(1)
    a, b = FIELD.random(rng, (3, 2500)), FIELD.random(rng, (2500, 2))
    exact = [[sum(int(x) * int(y) for x, y in zip(r, c, strict=True)) for c in b.T] for r in a]
    assert whole(FIELD.product(a, b)) == [value % P for row in exact for value in row]


@pytest.mark.parametrize(
    ("m", "n"),
    [(1, 1), (3, 1), (1, 3), (NARROW, NARROW), (NARROW + 1, NARROW + 1), (50, 65), (200, 129),
     (101, 300), (350, 350)],
)  # fmt: skip
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_the_rank_is_that_of_flint(m, n, share):
    rng = np.random.default_rng(m + n)
    r = round(share * min(m, n))
    matrix = FIELD.product(FIELD.random(rng, (m, r)), FIELD.random(rng, (r, n)))
    assert FIELD.matrix_rank(matrix) == flint_rank(matrix) == r


def test_the_rank_of_matrices_with_structure():
    rng = np.random.default_rng(2)
    for _ in range(60):
        m, n = rng.integers(1, 150, size=2)
        matrix = FIELD.random(rng, (m, n)) * (rng.random((m, n)) < rng.choice([0.02, 0.1, 0.5]))
        matrix[:, rng.integers(n, size=n // 3)] = matrix[:, :1]
        matrix[rng.integers(m, size=m // 4)] = 0
        for one in SMALL_PRIMES:
            assert one.matrix_rank(matrix) == flint_rank(matrix, one.p)


class Watched(SmallPrime):
    """Looks at what is multiplied: sums are exact for residues only."""

    def product(self, a, b):
        assert max(np.abs(a).max(initial=0), np.abs(b).max(initial=0)) <= LARGEST + 1
        return super().product(a, b)


def test_only_residues_are_multiplied():
    rng = np.random.default_rng(4)
    matrix = FIELD.random(rng, (300, 280))
    assert Watched(P).matrix_rank(matrix) == flint_rank(matrix)


def test_the_elimination_is_a_factorisation():
    """`A[order] = L E`, where E has as many rows as L has columns."""
    rng = np.random.default_rng(3)
    A = FIELD.product(FIELD.random(rng, (120, 40)), FIELD.random(rng, (40, 90)))
    order, L, inverse = FIELD._eliminate(A)
    assert sorted(order.tolist()) == list(range(120))
    assert L.shape == (120, 40)
    assert (np.triu(L[:40], 1) == 0).all()
    assert (np.diag(L[:40]) == 1).all()
    assert (FIELD.reduced(FIELD.product(inverse, L[:40]) - np.eye(40)) == 0).all()
    echelon = FIELD.product(inverse, A[order[:40]])
    assert (FIELD.reduced(FIELD.product(L, echelon) - A[order]) == 0).all()


def test_a_prime_that_divides_too_much_is_followed_by_another(monkeypatch):
    """Rank 2 over the rationals, 1 modulo the first prime; the matrix is small for the test."""
    monkeypatch.setattr(field, "BLOCKED", 1)
    matrix = np.array([[1.0, 0.0], [0.0, float(P)]])
    tried = []

    def values(one):
        tried.append(one)
        return one.residues(matrix)

    assert FIELD.matrix_rank(FIELD.residues(matrix)) == 1
    assert highest_rank(values, 2) == 2
    assert tried == list(SMALL_PRIMES)
    tried.clear()
    assert highest_rank(values, 1) == 1
    assert tried == [SmallPrime(P)]
