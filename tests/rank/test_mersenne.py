"""Residues modulo 2^61 - 1 against Python's whole numbers and fractions."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hessweep.rank import mersenne
from hessweep.rank.modular import rank_of_rows

P = mersenne.PRIME
edges = st.sampled_from([0, 1, 2**30, 2**31 - 1, 2**31, 2**60, P - 1])
residue = edges | st.integers(0, P - 1)


def array(*values):
    return np.array(values, dtype=np.uint64)


@given(residue, residue)
def test_products_are_exact(a, b):
    assert int(mersenne.multiply(array(a), array(b))[0]) == a * b % P


@given(st.integers(0, 2**64 - 1))
def test_any_uint64_is_reduced(value):
    assert int(mersenne.reduced(array(value))[0]) == value % P


@given(st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 5e-324]))
def test_a_float_has_the_residue_of_its_fraction(value):
    exact = Fraction(value)
    expected = exact.numerator * pow(exact.denominator, -1, P) % P
    assert int(mersenne.residues(np.array([value]))[0]) == expected


@given(st.data(), st.integers(1, 4), st.integers(1, 5), st.integers(1, 4))
def test_matrix_products_are_exact(data, m, k, n):
    draw = lambda rows, columns: data.draw(  # noqa: E731
        st.lists(
            st.lists(residue, min_size=columns, max_size=columns), min_size=rows, max_size=rows
        )
    )
    a, b = draw(m, k), draw(k, n)
    expected = [
        [sum(x * y for x, y in zip(row, col, strict=True)) % P for col in zip(*b, strict=True)]
        for row in a
    ]
    found = mersenne.product(np.array(a, dtype=np.uint64), np.array(b, dtype=np.uint64))
    assert found.tolist() == expected


@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 6), st.integers(0, 2**32))
def test_rank_and_independent_rows_of_a_product(m, n, r, seed):
    rng = np.random.default_rng(seed)
    left, right = (
        rng.integers(P, size=(m, r), dtype=np.uint64),
        rng.integers(P, size=(r, n), dtype=np.uint64),
    )
    left[rng.integers(m)] = 0
    matrix = mersenne.product(left, right)
    rank = min(m - 1, r, n)
    chosen = mersenne.independent_rows(matrix)
    assert mersenne.matrix_rank(matrix) == rank == len(chosen)
    assert not rank or mersenne.matrix_rank(matrix[chosen]) == rank


def test_the_rank_of_rows_is_exact_where_the_determinant_is_the_prime():
    W1 = np.array([[2.0**31, 1.0], [1.0, 2.0**30]])
    assert mersenne.matrix_rank(mersenne.residues(W1)) == 1
    assert rank_of_rows(W1) == 2
