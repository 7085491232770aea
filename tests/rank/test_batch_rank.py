"""Ranks of batch Hessians where float64 does not decide: exact arithmetic, and its limits."""

import numpy as np
import pytest

from hessweep.kinds.batch import batch_formula
from hessweep.networks import Network, sample_inputs, sample_teacher
from hessweep.rank import Rank, batch, rank
from hessweep.rank.batch import batch_rank
from hessweep.spectrum.batch import batch_gradients, batch_spectrum


def rank_at(network, x):
    """Return `batch_rank` at some inputs."""
    gradients = batch_gradients(network, x)
    return batch_rank(network, x, gradients, batch_spectrum(gradients))


@pytest.mark.parametrize("name", ["linear", "cubic"])
def test_exact_arithmetic_tells_equal_inputs_from_nearly_equal_ones(name):
    """Both make singular values of 1e-16, but a direction that two inputs differ in counts."""
    network = sample_teacher(name, 3, 3, 0)
    x = np.array([[1.0, 2.0, -1.0], [0.5, -1.0, 4.0]])  # times 1 + 2^-50 without rounding
    # The gradients along the rays through the inputs, of which the latter are a short part.
    along = [network.gradient(x), network.gradient(x * (1 + 1e-3)) - network.gradient(x)]
    expected = np.linalg.matrix_rank(np.concatenate(along))
    assert expected == {"linear": 2, "cubic": 4}[name]
    for factor, value in ((1.0, 2), (1 + 2.0**-50, expected)):
        both = np.concatenate([x, x * factor])
        spectrum = batch_spectrum(batch_gradients(network, both))
        assert (spectrum.singular > spectrum.error).sum() == 2
        found = rank_at(network, both)
        assert (found.value, found.lower, found.upper) == (value, value, value)
        assert found.method == ("modular" if value == 4 else "rational")
        assert found.certificate == "proved"


def test_limits_on_exact_arithmetic_leave_ranks_undecided(monkeypatch):
    network = sample_teacher("cubic", 3, 3, 0)
    x = np.tile(sample_inputs(3, 1, 2), (5, 1))
    assert rank_at(network, x) == Rank(2, 2, 2, "proved", "rational")
    monkeypatch.setattr(batch, "RATIONAL_WORK", 0)
    assert rank_at(network, x) == Rank(2, 2, 10, "undecided", "modular")
    monkeypatch.setattr(batch, "EXACT_ENTRIES", 10 * network.P - 1)
    assert rank_at(network, x) == Rank(2, 2, 10, "undecided", "float64")
    monkeypatch.setattr(batch, "EXACT_ENTRIES", 10 * network.P)
    assert rank_at(network, x).method == "modular"


def test_an_activation_of_one_s_own_has_neither_minor_nor_formula():
    teacher = sample_teacher("tanh", 3, 3, 0)
    network = Network(teacher.W1, teacher.W2, np.tanh)
    x = np.tile(sample_inputs(3, 1, 2), (5, 1))
    assert rank_at(network, x) == Rank(2, 2, 10, "undecided", "float64")
    assert batch_formula(network, 10) == (None, "none")


@pytest.mark.parametrize(("lines", "value"), [(0, 6), (1, 7), (2, 8)])
def test_on_a_hyperplane_of_relu_the_bound_of_the_population_does_not_hold(lines, value):
    """The steps of w.x and -w.x add up to 1 except at `w.x = 0`, where both of them are 0."""
    W1 = np.array([[1.0, 2.0], [-1.0, -2.0], [2.0, -1.0], [-2.0, 1.0]])
    network = Network(W1, np.ones(4), "relu")
    assert rank(network).value == 6
    on = np.array([[[2.0, -1.0], [-4.0, 2.0]], [[1.0, 2.0], [3.0, 6.0]]])[:lines]
    x = np.concatenate([sample_inputs(2, 3, 30), on.reshape(-1, 2)])
    steps = (x @ W1.T > 0)[:, :, None] * x[:, None, :]
    gradients = np.concatenate([steps.reshape(len(x), -1), np.maximum(x @ W1.T, 0)], axis=1)
    assert np.linalg.matrix_rank(gradients) == value
    found = rank_at(network, x)
    assert (found.value, found.lower) == (value, value)
    assert (found.upper, found.certificate) == ((12, "undecided") if lines else (6, "proved"))


@pytest.mark.parametrize("biased", [False, True])
def test_a_sum_that_only_rounding_keeps_from_a_hyperplane_counts_as_on_it(biased):
    """0.1 + 0.2 - 0.3 is not 0 in float64."""
    if biased:
        network = Network([[1.0, 1.0], [-1.0, -1.0]], [1.0, 1.0], "relu", b1=[-0.3, 0.3])
        near, far = np.array([[0.1, 0.2]]), np.array([[0.1, 0.3]])
    else:
        network = Network([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]], [1.0, 1.0], "relu")
        near, far = np.array([[0.1, 0.2, -0.3]]), np.array([[0.1, 0.3, -0.3]])
    assert 0 < abs(near.sum() - 0.3 * biased) < 1e-15
    bound = batch._population_bound
    assert bound(network, far) == rank(network).upper < network.P
    assert bound(network, near) == network.P
