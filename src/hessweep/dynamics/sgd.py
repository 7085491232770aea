"""Training near the optimum by SGD on fresh batches, many noise draws at once (Fig. 3)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.random import Generator

from hessweep.blas import with_threads_for
from hessweep.dynamics.flow import gradient_flow
from hessweep.dynamics.general_neurons import split_layers
from hessweep.dynamics.neurons import split_parameters
from hessweep.dynamics.population import PopulationLoss
from hessweep.dynamics.starts import BATCHES, displacement, stream
from hessweep.errors import InputError
from hessweep.networks import Network

CHUNK = 1 << 20
"""Inputs drawn at once."""


@dataclass(frozen=True)
class Experiment:
    """Copy a teacher, add noise, and train.

    Draw k starts from `θ* + noise ξ_k` and sees its own stream of batches; both depend on
    `(N_i, N_h, seed, k)` alone, so that draws may be split over workers in any way, and
    experiments that differ in noise or learning rate share `ξ_k`.

    Raises:
        InputError: If a number is out of range.
    """

    teacher: Network
    """The optimum."""
    seed: int
    """Seed of the displacements and the batches."""
    noise: float = 1e-2
    """Standard deviation of each component of `δθ(0)`."""
    learning_rate: float = 1e-2
    batch: int = 32
    """Fresh inputs an iteration."""
    iterations: int = 1000
    records: int = 101
    """Iterations at which the loss is recorded, evenly spread, the first and last included."""
    draws: int = 16
    first_draw: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("noise", "learning_rate"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise InputError(f"{name}: expected a positive number, got {value!r}")
        for name, least in (
            ("batch", 1), ("iterations", 1), ("records", 2), ("draws", 1), ("first_draw", 0),
        ):  # fmt: skip
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise InputError(f"{name}: expected a whole number from {least}, got {value!r}")
        if self.records > self.iterations + 1:
            raise InputError(
                f"records: expected at most iterations + 1 = {self.iterations + 1}, got "
                f"{self.records}"
            )

    @property
    def recorded(self) -> ndarray:
        """The iterations at which the loss is recorded, `(records,)`."""
        return np.round(np.linspace(0, self.iterations, self.records)).astype(int)

    @property
    def times(self) -> Float[ndarray, " records"]:
        """Their times: iterations times learning rate."""
        return self.recorded * self.learning_rate

    def displacements(self) -> Float[ndarray, "draws P"]:
        """Return `δθ(0)` of each draw."""
        draws = self._draws
        return np.array([displacement(self.teacher, self.seed, k, self.noise) for k in draws])

    def sgd_losses(self) -> Float[ndarray, "draws records"]:
        """Train by SGD and return the population loss at `times`."""
        start = self.teacher.parameters + self.displacements()
        return sgd_losses(
            self.teacher, start, self._generators(),
            self.learning_rate, self.batch, self.recorded,
        )  # fmt: skip

    def flow_losses(self) -> Float[ndarray, "draws records"]:
        """Follow the gradient flow from the same starts and return the loss at `times`."""
        surface = PopulationLoss(self.teacher)
        start = self.teacher.parameters + self.displacements()
        return surface.loss(gradient_flow(surface, start, self.times))

    @property
    def _draws(self) -> range:
        return range(self.first_draw, self.first_draw + self.draws)

    def _generators(self) -> list[Generator]:
        return [stream(self.teacher, self.seed, BATCHES, draw) for draw in self._draws]


@with_threads_for(attrgetter("P"))
def sgd_losses(
    teacher: Network,
    start: Float[ndarray, "draws P"],
    generators: list[Generator],
    learning_rate: float,
    batch: int,
    recorded: ndarray,
) -> Float[ndarray, "draws records"]:
    """Train students on fresh batches of the teacher's data, all draws in step.

    Args:
        teacher: What gives the targets.
        start: Parameters of the students, one a draw.
        generators: One a draw, for its batches.
        learning_rate: Step per iteration along the gradient of the batch loss.
        batch: Inputs an iteration.
        recorded: Ascending iterations at which the population loss is recorded; 0 is the start.

    Returns:
        The population loss, not that of a batch.

    Raises:
        InputError: If training diverges; the learning rate is too large.
        ShapeError: If the parameters do not make rows of the teacher's N_i.
    """
    paths = sgd_paths(teacher, start, generators, learning_rate, batch, recorded)
    with np.errstate(over="ignore", invalid="ignore"):
        losses = PopulationLoss(teacher).loss(paths)
    _check_finite(losses, recorded, learning_rate)
    return losses


def sgd_paths(
    teacher: Network,
    start: Float[ndarray, "draws P"],
    generators: list[Generator],
    learning_rate: float,
    batch: int,
    recorded: ndarray,
) -> Float[ndarray, "draws records P"]:
    """Train students as `sgd_losses` does, and return their parameters at these iterations.

    Raises:
        InputError: If training diverges; the learning rate is too large.
        ShapeError: If the parameters do not make rows of the teacher's N_i.
    """
    parameters = np.array(start, dtype=float)
    wanted = set(recorded.tolist())
    paths = [parameters.copy()] if 0 in wanted else []
    batches = _fresh_batches(teacher, generators, batch, int(recorded[-1]))
    # Divergence shows in the parameters; its overflows on the way there need no warning.
    with np.errstate(over="ignore", invalid="ignore"):
        for iteration, (x, target) in enumerate(batches, start=1):
            parameters -= learning_rate * _batch_gradient(teacher, parameters, x, target)
            if iteration in wanted:
                paths.append(parameters.copy())
                if not np.isfinite(parameters).all():
                    _check_finite(np.stack(paths, axis=1), recorded, learning_rate)
    return np.stack(paths, axis=1)


def _check_finite(values: ndarray, recorded: ndarray, learning_rate: float) -> None:
    """Raise if there is a record, along the second axis, with a value that is not finite."""
    finite = np.isfinite(values).reshape(*values.shape[:2], -1).all(axis=(0, 2))
    if not finite.all():
        raise InputError(
            f"learning_rate: SGD diverged by iteration {recorded[int(np.argmin(finite))]} with "
            f"{learning_rate}; expected one well below 2 / λ_max"
        )


def _fresh_batches(
    teacher: Network, generators: list[Generator], batch: int, iterations: int
) -> Iterator[tuple[Float[ndarray, "draws batch N_i"], Float[ndarray, "draws batch *N_o"]]]:
    """Inputs and targets of each iteration.

    What a draw sees does not depend on how many are drawn at once.
    """
    each = len(generators) * batch * max(teacher.N_i, teacher.N_h)
    together = max(1, CHUNK // each)
    for first in range(0, iterations, together):
        count = min(together, iterations - first)
        x = np.stack(
            [rng.standard_normal((count, batch, teacher.N_i)) for rng in generators], axis=1
        )
        if teacher.inputs is not None:
            x = teacher.inputs.of_standard(x)
        yield from zip(x, _targets(teacher, x), strict=True)


def _targets(
    teacher: Network, x: Float[ndarray, "count draws batch N_i"]
) -> Iterable[Float[ndarray, "draws batch *N_o"]]:
    """Return the teacher's outputs, without an axis for outputs where there is one output only."""
    if teacher.is_plain:
        outputs: ndarray = teacher.activation(x @ teacher.W1.T) @ teacher.W2
        return outputs
    flat = (one.reshape(-1, teacher.N_i) for one in x)
    return (teacher(one).reshape(*x.shape[1:3], -1) for one in flat)


