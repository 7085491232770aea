"""The axis `samples`: batch Hessians at the optimum, their spectra, ranks and λ_min."""

import sys

import numpy as np
import pytest
from flint import arb, fmpq, fmpq_mat

from hessweep.activations import activation
from hessweep.errors import ShapeError
from hessweep.hessian.batch import batch_hessian
from hessweep.kinds.batch import batch_formula
from hessweep.kinds.groups import GROUPS
from hessweep.networks import Network, sample_inputs, sample_teacher
from hessweep.rank import Rank
from hessweep.rank.batch import _exact_rows, batch_rank, batch_smallest
from hessweep.setup import Setup
from hessweep.spectrum.batch import (
    BatchGradients,
    BatchSpectrum,
    batch_gradients,
    batch_spectrum,
)
from hessweep.spectrum.solver import solver_error

CASES = [
    ("erf", "both", 1, "standard"),
    ("cubic", "none", 2, "mean(0.5)"),
    ("linear", "hidden", 2, "standard"),
    ("relu", "none", 1, "power-law(1)"),
    ("quadratic", "output", 1, "rank(2)"),
    ("tanh", "none", 1, "standard"),
]


@pytest.mark.parametrize("samples", [1, 5, 400])
@pytest.mark.parametrize(("name", "biases", "N_o", "inputs"), CASES)
def test_points_have_the_numbers_of_the_batch_hessian(name, biases, N_o, inputs, samples):
    setup = Setup(activation(name), 3, 4, biases=biases, N_o=N_o, inputs=inputs, samples=samples)
    [result] = setup.compute([6])
    network = setup.network(6)
    x = sample_inputs(3, 6, samples, setup.input_law)
    H, functional = batch_hessian(network, network, x)
    assert not functional.any()
    scalars = result.scalars
    allowed = scalars["eigenvalue_error"] + 1e-13 * np.linalg.norm(H)
    assert np.abs(result.eigenvalues - np.linalg.eigvalsh(H)).max() <= allowed
    assert scalars["trace"] == pytest.approx(np.trace(H), rel=1e-12)
    assert scalars["frobenius_norm"] == pytest.approx(np.linalg.norm(H), rel=1e-10)
    assert scalars["rank_certificate"] == "proved"
    assert scalars["rank"] <= min(samples * N_o, setup.P)
    if N_o == 1:
        assert scalars["effective_parameters_kind"] == "exact"
        assert scalars["rank"] == scalars["effective_parameters"]
    assert scalars["lambda_min"] == pytest.approx(
        result.eigenvalues[-scalars["rank"]], rel=2 * scalars["lambda_min_error"] + 1e-12
    )


def test_the_laws_of_the_population_do_not_count_the_eigenvalues_of_a_batch():
    batch, population = (Setup(activation("erf"), 3, 4, samples=n) for n in (5, 0))
    [few], [all_inputs] = batch.compute([6]), population.compute([6])
    assert {few.scalars[column] for column in GROUPS.values()} == {-1}
    assert sum(all_inputs.scalars[column] for column in GROUPS.values()) == population.P


def test_no_gradient_has_no_smallest_eigenvalue():
    """A single neuron of ReLU that is not active at its only input."""
    setup = Setup(activation("relu"), 1, 1, samples=1)
    silent = [seed for seed in range(6) if setup.network(seed).W1 * sample_inputs(1, seed, 1) <= 0]
    assert len(silent) in range(1, 6)
    for seed in range(6):
        scalars = setup.compute([seed])[0].scalars
        assert scalars["rank"] == (seed not in silent)
        assert (scalars["lambda_min"] > 0) == (seed not in silent)
        assert scalars["lambda_min_error"] < 1e-10


@pytest.mark.parametrize(("error", "known"), [(0.24, True), (0.26, False), (1.0, False)])
def test_a_smallest_eigenvalue_is_given_up_where_it_may_be_off_by_itself(error, known):
    """The truth may be (1 - e)², and 1 is twice as much where e(2 + e) = (1 - e)²: at 1/4."""
    found = batch_smallest(BatchSpectrum(np.array([3.0, 1.0, 0.0]), error, 3), rank=2)
    assert found.value == (1.0 if known else 0.0)
    assert (found.relative_error < 1) == known
    assert found.relative_error <= 1


@pytest.mark.parametrize("error", [1e-9, 0.01, 0.1, 0.2])
def test_the_error_of_the_smallest_eigenvalue_covers_the_worst_singular_value(error):
    found = batch_smallest(BatchSpectrum(np.array([3.0, 1.0, 0.0]), error, 3), rank=2)
    for singular in (1 - error, 1 + error):
        truth = singular**2
        assert abs(found.value - truth) <= found.relative_error * truth


