"""Bounds on rounding of losses and Hessians where all roundings go in one direction."""

import numpy as np
import pytest
from directed_rounding import check_bound, spread

from hessweep.activations import activation
from hessweep.dynamics import PopulationLoss
from hessweep.networks import Network

SHAPES = [(1200, 1, None), (1, 300, None), (2, 2, None), (1200, 1, 1), (1, 200, 1), (2, 2, 200)]
"""N_i, N_h, and N_o of those with biases."""


def positive(*shape):
    return np.abs(np.random.default_rng(len(shape)).standard_normal(shape))


def teacher_and_student(name, N_i, N_h, N_o):
    g, W1 = activation(name), positive(N_h, N_i) / N_i**0.5
    if N_o is None:
        teacher = Network(W1, positive(N_h), g)
    else:
        teacher = Network(W1, positive(N_o, N_h), g, b1=positive(N_h), b2=positive(N_o))
    return teacher, teacher.parameters * (1 + positive(teacher.P))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["erf", "relu", "cubic", "gelu", "quadratic"])
def test_losses_by_sums(name, shape):
    teacher, student = teacher_and_student(name, *shape)
    _, [bound] = PopulationLoss(teacher)._loss_by_sums(student[None])
    # A loss of its own each time: it keeps the power of the teacher's output.
    check_bound(lambda: PopulationLoss(teacher)._loss_by_sums(student[None])[0], bound, 400)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["erf", "relu", "cubic", "gelu"])
def test_steps_of_losses_by_paths(name, shape):
    teacher, student = teacher_and_student(name, *shape)
    step, loss = (student - teacher.parameters) / 1000, PopulationLoss(teacher)
    [bound] = loss.rounding(step[None], 0.5)
    off = spread(lambda: (step * loss._gradient_and_rounding(step[None], 0.5)[0]).sum())
    assert off <= 4 * bound


@pytest.mark.parametrize("shape", [*SHAPES[1:3], *SHAPES[4:]])
@pytest.mark.parametrize("name", ["cubic", "quadratic"])
def test_hessians_away_from_the_optimum(name, shape):
    teacher, student = teacher_and_student(name, *shape)
    loss = PopulationLoss(teacher)

    def compute():
        found = loss.hessian(student)
        return found.outer + found.functional

    check_bound(compute, loss.hessian(student).error, 60)


@pytest.mark.parametrize("N_o", [None, 1])
def test_a_row_has_no_angle_to_itself(N_o):
    """Its covariance is its variance, however long sums round, or ReLU's kernel is off by more."""
    teacher, student = teacher_and_student("relu", 1200, 1, N_o)
    loss = PopulationLoss(teacher)
    _, [bound] = loss._loss_by_sums(student[None])
    assert spread(lambda: PopulationLoss(teacher)._loss_by_sums(student[None])[0]) <= 4 * bound
    if N_o is None:
        own = loss.hessian(student)
        assert spread(lambda: loss.hessian(student).functional) <= 4 * own.error
