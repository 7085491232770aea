"""Deep polynomial networks whose outputs have so high a degree that degrees are not listed."""

import numpy as np
import pytest

from hessweep import DeepNetwork, activation, rank, sample_deep_teacher
from hessweep.rank import effective_parameters, formula
from hessweep.rank.deep_bound import Architecture, ambient_dimension
from hessweep.rank.deep_polynomial import deep_modular_rank, deep_rational_cost
from hessweep.rank.formulas_deep import plain_count
from hessweep.setup import Setup

POWER = activation("power", degree=13)


@pytest.mark.parametrize("widths", [(2, 2, 2, 2, 1), (3, 2, 1, 2, 2), (2, 1, 1, 1, 1)])
def test_ranks_above_degree_2000_are_proved(widths):
    """13³ = 2197; the numbers of monomials are so large that they bound nothing."""
    network = sample_deep_teacher(POWER, widths, 0)
    exact = deep_modular_rank(network, network.P)
    assert formula(POWER, widths=widths) == (exact, "upper bound")
    assert effective_parameters(POWER, widths=widths) == exact
    found = rank(network)
    assert (found.value, found.certificate) == (exact, "proved")
    # Each hidden neuron can be rescaled.
    assert plain_count((POWER,) * 3, widths, (False,) * 4) == network.P - sum(widths[1:-1])


def test_a_single_monomial_of_degree_2197_is_not_counted():
    """All outputs are multiples of it, but the bound without degrees is 2."""
    widths = (1, 2, 2, 2, 1)
    found = rank(sample_deep_teacher(POWER, widths, 0))
    assert (found.lower, found.upper) == (1, 2)
    assert formula(POWER, widths=widths) == (2, "upper bound")


def test_points_above_degree_2000_have_a_cost():
    setup = Setup.of_widths(POWER, (2, 2, 2, 2, 1), kind="sampled")
    assert np.isfinite(setup.cost.seconds)


@pytest.mark.parametrize(("last", "listed"), [(8, True), (9, False)])
def test_degrees_are_listed_up_to_2000(last, listed):
    """The powers 10, 25 and 8 of one variable make one monomial, of degree 2000."""
    coefficients = tuple((0.0,) * n + (1.0,) for n in (10, 25, last))
    found = ambient_dimension(Architecture((1, 2, 2, 2, 3), coefficients, (False,) * 4))
    assert found == (3 if listed else np.inf)


def test_an_exact_rank_with_more_columns_than_the_largest_float_is_not_tried():
    """Degree 900 in 500 variables: C(1400, 500) monomials, and C(501, 1) linear ones."""
    rng = np.random.default_rng(0)
    W1 = rng.integers(-3, 4, (3, 500)).astype(float)
    W1[2] = 2 * W1[0]  # a power of it is a multiple, which no count sees
    network = DeepNetwork([W1, np.ones((2, 3)), np.ones((1, 2))], activation("power", degree=30))
    found = rank(network)
    assert (found.lower, found.upper) == (1000, 1503)
    assert (found.certificate, found.method) == ("undecided", "modular")


def test_the_cost_of_an_exact_rank_is_that_of_elimination():
    """Of P rows and of a column for every monomial up to the degree, at every output."""

    def cost(widths, degree=2):
        power = activation("power", degree=degree)
        return deep_rational_cost(sample_deep_teacher(power, widths, 0))

    # (2, 3, 1): 9 rows and 6 columns; (2, 3, 2): 12 and 12; (2, 3, 4): 18 and 24.
    assert cost((2, 3, 2)) / cost((2, 3, 1)) == 12**4 / (6**3 * 9)
    assert cost((2, 3, 4)) / cost((2, 3, 1)) == 18**3 * 24 / (6**3 * 9)
    # Degree 3: 9 rows and 10 columns, and numbers with 3/2 times as many digits.
    assert cost((2, 3, 1), 3) / cost((2, 3, 1)) == 3 / 2 * 9**3 * 10 / (6**3 * 9)
