"""The loss with biases, several outputs and other inputs: against quadrature and differences."""

import pickle

import numpy as np
import pytest

from hessweep import Inputs
from hessweep.dynamics import PopulationLoss, gradient_flow, linearised_losses, sgd_losses
from hessweep.dynamics.general_population import GeneralPopulationLoss
from hessweep.dynamics.sgd import sgd_paths
from hessweep.errors import InputError, ShapeError
from hessweep.hessian import hessian
from hessweep.networks import Network, sample_teacher

rng = np.random.default_rng(2)
ROOT = rng.standard_normal((2, 2))
LAWS = {
    "standard": None,
    "both": Inputs(mean=np.array([0.4, -0.7]), covariance=ROOT @ ROOT.T),
    "constant": Inputs(mean=np.array([0.4, -0.7]), covariance=[1.5, 0.0]),
    "mean": Inputs(mean=np.array([0.4, -0.7])),
    "covariance": Inputs(covariance=ROOT @ ROOT.T),
}
CASES = [
    (name, biases, N_o, law)
    for name, biases, N_o in (
        ("erf", "both", 1),
        ("cubic", "hidden", 2),
        ("tanh", "output", 1),
        ("gelu", "both", 2),
        ("exp", "none", 3),
    )
    for law in LAWS
]
cases = pytest.mark.parametrize(("name", "biases", "N_o", "law"), CASES)


def teacher_of(name, biases, N_o, law, N_h=3):
    return sample_teacher(name, 2, N_h, 4, biases=biases, N_o=N_o, inputs=LAWS[law])


def nodes(network, count=80):
    """Gauss-Hermite nodes of the network's inputs, and their weights."""
    x, w = np.polynomial.hermite_e.hermegauss(count)
    z = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
    weights = np.outer(w, w).ravel() / w.sum() ** 2
    inputs = network.inputs or Inputs()
    covariance = inputs.matrix(2)
    values, vectors = np.linalg.eigh(covariance)
    mean = 0 if inputs.mean is None else inputs.mean
    return z @ (vectors * np.sqrt(np.maximum(values, 0))).T + mean, weights


def loss_by_quadrature(teacher, student, count=80):
    x, w = nodes(teacher, count)
    difference = (student(x) - teacher(x)).reshape(len(x), -1)
    return float(w @ np.square(difference).sum(axis=1) / 2)


def far(teacher, seed=0, scale=0.5):
    moved = teacher.parameters + scale * np.random.default_rng(seed).standard_normal(teacher.P)
    return teacher.with_parameters(moved)


@cases
def test_loss_is_the_mean_over_inputs(name, biases, N_o, law):
    teacher = teacher_of(name, biases, N_o, law)
    surface = PopulationLoss(teacher)
    for scale in (0.5, 1e-2, 1e-4):
        student = far(teacher, scale=scale)
        loss, error = surface.loss_with_error(student.parameters)
        assert abs(loss - loss_by_quadrature(teacher, student)) <= error + 1e-9 * loss
        assert error < 1e-6 * loss
    assert surface.loss(teacher.parameters) == 0
    assert surface.scale == pytest.approx(
        loss_by_quadrature(teacher, teacher.with_parameters(0 * teacher.parameters))
        if name != "exp"
        else loss_by_quadrature(teacher, Network(
            0 * teacher.W1, 0 * teacher.W2, name, inputs=teacher.inputs)), rel=1e-9
    )  # fmt: skip


@cases
def test_gradient_is_the_derivative_of_the_quadrature(name, biases, N_o, law):
    teacher = teacher_of(name, biases, N_o, law)
    student = far(teacher)
    gradient = PopulationLoss(teacher).gradient(student.parameters)
    x, w = nodes(teacher)
    residual = (student(x) - teacher(x)).reshape(len(x), -1)
    phi = student.gradient(x).reshape(len(x), teacher.N_o, -1)
    expected = np.einsum("n,no,nop->p", w, residual, phi)
    np.testing.assert_allclose(gradient, expected, atol=1e-9 * np.linalg.norm(expected))


@cases
def test_hessian_is_the_derivative_of_the_gradient(name, biases, N_o, law):
    teacher = teacher_of(name, biases, N_o, law)
    surface, theta = PopulationLoss(teacher), far(teacher).parameters
    parts = surface.hessian(theta)
    steps = 1e-3 * np.eye(teacher.P)
    expected = sum(
        a * (surface.gradient(theta + k * steps) - surface.gradient(theta - k * steps))
        for k, a in ((1, 0.75), (2, -0.15), (3, 1 / 60))
    ) / 1e-3  # fmt: skip
    size = np.linalg.norm(expected)
    assert np.linalg.norm(parts.total - expected, 2) <= parts.error + 1e-10 * size
    assert parts.error < 1e-5 * size
    np.testing.assert_allclose(parts.total, parts.total.T, atol=1e-14 * size)
    np.testing.assert_allclose(surface.hessian_matrix(theta), parts.total, atol=1e-13 * size)


@cases
def test_the_functional_part_vanishes_at_the_optimum(name, biases, N_o, law):
    teacher = teacher_of(name, biases, N_o, law)
    parts = PopulationLoss(teacher).hessian(teacher.parameters)
    assert np.linalg.norm(parts.functional) <= 1e-9 * np.linalg.norm(parts.outer)
    np.testing.assert_array_equal(parts.outer, hessian(teacher))
    gradient = PopulationLoss(teacher).gradient(teacher.parameters)
    assert np.abs(gradient).max() <= 1e-12 * np.linalg.norm(parts.outer)


