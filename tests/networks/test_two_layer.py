"""Networks and random teachers."""

import hashlib

import numpy as np
import pytest

from hessweep.activations import Activation, activation
from hessweep.errors import ActivationError, InputError, ShapeError
from hessweep.hessian import hessian, hessian_operator
from hessweep.networks import (
    MAX_SEED,
    WEIGHTS,
    DeepNetwork,
    Inputs,
    Network,
    sample_teacher,
    sample_teachers,
    sample_weights,
)
from hessweep.rank import rank
from hessweep.spectrum import spectrum

EXCESS = {
    "normal": 0,
    "uniform": -6 / 5,
    "rademacher": -2,
    "laplace": 3,
    "student-t": 6,
    "exponential": 6,
}
"""Excess kurtosis of each distribution, by its textbook value."""
every_distribution = pytest.mark.parametrize("weights", sorted(WEIGHTS))


@every_distribution
def test_mean_and_variance_of_the_weights(weights: str) -> None:
    N_i, N_h = 40, 25
    samples = [sample_weights(N_i, N_h, seed, weights) for seed in range(400)]
    for layer, fan_in in ((0, N_i), (1, N_h)):
        values = np.concatenate([sample[layer].ravel() for sample in samples]) * np.sqrt(fan_in)
        n = len(values)
        assert abs(values.mean()) < 4.5 / np.sqrt(n)
        variance_error = np.sqrt((EXCESS[weights] + 2) / n)
        assert abs(np.mean(values**2) - 1) < 4.5 * variance_error + 1e-12


@every_distribution
def test_distributions_are_what_they_are_called(weights: str) -> None:
    from scipy import stats

    law = {
        "normal": stats.norm(),
        "uniform": stats.uniform(-np.sqrt(3), 2 * np.sqrt(3)),
        "laplace": stats.laplace(scale=np.sqrt(0.5)),
        "student-t": stats.t(5, scale=np.sqrt(3 / 5)),
        "exponential": stats.expon(-1),
    }.get(weights)
    values = np.sort((sample_weights(100, 100, 0, weights)[0] * 10).ravel())
    if law is None:
        assert set(np.round(values, 12)) == {-1.0, 1.0}
    else:
        assert stats.kstest(values, law.cdf).pvalue > 1e-3


# Drawn once; a change here changes every stored teacher, and needs a new KERNEL_VERSION.
PINNED = {
    "exponential": [-0.3490635556446552, -0.6202829588501771, -0.2522501118622589],
    "laplace": [1.1627094406645946, 0.3072229488212351, 0.8186817143086275],
    "normal": [-0.19715742868018535, 0.23022974686257108, 0.5165099668557683],
    "rademacher": [-0.7071067811865475, 0.7071067811865475, 0.5773502691896258],
    "student-t": [2.378662880712623, 0.24500156066010828, -0.35140671052896166],
    "uniform": [1.0715694754024327, -0.7908269543366555, 0.1546520990465017],
}


@every_distribution
def test_the_first_weights_never_change(weights: str) -> None:
    W1, W2 = sample_weights(2, 3, 7, weights)
    np.testing.assert_allclose([*W1[0], W2[0]], PINNED[weights], rtol=1e-15)


@every_distribution
def test_teachers_of_many_seeds_are_those_of_each(weights: str) -> None:
    """Also where seeds take two words, which numpy splits by itself."""
    seeds = [0, 7, 2**32 - 1, 2**32, 2**40 + 3, MAX_SEED]
    digest = int.from_bytes(hashlib.sha256(weights.encode()).digest()[:8], "big") | 1 << 63
    for teacher, seed in zip(sample_teachers("erf", 3, 4, seeds, weights), seeds, strict=True):
        rng = np.random.default_rng(np.random.SeedSequence([digest, 3, 4, seed]))
        W1 = WEIGHTS[weights](rng, 12).reshape(4, 3) / np.sqrt(3)
        assert np.array_equal(teacher.W1, W1)
        assert np.array_equal(teacher.W2, WEIGHTS[weights](rng, 4) / np.sqrt(4))
        assert not teacher.W1.flags.writeable
        assert not teacher.W2.flags.writeable
        assert np.array_equal(teacher.W1, sample_teacher("erf", 3, 4, seed, weights).W1)


def test_teachers_do_not_depend_on_activation_or_order() -> None:
    one = sample_teacher("erf", 4, 3, seed=11)
    np.random.default_rng().standard_normal(5)
    for seed in (3, 11, 0):
        again = sample_teacher("quadratic", 4, 3, seed=seed)
        if seed == 11:
            np.testing.assert_array_equal(again.parameters, one.parameters)
        else:
            assert not np.any(again.parameters == one.parameters)


def test_every_argument_gives_other_weights() -> None:
    base = sample_weights(3, 3, 0)[0].ravel() * np.sqrt(3)
    others = [
        sample_weights(3, 3, 1)[0],
        sample_weights(3, 3, MAX_SEED)[0],
        sample_weights(3, 4, 0)[0][:3],
        sample_weights(3, 3, 0, "laplace")[0],
        sample_weights(3, 3, 0, "uniform")[0],
    ]
    for other in others:
        assert not np.any(np.isclose(other.ravel() * np.sqrt(3), base))


