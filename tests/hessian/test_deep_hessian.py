"""Hessians of deep networks: against differences, moments, two layers, and known ranks."""

import csv
from pathlib import Path

import numpy as np
import pytest

from hessweep import DeepNetwork, hessian, sample_deep_teacher
from hessweep.errors import InputError, PrecisionError, ShapeError
from hessweep.hessian import batch_hessian
from hessweep.hessian.deep import batch_loss, deep_batch_hessian
from hessweep.networks import Network, sample_teacher
from hessweep.rank.deep_bound import off_optimum_linear_rank

REFERENCE = Path(__file__).parents[1] / "reference" / "depth"


def second_moments(inputs):
    """Return points whose second moments are those of the standard normal distribution."""
    corners = np.sqrt(inputs) * np.eye(inputs)
    return np.concatenate([corners, -corners])


@pytest.mark.parametrize(
    ("activation", "widths", "biases"),
    [
        ("erf", (3, 3, 2, 2), "both"),
        (["erf", "quadratic"], (2, 3, 2, 1), "hidden"),
        ("cubic", (2, 3, 1), "none"),
    ],
)
def test_batch_gradient_and_hessian_are_differences_of_the_loss(activation, widths, biases):
    student = sample_deep_teacher(activation, widths, 1, biases=biases)
    teacher = sample_deep_teacher(activation, widths, 2, biases=biases)
    x = np.random.default_rng(0).standard_normal((7, widths[0]))
    step, theta = 1e-5, student.parameters

    def along(direction):
        ends = [student.with_parameters(theta + s * direction) for s in (step, -step)]
        plus, minus = (batch_loss(end, teacher, x) for end in ends)
        return (plus[0] - minus[0]) / (2 * step), (plus[1] - minus[1]) / (2 * step)

    slopes, columns = zip(*(along(direction) for direction in np.eye(student.P)), strict=True)
    np.testing.assert_allclose(batch_loss(student, teacher, x)[1], slopes, rtol=1e-6, atol=1e-8)
    outer, functional = batch_hessian(student, teacher, x)
    np.testing.assert_allclose(outer + functional, columns, rtol=1e-6, atol=1e-7)


def test_weights_of_the_batch_are_repetitions_of_points():
    student, teacher = (sample_deep_teacher("erf", (2, 3, 2), seed) for seed in (0, 1))
    x = np.random.default_rng(0).standard_normal((3, 2))
    repeated = deep_batch_hessian(student, teacher, x[[0, 0, 1, 2]])
    weighted = deep_batch_hessian(student, teacher, x, np.array([0.5, 0.25, 0.25]))
    np.testing.assert_allclose(repeated, weighted, rtol=1e-12)


@pytest.mark.parametrize("biases", ["none", "both", [True, False, False], [False, True, False]])
def test_linear_hessian_is_that_of_points_with_the_same_moments(biases):
    network = sample_deep_teacher("linear", (3, 4, 2, 2), 1, biases=biases)
    outer, functional = batch_hessian(network, network, second_moments(3))
    assert not functional.any()
    np.testing.assert_allclose(hessian(network), outer, atol=1e-13 * np.abs(outer).max())


def test_affine_activations_with_slopes_and_constants():
    from hessweep import activation

    g = activation("polynomial", coefficients=[0.5, -1.5])
    network = sample_deep_teacher([g, "linear"], (2, 3, 2, 2), 1, biases="hidden")
    outer, _ = batch_hessian(network, network, second_moments(2))
    np.testing.assert_allclose(hessian(network), outer, atol=1e-13 * np.abs(outer).max())


@pytest.mark.parametrize("name", ["quadratic", "cubic", "linear"])
def test_two_layers_have_the_hessian_of_a_network(name):
    deep = sample_deep_teacher(name, (3, 4, 1), 0)
    expected = hessian(Network(deep.weights[0], deep.weights[1][0], name))
    np.testing.assert_allclose(hessian(deep), expected, atol=1e-12 * np.abs(expected).max())


def test_the_batch_hessian_at_the_optimum_tends_to_the_population_hessian():
    network = sample_deep_teacher(["erf", "quadratic"], (2, 3, 2, 1), 0)
    x = np.random.default_rng(0).standard_normal((40_000, 2))
    outer, functional = batch_hessian(network, network, x)
    expected = hessian(network)  # by nodes, estimated
    assert not functional.any()
    phi = network.gradient(x)[:, 0]
    noise = np.sqrt(np.square(phi).T @ np.square(phi)) / len(x)
    assert (np.abs(outer - expected) < 6 * noise + 1e-3 * np.abs(expected).max()).all()


def rows_off_optimum():
    with (REFERENCE / "linear_off_optimum.csv").open() as file:
        return [
            (tuple(int(d) for d in row["widths"].split()), int(row["full"]))
            for row in csv.DictReader(file)
        ]


def test_off_the_optimum_linear_ranks_are_those_of_the_formula():
    rows = rows_off_optimum()
    assert len(rows) == 220
    assert all(off_optimum_linear_rank(widths) == full for widths, full in rows)


@pytest.mark.parametrize(("widths", "full"), rows_off_optimum()[::20])
def test_off_the_optimum_the_full_hessian_has_that_rank(widths, full):
    student, teacher = (sample_deep_teacher("linear", widths, seed) for seed in (0, 1))
    parts = batch_hessian(student, teacher, second_moments(widths[0]))
    size = np.abs(np.linalg.eigvalsh(sum(parts)))
    assert (size > 1e-10 * size.max()).sum() == full


def test_what_does_not_fit_is_refused():
    network = sample_deep_teacher("erf", (2, 3, 1), 0)
    x = np.zeros((4, 2))
    with pytest.raises(ShapeError, match="as many inputs and outputs"):
        batch_hessian(network, sample_deep_teacher("erf", (2, 3, 2), 0), x)
    with pytest.raises(ShapeError, match="expected n x 2"):
        batch_hessian(network, network, x[:, :1])
    with pytest.raises(ShapeError, match="weight: expected 4"):
        deep_batch_hessian(network, network, x, np.ones(3))
    with pytest.raises(InputError, match="two-layer"):
        batch_hessian(sample_teacher("erf", 2, 3, 0), network, x)
    with pytest.raises(InputError, match="expected a Network"):
        batch_hessian(1, network, x)


def test_infinite_means_are_refused():
    steep = DeepNetwork([[[30.0]], [[30.0]], [[1.0]]], "exp")
    with pytest.raises(PrecisionError, match="overflow"):
        hessian(steep)
