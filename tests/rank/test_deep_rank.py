"""Proved ranks of deep networks: reference tables, special weights, and bounds that are bounds."""

import numpy as np
import pytest
from deep_reference import numpy_rank, rows_of, whole, widths_of

from hessweep import DeepNetwork, activation, rank, sample_deep_teacher
from hessweep.errors import InputError, PrecisionError, ShapeError
from hessweep.networks import Network
from hessweep.rank import deep, effective_parameters, formula
from hessweep.rank.deep_bound import Architecture, linear_rank, polynomial_bound
from hessweep.rank.deep_kernel import kernel_bound
from hessweep.rank.deep_linear import exact_linear_rank
from hessweep.rank.deep_polynomial import deep_modular_rank, deep_rational_rank
from hessweep.rank.formulas_deep import formula_of

NOT_ATTAINED = {
    ("2", "full", "0", "3 5 4 5 2"),
    ("2", "full", "0", "1 4 3 4"),
    ("3", "full", "1", "2 5 3 2"),
    ("3", "full", "1", "2 4 3 1"),
}
"""Rows of the table whose rank is one below the bound."""


def coefficients_of(row):
    n = int(row["n"])
    return (0.0,) + (1.0,) * n if row["form"] == "full" else (0.0,) * n + (1.0,)


def random_teacher(row, seed):
    g = activation("polynomial", coefficients=coefficients_of(row))
    biases = "both" if row["biases"] == "1" else "none"
    return sample_deep_teacher(g, widths_of(row), seed, biases=biases)


def test_bounds_of_polynomials_are_the_reference_ranks_but_for_known_cases():
    rows, above = rows_of("polynomial"), set()
    assert len(rows) == 1500
    for row in rows:
        widths = widths_of(row)
        layers = len(widths) - 1
        architecture = Architecture(
            widths, (coefficients_of(row),) * (layers - 1), (row["biases"] == "1",) * layers
        )
        excess = polynomial_bound(architecture) - int(row["rank"])
        assert excess in (0, 1), row
        if excess:
            above.add((row["n"], row["form"], row["biases"], row["widths"]))
    assert above == NOT_ATTAINED


def test_polynomial_ranks_are_proved_at_random_weights():
    """Every tenth row of the table; docs/depth.md says how all of them came out."""
    for seed, row in enumerate(rows_of("polynomial")[::10]):
        network = random_teacher(row, seed)
        found = rank(network)
        assert (found.value, found.certificate) == (int(row["rank"]), "proved"), row


def test_rescalings_are_lost_where_a_layer_takes_up_more_functions():
    """Rare architectures in which this bound is the smallest one, and is attained."""
    square, form = (0.0, 1.0, 1.0), (0.0, 0.0, 1.0)
    for widths, coefficients, biased, bound in (
        ((1, 1, 1, 3), (square, square), (True, False, True), 8),
        ((3, 1, 1, 3), (square, square), (True, False, True), 10),
        ((1, 2, 1, 1, 3), (form, square, square), (False, True, False, True), 8),
    ):
        assert polynomial_bound(Architecture(widths, coefficients, biased)) == bound
        rng = np.random.default_rng(0)
        weights = [rng.normal(size=shape) for shape in zip(widths[1:], widths, strict=False)]
        biases = [
            rng.normal(size=d) if has else None for d, has in zip(widths[1:], biased, strict=True)
        ]
        g = [activation("polynomial", coefficients=a) for a in coefficients]
        found = rank(DeepNetwork(weights, g, biases=biases))
        assert (found.value, found.certificate) == (bound, "proved")


@pytest.mark.parametrize("case", sorted(NOT_ATTAINED))
def test_a_rank_below_its_bound_is_found_and_never_called_more(case, monkeypatch):
    monkeypatch.setattr(deep, "RATIONAL_LIMIT", 1e9)
    [row] = [r for r in rows_of("polynomial") if tuple(r.values())[:4] == case]
    network = random_teacher(row, 0)
    found = rank(network)
    assert found.value == found.lower == int(row["rank"])
    assert (found.certificate == "undecided") == (found.upper > found.lower)
    assert found.upper <= found.lower + 1


def test_cheap_undecided_ranks_are_decided_over_the_rationals():
    found = rank(sample_deep_teacher("quadratic", (1, 4, 3, 4), 0))
    assert (found.value, found.certificate, found.method) == (15, "proved", "rational")


