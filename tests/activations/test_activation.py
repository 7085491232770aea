"""Activations by name: identity, round trips, and what a wrong name or parameter says."""

import json
import pickle

import numpy as np
import pytest

from hessweep.activations import ACTIVATIONS, Polynomial, activation
from hessweep.errors import ActivationError, InputError

PARAMETERS = {"power": {"degree": 4}, "polynomial": {"coefficients": [0, 1, 0.5]}}
every = pytest.mark.parametrize("name", sorted(ACTIVATIONS))


@every
def test_spec_gives_the_activation_back(name: str) -> None:
    g = activation(name, **PARAMETERS.get(name, {}))
    again = activation(**json.loads(json.dumps(g.spec)))
    assert again == g
    assert hash(again) == hash(g)
    assert pickle.loads(pickle.dumps(g)) == g  # noqa: S301  its own bytes
    assert activation(g) is g
    assert g.identity == g.spec


def test_labels_show_what_is_not_default() -> None:
    assert activation("erf").label == "erf"
    assert activation("quadratic").label == "quadratic"
    assert activation("quadratic", epsilon=0.5).label == "quadratic(epsilon=0.5)"
    assert activation("swish", beta=2).label == "swish(beta=2)"
    assert str(activation("polynomial", coefficients=[0, 1, 0.5])) == (
        "polynomial(coefficients=[0,1,0.5])"
    )


def test_labels_tell_activations_apart() -> None:
    close = [activation("quadratic", epsilon=e) for e in (0.1, 0.1 + 1e-9, 0.1 + 1e-15)]
    assert len({g.label for g in close}) == 3


def test_different_parameters_are_different_activations() -> None:
    assert activation("quadratic", epsilon=0.5) != activation("quadratic")
    assert activation("silu") != activation("swish")
    assert activation("power", degree=2) != activation("power", degree=3)


def test_trailing_zeros_do_not_make_another_polynomial() -> None:
    g = activation("polynomial", coefficients=[0, 1, 0, 2, 0, 0])
    assert isinstance(g, Polynomial)
    assert g == activation("polynomial", coefficients=[0, 1, 0, 2])
    assert (g.degree, g.support) == (3, (1, 3))


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("relux", {}, "unknown activation 'relux'.*known are.*relu.*file:"),
        ("erf", {"epsilon": 1}, "erf takes no parameters; unknown: epsilon"),
        ("power", {}, "power takes degree; missing: degree"),
        ("power", {"degree": 2.5}, "degree: expected a whole number"),
        ("power", {"degree": True}, "degree: expected a whole number"),
        ("power", {"degree": 31}, "from 1 to 30"),
        ("quadratic", {"epsilon": 0}, "epsilon: expected a finite non-zero number, got 0"),
        ("quadratic", {"epsilon": "a"}, "epsilon: expected a finite non-zero number, got 'a'"),
        ("swish", {"beta": 0}, "beta: expected a finite non-zero number, got 0"),
        ("polynomial", {"coefficients": [1]}, "expected degree 1 to 30"),
        ("polynomial", {"coefficients": [1, float("nan")]}, "expected finite numbers"),
        ("polynomial", {"coefficients": 3}, "expected a list of numbers"),
        ("polynomial", {"coefficients": [0] * 31 + [1]}, "expected degree 1 to 30"),
    ],
)
def test_wrong_names_and_parameters(name: str, parameters: dict, message: str) -> None:
    with pytest.raises(ActivationError, match=message) as raised:
        activation(name, **parameters)
    assert isinstance(raised.value, InputError)
    assert isinstance(raised.value, ValueError)


def test_parameters_for_a_ready_activation() -> None:
    with pytest.raises(ActivationError, match="takes no parameters"):
        activation(activation("erf"), epsilon=1)


@every
def test_a_stack_gives_the_same_bits_as_its_members(name: str) -> None:
    g = activation(name, **PARAMETERS.get(name, {}))
    W1 = np.random.default_rng(3).standard_normal((3, 4, 2)) / np.sqrt(2)
    together = g.self_dual(W1)
    for s in range(3):
        for ours, alone in zip(together, g.self_dual(W1[s]), strict=True):
            np.testing.assert_array_equal(ours[s], alone)


@pytest.mark.parametrize("coefficients", [[0.5, -1.0], [0, 1, 0.3], [0.1, 0, -2, 0, 0.7, 1e-3]])
@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4)])
def test_polynomials_have_numpy_s_values_to_the_bit(coefficients, shape) -> None:
    g, x = activation("polynomial", coefficients=coefficients), np.random.default_rng(0)
    x = x.standard_normal(shape)
    expected = np.polynomial.Polynomial(coefficients)
    for function, values in (
        (g, expected),
        (g.derivative, expected.deriv()),
        (g.second_derivative, expected.deriv(2)),
    ):
        assert np.shape(function(x)) == shape
        assert np.array_equal(function(x), values(x))
