"""Ranks of networks with biases and other inputs that nothing decides, and what is still known."""

from dataclasses import replace

import numpy as np
import pytest

from hessweep.activations import Erf
from hessweep.networks import Inputs, Network, sample_teacher
from hessweep.rank import formula, polynomial_exact, rank
from hessweep.rank.effective import network_formula


class WithoutBalls(Erf):
    """The independence theorem holds, but functions can not be enclosed."""

    @property
    def facts(self):
        return replace(super().facts, in_balls=None)


@pytest.mark.parametrize(
    ("g", "bias", "proved"),
    [
        ("gaussian", 1.0, True),
        ("gaussian", 1e100, False),
        ("erf", 1e100, False),
        (WithoutBalls(), 1.0, False),
    ],
)
def test_a_neuron_without_inputs_is_undecided_where_its_slope_may_vanish(g, bias, proved):
    """A slope of exp(-5e199) is 0 to any precision that is tried."""
    network = Network([[1.0, 2.0], [0.0, 0.0]], [1.0, 1.0], g, b1=[0.5, bias])
    found = rank(network)
    # 4 functions of one neuron; 1, x_1 and x_2 of the other one, whose bias does what W2 does.
    assert found.upper == (7 if proved else 8)
    assert (found.lower, found.certificate) == ((7, "proved") if proved else (0, "undecided"))


@pytest.mark.parametrize("covariance", [[[1.0, 1.0], [1.0, 1.0]], [0.0, 0.0]])
def test_there_is_no_formula_for_inputs_that_may_not_vary(covariance):
    teacher = sample_teacher("erf", 2, 2, 0)
    network = Network(teacher.W1, teacher.W2, "erf", inputs=Inputs(covariance=covariance))
    assert network_formula(network) == (None, "none")


def test_a_matrix_with_too_many_entries_is_not_computed(monkeypatch):
    """4 neurons with 1 + 3 + 1 gradients each, of 20 monomials up to degree 3."""
    network = sample_teacher("cubic", 3, 4, 0, biases="hidden")
    monkeypatch.setattr(polynomial_exact, "ENTRIES_LIMIT", 4 * 5 * 20)
    assert rank(network).certificate == "proved"
    monkeypatch.setattr(polynomial_exact, "ENTRIES_LIMIT", 4 * 5 * 20 - 1)
    found = rank(network)
    assert (found.lower, found.certificate, found.method) == (0, "undecided", "theorem")
    assert found.value == found.upper == formula("cubic", 3, 4, "hidden").value


def test_biases_may_be_given_by_layers():
    for biases, layers in (("none", [0, 0]), ("hidden", [1, 0]), ("output", [0, 1])):
        by_layers = formula("erf", 3, 4, [bool(one) for one in layers], 2)
        P = 4 * (3 + 2) + 4 * layers[0] + 2 * layers[1]
        assert by_layers == (P, "upper bound")
        assert by_layers.value == formula("erf", 3, 4, biases, 2).value
        assert formula(["erf"], 3, 4, biases, 2) == by_layers
    # All polynomials up to degree 3 in 2 variables.
    assert formula("cubic", 2, 9, [True, True], 1).value == 10


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_three_phases_of_one_sine_may_share_a_direction_of_the_outputs(name):
    """Their slopes are `v (cos b sin w.x + sin b cos w.x)`, in 2 dimensions for one v, not 3."""
    v, phases = np.array([[1.0], [2.0]]), [0.5, 1.0, 2.0]
    network = Network(np.ones((3, 2)) * [1.0, -2.0], v * [1.0, 2.0, 3.0], name, b1=phases)
    x = np.random.default_rng(0).standard_normal((100, 2))
    true = np.linalg.matrix_rank(network.gradient(x).reshape(200, -1))
    assert true == 2 * 2 + 2 * 2
    found = rank(network)
    assert found.lower <= true < found.upper
    # One more for each input where the directions are not all the same.
    other = Network(network.W1, v * [1.0, 2.0, 3.0] + [[0.0, 1.0, 0.0], [0.0] * 3], name, phases)
    assert np.linalg.matrix_rank(other.gradient(x).reshape(200, -1)) == true + 2
    assert rank(other).lower <= true + 2 <= rank(other).upper


def test_rounding_does_not_make_a_covariance_definite():
    """Of rank 3, so that the smallest of its 4 eigenvalues is 0 but for rounding."""
    positive = 0
    for seed in range(60):
        B = np.random.default_rng(seed).integers(-9, 10, (4, 3)).astype(float)
        covariance = B @ B.T
        positive += np.linalg.eigvalsh(covariance)[0] > 2.0**-53 * np.linalg.norm(covariance)
        network = Network(np.eye(4), np.ones(4), "erf", inputs=Inputs(covariance=covariance))
        assert rank(network).certificate == "undecided"
    assert positive > 0
