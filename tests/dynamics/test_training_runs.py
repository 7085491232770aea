"""SGD on fresh batches: its mean step, its seeds, its late slope; the late exponential."""

from dataclasses import replace

import numpy as np
import pytest

from hessweep.dynamics import (
    Experiment,
    LinearisedFlow,
    PopulationLoss,
    late_exponential,
    late_slope,
    sgd,
    sgd_losses,
)
from hessweep.errors import InputError
from hessweep.hessian import hessian
from hessweep.networks import Network, sample_teacher

SHORT = Experiment(
    sample_teacher("erf", 3, 2, 0), seed=0, iterations=20, records=5, draws=4, batch=8
)


class Recorded(np.random.Generator):
    """A generator that gives known batches."""

    def __init__(self, x):
        super().__init__(np.random.PCG64(0))
        self.x = x

    def standard_normal(self, shape):
        """The next batches."""
        taken, self.x = self.x[: shape[0]], self.x[shape[0] :]
        return taken


def non_zero(experiment):
    eigenvalues = np.linalg.eigvalsh(hessian(experiment.teacher))
    return eigenvalues[eigenvalues > 1e-10]


@pytest.mark.parametrize("name", ["linear", "quadratic", "erf", "relu"])
def test_steps_are_those_of_the_batch_loss(name):
    """Two steps by differences of `Σ (y - y*)² / 2n` over known inputs."""
    experiment = replace(SHORT, teacher=sample_teacher(name, 3, 2, 0), draws=2, noise=0.3)
    teacher = experiment.teacher
    surface = PopulationLoss(teacher)
    start = teacher.parameters + experiment.displacements()
    x = np.random.default_rng(0).standard_normal((2, 2, 5, 3))  # draw, iteration, batch, input
    got = sgd_losses(teacher, start, [Recorded(x[0]), Recorded(x[1])], 0.1, 5, np.arange(3))

    def batch_loss(theta, inputs):
        student = teacher.with_parameters(theta)
        return np.sum((student(inputs) - teacher(inputs)) ** 2) / (2 * len(inputs))

    for draw, theta in enumerate(start):
        expected = [surface.loss(theta)]
        for inputs in x[draw]:
            step = 1e-5 * np.eye(len(theta))
            gradient = [
                (batch_loss(theta + d, inputs) - batch_loss(theta - d, inputs)) / 2e-5
                for d in step
            ]
            theta = theta - 0.1 * np.array(gradient)
            expected.append(surface.loss(theta))
        np.testing.assert_allclose(got[draw], expected, rtol=1e-7)


def test_draws_do_not_depend_on_how_they_are_split(monkeypatch):
    whole = SHORT.sgd_losses()
    halves = [replace(SHORT, draws=2, first_draw=first).sgd_losses() for first in (0, 2)]
    np.testing.assert_allclose(whole, np.concatenate(halves), rtol=1e-12)
    monkeypatch.setattr("hessweep.dynamics.sgd.CHUNK", 7)
    np.testing.assert_array_equal(whole, SHORT.sgd_losses())
    assert not np.allclose(whole, replace(SHORT, seed=1).sgd_losses())
    assert len(np.unique(whole)) == whole.size


def test_noise_scales_the_same_directions():
    np.testing.assert_allclose(
        replace(SHORT, noise=0.5).displacements(), 50 * SHORT.displacements(), rtol=1e-14
    )
    many = replace(SHORT, draws=2000).displacements() / SHORT.noise
    assert many.std() == pytest.approx(1, abs=4.5 / np.sqrt(2 * many.size))
    assert abs(many.mean()) < 4.5 / np.sqrt(many.size)


def test_recorded_times():
    assert SHORT.recorded.tolist() == [0, 5, 10, 15, 20]
    np.testing.assert_allclose(SHORT.times, [0, 0.05, 0.1, 0.15, 0.2])
    start = PopulationLoss(SHORT.teacher).loss(SHORT.teacher.parameters + SHORT.displacements())
    np.testing.assert_array_equal(SHORT.sgd_losses()[:, 0], start)
    np.testing.assert_allclose(SHORT.flow_losses()[:, 0], start, rtol=1e-6)


