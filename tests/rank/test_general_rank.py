"""Ranks with biases, several outputs and other inputs: tables, and second routes."""

import random
from fractions import Fraction

import beyond
import numpy as np
import pytest
from flint import arb, ctx, nmod_mat

from hessweep.activations import activation
from hessweep.networks import Inputs, Network, sample_teacher
from hessweep.rank import formula, rank
from hessweep.rank.effective import network_formula

PRIME = 2**61 - 1


def random_network(g, row: dict, zero: bool = False) -> Network:
    """Random float64 weights of the sizes of a table's row."""
    N_i, N_h, *rest = beyond.sizes(row)
    N_o = rest[0] if rest else 1
    biases = {"true": "both", "false": "hidden", None: "none"}[row.get("output")]
    teacher = sample_teacher(g, N_i, N_h, 1, biases=biases, N_o=N_o)
    if not zero:
        return teacher
    b2 = teacher.b2 if biases == "both" else None
    return Network(teacher.W1, teacher.W2, g, np.zeros(N_h), b2)


TABLES = (
    "A_hidden_bias_polynomial",
    "A_hidden_bias_polynomial_special",
    "E_outputs_polynomial",
    "E_outputs_bias",
    "A_zero_bias_teacher",
)


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_proved_at_random_weights(table: str) -> None:
    column = "rank_zero_bias" if table == "A_zero_bias_teacher" else "rank"
    proved = tried = 0
    for row in beyond.rows(table):
        if int(row["P"]) > 22:
            continue
        g = activation("polynomial", coefficients=beyond.coefficients(row))
        found = rank(random_network(g, row, zero=column != "rank"))
        table_rank = int(row[column])
        assert found.lower <= table_rank <= found.upper, (row, found)
        assert found.certificate != "proved" or found.value == table_rank
        proved += found.certificate == "proved"
        tried += 1
    assert proved == tried > 20


def gradients_mod_p(network: Network, varying: list[int]) -> list[list[int]]:
    """Gradients of random combinations of the outputs at random points, modulo p."""
    rng = random.Random(7)

    def residue(value: float) -> int:
        exact = Fraction(float(value))
        return exact.numerator * pow(exact.denominator, -1, PRIME) % PRIME

    a = [residue(value) for value in network.activation.coefficients]
    slopes = [d * value for d, value in enumerate(a)][1:]
    mean = np.zeros(network.N_i)
    if network.inputs is not None and network.inputs.mean is not None:
        mean = network.inputs.mean
    rows = []
    for _ in range(network.P + 2):
        x = [
            rng.randrange(PRIME) if n in varying else residue(mean[n]) for n in range(network.N_i)
        ]
        c = [rng.randrange(PRIME) for _ in range(network.N_o)]
        phi, by_bias, by_output = [], [], []
        for k in range(network.N_h):
            z = sum(residue(w) * v for w, v in zip(network.W1[k], x, strict=True))
            z += 0 if network.b1 is None else residue(network.b1[k])
            g = sum(value * pow(z, d, PRIME) for d, value in enumerate(a)) % PRIME
            dg = sum(value * pow(z, d, PRIME) for d, value in enumerate(slopes)) % PRIME
            out = sum(residue(w) * v for w, v in zip(network.output_rows[:, k], c, strict=True))
            phi += [out * dg * v % PRIME for v in x]
            by_bias.append(out * dg % PRIME)
            by_output += [v * g % PRIME for v in c]
        phi += by_bias if network.b1 is not None else []
        phi += by_output
        phi += c if network.b2 is not None else []
        rows.append(phi)
    return rows


def adversarial(rng: np.random.Generator, name: str) -> tuple[Network, list[int]]:
    """Small dyadic weights with many coincidences: equal pairs up to sign, zeros, constants."""
    N_i, N_h, N_o = rng.integers(1, 4), rng.integers(1, 5), rng.integers(1, 4)
    W1 = rng.integers(-1, 2, (N_h, N_i)) / 2
    b1 = rng.integers(-1, 2, N_h) / 2
    W2 = rng.integers(-1, 2, (N_o, N_h)) / 4
    for k in range(1, N_h):
        kind, j = rng.integers(6), rng.integers(k)
        if kind < 3:  # the same function up to sign, or with the opposite bias
            sign = (-1) ** kind
            W1[k], b1[k] = sign * W1[j], (sign if kind < 2 else -sign) * b1[j]
        elif kind == 3:  # a multiple
            W1[k], b1[k] = 2 * W1[j], 2 * b1[j]
        elif kind == 4:
            W1[k] = 0
    mean = rng.integers(-1, 2, N_i) / 2
    variances = rng.integers(0, 3, N_i).astype(float)
    inputs = [None, Inputs(mean), Inputs(mean, variances)][rng.integers(3)]
    varying = list(range(N_i))
    if inputs is not None and inputs.covariance is not None:
        varying = np.flatnonzero(variances).tolist()
    parts = [W1, W2[0] if N_o == 1 else W2, name]
    if rng.integers(2):
        parts += [b1]
    else:
        parts += [None]
    parts += [np.zeros(N_o) if rng.integers(2) else None, inputs]
    return Network(*parts), varying


