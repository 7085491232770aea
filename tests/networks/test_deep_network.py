"""Deep networks: values, gradients, the order of parameters, random teachers, and refusals."""

import numpy as np
import pytest

import hessweep
from hessweep import DeepNetwork, sample_deep_teacher
from hessweep.errors import ActivationError, InputError, ShapeError
from hessweep.networks import Network, biased_layers, parameter_count, sample_weights


def by_hand(network, x):
    """Return the output at one input, neuron by neuron."""
    h = list(x)
    for number, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        u = [
            sum(W[i, j] * h[j] for j in range(len(h))) + (0.0 if b is None else b[i])
            for i in range(len(W))
        ]
        last = number == len(network.activations)
        h = u if last else [float(network.activations[number](np.array(v))) for v in u]
    return h


CASES = [
    ("erf", (3, 4, 2, 2), "both"),
    ("cubic", (2, 3, 1), "none"),
    (["tanh", "quadratic"], (2, 3, 2, 1), "hidden"),
    ("gelu", (2, 2, 2, 2, 2), "output"),
    ("linear", (3, 2), "both"),
]


@pytest.mark.parametrize(("activation", "widths", "biases"), CASES)
def test_outputs_are_those_of_the_definition(activation, widths, biases):
    network = sample_deep_teacher(activation, widths, 1, biases=biases)
    x = np.random.default_rng(0).standard_normal((4, widths[0]))
    expected = [by_hand(network, point) for point in x]
    np.testing.assert_allclose(network(x), expected, rtol=1e-13)


@pytest.mark.parametrize(("activation", "widths", "biases"), CASES)
def test_gradients_are_differences_of_outputs(activation, widths, biases):
    network = sample_deep_teacher(activation, widths, 2, biases=biases)
    x = np.random.default_rng(1).standard_normal((3, widths[0]))
    step = 1e-5
    differences = [
        (
            network.with_parameters(network.parameters + step * direction)(x)
            - network.with_parameters(network.parameters - step * direction)(x)
        )
        / (2 * step)
        for direction in np.eye(network.P)
    ]
    found = network.gradient(x)
    assert found.shape == (3, widths[-1], network.P)
    np.testing.assert_allclose(found, np.moveaxis(differences, 0, -1), atol=1e-7)


def test_parameters_are_ordered_layer_by_layer():
    W1, b1, W2 = (
        np.array([[1.0, 2], [3, 4], [5, 6]]),
        np.array([7.0, 8, 9]),
        np.array([[10.0] * 3]),
    )
    network = DeepNetwork([W1, W2], "erf", [b1, None])
    assert network.parameters.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10]
    assert [p.layer for p in network.layout] == [slice(0, 9), slice(9, 12)]
    assert network.P == 12
    assert network.widths == (2, 3, 1)
    moved = network.with_parameters(np.arange(12.0))
    assert moved.weights[0].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert moved.biases[0].tolist() == [6, 7, 8]
    assert moved.biases[1] is None


def test_two_layers_without_biases_are_a_network():
    deep = sample_deep_teacher("erf", (4, 3, 1), 0)
    network = Network(deep.weights[0], deep.weights[1][0], "erf")
    x = np.random.default_rng(0).standard_normal((5, 4))
    np.testing.assert_allclose(deep(x)[:, 0], network(x), rtol=1e-14)
    np.testing.assert_allclose(deep.gradient(x)[:, 0], network.gradient(x), rtol=1e-13)


@pytest.mark.parametrize("weights", ["normal", "rademacher", "uniform"])
def test_weights_and_biases_have_mean_0_and_variance_1_over_fan_in(weights):
    network = sample_deep_teacher("erf", (40, 300, 50, 30), 5, weights, biases="both")
    for W, b in zip(network.weights, network.biases, strict=True):
        fan_in = W.shape[1]
        for values in (W.ravel(), b):
            error = 6 / np.sqrt(len(values))
            scaled = values * np.sqrt(fan_in)
            assert abs(scaled.mean()) < error
            assert abs(np.square(scaled).mean() - 1) < 2 * error


def test_weights_do_not_depend_on_activation_or_biases():
    plain = sample_deep_teacher("erf", (3, 4, 2), 7)
    for other in (
        sample_deep_teacher("relu", (3, 4, 2), 7, biases="both"),
        sample_deep_teacher("erf", (3, 4, 2), 7, biases=[False, True]),
    ):
        for one, two in zip(plain.weights, other.weights, strict=True):
            np.testing.assert_array_equal(one, two)
    changed = (
        sample_deep_teacher("erf", (3, 4, 2), 8),
        sample_deep_teacher("erf", (3, 4, 2), 7, "uniform"),
        sample_deep_teacher("erf", (3, 4, 3), 7),
    )
    assert all((plain.weights[0] != other.weights[0]).all() for other in changed)