def _batch_gradient(
    teacher: Network,
    parameters: Float[ndarray, "draws P"],
    x: Float[ndarray, "draws batch N_i"],
    target: Float[ndarray, "draws batch *N_o"],
) -> Float[ndarray, "draws P"]:
    """Gradient of `Σ |y - y*|² / 2 batch` (eq. 2)."""
    if not teacher.is_plain:
        return _general_batch_gradient(teacher, parameters, x, target)
    W1, W2 = split_parameters(parameters, teacher.N_i)
    g = teacher.activation
    u = x @ W1.swapaxes(-1, -2)
    hidden = g(u)
    residual = ((hidden @ W2[..., None])[..., 0] - target) / x.shape[1]
    dW2 = (residual[:, None, :] @ hidden)[:, 0]
    dW1 = (g.derivative(u) * residual[..., None] * W2[:, None, :]).swapaxes(-1, -2) @ x
    return np.concatenate([dW1.reshape(len(x), -1), dW2], axis=-1)


def _general_batch_gradient(
    teacher: Network,
    parameters: Float[ndarray, "draws P"],
    x: Float[ndarray, "draws batch N_i"],
    target: Float[ndarray, "draws batch N_o"],
) -> Float[ndarray, "draws P"]:
    """Return the same for biases and several outputs."""
    student = split_layers(parameters, teacher)
    g, draws = teacher.activation, len(x)
    u = x @ student.W1.swapaxes(-1, -2)
    if student.b1 is not None:
        u = u + student.b1[:, None, :]
    hidden = g(u)
    y = hidden @ student.W2.swapaxes(-1, -2)
    if student.b2 is not None:
        y = y + student.b2[:, None, :]
    residual = (y - target) / x.shape[1]
    slopes = g.derivative(u) * (residual @ student.W2)
    parts = [(slopes.swapaxes(-1, -2) @ x).reshape(draws, -1)]
    if student.b1 is not None:
        parts.append(slopes.sum(axis=1))
    parts.append((residual.swapaxes(-1, -2) @ hidden).reshape(draws, -1))
    if student.b2 is not None:
        parts.append(residual.sum(axis=1))
    return np.concatenate(parts, axis=-1)
