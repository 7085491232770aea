"""The kind `training`: the loss and the Hessian along gradient flow or SGD (docs/training.md)."""

from collections.abc import Iterator, Mapping, Sequence
from math import nan
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from hessweep.columns import Column, Ragged
from hessweep.kinds.columns import SCALARS
from hessweep.kinds.kind import Cost, Kind
from hessweep.kinds.result import PointResult
from hessweep.kinds.training_options import Training

if TYPE_CHECKING:
    from hessweep.dynamics import Trajectory
    from hessweep.networks import Network
    from hessweep.setup import Point, Setup

SECONDS, SECONDS_PER_GRADIENT, SECONDS_PER_PAIR = 0.05, 2e-4, 2e-6
"""Time of a run, and of a gradient with its share of the loss: each, and by pair of neurons."""

GRADIENTS = 4000
"""Gradients of gradient flow up to about 10^4; few runs need twice as many."""

STEP_SECONDS = 8e-5
"""Time of a step of SGD."""

NUMERIC_FACTOR = 100
"""How much longer an activation takes whose dual kernel is computed by quadrature."""

SECONDS_PER_SPECTRUM, SECONDS_PER_CUBE = 1e-3, 8e-9
"""Time of the Hessian, its parts and their eigenvalues at one time: each, and by P³."""

ALPHAS = {"2": 1e-2, "4": 1e-4, "6": 1e-6}
EPSILONS = {"4": 1e-4, "8": 1e-8}
"""The α of effective dimensions and the ε of ε-ranks, by the ends of their columns' names."""

RECORD = Ragged(
    "record",
    Column("record_size", "int64", "number of recorded times of the point", missing=0),
    (
        Column("time", "float64", "time of training: that of the flow, or steps x learning rate"),
        Column("loss", "float64", "population loss at the time"),
        Column("loss_error", "float64", "estimated bound on the numerical error of loss"),
        Column("gradient_norm", "float64", "norm of the gradient of the population loss"),
        Column("functional_norm", "float64", "spectral norm of the functional part of H"),
        Column("visible_rank", "int64", "number of eigenvalues of H above functional_norm"),
        Column("index", "int64", "number of eigenvalues of H below minus index_threshold"),
        Column("index_threshold", "float64", "smaller eigenvalues may be numerical errors"),
        *(
            Column(f"effective_dimension_{name}", "float64", f"sum of λ / (λ + {alpha:g}), outer")
            for name, alpha in ALPHAS.items()
        ),
        *(
            Column(f"epsilon_rank_{name}", "int64", f"outer eigenvalues above {epsilon:g} λ_max")
            for name, epsilon in EPSILONS.items()
        ),
    ),
)

MODE = Ragged(
    "mode",
    Column("mode_size", "int64", "record_size times P of the point, 0: no spectra", missing=0),
    (
        Column("mode_eigenvalues", "float64", "eigenvalues of H, ascending, time after time"),
        Column("mode_outer_eigenvalues", "float64", "the same of the outer part of H"),
    ),
)

[_P] = [column for column in SCALARS if column.name == "P"]


GENERAL_FACTOR = 8.0
"""How much longer gradients and Hessians take with biases, several outputs or other inputs."""