def test_a_network_is_its_formula() -> None:
    W1, W2 = np.array([[1.0, -2.0], [0.5, 0.0], [3.0, 1.0]]), np.array([1.0, -1.0, 0.25])
    network = Network(W1, W2, "quadratic")
    assert (network.N_i, network.N_h, network.P) == (2, 3, 9)
    np.testing.assert_array_equal(network.parameters, [1, -2, 0.5, 0, 3, 1, 1, -1, 0.25])
    # u = (-3, .5, 5): g = u + u² = (6, .75, 30)
    np.testing.assert_allclose(network(np.array([[1.0, 2.0]])), [6 - 0.75 + 7.5])


@pytest.mark.parametrize("name", ["erf", "cubic", "tanh", "gelu"])
def test_the_gradient_is_that_of_the_output(name: str) -> None:
    network = sample_teacher(name, 3, 4, seed=1)
    x = np.random.default_rng(0).standard_normal((5, 3))
    theta, h = network.parameters, 1e-3
    columns = []
    for i in range(network.P):
        step = np.zeros(network.P)
        step[i] = h
        y = [network.with_parameters(theta + k * step)(x) for k in (-2, -1, 1, 2)]
        columns.append((y[0] - 8 * y[1] + 8 * y[2] - y[3]) / (12 * h))
    np.testing.assert_allclose(network.gradient(x), np.stack(columns, axis=1), atol=1e-10)


def test_weights_are_copied_and_read_only() -> None:
    W1, W2 = np.ones((2, 2)), np.ones(2)
    network = Network(W1, W2, "erf")
    W1[0, 0] = 5
    assert network.W1[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        network.W2[0] = 3
    assert isinstance(network.activation, Activation)
    assert network.activation == activation("erf")


@pytest.mark.parametrize(
    ("W1", "W2", "error", "message"),
    [
        (np.ones(3), np.ones(3), ShapeError, "W1: expected a non-empty N_h x N_i matrix"),
        (np.ones((0, 3)), np.ones(0), ShapeError, "W1: expected a non-empty"),
        (np.ones((2, 3)), np.ones(3), ShapeError, "W2: expected 2 entries"),
        (np.ones((2, 3)), np.ones((2, 1)), ShapeError, r"W2: .*got shape \(2, 1\)"),
        (np.full((2, 3), np.nan), np.ones(2), InputError, "expected finite numbers"),
        (np.ones((2, 3)), [1, np.inf], InputError, "expected finite numbers"),
        (np.ones((2, 3)) + 0j, np.ones(2), InputError, "W1: expected real numbers, got complex"),
        (np.ones((2, 3)), [1, 1j], InputError, "W2: expected real numbers, got complex"),
        (np.ones((2, 3)), [1, "a"], InputError, "W2: expected an array of real numbers"),
        ([[1.0, 2.0], [3.0]], np.ones(2), InputError, "W1: expected an array of real numbers"),
    ],
)
def test_wrong_weights(W1: object, W2: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        Network(W1, W2, "erf")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"N_i": 0}, ShapeError, "N_i: expected a whole number of at least 1, got 0"),
        ({"N_h": 2.5}, ShapeError, "N_h: expected a whole number of at least 1, got 2.5"),
        ({"N_h": True}, ShapeError, "N_h: expected a whole number"),
        ({"seed": -1}, InputError, "seed: expected a whole number from 0"),
        ({"seed": 2**63}, InputError, "seed: expected a whole number from 0"),
        ({"seed": 0.5}, InputError, "seed: expected a whole number from 0"),
        ({"seed": True}, InputError, "seed: expected a whole number from 0"),
        ({"weights": "cauchy"}, InputError, "unknown distribution 'cauchy'; known are normal"),
        ({"activation": "nope"}, ActivationError, "unknown activation 'nope'"),
    ],
)
def test_wrong_teachers(arguments: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        sample_teacher(**{"activation": "erf", "N_i": 2, "N_h": 2, "seed": 0, **arguments})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1j]], "expected real numbers, got complex ones"),
        (None, "expected an array of real numbers, got None"),
        ([[None]], "expected an array of real numbers, got None"),
        ([[10**400]], "expected an array of real numbers, got int too large"),
        ([["a"]], "expected an array of real numbers, got could not convert"),
        ([[1.0], [1.0, 2.0]], "expected an array of real numbers, got setting an array"),
    ],
)
def test_what_is_no_array_of_real_numbers(values, message) -> None:
    for make, name in (
        (lambda: Network(values, [1.0], "erf"), "W1"),
        (lambda: Network([[1.0]], values, "erf"), "W2"),
        (lambda: DeepNetwork([values, [[1.0]]], "erf"), "W_1"),
        (lambda: Inputs(covariance=values), "covariance"),
        (lambda: Inputs(mean=values), "mean"),
        (lambda: Network([[1.0]], [1.0], "erf", b1=values), "b1"),
        (lambda: DeepNetwork([[[1.0]], [[1.0]]], "erf", biases=[values, None]), "b_1"),
    ):
        if values is None and name not in ("W1", "W2", "W_1"):
            continue
        with pytest.raises(InputError, match=f"{name}: {message}"):
            make()


@pytest.mark.parametrize("function", [hessian_operator, hessian, spectrum, rank])
def test_an_array_is_no_network(function) -> None:
    with pytest.raises(InputError, match=r"expected a .*Network.*, got"):
        function(np.eye(3))