def test_teachers_follow_the_documented_entropy():
    import hashlib

    digest = int.from_bytes(hashlib.sha256(b"normal").digest()[:8], "big") | 1 << 63
    rng = np.random.default_rng(np.random.SeedSequence([digest, 2, 3, 1, 4]))
    network = sample_deep_teacher("erf", (2, 3, 1), 4, biases="hidden")
    np.testing.assert_array_equal(network.weights[0].ravel(), rng.standard_normal(6) / np.sqrt(2))
    np.testing.assert_array_equal(network.weights[1][0], rng.standard_normal(3) / np.sqrt(3))
    np.testing.assert_array_equal(network.biases[0], rng.standard_normal(3) / np.sqrt(2))
    assert (network.weights[0] != sample_weights(2, 3, 4)[0]).all()


def test_an_activation_may_be_a_function_as_for_two_layers():
    weights = [np.ones((2, 2)), np.eye(2), np.ones((1, 2))]
    x = np.array([[0.3, -0.2]])
    for given in (np.tanh, [np.tanh, "tanh"]):
        own, named = DeepNetwork(weights, given), DeepNetwork(weights, "tanh")
        np.testing.assert_allclose(own.gradient(x), named.gradient(x), rtol=1e-11)
    with pytest.raises(ActivationError, match="unknown activation 5"):
        DeepNetwork(weights, 5)


def test_what_does_not_fit_is_refused():
    W1, W2 = np.ones((3, 2)), np.ones((1, 3))
    for weights, biases, message in (
        ([], None, "at least one matrix"),
        ([np.ones(3)], None, "W_1: expected a non-empty matrix"),
        ([W1, W1], None, "W_2: expected 3 columns"),
        ([W1, W2], [None], "expected 2 entries"),
        ([W1, W2], [np.ones(2), None], "b_1: expected 3 entries"),
    ):
        with pytest.raises(ShapeError, match=message):
            DeepNetwork(weights, "erf", biases)
    with pytest.raises(InputError, match="W_1: expected finite"):
        DeepNetwork([W1 * np.nan, W2], "erf")
    with pytest.raises(ShapeError, match="a list of 1 for the hidden layers, got 2"):
        DeepNetwork([W1, W2], ["erf", "erf"])
    with pytest.raises(ActivationError, match="unknown activation"):
        DeepNetwork([W1, W2], "no")
    with pytest.raises(InputError, match="inputs"):
        DeepNetwork([W1, W2], "erf", inputs="other")
    for widths in ((3,), (3, 0, 1), (3, 2.5, 1), (True, 2)):
        with pytest.raises(ShapeError, match="widths: expected two or more"):
            sample_deep_teacher("erf", widths, 0)
    with pytest.raises(InputError, match="biases: expected one of none, hidden"):
        sample_deep_teacher("erf", (2, 3, 1), 0, biases="some")
    with pytest.raises(InputError, match="2 truth values"):
        sample_deep_teacher("erf", (2, 3, 1), 0, biases=[True])
    with pytest.raises(InputError, match="seed: expected"):
        sample_deep_teacher("erf", (2, 3, 1), -1)
    with pytest.raises(InputError, match="unknown distribution"):
        sample_deep_teacher("erf", (2, 3, 1), 0, "cauchy")


@pytest.mark.parametrize(
    "function",
    [
        hessweep.hessian_operator,
        hessweep.spectral_density,
        hessweep.extreme_eigenvalues,
        hessweep.dynamics.PopulationLoss,
    ],
)
def test_functions_of_two_layer_networks_refuse_deep_ones(function):
    with pytest.raises(InputError, match="expected a two-layer Network, got a DeepNetwork"):
        function(sample_deep_teacher("erf", (2, 3, 1), 0))


@pytest.mark.parametrize("function", [hessweep.hessian, hessweep.spectrum, hessweep.rank])
def test_what_is_no_network_is_refused(function):
    with pytest.raises(InputError, match="DeepNetwork, got"):
        function(np.eye(3))


@pytest.mark.parametrize("biases", ["none", "hidden", "output", "both"])
def test_parameters_are_counted_without_a_network(biases):
    widths = (3, 5, 2, 4)
    network = sample_deep_teacher("erf", widths, 0, biases=biases)
    assert parameter_count(widths, biased_layers(biases, 3)) == network.P
    assert len(network.parameters) == network.P
