"""Training a student from any start: gradient flow or SGD, until something stops it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.random import Generator
from scipy import integrate

from hessweep.blas import with_threads_for
from hessweep.dynamics.population import PopulationLoss
from hessweep.dynamics.sgd import sgd_paths
from hessweep.dynamics.trajectory import Stop, Trajectory, measure
from hessweep.errors import PrecisionError
from hessweep.networks import Network

RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-10, 1e-13
"""Of each step of the integrator: of `θ - θ(0)`, and the second relative to its scale."""

ACCURACY = 1e-4
"""Relative accuracy of the loss that stops a run."""

EVENT = 1e-12
"""Relative accuracy of the time at which a limit is reached."""


@with_threads_for(attrgetter("P"))
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
    limits = [_Limit("loss", loss), _Limit("gradient", gradient)]
    limits += [_Limit("loss", value, stops=False) for value in losses]
    path = _Path(surface, start, scale, np.asarray(times, dtype=float))
    stop = path.follow(limits)
    return measure(surface, *path.recorded, stop, path.evaluations, spectra)


@dataclass
class _Limit:
    """A value of the loss or of the norm of the gradient, and what happens there."""

    of: Stop
    value: float
    stops: bool = True

    def is_reached(self, surface: PopulationLoss, theta: ndarray) -> bool:
        if self.of == "loss":
            return surface.quick_loss(theta, ACCURACY) <= self.value
        return float(np.linalg.norm(surface.gradient(theta))) <= self.value


class _Path:
    """Gradient flow from a start, step by step, and where it was at the times to record."""

    def __init__(
        self, surface: PopulationLoss, start: ndarray, scale: float, times: ndarray
    ) -> None:
        # Not below the resolution of `start + moved`.
        finest = np.finfo(float).eps * np.abs(start).max()
        self.surface, self.start, self.times = surface, start, times
        self.solver = integrate.LSODA(
            lambda _, moved: -surface.gradient(start + moved),
            0.0, np.zeros_like(start), times[-1],
            jac=lambda _, moved: -surface.hessian_matrix(start + moved),
            rtol=RELATIVE_TOLERANCE, atol=max(ABSOLUTE_TOLERANCE * min(scale, 1.0), finest),
        )  # fmt: skip
        self.found: dict[float, ndarray] = {0.0: start}

    @property
    def recorded(self) -> tuple[ndarray, ndarray]:
        """The recorded times, ascending, and the parameters at each."""
        times = sorted(self.found)
        return np.array(times), np.array([self.found[t] for t in times])

    @property
    def evaluations(self) -> int:
        """Number of gradients so far."""
        return int(self.solver.nfev)

    def follow(self, limits: list[_Limit]) -> Stop:
        """Go on until a limit that stops, or to the end of the times."""
        left = list(limits)
        while self.solver.status == "running":
            message = self.solver.step()
            if self.solver.status == "failed":
                raise PrecisionError(
                    f"training: expected to reach t = {self.times[-1]:g}, stopped at "
                    f"{self.solver.t:g}: {message}; stop at an earlier time or a higher loss"
                )
            end = self.start + self.solver.y
            reached = [limit for limit in left if limit.is_reached(self.surface, end)]
            between = self.solver.dense_output()
            times = [self._crossing(limit, between) for limit in reached]
            crossed = sorted(zip(times, range(len(times)), strict=True))
            ends = [(t, reached[k].of) for t, k in crossed if reached[k].stops]
            last = ends[0][0] if ends else self.solver.t
            due = (self.times > self.solver.t_old) & (self.times <= last)
            for t in [*self.times[due], *(t for t, _ in crossed if t <= last)]:
                self.found[float(t)] = self.start + between(t)
            if ends:
                return ends[0][1]
            left = [limit for limit in left if limit not in reached]
        return "time"

    def _crossing(self, limit: _Limit, between: Callable[[float], ndarray]) -> float:
        """Return a time of the last step from which on the limit is reached, by bisection.

        Where the loss is as small as its rounding errors there may be several such times.
        """
        low, high = self.solver.t_old, self.solver.t
        while (middle := (low + high) / 2) > low and high - low > EVENT * high:
            if limit.is_reached(self.surface, self.start + between(middle)):
                high = middle
            else:
                low = middle
        return float(high)


@with_threads_for(attrgetter("P"))
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