def test_linear_ranks_are_those_of_the_table():
    rows = rows_of("linear")
    assert len(rows) == 500
    for seed, row in enumerate(rows):
        biased = tuple(flag == "1" for flag in row["biases"].split())
        assert linear_rank(widths_of(row), biased) == int(row["rank"]), row
        if seed % 10 == 0:
            network = sample_deep_teacher("linear", widths_of(row), seed, biases=biased)
            assert rank(network).value == int(row["rank"])
            computed = rank(network, theorems=False)
            assert (computed.value, computed.certificate) == (int(row["rank"]), "proved")


@pytest.mark.parametrize("slope", [1.0, -1.5])
def test_linear_ranks_of_special_weights_are_those_of_exact_gradients(slope):
    rng, lower = np.random.default_rng(0), 0
    g = activation("polynomial", coefficients=[0, slope])
    for seed in range(60):
        widths = rng.integers(1, 5, rng.integers(2, 6)).tolist()
        biases = rng.integers(0, 2, len(widths) - 1).tolist()
        network = whole(sample_deep_teacher(g, widths, seed, biases=biases), g)
        exact = deep_rational_rank(network)
        assert exact_linear_rank(network) == exact
        lower += exact < linear_rank(network.widths, network.biased)
    assert lower > 15


def test_a_bias_that_cancels_an_earlier_one_counts():
    # The second hidden layer is constant, and 0 where 2 W_2 b_1 + b_2 = 0, as the slope is 2.
    g = activation("polynomial", coefficients=[0, 2.0])
    for b2, expected in ((-2.0, 0), (-1.0, 1)):
        weights = [[[0.0]], [[1.0]], [[0.0]], [[1.0]]]
        network = DeepNetwork(weights, g, [[1.0], [b2], None, None])
        assert exact_linear_rank(network) == deep_rational_rank(network) == expected


@pytest.mark.parametrize("slope", [1.0, 2.0])
def test_a_bias_that_cancels_an_earlier_one_lowers_the_rank_of_generic_weights(slope):
    g = activation("polynomial", coefficients=[0, slope])
    weights = [[[3.0], [5.0]], [[1.0, -2.0], [4.0, 7.0]], [[2.0, -1.0], [6.0, 5.0], [1.0, 3.0]]]
    first = np.array([1.0, 2.0])
    cancelling = -slope * np.array(weights[1]) @ first
    for second, lower in ((cancelling, True), (cancelling + np.array([0, 1]), False)):
        network = DeepNetwork(weights, g, [first, second, None])
        found, generic = exact_linear_rank(network), linear_rank(network.widths, network.biased)
        assert found == deep_rational_rank(network)
        assert (found < generic) == lower


def random_activation(rng):
    kinds = (
        [0, 1],
        [0, 0, 1],
        [0, 1, 1],
        [1, 0, 1],
        [1, 1],
        [1, 3, 3, 1],
        [0, 1, 0, 1],
        [0, 2, 1],
    )
    return activation("polynomial", coefficients=kinds[rng.integers(len(kinds))])


def test_no_bound_is_below_an_exact_rank():
    """Mixed activations, any biases, random and special weights."""
    rng, attained, special = np.random.default_rng(1), 0, 0
    for seed in range(120):
        widths = rng.integers(1, 5, rng.integers(2, 6)).tolist()
        activations = [random_activation(rng) for _ in widths[2:]]
        if np.prod([g.degree for g in activations] or [1]) > 12:
            activations = activations[:1] * len(activations)
        biases = rng.integers(0, 2, len(widths) - 1).tolist()
        network = sample_deep_teacher(activations, widths, seed, biases=biases)
        bound = formula_of(network.activations, network.widths, network.biased)
        exact = deep_modular_rank(network, network.P)
        assert exact <= bound.value
        assert bound.kind != "exact" or exact == bound.value
        attained += exact == bound.value
        rounded = whole(network, activations)
        found, lower = rank(rounded), deep_modular_rank(rounded, network.P)
        assert found.lower <= max(lower, found.lower) <= found.upper
        assert found.certificate == "undecided" or found.value == lower
        special += found.value < bound.value
    assert attained >= 105
    assert special >= 40


@pytest.mark.parametrize("row", rows_of("analytic"), ids=lambda row: " ".join(row.values()))
def test_analytic_minors_are_proved(row):
    network = sample_deep_teacher(row["activation"], widths_of(row), 3, biases=row["biases"])
    found = rank(network)
    assert (found.value, found.certificate, found.method) == (int(row["P"]), "proved", "minor")


