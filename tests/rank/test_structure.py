"""Bounds and ranks for special weights, against exact ranks over the rationals."""

import numpy as np
import pytest
from flint import fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from hessweep import hessian
from hessweep.activations import activation, load_activation
from hessweep.networks import Network
from hessweep.rank import modular, rank
from hessweep.rank.modular import modular_rank
from hessweep.rank.structure import bounds, independent_parameters


@st.composite
def networks(draw):
    """Small whole weights: rows that are zero, equal, parallel and dependent are common."""
    N_i, N_h = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    coefficients = draw(st.lists(st.integers(-1, 1), min_size=1, max_size=5))
    small = st.integers(-2, 2)
    W1 = draw(st.lists(st.lists(small, min_size=N_i, max_size=N_i), min_size=N_h, max_size=N_h))
    W2 = draw(st.lists(small, min_size=N_h, max_size=N_h))
    return Network(
        np.array(W1), np.array(W2), activation("polynomial", coefficients=[*coefficients, 1])
    )


def rank_from_points(network, parameters=slice(None)):
    """Rank over the rationals of `grad_theta y` on a grid that no polynomial vanishes on."""
    n = network.activation.degree + 1
    grid = np.stack(np.meshgrid(*[np.arange(n)] * network.N_i), axis=-1).reshape(-1, network.N_i)
    values = network.gradient(grid.astype(float))[:, parameters]
    return fmpq_mat([[int(v) for v in row] for row in values.tolist()]).rank()


@settings(max_examples=150, deadline=None)
@given(networks())
def test_bounds_enclose_the_exact_rank_and_every_proof_finds_it(network):
    exact = modular.rational_rank(network)
    assert exact == rank_from_points(network)
    lower, upper = bounds(network)
    assert lower <= exact <= upper
    assert modular.modular_rank(network, upper) == exact if upper else exact == 0
    for theorems in (True, False):
        found = rank(network, theorems=theorems)
        assert (found.value, found.certificate) == (exact, "proved")
    if exact:
        chosen = independent_parameters(network)
        assert len(chosen) == rank_from_points(network, chosen) == exact


@pytest.mark.parametrize(
    "coefficients", [[0, 1, 1, 1], [0, 1, 0, 1], [0, 0, 0, 1], [1, 0, 1], [0, 1, 1]]
)
def test_independent_rows_are_as_good_as_generic_ones(coefficients):
    rng = np.random.default_rng(0)
    network = Network(
        rng.standard_normal((3, 5)),
        rng.standard_normal(3),
        activation("polynomial", coefficients=coefficients),
    )
    lower, upper = bounds(network)
    assert lower == upper == modular.rational_rank(network)


def test_one_output_weight_of_zero_takes_the_derivatives_of_its_neuron_away():
    rng = np.random.default_rng(1)
    W1, W2 = rng.standard_normal((4, 3)), rng.standard_normal(4)
    W2[2] = 0
    assert rank(Network(W1, W2, "cubic")).value == 4 * 4 - 3
    assert rank(Network(W1, W2, "erf")).value == 4 * 4 - 3


def test_rademacher_weights_are_proved_though_many_rows_agree():
    rng = np.random.default_rng(2)
    W1 = rng.choice([-1.0, 1.0], (10, 4)) / np.sqrt(3)
    network = Network(W1, rng.choice([-1.0, 1.0], 10), "cubic")
    found = rank(network)
    assert found.certificate == "proved"
    assert found.value == modular.rational_rank(network) < 34


def test_rows_of_zeros_of_an_activation_without_a_theory_count(tmp_path):
    """A neuron that sees nothing has the gradients g(0) and, if it is read out, W2 g'(0) x."""
    (tmp_path / "own.py").write_text("import numpy as np\ndef f(x): return np.log1p(np.exp(x))\n")
    own = load_activation(tmp_path / "own.py", "f")
    assert own.theory is None
    W1 = np.array([[1.0, 0.5, 0.0], [0.0, 0.0, 0.0], [0.3, -1.0, 2.0]])
    for W2, upper in (([1.0, 2.0, 0.5], 2 * (1 + 3) + 1 + 3), ([1.0, 0.0, 0.5], 2 * (1 + 3) + 1)):
        network = Network(W1, np.array(W2), own)
        assert bounds(network) == (0, upper)
        assert np.linalg.matrix_rank(hessian(network), hermitian=True) == upper


@pytest.mark.parametrize(
    ("coefficients", "N_i", "N_h", "r", "expected"),
    [
        # In 2 variables 2 + 3 functions; each of the 3 others times 1, t_1 and t_2.
        ([0, 1, 1], 5, 6, 2, 2 + 3 + 3 * 3),
        # In 1 variable t² and t³; each of the 3 others times t and t².
        ([0, 0, 1, 1], 4, 5, 1, 2 + 3 * 2),
        # In 2 variables 3 + 4 functions; the other one times 2 + 3.
        ([0, 0, 1, 1], 3, 8, 2, 3 + 4 + 2 + 3),
        # Fewer neurons than the 1 + 2 + 3 functions 1, t_1, ..., t_2².
        ([0, 1, 1, 1], 5, 4, 2, 2 + 3 + 4 + 3 * 4),
    ],
)
def test_rows_in_a_small_space_leave_few_functions(coefficients, N_i, N_h, r, expected):
    rng = np.random.default_rng(0)
    rows = rng.integers(-5, 6, (N_h, r)) @ rng.integers(-5, 6, (r, N_i))
    g = activation("polynomial", coefficients=coefficients)
    network = Network(rows.astype(float), rng.standard_normal(N_h), g)
    assert np.linalg.matrix_rank(rows) == r
    assert bounds(network).upper == expected == modular_rank(network, network.P)
