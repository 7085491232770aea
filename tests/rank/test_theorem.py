"""The rank of analytic networks with special weights, against values at many points."""

import numpy as np
import pytest
from named import FUNCTIONS, THEORY, Mine, gradient

from hessweep.activations import activation
from hessweep.networks import Network
from hessweep.rank.structure import bounds, independent_parameters
from hessweep.rank.theorem import analytic_rank

a, b, c = np.array([[1.0, -0.5], [0.25, 1.5], [-2.0, 0.75]])
zero = np.zeros(2)

CASES = {
    "generic": ([a, b], [1, 1]),
    "equal rows": ([a, a, b], [1, 2, 1]),
    "opposite rows": ([a, -a, b], [1, 1, 1]),
    "opposite rows, one output zero": ([a, -a], [1, 0]),
    "opposite rows, no output": ([a, -a, b], [0, 0, 1]),
    "parallel rows": ([a, 2 * a], [1, 1]),
    "parallel and opposite rows": ([a, -2 * a, b], [1, 1, 1]),
    "parallel rows, no output": ([a, 2 * a, -3 * a], [0, 0, 0]),
    "zero row": ([zero, a], [1, 1]),
    "zero row without output": ([zero, a, -a], [0, 1, 1]),
    "only zero rows": ([zero, zero], [1, 0]),
    "negative zero": ([[-0.0, 1.0], [0.0, 1.0]], [1, 1]),
    "two pairs without output": ([a, -a, b, -b, c], [0, 0, 0, 0, 1]),
}


def rank_at_points(network):
    """Numerical rank of `grad_theta y` at many points; the gap must be wide to count."""
    x = np.random.default_rng(0).uniform(-2, 2, (4000, network.N_i))
    sigma = np.linalg.svd(gradient(network, x), compute_uv=False)
    relative = sigma / sigma[0] if sigma[0] else sigma
    assert not ((relative > 1e-13) & (relative < 1e-5)).any(), relative
    return int((relative > 1e-5).sum())


@pytest.mark.parametrize("name", sorted(THEORY))
@pytest.mark.parametrize("case", CASES)
def test_repetitions_are_counted_exactly(name, case):
    W1, W2 = CASES[case]
    network = Network(np.array(W1), np.array(W2), activation(name))
    expected = rank_at_points(network)
    assert analytic_rank(network, THEORY[name]) == expected
    assert bounds(network) == (expected, expected)
    chosen = independent_parameters(network)
    assert len(chosen) == expected
    if expected:
        x = np.random.default_rng(1).uniform(-2, 2, (500, network.N_i))
        sigma = np.linalg.svd(gradient(network, x)[:, chosen], compute_uv=False)
        assert sigma[-1] > 1e-5 * sigma[0]


@pytest.mark.parametrize("name", sorted(THEORY))
def test_symmetries_and_values_at_zero_are_those_of_the_function(name):
    g, slope = FUNCTIONS[name]
    theory, u = THEORY[name], np.linspace(0.1, 4, 50)
    assert (theory.at_zero == 0) == (g(np.zeros(1))[0] == 0)
    assert (theory.slope_at_zero == 0) == (slope(np.zeros(1))[0] == 0)
    if theory.reflection is None:
        assert np.linalg.matrix_rank(np.stack([g(u), g(-u), u, np.ones(50)])) == 4
    else:
        s, constant, linear = theory.reflection
        np.testing.assert_allclose(g(-u), s * g(u) + constant + linear * u, atol=1e-14)
    assert theory.homogeneous == np.allclose(g(3 * u), 3 * g(u))


def test_an_unknown_activation_is_bounded_by_its_distinct_rows():
    network = Network(np.array([a, a, zero, b]), np.array([1.0, 1, 1, 0]), Mine())
    assert bounds(network) == (0, 3 + 3 + 1)


@pytest.mark.parametrize("name", sorted(THEORY))
def test_nothing_is_claimed_of_a_users_own_function_of_the_same_name(name):
    network = Network(np.array([a, b]), np.ones(2), Mine(name))
    assert Mine(name).theory is None
    assert bounds(network) == (0, 6)
    assert len(independent_parameters(network)) == 0


def test_swish_is_known_for_every_beta():
    network = Network(np.array([a, -a, b]), np.ones(3), activation("swish", beta=2.5))
    assert bounds(network) == (8, 8)
