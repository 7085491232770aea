"""Linearised and true gradient flow: conservation laws, averages, orders in the noise."""

import numpy as np
import pytest
from scipy import integrate, linalg

from hessweep.dynamics import (
    LinearisedFlow,
    PopulationLoss,
    gradient_flow,
    linearised_losses,
)
from hessweep.errors import InputError, PrecisionError
from hessweep.hessian import hessian
from hessweep.networks import sample_teacher

NAMES = ["linear", "quadratic", "erf"]


def optimum(name, seed=0, N_i=3, N_h=3):
    teacher = sample_teacher(name, N_i, N_h, seed)
    return PopulationLoss(teacher), hessian(teacher)


def test_linearised_losses_against_the_matrix_exponential():
    _, H = optimum("erf")
    delta = np.random.default_rng(0).standard_normal((2, len(H)))
    t = np.array([0.0, 0.5, 20.0])
    expected = [
        [0.5 * (linalg.expm(-H * time) @ d) @ H @ (linalg.expm(-H * time) @ d) for time in t]
        for d in delta
    ]
    np.testing.assert_allclose(linearised_losses(H, delta, t), expected, rtol=1e-9)


def test_averages_over_the_noise():
    """Eqs 6 and 7 against the mean over draws, within 4.5 of its standard errors."""
    _, H = optimum("quadratic")
    flow = LinearisedFlow(linalg.eigvalsh(H), noise=0.3)
    t = np.array([0.0, 0.1, 1.0, 5.0])
    delta = 0.3 * np.random.default_rng(1).standard_normal((20_000, len(H)))
    losses = linearised_losses(H, delta, t)
    error = losses.std(axis=0) / np.sqrt(len(delta))
    assert (np.abs(losses.mean(axis=0) - flow.loss(t)) < 4.5 * error).all()
    np.testing.assert_allclose(losses.std(axis=0), flow.loss_std(t), rtol=0.05)
    for k, time in enumerate(t):
        moved = delta @ linalg.expm(-H * time)
        squares = (moved**2).sum(axis=1)
        gap = abs(squares.mean() - flow.squared_distance(t)[k])
        assert gap < 4.5 * squares.std() / np.sqrt(len(delta))


def test_the_loss_is_what_the_distance_loses():
    """`d<|δθ|²>/dt = -4 <L>`; zero eigenvalues, and those below zero by rounding, do not move."""
    flow = LinearisedFlow(np.array([-1e-17, 0.0, 0.2, 3.0]), noise=0.1)
    t, step = np.linspace(0, 3, 7) + 0.1, 1e-4
    slope = (flow.squared_distance(t + step) - flow.squared_distance(t - step)) / (2 * step)
    np.testing.assert_allclose(slope, -4 * flow.loss(t), rtol=1e-6)
    assert flow.squared_distance(np.array([1e6]))[0] == pytest.approx(2 * 0.1**2)


@pytest.mark.parametrize("name", NAMES)
def test_linearised_flow_is_the_true_flow_to_the_order_of_the_noise(name):
    """`δθ` differs by noise², the loss by noise³ (docs/dynamics.md, eqs 8 and 9)."""
    surface, H = optimum(name)
    direction = np.random.default_rng(2).standard_normal(len(H))
    t = np.array([0.3, 1.0, 3.0])
    sizes = np.array([4e-2, 2e-2, 1e-2, 5e-3])
    moved, lost = [], []
    for size in sizes:
        theta = gradient_flow(surface, surface.teacher.parameters + size * direction, t)
        linear = np.array([linalg.expm(-H * time) @ direction * size for time in t])
        moved.append(np.linalg.norm(theta - surface.teacher.parameters - linear, axis=1))
        lost.append(np.abs(surface.loss(theta) - linearised_losses(H, size * direction, t)))
    for differences, order in ((moved, 2), (lost, 3)):
        orders = np.diff(np.log(differences), axis=0) / np.diff(np.log(sizes))[:, None]
        np.testing.assert_allclose(orders[-1], order, atol=0.1)
        # Nearer to the whole number at each halving.
        assert (np.abs(orders[-1] - order) <= np.abs(orders[0] - order) + 0.01).all()


