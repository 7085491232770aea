"""Minors of deep networks: what is proved where neurons depend on one another."""

import numpy as np
import pytest
from flint import ctx

from hessweep import DeepNetwork, activation, rank, sample_deep_teacher
from hessweep.rank import ball, deep_analytic
from hessweep.rank.deep_analytic import deep_minor
from hessweep.rank.deep_kernel import kernel_bound


@pytest.fixture
def opposite():
    """A network of an odd activation with two opposite neurons, which no bound sees.

    Their activities are opposite, and so are what two neurons above make of them: 2 of the 14
    parameters add nothing.
    """
    teacher = sample_deep_teacher("erf", (2, 3, 2, 1), 0)
    first, *above = teacher.weights
    return DeepNetwork([np.stack([first[0], -first[0], first[2]]), *above], "erf")


def test_the_parameters_of_pivots_give_a_smaller_minor(opposite):
    assert kernel_bound(opposite) == opposite.P == 14
    found = rank(opposite)
    assert (found.lower, found.upper) == (12, 14)
    assert (found.certificate, found.method) == ("undecided", "minor")


@pytest.mark.parametrize(
    ("limits", "precisions"),
    [
        ({}, [128, 256, 512, 1024, 2048]),
        ({"SMALL": 14}, [128, 256, 512, 1024, 2048]),
        ({"SMALL": 13}, [128, 256, 512, 1024]),
        ({"SMALL": 13, "SMALL_BITS": 512}, [128, 256, 512]),
        ({"FLOAT64_ONLY": 14}, [128, 256, 512, 1024, 2048]),
        ({"FLOAT64_ONLY": 13}, [128]),
    ],
)
def test_a_large_minor_is_tried_in_fewer_precisions(opposite, limits, precisions, monkeypatch):
    """The one of size 14 is singular; that of size 12 is decided by the first precision."""
    tried, gradient_balls = [], deep_analytic.gradient_balls

    def watched(*arguments):
        tried.append(ctx.prec)
        return gradient_balls(*arguments)

    monkeypatch.setattr(deep_analytic, "gradient_balls", watched)
    monkeypatch.setattr(ball, "LAST_BITS", 2048)
    for name, limit in limits.items():
        monkeypatch.setattr(deep_analytic, name, limit)
    assert deep_minor(opposite, 14) == 12
    assert tried == [*precisions, 128]


def test_nothing_is_proved_without_a_precision_that_decides(opposite, monkeypatch):
    monkeypatch.setattr(ball, "LAST_BITS", ball.FIRST_BITS // 2)
    assert deep_minor(opposite, 14) == 0
    assert rank(opposite).lower == 0


def test_an_activation_without_balls_is_undecided():
    own = activation(np.tanh)
    teacher = sample_deep_teacher("tanh", (2, 3, 2, 1), 0)
    for activations in ([own, own], ["tanh", own]):
        network = DeepNetwork(teacher.weights, activations)
        assert deep_minor(network, network.P) == 0
        found = rank(network)
        assert (found.lower, found.upper, found.certificate) == (0, network.P, "undecided")