class TrainingKind(Kind):
    """Gradient flow of the population loss, or SGD, with the spectrum at recorded times."""

    name = "training"
    revision = 2
    takes_training = True
    takes_students = True
    columns = (
        _P,
        Column("ended", "str", "converged, other minimum, saddle or still falling", missing=""),
        Column("stopped_by", "str", "what ended training: loss, gradient or time", missing=""),
        Column("final_time", "float64", "time at which training ended", missing=nan),
        Column("final_loss", "float64", "population loss at final_time", missing=nan),
        Column("final_gradient_norm", "float64", "gradient norm at final_time", missing=nan),
        Column("final_visible_rank", "int64", "visible rank at final_time", missing=-1),
        Column("final_index", "int64", "index of H at final_time", missing=-1),
        Column("evaluations", "int64", "gradients that training took", missing=-1),
        Column("training_time", "float64", "wall time of training and spectra", "s", missing=nan),
    )
    ragged = (RECORD, MODE)

    def cost(self, setup: "Setup") -> Cost:
        """Return the predicted cost of one point."""
        training, P = Training.from_text(setup.training), setup.P
        if training.learning_rate:
            running = STEP_SECONDS * training.time / training.learning_rate
            gradients = 20.0 * training.times
        else:
            running, gradients = 0.0, GRADIENTS + 20.0 * training.times
        gradient = SECONDS_PER_GRADIENT + SECONDS_PER_PAIR * setup.layout.N_h**2
        seconds = SECONDS + running + gradients * gradient * _slowness(setup)
        if training.spectra:
            one = SECONDS_PER_SPECTRUM * _slowness(setup) + SECONDS_PER_CUBE * float(P) ** 3
            seconds += training.times * one
        modes = 2 * P * training.times * training.spectra
        stored = modes + len(RECORD.columns) * training.times
        # The path, its kernels, the eigenvalues twice, LSODA's and the Hessian's matrices.
        kernels = 40 * training.times * (setup.layout.N_h**2 + P)
        return Cost(seconds, 8 * (2 * modes + kernels + 20 * P**2), stored)

    def compute(self, setup: "Setup", seeds: Sequence[int]) -> list[PointResult]:
        """Return the result of each seed, one after the other."""
        training = Training.from_text(setup.training)
        networks = setup.networks(seeds)
        return [
            _compute_one(point, network, training)
            for point, network in zip(setup.points(seeds), networks, strict=True)
        ]

    def deviations(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
        """Yield `loss` if it is elsewhere at a common time than the integrator's tolerance allows.

        Steps depend on rounding, and so do the time and the losses of a record that an event made.
        The errors of the steps grow along a run, by factors that are not known beforehand, so that
        a part in a thousand is allowed.
        """
        _, first, second = np.intersect1d(one["time"], other["time"], return_indices=True)
        first, second = one["loss"][first], other["loss"][second]
        if one["ended"] != other["ended"]:
            yield "ended"
        if (np.abs(first - second) > 1e-3 * np.maximum(first, second) + 1e-13).any():
            yield "loss"


def _slowness(setup: "Setup") -> float:
    slow = NUMERIC_FACTOR if setup.activation.is_numeric else 1.0
    # Kernels with offsets, and the differences of them that the full Hessian takes.
    return slow if setup.is_plain else GENERAL_FACTOR * slow


def _compute_one(point: "Point", network: "Network", training: Training) -> PointResult:
    begin = perf_counter()
    run = _trained(network, point.seed, training)
    end = perf_counter() - begin
    scalars = {
        "P": network.P,
        "ended": run.ending,
        "stopped_by": run.stop,
        "final_time": run.time[-1],
        "final_loss": run.loss[-1],
        "final_gradient_norm": run.gradient_norm[-1],
        "final_visible_rank": int(run.visible_rank[-1]),
        "final_index": int(run.index[-1]),
        "evaluations": run.evaluations,
        "training_time": end,
    }
    dimensions = {
        f"effective_dimension_{name}": run.effective_dimension(alpha)
        for name, alpha in ALPHAS.items()
    }
    ranks = {
        f"epsilon_rank_{name}": run.epsilon_rank(epsilon) for name, epsilon in EPSILONS.items()
    }
    flat = {
        "time": run.time,
        "loss": run.loss,
        "loss_error": run.loss_error,
        "gradient_norm": run.gradient_norm,
        "functional_norm": run.functional_norm,
        "visible_rank": run.visible_rank,
        "index": run.index,
        "index_threshold": run.threshold,
        **dimensions,
        **ranks,
        "mode_eigenvalues": run.eigenvalues.ravel(),
        "mode_outer_eigenvalues": run.outer_eigenvalues.ravel(),
    }
    return PointResult(point, scalars, flat)


def _trained(network: "Network", seed: int, training: Training) -> "Trajectory":
    """Return the run from its start; the network is the optimum that the student learns."""
    from hessweep.dynamics import displacement, random_weights, train, train_by_sgd
    from hessweep.dynamics.starts import BATCHES, stream

    if training.noise is None:
        start = random_weights(network, seed, training.draw)
    else:
        start = network.parameters + displacement(network, seed, training.draw, training.noise)
    limits = (training.loss, training.gradient)
    if training.learning_rate is None or training.batch is None:
        return train(network, start, training.recorded, *limits, training.losses, training.spectra)
    batches = stream(network, seed, BATCHES, training.draw)
    return train_by_sgd(
        network, start, training.recorded, batches, training.learning_rate, training.batch,
        *limits, training.spectra,
    )  # fmt: skip
