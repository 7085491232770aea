"""How does cost grow with N_i, N_h and the number of points, against theory?"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from bench_sweep import write_study
from measure import Row, command_seconds, turns

from hessweep.dynamics import random_weights, train, train_by_sgd
from hessweep.dynamics.starts import BATCHES, stream
from hessweep.hessian import hessian_operator
from hessweep.hessian.factor import chunk_size, triangular
from hessweep.hessian.nodes import Nodes, SobolPoints
from hessweep.networks import sample_deep_teacher, sample_teacher
from hessweep.spectrum import spectrum

INPUTS, BATCH, LEARNING_RATE = 16384, 100, 0.02
"""Inputs at which gradients of a deep network are evaluated, and those of a step of SGD."""


@dataclass(frozen=True)
class Growth:
    """Something whose cost grows."""

    case: str
    """What is computed, and what of it grows."""
    sizes: tuple[int, ...]
    make: Callable[[int], Callable[[], Any]]
    """Returns what is timed at a size; what it does itself is not timed."""
    theory: int
    """The exponent that theory gives."""
    why: str


def spectrum_of(name: str, shape: Callable[[int], tuple[int, ...]], **axes: Any) -> Any:
    """Return how to make the spectrum of a teacher; the shape is `(N_i, N_h)` or with N_o."""

    def make(size: int) -> Callable[[], Any]:
        N_i, N_h, *outputs = shape(size)
        N_o = outputs[0] if outputs else 1
        return partial(spectrum, sample_teacher(name, N_i, N_h, seed=0, N_o=N_o, **axes))

    return make


def deep(name: str, width: int, layers: int) -> Any:
    """Return a teacher with as many inputs and neurons in each layer, and one output."""
    return sample_deep_teacher(name, (width,) * layers + (1,), 0)


def linear_spectrum(width: int, layers: int) -> Callable[[], Any]:
    """Return the spectrum of a deep linear teacher."""
    return partial(spectrum, deep("linear", width, layers))


def gradients(width: int, layers: int) -> Callable[[], Any]:
    """Return the factor of a sampled spectrum, from a fixed number of inputs."""
    network = deep("tanh", width, layers)

    def factor() -> Any:
        parts = SobolPoints(width).take(INPUTS, chunk_size(1, network.P))
        return triangular(network, (Nodes(x, np.ones(len(x))) for x in parts))

    return factor


def sgd(N: int, steps: int) -> Callable[[], Any]:
    """Return a run of SGD whose loss is recorded at its two ends."""
    teacher = sample_teacher("erf", N, N, seed=0)
    start, times = random_weights(teacher, 0, 0), np.array([0.0, steps * LEARNING_RATE])

    def run() -> Any:
        batches = stream(teacher, 0, BATCHES, 0)
        return train_by_sgd(teacher, start, times, batches, LEARNING_RATE, BATCH, spectra=False)

    return run


def flow(N: int) -> Callable[[], Any]:
    """Return a run of gradient flow with the Hessian at three times."""
    teacher = sample_teacher("erf", N, N, seed=0)
    return partial(train, teacher, random_weights(teacher, 0, 0), np.linspace(0, 20, 3))


def operator_product(N: int) -> Callable[[], Any]:
    """Return a product with the Hessian of a teacher."""
    operator = hessian_operator(sample_teacher("erf", N, N, seed=0))
    return partial(operator.product, np.ones(operator.shape[0]))


GROWTH = [
    Growth(
        "erf spectrum, N_i = N_h = N",
        (24, 34, 48, 68), spectrum_of("erf", lambda N: (N, N)), 6, "P³, P ~ N²",
    ),
    Growth(
        "erf spectrum, N_h, N_i = 4",
        (120, 240, 480, 960), spectrum_of("erf", lambda N: (4, N)), 3, "P³, P ~ N_h",
    ),
    Growth(
        "erf spectrum, N_i, N_h = 20",
        (8000, 32000, 128000), spectrum_of("erf", lambda N: (N, 20)), 1, "QR; P drops out",
    ),
    Growth(
        "quadratic spectrum, N_i = N_h = N",
        (32, 45, 64, 90), spectrum_of("quadratic", lambda N: (N, N)), 6, "D³, D ~ N²/2",
    ),
    Growth(
        "quadratic spectrum, N_h, N_i = 10",
        (2000, 8000, 32000), spectrum_of("quadratic", lambda N: (10, N)), 1, "Gram's products",
    ),
    Growth(
        "linear spectrum, N_i = N_h = N",
        (500, 1000, 2000), spectrum_of("linear", lambda N: (N, N)), 3, "N_i x N_i",
    ),
    Growth("erf product, N_i = N_h = N", (250, 500, 1000), operator_product, 3, "GEMMs"),
    Growth(
        "erf spectrum with both biases, N_i = N_h = N",
        (24, 34, 48, 60), spectrum_of("erf", lambda N: (N, N), biases="both"), 6,
        "P³, P = N² + 2N + 1",
    ),
    Growth(
        "quadratic spectrum with both biases, N_i = N_h = N",
        (32, 45, 64, 90), spectrum_of("quadratic", lambda N: (N, N), biases="both"), 6,
        "D³, D ~ N²/2",
    ),
    Growth(
        "erf spectrum, N_o, N_i = N_h = 10",
        (50, 100, 200, 360), spectrum_of("erf", lambda N: (10, 10, N)), 3,
        "P³, P = 10 (10 + N_o)",
    ),
    Growth(
        "deep linear spectrum, layers of width 200",
        (4, 8, 16, 32), partial(linear_spectrum, 200), 1, "a chain of products",
    ),
    Growth(
        "deep linear spectrum, width of 4 layers",
        (200, 400, 800), partial(linear_spectrum, layers=4), 3, "products and an N_i x N_i",
    ),
    Growth(
        f"sampled deep tanh, {INPUTS} inputs, layers of width 10",
        (2, 4, 8, 16), partial(gradients, 10), 2, "QR of inputs x P, P ~ layers",
    ),
    Growth(
        f"sampled deep tanh, {INPUTS} inputs, width of 4 layers",
        (8, 12, 17, 24), partial(gradients, layers=4), 4, "QR of inputs x P, P ~ width²",
    ),
    Growth(
        "training by SGD, erf (20, 20), steps",
        (1000, 4000, 16000), partial(sgd, 20), 1, "a gradient each",
    ),
    Growth(
        "training by 50 steps of SGD, erf, N_i = N_h = N",
        (200, 400, 800), partial(sgd, steps=50), 2, "products of batch x N and N x N",
    ),
    Growth(
        "gradient flow with 3 spectra, erf, N_i = N_h = N",
        (24, 34, 48), flow, 6, "P³ for each spectrum, P ~ N²",
    ),
]  # fmt: skip


def rows(quick: bool) -> Iterator[Row]:
    """Yield exponents: fitted to the times of growing sizes, of the last two, and of theory."""
    for growth in GROWTH:
        sizes = growth.sizes[:2] if quick else growth.sizes
        taken = turns({str(size): growth.make(size) for size in sizes}, repeats=5)
        yield _row(growth.case, sizes, list(taken.values()), growth.theory, growth.why)
    yield _points((500, 2000) if quick else (25_000, 100_000, 400_000))


def _points(counts: Sequence[int]) -> Row:
    seconds = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            seconds.append(command_seconds("run", write_study(Path(folder), "erf", 5, count)))
    return _row("whole sweep of erf (5, 5), points", counts, seconds, 1, "all but the start")


def _row(case: str, sizes: Sequence[int], seconds: Sequence[float], theory: int, why: str) -> Row:
    exponents = np.diff(np.log(seconds)) / np.diff(np.log(sizes))
    notes = {
        "sizes": list(sizes),
        "exponent, fitted": np.polyfit(np.log(sizes), np.log(seconds), 1)[0],
        "of the last step": exponents[-1],
        "of theory": theory,
        "for": why,
    }
    return Row(case, seconds[-1], notes=notes)