def test_linear_flow_conserves_the_balance_of_the_layers():
    """`W1 W1^T - W2 W2^T` is a constant of motion of a linear network's gradient flow."""
    surface, _ = optimum("linear", N_i=4, N_h=3)
    start = np.random.default_rng(3).standard_normal((2, 15))
    paths = gradient_flow(surface, start, np.linspace(0, 10, 5))
    W1, W2 = paths[..., :12].reshape(2, 5, 3, 4), paths[..., 12:]
    balance = W1 @ W1.swapaxes(-1, -2) - W2[..., :, None] * W2[..., None, :]
    np.testing.assert_allclose(balance, np.broadcast_to(balance[:, :1], balance.shape), atol=1e-7)
    assert (np.diff(surface.loss(paths), axis=-1) < 0).all()


def test_flow_descends_at_the_rate_of_the_squared_gradient():
    surface, _ = optimum("erf")
    start = surface.teacher.parameters + 0.3
    t = np.array([0.0, 0.99, 1.0, 1.01])
    path = gradient_flow(surface, start, t)
    losses = surface.loss(path)
    np.testing.assert_allclose(path[0], start, atol=1e-12)
    slope = (losses[3] - losses[1]) / 0.02
    assert slope == pytest.approx(-np.sum(surface.gradient(path[2]) ** 2), rel=1e-4)


def test_flow_from_the_optimum_and_to_time_zero_stays():
    surface, _ = optimum("erf")
    start = surface.teacher.parameters
    assert gradient_flow(surface, start, np.array([0.0])).shape == (1, len(start))
    for at_rest in (start, start * (1 + 1e-14)):
        path = gradient_flow(surface, at_rest, np.array([0.0, 5.0, 1e12]))
        np.testing.assert_array_equal(path, np.broadcast_to(at_rest, path.shape))


def test_flow_from_near_the_optimum_moves():
    """At a relative distance of 1e-8 the loss falls as that of the linearised flow."""
    surface, H = optimum("erf")
    away = 1e-8 * np.random.default_rng(0).standard_normal(len(H))
    t = np.array([0.0, 1.0, 3.0])
    losses = surface.loss(gradient_flow(surface, surface.teacher.parameters + away, t))
    np.testing.assert_allclose(losses, linearised_losses(H, away, t), rtol=1e-6)


def test_eigenvalues_below_zero_count_as_zero():
    """They are negative by rounding; nothing grows with them."""
    flow, t = LinearisedFlow(np.array([-1e-3, 0.5]), noise=2.0), np.array([0.0, 1e6])
    np.testing.assert_allclose(flow.squared_distance(t), [8.0, 4.0], rtol=1e-14)
    np.testing.assert_allclose(flow.loss(t), [1.0, 0.0], rtol=1e-14)
    losses = linearised_losses(np.diag([-1e-3, 0.5]), np.array([2.0, 2.0]), t)
    np.testing.assert_allclose(losses, [1.0, 0.0], rtol=1e-14)


@pytest.mark.parametrize("t", [[], [-1e-9, 1.0], [0.0, 0.0], [1.0, 0.5], [0.0, np.nan]])
def test_refuses_times_that_do_not_ascend(t):
    surface, _ = optimum("erf")
    with pytest.raises(InputError, match="ascending"):
        gradient_flow(surface, surface.teacher.parameters + 0.1, np.array(t))


def test_a_flow_that_the_integrator_gives_up_is_an_error(monkeypatch):
    original = integrate.solve_ivp

    def giving_up(*arguments, **options):
        found = original(*arguments, **options)
        found.update(success=False, message="too stiff", y=found.y[:, :-1])
        return found

    teacher, t = sample_teacher("erf", 2, 2, 0), np.array([0.5, 3.0])
    start = teacher.parameters + 0.1
    assert gradient_flow(PopulationLoss(teacher), start, t).shape == (2, 6)
    monkeypatch.setattr(integrate, "solve_ivp", giving_up)
    with pytest.raises(PrecisionError, match="expected to reach t = 3, stopped: too stiff"):
        gradient_flow(PopulationLoss(teacher), start, t)