def rational_rank(network, x):
    """The rank of the gradients of a cubic network without biases, over the rational numbers."""
    c = [fmpq(int(v)) for v in network.activation.polynomial.coefficients]

    def of(value):
        return fmpq(*float(value).as_integer_ratio())

    rows = []
    for point in x:
        z = [sum(of(w) * of(v) for w, v in zip(row, point, strict=True)) for row in network.W1]
        for o in range(network.N_o):
            W2 = network.output_rows[o]
            slope = [sum((k * a * u ** (k - 1) for k, a in enumerate(c) if k), fmpq(0)) for u in z]
            row = [of(w) * s * of(v) for w, s in zip(W2, slope, strict=True) for v in point]
            values = [sum((a * u**k for k, a in enumerate(c)), fmpq(0)) for u in z]
            for p in range(network.N_o):
                row += values if p == o else [fmpq(0)] * network.N_h
            rows.append(row)
    return int(fmpq_mat(rows).rank())


@pytest.mark.parametrize("n", [2, 5, 8, 12, 30])
@pytest.mark.parametrize("N_o", [1, 2, 3])
def test_ranks_of_polynomials_are_those_over_the_rational_numbers(n, N_o):
    """With several outputs not every gradient counts, even for few inputs."""
    for name in ("linear", "cubic"):
        network = sample_teacher(name, 3, 2, 0, N_o=N_o)
        x = sample_inputs(3, 1, n)
        gradients = batch_gradients(network, x)
        found = batch_rank(network, x, gradients, batch_spectrum(gradients))
        assert found.certificate == "proved"
        assert found.value == rational_rank(network, x)


def test_equal_inputs_count_once():
    network = sample_teacher("erf", 3, 3, 0)
    x = np.tile(sample_inputs(3, 1, 2), (5, 1))
    gradients = batch_gradients(network, x)
    found = batch_rank(network, x, gradients, batch_spectrum(gradients))
    assert found.lower == 2
    assert found.value == 2
    assert found.certificate == "undecided"  # 10 gradients, of which only 2 differ


def test_the_population_s_proved_bound_counts_and_not_its_likely_rank(monkeypatch):
    """Of a population whose rank is between 2 and 7, and most likely 3."""
    network = sample_teacher("tanh", 2, 3, 0)
    x = sample_inputs(2, 0, 30)
    gradients = batch_gradients(network, x)
    undecided = Rank(3, 2, 7, "undecided", "float64")
    monkeypatch.setattr(sys.modules["hessweep.rank.batch"], "rank", lambda _: undecided)
    found = batch_rank(network, x, gradients, batch_spectrum(gradients))
    assert found.upper == 7


def test_a_minor_decides_where_float64_does_not():
    """Four neurons of one input: eigenvalues reach far below rounding."""
    network = sample_teacher("erf", 1, 8, 0)
    x = sample_inputs(1, 0, 40)
    gradients = batch_gradients(network, x)
    spectrum = batch_spectrum(gradients)
    assert (spectrum.singular > spectrum.error).sum() < network.P
    found = batch_rank(network, x, gradients, spectrum)
    assert (found.value, found.certificate, found.method) == (network.P, "proved", "minor")
    smallest = batch_smallest(spectrum, found.value)
    assert smallest.value == 0
    assert smallest.relative_error == 1


@pytest.mark.parametrize("N_o", [1, 2])
@pytest.mark.parametrize("biases", ["hidden", "output", "both"])
def test_a_minor_has_the_gradients_by_biases_and_of_all_outputs(biases, N_o):
    network = sample_teacher("erf", 1, 8, 0, biases=biases, N_o=N_o)
    x = sample_inputs(1, 0, 60)
    gradients = batch_gradients(network, x)
    found = batch_rank(network, x, gradients, batch_spectrum(gradients))
    assert (found.value, found.certificate, found.method) == (network.P, "proved", "minor")


@pytest.mark.parametrize("N_o", [1, 2])
@pytest.mark.parametrize("biases", ["none", "hidden", "output", "both"])
def test_gradients_in_fractions_are_those_in_floats(biases, N_o):
    network = sample_teacher("cubic", 3, 4, 0, biases=biases, N_o=N_o)
    x = sample_inputs(3, 1, 6)
    exact = _exact_rows(network, network.activation.polynomial, x)
    gradients = batch_gradients(network, x).phi * np.sqrt(len(x))
    np.testing.assert_allclose(np.array(exact, dtype=float), gradients, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["erf", "cubic", "gelu", "softplus", "exp"])
