"""How does cost grow with N_i, N_h and the number of points, against theory?"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from bench_sweep import write_study
from measure import Row, command_seconds, turns

from hessweep.hessian import hessian_operator
from hessweep.networks import sample_teacher
from hessweep.spectrum import spectrum

GROWTH = [
    # activation, what grows, sizes (N_i, N_h), exponent that theory gives and why
    ("erf", "N_i = N_h = N", [(N, N) for N in (24, 34, 48, 68)], 6, "P³, P ~ N²"),
    ("erf", "N_h, N_i = 4", [(4, N) for N in (120, 240, 480, 960)], 3, "P³, P ~ N_h"),
    ("erf", "N_i, N_h = 20", [(N, 20) for N in (8000, 32000, 128000)], 1, "QR; P drops out"),
    ("quadratic", "N_i = N_h = N", [(N, N) for N in (32, 45, 64, 90)], 6, "D³, D ~ N²/2"),
    ("quadratic", "N_h, N_i = 10", [(10, N) for N in (2000, 8000, 32000)], 1, "Gram's products"),
    ("linear", "N_i = N_h = N", [(N, N) for N in (500, 1000, 2000)], 3, "N_i x N_i"),
]


def rows(quick: bool) -> Iterator[Row]:
    """Yield exponents: fitted to the times of growing sizes, of the last two, and of theory."""
    for name, grows, sizes, theory, why in GROWTH:
        used = sizes[:2] if quick else sizes
        networks = {str(size): sample_teacher(name, *size, seed=0) for size in used}
        taken = turns(
            {key: lambda n=network: spectrum(n) for key, network in networks.items()}, repeats=5
        )
        grown = [max(size) for size in used]
        yield _row(f"{name} spectrum, {grows}", grown, list(taken.values()), theory, why)
    used = (200, 400) if quick else (250, 500, 1000)
    operators = {str(N): hessian_operator(sample_teacher("erf", N, N, seed=0)) for N in used}
    taken = turns(
        {key: lambda o=o: o.product(np.ones(o.shape[0])) for key, o in operators.items()},
        repeats=9,
    )
    yield _row("erf product, N_i = N_h = N", used, list(taken.values()), 3, "GEMMs")
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