@pytest.mark.parametrize("name", ["linear", "quadratic", "erf"])
def test_small_steps_follow_the_flow(name):
    """SGD's mean over draws is the flow's, within its scatter and the O(ηλ) of finite steps."""
    experiment = Experiment(
        sample_teacher(name, 3, 2, 4), seed=4, noise=0.01, learning_rate=1e-3, batch=64,
        iterations=1000, records=5, draws=12,
    )  # fmt: skip
    ratio = np.log(experiment.sgd_losses() / experiment.flow_losses())
    error = ratio.std(axis=0, ddof=1) / np.sqrt(len(ratio))
    largest = non_zero(experiment)[-1]
    allowed = 4.5 * error + experiment.learning_rate * largest**2 * experiment.times
    assert (np.abs(ratio.mean(axis=0)) <= allowed + 1e-12).all()
    assert error.max() < 0.1


def test_late_slope_of_sgd_is_twice_the_smallest_eigenvalue():
    """Linear network; the next eigenvalue is so far off that it has died out by `after`.

    A finite step moves the rate to `-2 log(1 - ηλ) / η`, by half a part in 10³ here.
    """
    experiment = Experiment(sample_teacher("linear", 4, 2, 2), seed=2, noise=1e-5)
    smallest, *_ = eigenvalues = non_zero(experiment)
    following = eigenvalues[eigenvalues > 1.001 * smallest][0]
    assert following > 2.5 * smallest
    experiment = replace(
        experiment, learning_rate=1e-3 / smallest, batch=16, iterations=7000, records=71, draws=48
    )
    slope = late_slope(experiment.times, experiment.sgd_losses(), after=4 / smallest)
    assert abs(slope.value - 2 * smallest) < 3 * slope.error
    assert slope.error < 0.002 * 2 * smallest


def test_late_slope_measures_known_slopes():
    t = np.linspace(0, 4, 9)
    rates = np.array([1.0, 1.2, 1.4])
    losses = np.exp(-np.multiply.outer(rates, t))
    losses[:, :4] = 1.0
    slope = late_slope(t, losses, after=2.0)
    np.testing.assert_allclose(slope.each, rates)
    assert slope.value == pytest.approx(1.2)
    assert slope.error == pytest.approx(0.2 / np.sqrt(3))


def test_late_exponential_meets_the_linearised_flow_at_late_times():
    eigenvalues = np.array([0.0, 0.5, 2.0])
    flow = LinearisedFlow(eigenvalues, noise=0.1)
    t = np.linspace(0, 12, 49)
    late = late_exponential(t, flow.loss(t), 0.5)
    # Eq. 7's own term of λ_min: α = noise² λ_min / 2.
    assert late.alpha == pytest.approx(0.1**2 / 2 * 0.5, rel=1e-6)
    np.testing.assert_allclose(late(t[t > 6]), flow.loss(t[t > 6]), rtol=1e-3)
    assert late(t[-1]) == flow.loss(t)[-1]
    assert late_exponential(np.array([1e3]), np.array([1e-9]), 1.0).alpha == np.inf


def test_refusals():
    for wrong in (
        {"noise": 0.0}, {"learning_rate": np.nan}, {"batch": 0}, {"iterations": 0},
        {"records": 22}, {"records": 1}, {"draws": 0}, {"first_draw": -1},
    ):  # fmt: skip
        with pytest.raises(InputError, match=next(iter(wrong))):
            replace(SHORT, **wrong)
    with pytest.raises(InputError, match="diverged"):
        replace(
            SHORT, teacher=sample_teacher("cubic", 3, 2, 0), noise=3.0, learning_rate=1.0
        ).sgd_losses()
    t = np.arange(3.0)
    with pytest.raises(InputError, match="2 draws"):
        late_slope(t, np.ones((1, 3)), 0.0)
    with pytest.raises(InputError, match="rounding"):
        late_slope(t, np.zeros((2, 3)), 0.0)
    with pytest.raises(InputError, match="each time"):
        late_exponential(t, np.ones(2), 1.0)
    with pytest.raises(InputError, match="positive"):
        late_exponential(t, np.ones(3), 0.0)


def test_network_type_is_kept():
    assert isinstance(SHORT.teacher, Network)
    assert hash(SHORT) == hash(replace(SHORT))


def test_displacements_and_batches_are_drawn_independently(monkeypatch) -> None:
    teacher = sample_teacher("linear", 2, 3, 0)
    experiment = Experiment(teacher, seed=0, noise=1.0, batch=8, iterations=2, records=2, draws=2)
    seen = []
    gradient = sgd._batch_gradient
    monkeypatch.setattr(
        sgd,
        "_batch_gradient",
        lambda *arguments: seen.append(arguments[2]) or gradient(*arguments),
    )
    experiment.sgd_losses()
    inputs = np.concatenate([x.ravel() for x in seen])
    assert not np.isin(experiment.displacements(), inputs).any()
    assert len(np.unique(inputs)) == inputs.size