@pytest.mark.parametrize("law", LAWS)
def test_relu_has_a_loss_and_a_gradient(law):
    teacher = teacher_of("relu", "both", 2, law)
    surface, student = PopulationLoss(teacher), far(teacher)
    x = (teacher.inputs or Inputs()).sample(400_000, np.random.default_rng(0), 2)
    each = np.square(student(x) - teacher(x)).sum(axis=1) / 2
    loss = surface.loss(student.parameters)
    assert abs(loss - each.mean()) <= 5 * each.std() / np.sqrt(len(x))
    theta, step = student.parameters, 1e-5
    for direction in np.eye(teacher.P):
        slope = surface.loss(theta + step * direction) - surface.loss(theta - step * direction)
        expected = surface.gradient(theta) @ direction
        assert slope / (2 * step) == pytest.approx(expected, abs=1e-7)
    near = far(teacher, scale=1e-5).parameters
    loss, error = surface.loss_with_error(near)
    moved = near - teacher.parameters
    assert loss == pytest.approx(moved @ hessian(teacher) @ moved / 2, rel=1e-2)
    # A bound: between nearly parallel rows E11 of a kink changes as a root.
    assert error < 0.05 * loss
    with pytest.raises(InputError, match="smooth activation"):
        surface.hessian(theta)
    assert surface.hessian_matrix(theta).shape == (teacher.P, teacher.P)


def test_students_may_have_another_number_of_neurons_and_come_in_stacks():
    teacher = teacher_of("erf", "both", 2, "both")
    other = sample_teacher("erf", 2, 5, 7, biases="both", N_o=2, inputs=teacher.inputs)
    surface = PopulationLoss(teacher)
    expected = loss_by_quadrature(teacher, other, count=250)
    assert surface.loss(other.parameters) == pytest.approx(expected, rel=1e-9)
    stack = np.array([far(teacher, seed).parameters for seed in range(3)])
    np.testing.assert_array_equal(surface.gradient(stack)[1], surface.gradient(stack[1]))
    assert surface.loss(stack).shape == (3,)
    with pytest.raises(ShapeError, match="N_h times"):
        surface.loss(np.zeros(teacher.P + 1))


def test_a_bias_of_a_linear_network_is_one_more_input():
    """Without b2: the constant input 1 has mean 1 and variance 0."""
    biased = sample_teacher("linear", 2, 3, 1, biases="hidden")
    W1 = np.column_stack([biased.W1, biased.b1])
    constant = Inputs(mean=[0.0, 0.0, 1.0], covariance=[1.0, 1.0, 0.0])
    wide = Network(W1, biased.W2, "linear", inputs=constant)
    student = far(biased)
    other = Network(
        np.column_stack([student.W1, student.b1]), student.W2, "linear", inputs=constant
    )
    assert PopulationLoss(biased).loss(student.parameters) == pytest.approx(
        PopulationLoss(wide).loss(other.parameters), rel=1e-13
    )


def test_a_mean_is_an_offset_of_the_biases():
    mean = np.array([0.3, -0.8])
    shifted = sample_teacher("erf", 2, 3, 1, biases="both", inputs=Inputs(mean=mean))
    centred = Network(shifted.W1, shifted.W2, "erf", b1=shifted.offsets, b2=shifted.b2)
    student = far(shifted)
    moved = Network(student.W1, student.W2, "erf", b1=student.offsets, b2=student.b2)
    assert PopulationLoss(shifted).loss(student.parameters) == pytest.approx(
        PopulationLoss(centred).loss(moved.parameters), rel=1e-12
    )


def test_flow_falls_as_the_hessian_says():
    teacher = teacher_of("erf", "both", 1, "both")
    surface = PopulationLoss(teacher)
    start = far(teacher, scale=1e-4).parameters
    t = np.array([0.0, 1.0, 10.0, 100.0])
    path = gradient_flow(surface, start, t)
    expected = linearised_losses(hessian(teacher), start - teacher.parameters, t)
    np.testing.assert_allclose(surface.loss(path), expected, rtol=2e-3)


@pytest.mark.parametrize("law", ["both", "mean", "covariance"])
def test_batches_have_the_gradient_of_the_population_on_average(law):
    teacher = teacher_of("erf", "both", 2, law)
    start = far(teacher).parameters
    generators = [np.random.default_rng(seed) for seed in range(400)]
    rate = 1e-3
    paths = sgd_paths(teacher, np.tile(start, (400, 1)), generators, rate, 64, np.array([0, 1]))
    steps = (paths[:, 0] - paths[:, 1]) / rate
    error = steps.std(axis=0) / np.sqrt(len(steps))
    expected = PopulationLoss(teacher).gradient(start)
    assert (np.abs(steps.mean(axis=0) - expected) <= 5 * error).all()
    losses = sgd_losses(
        teacher, np.tile(start, (2, 1)), generators[:2], 0.05, 32, np.array([0, 500])
    )
    assert (losses[:, 1] < 0.3 * losses[:, 0]).all()


def test_the_class_follows_from_the_teacher():
    teacher = teacher_of("erf", "both", 1, "both")
    surface = PopulationLoss(teacher)
    assert isinstance(surface, GeneralPopulationLoss)
    assert type(PopulationLoss(sample_teacher("erf", 2, 3, 0))) is PopulationLoss
    copied = pickle.loads(pickle.dumps(surface))  # noqa: S301 - our own
    assert copied.loss(far(teacher).parameters) == surface.loss(far(teacher).parameters)
