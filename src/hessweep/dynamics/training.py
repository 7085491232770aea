"""Training a student from any start: gradient flow or SGD, until something stops it."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.random import Generator
from scipy import integrate

from hessweep.dynamics.population import PopulationLoss
from hessweep.dynamics.sgd import sgd_paths
from hessweep.dynamics.trajectory import Stop, Trajectory, measure
from hessweep.errors import PrecisionError
from hessweep.networks import Network

RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-10, 1e-13
"""Of each step of the integrator: of `θ - θ(0)`, and the second relative to its scale."""

ACCURACY = 1e-4
"""Relative accuracy of the loss that stops a run."""

Measured = Callable[[ndarray], float]


def train(
    teacher: Network,
    start: Float[ndarray, " P"],
    times: Float[ndarray, " T"],
    loss: float = 1e-12,
    gradient: float = 1e-12,
    losses: Sequence[float] = (),
    spectra: bool = True,
) -> Trajectory:
    """Follow the gradient flow `dθ/dt = -∂L/∂θ` of the population loss, and the Hessian along it.

    LSODA turns to implicit steps where the eigenvalues of the Hessian lie far apart, with the
    exact Hessian as its Jacobian.

    Args:
        teacher: A network whose output the student learns: the teacher, or any optimum.
        start: The student's parameters at time 0, in the order of `Network.parameters`.
        times: Ascending times to record, from 0 to the end.
        loss: The run stops once the loss is below this.
        gradient: The run stops once the norm of the gradient is below this.
        losses: The times at which the loss falls to these are recorded as well.
        spectra: Whether to measure the Hessian at each recorded time.

    Returns:
        The recorded times up to the one where the run stopped, which is recorded too.

    Raises:
        InputError: If the teacher is a deep network.
        PrecisionError: If the integrator gives up.
    """
    surface = PopulationLoss(teacher)
    start = np.asarray(start, dtype=float)
    scale = float(np.linalg.norm(surface.gradient(start)))
    is_low = surface.quick_loss(start, ACCURACY) <= loss
    if is_low or scale <= gradient:
        stop: Stop = "loss" if is_low else "gradient"
        return measure(surface, np.zeros(1), start[None], stop, 1, spectra)
    events = [_loss_falls_to(surface, start, value) for value in (loss, *losses)]
    events.insert(1, _gradient_falls_to(surface, start, gradient))
    for event in events[:2]:
        event.terminal = True
    # Not below the resolution of `start + moved`.
    finest = np.finfo(float).eps * np.abs(start).max()
    solution = integrate.solve_ivp(
        lambda _, moved: -surface.gradient(start + moved),
        (0.0, times[-1]), np.zeros_like(start), method="LSODA", t_eval=times, events=events,
        jac=lambda _, moved: -surface.hessian_matrix(start + moved),
        rtol=RELATIVE_TOLERANCE, atol=max(ABSOLUTE_TOLERANCE * min(scale, 1.0), finest),
    )  # fmt: skip
    if not solution.success:
        raise PrecisionError(
            f"training: expected to reach t = {times[-1]:g}, stopped: {solution.message}; "
            "stop at an earlier time or a higher loss"
        )
    time, path = _with_events(solution)
    stopped = [len(found) > 0 for found in solution.t_events[:2]]
    stop = "loss" if stopped[0] else "gradient" if stopped[1] else "time"
    return measure(surface, time, start + path, stop, int(solution.nfev), spectra)


def _with_events(solution: "integrate.OdeResult") -> tuple[ndarray, ndarray]:
    """Return all recorded times, those of events among them, and where the solution was."""
    found = [
        (t, y)
        for times, states in zip(solution.t_events, solution.y_events, strict=True)
        for t, y in zip(times[:1], states[:1], strict=True)
    ]
    times = np.concatenate([solution.t, [t for t, _ in found]])
    states = np.concatenate([solution.y.T, *(y[None] for _, y in found)])
    times, first = np.unique(times, return_index=True)
    return times, states[first]


def _loss_falls_to(surface: PopulationLoss, start: ndarray, value: float) -> "_Event":
    return _Event(lambda theta: surface.quick_loss(theta, ACCURACY), start, value)


def _gradient_falls_to(surface: PopulationLoss, start: ndarray, value: float) -> "_Event":
    return _Event(lambda theta: float(np.linalg.norm(surface.gradient(theta))), start, value)


class _Event:
    """The logarithm of a measured value over a limit, as the integrator looks for its root."""

    terminal = False
    direction = -1

    def __init__(self, measured: Measured, start: ndarray, value: float) -> None:
        self.measured, self.start, self.value = measured, start, value

    def __call__(self, _: float, moved: ndarray) -> float:
        return float(np.log(max(self.measured(self.start + moved), 1e-300) / self.value))


def train_by_sgd(
    teacher: Network,
    start: Float[ndarray, " P"],
    times: Float[ndarray, " T"],
    batches: Generator,
    learning_rate: float,
    batch: int,
    loss: float = 1e-12,
    gradient: float = 1e-12,
    spectra: bool = True,
) -> Trajectory:
    """Train by SGD with fresh inputs at each step; what is measured is that of all inputs.

    The run is stopped at the first recorded time at which the population loss or the norm of its
    gradient is below its limit.

    Args:
        teacher: A network whose output the student learns.
        start: The student's parameters at time 0, in the order of `Network.parameters`.
        times: Ascending times to record, from 0 on: whole multiples of the learning rate.
        batches: Gives the inputs.
        learning_rate: Step along the gradient of the loss of a batch.
        batch: Number of inputs of each step.
        loss: Limit of the population loss.
        gradient: Limit of the norm of its gradient.
        spectra: Whether to measure the Hessian at each recorded time.

    Raises:
        InputError: If training diverges, or the teacher is a deep network.
    """
    surface = PopulationLoss(teacher)
    recorded = np.round(np.asarray(times) / learning_rate).astype(int)
    [path] = sgd_paths(teacher, np.array([start]), [batches], learning_rate, batch, recorded)
    stop: Stop = "time"
    for k, theta in enumerate(path):
        low = surface.quick_loss(theta, ACCURACY) <= loss
        if low or np.linalg.norm(surface.gradient(theta)) <= gradient:
            stop = "loss" if low else "gradient"
            path, recorded = path[: k + 1], recorded[: k + 1]
            break
    steps = int(recorded[-1])
    return measure(surface, recorded * learning_rate, path, stop, steps, spectra)
