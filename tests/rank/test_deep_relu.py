"""Deep ReLU networks: the interval of their rank, for each network's own weights."""

from fractions import Fraction

import numpy as np
import pytest
from deep_reference import numpy_rank, rows_of, whole, widths_of
from flint import fmpq, fmpq_mat

from hessweep import DeepNetwork, rank, sample_deep_teacher
from hessweep.networks import sample_teacher
from hessweep.rank.deep_kernel import kernel_bound
from hessweep.rank.deep_relu import certain_signs, deep_relu_rank


@pytest.mark.parametrize(("N_i", "N_h"), [(2, 3), (3, 5), (4, 2)])
def test_two_layers_of_relu_have_the_rank_of_the_theorem(N_i, N_h):
    teacher = sample_teacher("relu", N_i, N_h, 0)
    found = rank(DeepNetwork([teacher.W1, teacher.W2[None]], "relu"))
    assert (found.value, found.certificate, found.method) == (N_i * N_h, "proved", "regions")


def test_relu_bounds_hold_and_spread_as_in_the_table():
    proved, spread = 0, {}
    for seed, row in enumerate(rows_of("relu")):
        network = sample_deep_teacher("relu", widths_of(row), seed, biases=row["biases"])
        found = rank(network)
        most = network.P - sum(network.widths[1:-1])
        assert max(found.lower, numpy_rank(network)) <= found.upper <= most
        assert int(row["rank"]) <= most
        proved += found.certificate == "proved"
        spread.setdefault((row["widths"], row["biases"]), set()).add(found.value)
    assert proved >= 50
    assert len(spread["3 3 3 3 1", "none"]) >= 3


def test_relu_neurons_that_are_silent_or_always_active_lower_the_upper_bound():
    W1 = np.array([[1.0, 0.5], [-0.5, 1.0], [0.25, -1.0]])
    silent = DeepNetwork([W1, [[-1.0, -2.0, -0.5], [1.0, -1.0, 0.5]], [[1.0, 1.0]]], "relu")
    # Neuron 0 of layer 2 is never active: its 3 weights and its output weight do nothing, and it
    # needs no direction of its own.
    assert kernel_bound(silent) == silent.P - 4 - 3 - 1
    active = DeepNetwork([W1, [[1.0, 2.0, 0.5], [1.0, 1.0, 0.25]], [[1.0, 1.0]]], "relu")
    # Both neurons of layer 2 are linear: 4 directions of mixtures where others have 2.
    assert kernel_bound(active) == active.P - 3 - 4
    for network in (silent, active):
        assert rank(network).lower <= numpy_rank(network) <= rank(network).upper


def test_signs_are_certain_only_where_rounding_can_not_change_them():
    # u = 1 - 1 + tiny: the product of rounded terms says nothing about the sign.
    network = DeepNetwork([[[1.0, 1.0]], [[1.0]]], "relu")
    x = np.array([[1.0, -1.0], [1.0, -1.0 + 2.0**-53], [1.0, 2.0], [-1.0, -2.0]])
    signs = certain_signs(network, x)
    assert signs.x.tolist() == [[1.0, 2.0], [-1.0, -2.0]]
    assert signs.active[0].tolist() == [[True], [False]]


def test_relu_lower_bounds_are_those_of_independent_gradients():
    """Exact rational gradients at whole-numbered inputs, one region at a time."""
    network = whole(sample_deep_teacher("relu", (2, 3, 2, 1), 4), "relu")
    rows = []
    for x in np.random.default_rng(0).integers(-9, 10, (80, 2)).tolist():
        h, u = [[Fraction(v) for v in x]], []
        for W in network.weights:
            values = [sum(Fraction(w) * v for w, v in zip(row, h[-1], strict=True)) for row in W]
            u.append(values)
            h.append([max(v, Fraction(0)) for v in values])
        delta, gradient = [Fraction(1)], []
        for layer in (2, 1, 0):
            gradient = [d * v for d in delta for v in h[layer]] + gradient
            if layer:
                columns = zip(*network.weights[layer], strict=True)
                delta = [
                    sum((Fraction(w) * d for w, d in zip(c, delta, strict=True)), Fraction(0))
                    * (v > 0)
                    for c, v in zip(columns, u[layer - 1], strict=True)
                ]
        rows.append([fmpq(v.numerator, v.denominator) for v in gradient])
    assert deep_relu_rank(network, network.P) == fmpq_mat(rows).rank()


def test_a_sign_is_not_certain_where_the_layer_before_was_rounded_too_much():
    """Terms of 1e8 cancel in the first layer, and what is left in the second is their rounding."""
    rng = np.random.default_rng(0)
    W1 = np.array([[1e8, -1e8, 0.5]] * 2)
    W1[1, :2] += np.spacing(1e8) * np.array([1, -1])  # about what the terms are rounded by
    W2 = np.array([[1.0, -1.0], [-1.0, 1.0]])
    x = np.repeat(rng.standard_normal((200, 1)), 3, axis=1)
    x[:, 1] *= 1 - 2.0**-27 * rng.random(200)
    network = DeepNetwork([W1, W2, [[1.0, 1.0]]], "relu")
    signs = certain_signs(network, x)
    seen = {tuple(row): k for k, row in enumerate(signs.x.tolist())}
    wrong = kept = 0
    for row in x.tolist():
        h = [Fraction(v) for v in row]
        for layer, W in enumerate((W1, W2)):
            u = [sum(Fraction(w) * v for w, v in zip(of, h, strict=True)) for of in W.tolist()]
            h = [max(v, Fraction(0)) for v in u]
            if tuple(row) in seen:
                assert signs.active[layer][seen[tuple(row)]].tolist() == [v > 0 for v in u]
        rounded = np.maximum(W1 @ row, 0) @ W2.T
        wrong += bool(((rounded > 0) != np.array([v > 0 for v in u])).any())
        kept += tuple(row) in seen
    assert wrong > 0
    assert kept > 0
