"""The Hessian along training: gradient flow of the population loss (docs/training.md)."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from numpy.random import SeedSequence
from scipy import integrate

from hessweep.dynamics.population import PopulationLoss
from hessweep.errors import PrecisionError
from hessweep.networks import Network, require_plain

RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-9, 1e-12
"""Of each weight, for every step of the integrator."""

ALPHA = 1e-3
"""The scale α of the effective dimension `Σ λ / (λ + α)`."""

Ending = Literal["loss", "gradient", "time"]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A run of training: what is recorded at each time, and how it ended."""

    time: Float[ndarray, " T"]
    parameters: Float[ndarray, "T P"]
    loss: Float[ndarray, " T"]
    gradient_norm: Float[ndarray, " T"]
    eigenvalues: Float[ndarray, "T P"]
    """Of the full Hessian, ascending."""
    outer_eigenvalues: Float[ndarray, "T P"]
    """Of its outer part `E[phi phi^T]`, ascending."""
    functional_norm: Float[ndarray, " T"]
    """The spectral norm of the functional part, the rest of the Hessian."""
    threshold: Float[ndarray, " T"]
    """Eigenvalues below this in size may be due to rounding."""
    ended: Ending
    """What stopped the run: `time` means that the loss was still falling."""
    evaluations: int
    """Number of gradients that the integrator asked for."""

    @property
    def visible_rank(self) -> Int[ndarray, " T"]:
        """Number of eigenvalues above the norm of the functional part: at most the outer rank."""
        above = (self.functional_norm + self.threshold)[:, None]
        return np.count_nonzero(self.eigenvalues > above, axis=1)

    @property
    def index(self) -> Int[ndarray, " T"]:
        """Number of eigenvalues below minus the threshold."""
        return np.count_nonzero(self.eigenvalues < -self.threshold[:, None], axis=1)

    @property
    def effective_dimension(self) -> Float[ndarray, " T"]:
        """`Σ λ / (λ + ALPHA)` over the eigenvalues of the outer part."""
        outer = np.maximum(self.outer_eigenvalues, 0)
        return np.asarray((outer / (outer + ALPHA)).sum(axis=1))


def starting_point(teacher: Network, noise: float | None, seed: int) -> Float[ndarray, " P"]:
    """Return the weights of an untrained student of the teacher's size.

    Args:
        teacher: The teacher.
        noise: Standard deviation of each weight around the teacher's; None for normal weights of
            variance 1/fan_in that are independent of the teacher.
        seed: A whole number from 0.

    Raises:
        InputError: If the teacher has biases, several outputs or other inputs.
    """
    require_plain(teacher, "starting_point")
    entropy = [teacher.N_i, teacher.N_h, seed]
    rng = np.random.default_rng(SeedSequence(entropy, spawn_key=(2, noise is None)))
    draw = rng.standard_normal(teacher.P)
    if noise is not None:
        return np.asarray(teacher.parameters + noise * draw)
    draw[: teacher.W1.size] /= np.sqrt(teacher.N_i)
    draw[teacher.W1.size :] /= np.sqrt(teacher.N_h)
    return draw


def train(
    teacher: Network,
    start: Float[ndarray, " P"],
    times: Float[ndarray, " T"],
    loss: float = 1e-12,
    gradient: float = 1e-12,
) -> Trajectory:
    """Follow the gradient flow `dθ/dt = -∂L/∂θ` of the population loss, and the Hessian along it.

    LSODA turns to implicit steps where the eigenvalues of the Hessian lie far apart, with the
    exact Hessian as its Jacobian.

    Args:
        teacher: The teacher.
        start: The student's weights at time 0: `W1` row by row, then `W2`.
        times: Ascending times to record, from 0 to the end.
        loss: The run stops once the loss is below this.
        gradient: The run stops once the norm of the gradient is below this.

    Returns:
        The recorded times up to the one where the run stopped, which is recorded too.

    Raises:
        PrecisionError: If the integrator gives up.
    """
    surface = PopulationLoss(teacher)

    def jacobian(_: float, theta: ndarray) -> ndarray:
        parts = surface.hessian(theta)
        return -(parts.outer + parts.functional)

    def is_low(_: float, theta: ndarray) -> float:
        return float(surface.loss(theta)) - loss

    def is_flat(_: float, theta: ndarray) -> float:
        return float(np.linalg.norm(surface.gradient(theta))) - gradient

    endings: tuple[Ending, Ending] = ("loss", "gradient")
    for event, ending in zip((is_low, is_flat), endings, strict=True):
        if event(0, start) <= 0:
            return _record(surface, np.zeros(1), start[None], ending, 0)
        event.terminal = True  # type: ignore[attr-defined]
    solution = integrate.solve_ivp(
        lambda _, theta: -surface.gradient(theta),
        (0.0, times[-1]), start, method="LSODA", t_eval=times, events=(is_low, is_flat),
        jac=jacobian,
        rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE,
    )  # fmt: skip
    if not solution.success:
        raise PrecisionError(
            f"training: expected to reach t = {times[-1]:g}, stopped: {solution.message}; "
            "stop at an earlier time or a higher loss"
        )
    time, path, ended = solution.t, solution.y.T, "time"
    for t, theta, ending in zip(solution.t_events, solution.y_events, endings, strict=True):
        if len(t):
            ended = ending
            if t[-1] > time[-1]:
                time, path = np.append(time, t[-1]), np.append(path, theta[-1:], axis=0)
    return _record(surface, time, path, ended, int(solution.nfev))


def _record(
    surface: PopulationLoss, time: ndarray, path: ndarray, ended: Any, evaluations: int
) -> Trajectory:
    full, outer, functional, threshold = [], [], [], []
    for theta in path:
        parts = surface.hessian(theta)
        full.append(np.linalg.eigvalsh(parts.outer + parts.functional))
        outer.append(np.linalg.eigvalsh(parts.outer))
        functional.append(np.linalg.norm(parts.functional, 2))
        size = np.linalg.norm(parts.outer) + functional[-1]
        threshold.append(8 * len(theta) * np.finfo(float).eps * size)
    return Trajectory(
        time, path, surface.loss(path), np.linalg.norm(surface.gradient(path), axis=-1),
        np.array(full), np.array(outer), np.array(functional), np.array(threshold),
        ended, evaluations,
    )  # fmt: skip
