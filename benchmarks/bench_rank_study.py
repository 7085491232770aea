"""How much of the paper's study do certificates take? Less than a quarter of the kernel's time."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
from measure import Row

from hessweep.outputs import load_study
from hessweep.rank import rank, smallest_eigenvalue
from hessweep.setup import Point
from hessweep.spectrum import stacked_spectra_with_error

CONFIG = Path(__file__).parents[1] / "config"

BATCH = 50


def rows(quick: bool) -> Iterator[Row]:
    """Yield the time of certificates and of smallest eigenvalues, each beside the spectra's."""
    study = load_study(CONFIG / ("tiny.yaml" if quick else "paper.yaml"))
    totals = [0.0, 0.0, 0.0]
    for name, sweep in study.sweeps.items():
        taken = _times(list(sweep.points()))
        totals = [total + part for total, part in zip(totals, taken, strict=True)]
        yield _row(name, *taken)
    yield _row("all sweeps", *totals, required=4.0)


def _row(
    name: str, kernel: float, certificates: float, smallest: float, required: float | None = None
) -> Row:
    notes = {"smallest eigenvalues besides": f"{smallest:.2g} s"}
    return Row(name, certificates, "spectra", kernel, required, notes=notes)


def _times(points: list[Point]) -> tuple[float, float, float]:
    groups: dict[tuple, list[Point]] = defaultdict(list)
    for point in points:
        groups[point.setup.activation, point.setup.N_i, point.setup.N_h].append(point)
    kernel = certificates = smallest = 0.0
    for (activation, _, _), group in groups.items():
        for start in range(0, len(group), BATCH):
            batch = group[start : start + BATCH]
            networks = [point.network() for point in batch]
            W1, W2 = (np.stack([getattr(n, w) for n in networks]) for w in ("W1", "W2"))
            began = perf_counter()
            spectra = stacked_spectra_with_error(activation, W1, W2)
            solved = perf_counter()
            proofs = [rank(n, s) for n, s in zip(networks, spectra, strict=True)]
            proved = perf_counter()
            for network, spectrum, proof in zip(networks, spectra, proofs, strict=True):
                assert proof.certificate == "proved"
                smallest_eigenvalue(network, spectrum, proof.value)
            kernel += solved - began
            certificates += proved - solved
            smallest += perf_counter() - proved
    return kernel, certificates, smallest
