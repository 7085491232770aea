"""The closed-form loss, gradient and Hessian against quadrature and finite differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hessweep.activations import activation
from hessweep.dynamics import PopulationLoss
from hessweep.errors import ShapeError
from hessweep.hessian import batch_hessian, hessian
from hessweep.networks import Network, sample_teacher

SMOOTH = [
    ("linear", {}),
    ("quadratic", {"epsilon": 0.7}),
    ("polynomial", {"coefficients": [0.3, -1.0, 0.0, 0.4, 0.1]}),
    ("erf", {}),
    ("gelu", {}),
    ("sin", {}),
    ("gaussian", {}),
    ("tanh", {}),
]
smooth = pytest.mark.parametrize(("name", "parameters"), SMOOTH, ids=[n for n, _ in SMOOTH])
N_i = 2


def pair(name, parameters, neurons=3):
    """A teacher of 3 neurons and an unrelated student."""
    g = activation(name, **parameters)
    teacher = sample_teacher(g, N_i, 3, seed=1)
    student = sample_teacher(g, N_i, neurons, seed=2)
    return PopulationLoss(teacher), student


def gauss_hermite(nodes=120):
    """Inputs and weights of the standard normal in N_i = 2 dimensions."""
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    x, y = (grid.ravel() for grid in np.meshgrid(x, x))
    return np.stack([x, y], axis=1), np.outer(w, w).ravel() / (2 * np.pi)


def derivative(function, theta, step=2e-4):
    """Central differences of fourth order, along the first axis of the result."""
    rows = []
    for direction in np.eye(len(theta)) * step:
        near, far = (
            np.asarray(function(theta + k * direction)) - function(theta - k * direction)
            for k in (1, 2)
        )
        rows.append((8 * near - far) / (12 * step))
    return np.array(rows)


@smooth
@pytest.mark.parametrize("neurons", [2, 3, 5])
def test_loss_and_gradient_against_quadrature(name, parameters, neurons):
    surface, student = pair(name, parameters, neurons)
    x, weights = gauss_hermite()
    residual = student(x) - surface.teacher(x)
    theta = student.parameters
    # tanh has poles at ±iπ/2, and so Gauss-Hermite the larger error of the two.
    assert surface.loss(theta) == pytest.approx(weights @ residual**2 / 2, abs=1e-8)
    expected = (weights * residual) @ student.gradient(x)
    np.testing.assert_allclose(surface.gradient(theta), expected, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "parameters"), [*SMOOTH, ("relu", {}), ("exp", {})], ids=lambda value: str(value)
)
def test_gradient_against_differences_of_the_loss(name, parameters):
    surface, student = pair(name, parameters)
    numeric = derivative(surface.loss, student.parameters)
    np.testing.assert_allclose(surface.gradient(student.parameters), numeric, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize(
    ("name", "parameters"), [*SMOOTH, ("relu", {})], ids=lambda value: str(value)
)
@pytest.mark.parametrize("neurons", [2, 3, 4])
def test_hessian_against_differences_of_the_gradient(name, parameters, neurons):
    surface, student = pair(name, parameters, neurons)
    parts = surface.hessian(student.parameters)
    numeric = derivative(surface.gradient, student.parameters)
    np.testing.assert_allclose(parts.outer + parts.functional, numeric, atol=1e-8, rtol=1e-8)
    np.testing.assert_array_equal(parts.outer, hessian(student))
    np.testing.assert_allclose(parts.functional, parts.functional.T, atol=1e-14)


@smooth
def test_functional_part_against_a_batch_of_quadrature_points(name, parameters):
    """The batch Hessian (eqs 1-5) of single quadrature points, summed with their weights."""
    surface, student = pair(name, parameters)
    x, weights = gauss_hermite(60)
    keep = weights > 1e-14
    parts = [batch_hessian(student, surface.teacher, point[None]) for point in x[keep]]
    functional = np.tensordot(weights[keep], [part[1] for part in parts], axes=1)
    np.testing.assert_allclose(
        surface.hessian(student.parameters).functional, functional, atol=1e-6
    )


@smooth
def test_at_the_optimum(name, parameters):
    surface, _ = pair(name, parameters)
    theta = surface.teacher.parameters
    parts = surface.hessian(theta)
    assert surface.loss(theta) == 0
    np.testing.assert_allclose(surface.gradient(theta), 0, atol=1e-13)
    np.testing.assert_allclose(parts.functional, 0, atol=1e-12)
    np.testing.assert_array_equal(parts.outer, hessian(surface.teacher))


@smooth
def test_the_loss_keeps_its_digits_near_the_optimum(name, parameters):
    surface, _ = pair(name, parameters)
    delta = np.random.default_rng(0).standard_normal(surface.teacher.P)
    quadratic = delta @ hessian(surface.teacher) @ delta / 2
    for size in (1e-4, 1e-6):
        loss = surface.loss(surface.teacher.parameters + size * delta)
        # The cubic term is one factor `size` below; rounding is far below that.
        assert loss / size**2 == pytest.approx(quadratic, rel=100 * size)
    theta = surface.teacher.parameters + 0.02 * delta
    by_sums, _ = surface._loss_by_sums(theta)
    assert surface.loss(theta) == pytest.approx(by_sums, abs=1e-13)


def test_permuted_neurons_are_another_optimum():
    surface, _ = pair("erf", {})
    W1, W2 = surface.teacher.W1[::-1], surface.teacher.W2[::-1]
    theta = Network(W1, W2, surface.teacher.activation).parameters
    assert surface.loss(theta) == pytest.approx(0, abs=1e-15)
    np.testing.assert_allclose(surface.gradient(theta), 0, atol=1e-14)


def test_linear_loss_is_the_squared_distance_of_products():
    surface, student = pair("linear", {}, neurons=4)
    teacher = surface.teacher
    expected = np.sum((student.W2 @ student.W1 - teacher.W2 @ teacher.W1) ** 2) / 2
    assert surface.loss(student.parameters) == pytest.approx(expected, rel=1e-13)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_stacks_agree_with_single_students(inputs, neurons, teachers, seed):
    surface = PopulationLoss(sample_teacher("erf", inputs, teachers, seed))
    stack = np.random.default_rng(seed).standard_normal((2, 3, neurons * (inputs + 1)))
    losses, gradients = surface.loss(stack), surface.gradient(stack)
    assert losses.shape == (2, 3)
    for index in np.ndindex(2, 3):
        assert losses[index] == pytest.approx(surface.loss(stack[index]), rel=1e-12)
        np.testing.assert_allclose(gradients[index], surface.gradient(stack[index]), atol=1e-13)


def test_refuses_parameters_that_do_not_fit():
    surface, _ = pair("erf", {})
    for method in (surface.loss, surface.gradient, surface.hessian):
        for bad in (np.zeros(7), np.zeros(0)):
            with pytest.raises(ShapeError, match=r"N_h \(N_i \+ 1\)"):
                method(bad)


def test_the_error_covers_the_rounding_of_the_teachers_own_part():
    """Of a student whose output is 0 nothing else is left."""
    teacher = sample_teacher("erf", 3, 4, 0)
    student = np.r_[teacher.W1.ravel(), np.zeros(4)]
    loss, error = PopulationLoss(teacher).loss_with_error(student)
    assert loss == pytest.approx(PopulationLoss(teacher).scale, rel=1e-14)
    assert 1e-16 * loss < error < 1e-13 * loss