POLYNOMIALS = [
    activation("linear"),
    activation("quadratic"),
    activation("cubic"),
    activation("power", degree=2),
    activation("power", degree=3),
    activation("polynomial", coefficients=[1, 0, 1]),
    activation("polynomial", coefficients=[0, 3, 3, 1]),
    activation("polynomial", coefficients=[1, 0, -2, 0, 1]),
]


@pytest.mark.parametrize("seed", range(4))
def test_no_proof_is_wrong_for_polynomials(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for case in range(120):
        network, varying = adversarial(rng, POLYNOMIALS[case % len(POLYNOMIALS)])
        if network.is_plain:
            continue
        rows = gradients_mod_p(network, varying)
        true = nmod_mat(len(rows), network.P, [v for row in rows for v in row], PRIME).rank()
        found = rank(network)
        assert found.certificate == "proved"
        assert found.value == true, (network.activation, network.W1, network.b1, network.W2)


def rank_with_many_digits(rows: list[list[arb]]) -> int:
    """By elimination with full pivoting; what is below 1e-30 counts as zero."""
    rows, found = [list(row) for row in rows], 0
    while rows:
        size, at, column = max(
            (abs(float(value.mid())), i, j)
            for i, row in enumerate(rows)
            for j, value in enumerate(row)
        )
        if size < 1e-30:
            break
        pivot = rows.pop(at)
        rows = [
            [value - row[column] / pivot[column] * p for value, p in zip(row, pivot, strict=True)]
            for row in rows
        ]
        rows = [[arb(value.mid()) for value in row] for row in rows]
        found += 1
    return found


def gradients_in_balls(network: Network, varying: list[int]) -> list[list[arb]]:
    rng = np.random.default_rng(5)
    balls = network.activation.in_balls
    mean = np.zeros(network.N_i)
    if network.inputs is not None and network.inputs.mean is not None:
        mean = network.inputs.mean
    rows = []
    for _ in range(network.P):
        x = [
            arb(float(rng.standard_normal() if n in varying else mean[n]))
            for n in range(network.N_i)
        ]
        c = [arb(float(rng.standard_normal())) for _ in range(network.N_o)]
        phi, by_bias, by_output = [], [], []
        for k in range(network.N_h):
            z = sum((arb(w) * v for w, v in zip(network.W1[k].tolist(), x)), arb(0))  # noqa: B905
            z += 0.0 if network.b1 is None else float(network.b1[k])
            out = sum((arb(w) * v for w, v in zip(network.output_rows[:, k].tolist(), c)), arb(0))  # noqa: B905
            dg = out * balls.derivative(z)
            phi += [dg * v for v in x]
            by_bias.append(dg)
            by_output += [v * balls.g(z) for v in c]
        phi += by_bias if network.b1 is not None else []
        phi += by_output
        phi += c if network.b2 is not None else []
        rows.append(phi)
    return rows


ANALYTIC = ("erf", "tanh", "gaussian", "gelu", "sigmoid", "softplus", "silu", "exp", "sin", "cos")


@pytest.mark.parametrize("name", ANALYTIC)
def test_no_proof_is_wrong_for_analytic_activations(name: str) -> None:
    rng = np.random.default_rng(ANALYTIC.index(name))
    before, ctx.prec = ctx.prec, 400
    try:
        for _ in range(40):
            network, varying = adversarial(rng, name)
            if network.is_plain or network.P > 20:
                continue
            found = rank(network)
            true = rank_with_many_digits(gradients_in_balls(network, varying))
            assert found.lower <= true <= found.upper
            assert found.certificate == "proved" or name in ("sin", "cos")
    finally:
        ctx.prec = before


def test_no_proof_is_wrong_for_relu() -> None:
    rng = np.random.default_rng(3)
    for _ in range(150):
        network, varying = adversarial(rng, "relu")
        if network.is_plain:
            continue
        # Dyadic points: all gradients are exact in float64, and meet each region often.
        # None is on a hyperplane, where a derivative of 0 would be taken.
        x = rng.integers(-64, 65, (40 * network.P, network.N_i)) / 16
        x += 2.0 ** -(6.0 + 2 * np.arange(network.N_i))
        fixed = [n for n in range(network.N_i) if n not in varying]
        if fixed:
            x[:, fixed] = 0 if network.inputs.mean is None else network.inputs.mean[fixed]
        phi = np.asarray(network.gradient(x)).reshape(len(x), network.N_o, network.P)
        assert rank(network).value == np.linalg.matrix_rank(phi.reshape(-1, network.P))
        assert rank(network).certificate == "proved"


@pytest.mark.parametrize("N_o", [1, 2])
@pytest.mark.parametrize("biases", ["hidden", "output", "both"])
@pytest.mark.parametrize("name", ["erf", "relu", "exp", "sin", "cubic", "linear", "silu"])
def test_random_teachers_have_the_rank_of_the_formula(name: str, biases: str, N_o: int) -> None:
    found = rank(sample_teacher(name, 3, 4, 2, biases=biases, N_o=N_o))
    assert found.certificate == "proved"
    assert found.value == formula(name, 3, 4, biases, N_o).value


def test_what_is_known_to_fool_float64() -> None:
    """sigmoid(u) + sigmoid(-u) = 1, gelu(u) - gelu(-u) = u, and softplus alike."""
    W1, b1 = [[0.5, 1.0], [-0.5, -1.0]], [0.25, -0.25]
    ranks = {
        name: rank(Network(W1, [1.0, 1.0], name, b1, 0.0)).value
        for name in ("erf", "sigmoid", "gelu", "softplus")
    }
    # One class: 1 + 3 functions, and 1; what a reflection adds: nothing, 1, u (all x_n, 1).
    assert ranks == {"erf": 5, "sigmoid": 5, "gelu": 7, "softplus": 7}


def test_a_covariance_near_to_a_deficient_rank_decides_nothing() -> None:
    teacher = sample_teacher("erf", 2, 2, 0)
    inputs = Inputs(covariance=[[1.0, 1.0], [1.0, 1.0]])
    found = rank(Network(teacher.W1, teacher.W2, "erf", inputs=inputs))
    assert found.certificate == "undecided"
    full = Inputs(covariance=[[1.0, 0.5], [0.5, 1.0]])
    assert rank(Network(teacher.W1, teacher.W2, "erf", inputs=full)).value == 6
    one = Inputs(covariance=[1.0, 0.0])
    assert rank(Network(teacher.W1, teacher.W2, "erf", inputs=one)).value == 4


def test_an_activation_of_one_s_own_is_undecided() -> None:
    from hessweep.activations.tanh import Tanh

    class Mine(Tanh):
        """Nothing is proved of it."""

    teacher = sample_teacher(Mine("mine"), 2, 2, 0, biases="both")
    found = rank(teacher)
    assert (found.lower, found.upper, found.certificate) == (0, teacher.P, "undecided")
    twice = Network(teacher.W1[[0, 0]], teacher.W2, teacher.activation, teacher.b1[[0, 0]], 0.0)
    assert rank(twice).upper == 5


def test_without_theorems_only_what_is_computed_counts() -> None:
    assert rank(sample_teacher("erf", 2, 2, 0, biases="both"), theorems=False).lower == 0
    assert rank(sample_teacher("cubic", 2, 2, 0, biases="both"), theorems=False).lower == 9


@pytest.mark.parametrize("name", ["erf", "cubic", "quadratic", "exp", "relu"])
@pytest.mark.parametrize("mean", [0.0, 1.5])
def test_an_input_that_does_not_vary_counts_as_a_bias_or_not_at_all(
    name: str, mean: float
) -> None:
    """A constant that is not 0 does what hidden biases do."""
    inputs = Inputs(np.array([mean, 0.0, 0.5]), np.array([0.0, 1.0, 2.0]))
    network = sample_teacher(name, 3, 4, 0, inputs=inputs)
    found = network_formula(network)
    assert found == formula(name, 2, 4, "hidden" if mean else "none")
    assert found.kind == "exact"
    proved = rank(network)
    assert (proved.value, proved.certificate) == (found.value, "proved")


@pytest.mark.parametrize("N_o", [1, 2, 3])
def test_relu_on_a_line_has_a_rank_by_the_signs_of_its_weights(N_o: int) -> None:
    """All neurons with positive weights are multiples of one function."""
    for N_h in (1, 2, 5):
        found = formula("relu", 1, N_h, "output", N_o)
        assert found == (N_o * (min(N_h, 2) + 1), "exact" if N_h == 1 else "upper bound")
        for seed in range(8):
            proved = rank(sample_teacher("relu", 1, N_h, seed, biases="output", N_o=N_o))
            assert proved.upper <= found.value
    signs = {
        rank(sample_teacher("relu", 1, 2, seed, biases="output", N_o=N_o)).value
        for seed in range(20)
    }
    assert signs == {2 * N_o, 3 * N_o}