def test_stated_errors_of_gradients_are_bounds(name):
    """Against ball arithmetic."""
    network = sample_teacher(name, 5, 6, 2, biases="both")
    x = sample_inputs(5, 3, 50)
    found = batch_gradients(network, x)
    functions = {
        "erf": lambda v: (v / arb(2).sqrt()).erf(),
        "cubic": lambda v: v + v**2 + v**3,
        "gelu": lambda v: v * (1 + (v / arb(2).sqrt()).erf()) / 2,
        "softplus": lambda v: (1 + v.exp()).log(),
        "exp": lambda v: v.exp(),
    }
    differences, computed = [], found.phi[:, network.layout.W2] * np.sqrt(50)
    for point, row in zip(x.tolist(), computed.tolist(), strict=True):
        for w, b, value in zip(network.W1.tolist(), network.b1.tolist(), row, strict=True):
            z = sum((arb(u) * arb(v) for u, v in zip(w, point, strict=True)), arb(b))
            differences.append(float(functions[name](z) - arb(value)))
    assert np.linalg.norm(differences) / np.sqrt(50) <= found.error
    assert found.error < 1e-12 * np.linalg.norm(found.phi)


@pytest.mark.parametrize("of_file", [True, False])
def test_slopes_by_differences_are_trusted_to_eight_digits(of_file, tmp_path):
    """Of one's own activation, from a file or from this session, whose g' is not given."""
    (tmp_path / "mine.py").write_text("import numpy as np\ndef mine(x): return np.sin(3 * x)\n")
    g = activation("mine", file=tmp_path / "mine.py") if of_file else lambda u: np.sin(3 * u)
    teacher, x = sample_teacher("erf", 4, 3, 0), sample_inputs(4, 1, 20)
    found = batch_gradients(Network(teacher.W1, teacher.W2, g), x)
    z = x @ teacher.W1.T
    slopes = 3 * np.cos(3 * z) * teacher.W2
    by_W1 = (slopes[:, :, None] * x[:, None, :]).reshape(20, -1) / np.sqrt(20)
    assert np.abs(found.phi[:, :12] - by_W1).max() < 1e-11
    # 1e-8 (1 + |g| + |g'|), which is between the slopes alone and with 2 more.
    least = np.linalg.norm(by_W1)
    most = np.linalg.norm((5 * teacher.W2)[None, :, None] * x[:, None, :]) / np.sqrt(20)
    assert 1e-8 * least < found.error < 1e-8 * most


def test_smaller_data_sets_begin_larger_ones_and_laws_use_the_same_numbers():
    np.testing.assert_array_equal(sample_inputs(4, 2, 7), sample_inputs(4, 2, 30)[:7])
    assert not np.array_equal(sample_inputs(4, 2, 7), sample_inputs(4, 3, 7))


def test_many_inputs_give_the_population():
    batch = Setup(activation("erf"), 2, 2, samples=200_000).compute([1])[0]
    population = Setup(activation("erf"), 2, 2).compute([1])[0]
    np.testing.assert_allclose(batch.eigenvalues, population.eigenvalues, rtol=0.03)


def test_inputs_of_another_size_are_refused():
    network = Network([[1.0, 2.0]], [1.0], "erf")
    with pytest.raises(ShapeError, match="n x 2"):
        batch_gradients(network, np.ones((3, 3)))


def test_the_bound_of_singular_values_has_a_part_for_every_step():
    """Of the gradients, of the factor of a tall matrix, and of the solver."""
    phi = np.random.default_rng(0).normal(size=(6, 5))

    def error(rows, known=0.0, size=1.0):
        padded = np.concatenate([phi, np.zeros((rows - len(phi), 5))])
        return batch_spectrum(BatchGradients(size * padded, known)).error

    assert error(6, known=0.125) == pytest.approx(0.125 + error(6), rel=1e-15)
    assert error(6, size=64.0) == pytest.approx(64 * error(6), rel=1e-9, abs=0)
    # Sums over the rows, of which the most are zeros here, round as often as there are rows.
    of_rows = error(20_000) - error(10_000)
    assert of_rows == pytest.approx(10 * (error(2_000) - error(1_000)), rel=1e-9, abs=0)
    assert of_rows > 0
    assert error(6) > solver_error(5, np.linalg.norm(phi)) > 0


@pytest.mark.parametrize(
    ("name", "N_o", "n", "value", "kind"),
    [
        ("linear", 1, 2, 2, "exact"), ("linear", 1, 50, 3, "exact"),
        ("erf", 1, 5, 5, "exact"), ("erf", 1, 50, 16, "exact"),
        ("linear", 2, 50, 6, "upper bound"), ("erf", 2, 5, 10, "upper bound"),
        ("quadratic", 2, 50, 18, "upper bound"),
    ],
)  # fmt: skip
def test_only_for_one_output_is_the_number_of_inputs_the_whole_limit(name, N_o, n, value, kind):
    """Gradients of several outputs may depend on one another at few inputs."""
    formula = batch_formula(sample_teacher(name, 3, 4, 0, N_o=N_o), n)
    assert (formula.value, formula.kind) == (value, kind)