def test_mixed_and_exponential_networks():
    mixed = sample_deep_teacher(["erf", "cubic", "tanh"], (2, 3, 2, 2, 1), 0)
    assert rank(mixed).certificate == "proved"
    assert rank(mixed).value == mixed.P
    # A bias before exp does what the output weights do: one direction for each such neuron.
    shifted = sample_deep_teacher("exp", (2, 3, 2), 0, biases="both")
    assert (rank(shifted).value, rank(shifted).certificate) == (shifted.P - 3, "proved")
    plain = sample_deep_teacher("exp", (2, 3, 2), 0)
    assert rank(plain).value == plain.P


def test_dead_and_equal_neurons_of_analytic_networks_are_counted():
    teacher = sample_deep_teacher("erf", (2, 3, 3, 1), 0)
    W1, W2, W3 = (W.copy() for W in teacher.weights)
    W2[:, 1] = 0.0  # nothing reads neuron 1 of layer 1: 2 parameters of no effect
    W3[0, 2] = 0.0  # nothing reads neuron 2 of layer 2: 3 more
    dead = DeepNetwork([W1, W2, W3], "erf")
    assert kernel_bound(dead) == dead.P - 5
    assert (rank(dead).value, rank(dead).certificate) == (dead.P - 5, "proved")
    W1, W2, W3 = (W.copy() for W in teacher.weights)
    W1[1] = W1[0]
    equal = DeepNetwork([W1, W2, W3], "erf")
    assert numpy_rank(equal) < equal.P - 3  # which float64 does not see
    assert (rank(equal).value, rank(equal).certificate) == (equal.P - 3, "proved")
    W1[1] = 0.0
    zero = DeepNetwork([W1, W2, W3], "erf")  # erf(0) = 0: its 3 output weights do nothing
    assert (rank(zero).value, rank(zero).certificate) == (zero.P - 3, "proved")


@pytest.mark.parametrize("name", ["linear", "quadratic", "cubic", "erf", "gelu"])
@pytest.mark.parametrize(("N_i", "N_h"), [(2, 5), (4, 3)])
def test_two_layers_agree_with_the_two_layer_code(name, N_i, N_h):
    deep_network = sample_deep_teacher(name, (N_i, N_h, 1), 0)
    expected = rank(Network(deep_network.weights[0], deep_network.weights[1][0], name))
    found = rank(deep_network)
    assert (found.lower, found.upper) == (expected.lower, expected.upper)
    assert found.certificate == "proved"
    generic = effective_parameters(name, widths=(N_i, N_h, 1))
    assert generic == effective_parameters(name, N_i, N_h)


def test_formulas():
    assert formula("linear", widths=(3, 4, 2, 5)) == (2 * (3 + 5 - 2), "exact")
    assert formula("erf", widths=(3, 4, 2), biases="both") == (26, "upper bound")
    assert formula("relu", widths=(3, 4, 2)) == (20 - 4, "upper bound")
    assert formula("exp", widths=(3, 4, 2), biases="hidden") == (24 - 4, "upper bound")
    assert formula(["quadratic", "relu"], widths=(3, 2, 2, 1)) == (12 - 2, "upper bound")
    assert formula("cubic", 3, 4, biases="both", N_o=2).value == 3 * 4 + 4 + 4 * 2 + 2
    with pytest.raises(ShapeError, match="a list of 2 for the hidden layers, got 1"):
        formula(["erf"], widths=(2, 2, 2, 1))
    with pytest.raises(InputError, match="got both"):
        formula("erf", 2, widths=(2, 2, 2, 1))
    with pytest.raises(InputError, match="expected N_i and N_h, or widths"):
        formula("erf")


def test_the_plain_guess_is_wrong():
    """Parameters less symmetries, or the dimension of the polynomials, is not the rank."""
    network = sample_deep_teacher("quadratic", (2, 3, 4, 4, 2), 0)
    assert min(network.P, 2 * (45 - 1)) == 42
    found = rank(sample_deep_teacher(activation("power", degree=2), (5, 5, 4, 3, 3), 0))
    assert (found.value, found.certificate) == (54, "proved")
    assert min(66, 66 - 12) == 54


def test_limits_leave_ranks_undecided(monkeypatch):
    monkeypatch.setattr(deep, "MODULAR_LIMIT", 0)
    for name in ("quadratic", "erf", "relu"):
        found = rank(sample_deep_teacher(name, (2, 3, 2, 1), 0))
        assert (found.lower, found.certificate, found.method) == (0, "undecided", "theorem")


def test_a_contradiction_is_an_error(monkeypatch):
    monkeypatch.setattr(deep, "kernel_bound", lambda _: 3)
    with pytest.raises(PrecisionError, match=r"proves at least \d+, but counting allows 3"):
        rank(sample_deep_teacher("linear", (3, 4, 3), 0))
