"""Formulas for the rank against exact ranks at random weights, and against the paper."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from named import Mine

from hessweep.activations import activation
from hessweep.errors import ShapeError
from hessweep.networks import Network
from hessweep.rank import effective_parameters, formula, rank
from hessweep.rank.formulas import dimension, support_rank
from hessweep.rank.modular import modular_rank


def generic_rank(support, N_i, N_h):
    """Rank modulo a prime at random weights, columns enough for any rank."""
    rng = np.random.default_rng([N_i, N_h])
    coefficients = [float(d in support) for d in range(max(support) + 1)]
    g = activation("polynomial", coefficients=coefficients)
    network = Network(rng.standard_normal((N_h, N_i)), rng.standard_normal(N_h), g)
    return modular_rank(network, min(network.P, dimension(support, N_i)))


def supports(top):
    for n in range(1, top + 1):
        for size in range(n + 1):
            for rest in combinations(range(n), size):
                yield (*rest, n)


@pytest.mark.parametrize("N_i", [1, 2, 3, 4])
def test_every_support_has_the_rank_of_its_formula(N_i):
    # Upper bounds included: in every case ever computed they are attained (docs/ranks.md).
    for support in supports(5 if N_i < 3 else 4):
        D = dimension(support, N_i)
        for N_h in range(1, D // (N_i + 1) + 3):
            expected = generic_rank(support, N_i, N_h)
            assert support_rank(support, N_i, N_h).value == expected, (support, N_i, N_h)


def test_all_exceptions_of_alexander_and_hirschowitz_are_found_and_no_others():
    found = set()
    for n, largest in ((3, 6), (4, 5)):
        for N_i in range(1, largest + 1):
            D = comb(N_i + n - 1, n)
            for N_h in range(max(1, D // N_i - 1), D // N_i + 3):
                rank = generic_rank((n,), N_i, N_h)
                assert rank == effective_parameters(activation("power", degree=n), N_i, N_h)
                if rank != min(N_h * N_i, D):
                    assert rank == min(N_h * N_i, D) - 1
                    found.add((n, N_i, N_h))
    assert found == {(3, 5, 7), (4, 3, 5), (4, 4, 9), (4, 5, 14)}


@pytest.mark.parametrize(
    ("support", "N_i", "N_h"),
    [((2, 3), 4, 6), ((2, 3, 4), 2, 4), ((2, 3, 4), 3, 8), ((2, 3, 4), 4, 13)],
)
def test_supports_from_degree_2_up_inherit_the_exceptions(support, N_i, N_h):
    expected = min(N_h * (N_i + 1), dimension(support, N_i)) - 1
    assert generic_rank(support, N_i, N_h) == expected
    assert support_rank(support, N_i, N_h) == (expected, "exact")


@pytest.mark.parametrize(
    ("support", "N_i", "N_h", "rank"),
    [((2, 4), 3, 5, 19), ((0, 2, 4), 2, 3, 8), ((0, 1, 2, 4), 4, 10, 49)],
)
def test_products_explain_what_counting_does_not(support, N_i, N_h, rank):
    assert generic_rank(support, N_i, N_h) == rank < min(N_h * (N_i + 1), dimension(support, N_i))
    assert support_rank(support, N_i, N_h) == (rank, "upper bound")


def test_quadratic_networks_follow_equation_14():
    for N_i in range(1, 15):
        for N_h in range(1, 15):
            nu = max(N_i - N_h, 0)
            expected = N_i + N_i * (N_i + 1) // 2 - (nu * nu + 3 * nu) // 2
            assert formula(activation("quadratic"), N_i, N_h) == (expected, "exact")


@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_full_polynomials_have_no_exceptions(n):
    full = activation("polynomial", coefficients=[0] + [1] * n)
    for N_i in range(1, 8):
        for N_h in range(1, 40):
            expected = min(N_h * (N_i + 1), comb(N_i + n, n) - 1)
            assert formula(full, N_i, N_h) == (expected, "exact")


def test_linear_and_erf():
    assert formula(activation("linear"), 7, 3) == (7, "exact")
    assert formula(activation("erf"), 7, 3) == (24, "exact")


def test_relu_has_one_parameter_less_for_each_neuron():
    assert formula(activation("relu"), 5, 9) == (45, "exact")
    assert formula(activation("relu"), 1, 9) == (2, "upper bound")
    assert formula(activation("relu"), 1, 1) == (1, "exact")


def test_nothing_is_claimed_of_an_unknown_activation():
    assert formula(Mine(), 3, 2) == (None, "none")
    assert effective_parameters(Mine(), 3, 2) is None


def test_a_size_below_one_is_refused():
    with pytest.raises(ShapeError, match="N_h: expected a whole number of at least 1, got 0"):
        effective_parameters(activation("erf"), 3, 0)


def test_long_supports_are_bounded_in_no_time():
    every_other = tuple(range(1, 30, 2))
    value, kind = support_rank(every_other, 4, 50)
    assert (value, kind) == (250, "upper bound")


@pytest.mark.parametrize(("rows", "rank_of_rows"), [([1.0, 0.4], 1), ([1.0, -0.4], 2)])
def test_relu_of_one_input_has_the_rank_of_its_signs(rows, rank_of_rows):
    """Both ranks are those of an open set of weights, so that no formula can be exact."""
    network = Network(np.reshape(rows, (2, 1)), np.ones(2), activation("relu"))
    assert rank(network).value == rank_of_rows
    assert formula("relu", 1, 2) == (2, "upper bound")
    assert formula("relu", 1, 1) == (1, "exact")
