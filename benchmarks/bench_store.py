"""How interactive are queries on 10⁵ points and 1 GB, and on 10⁶ points and 10 GB if asked for?

The store is a real one, written by the store's own writer and published; its numbers are not:
eigenvalues are random and scalars repeat, since only reading is measured. A store of 10⁶ points
takes 20 GB of disk and some minutes to write, so that it is left out unless `HESSWEEP_LARGE` is
set in the environment.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measure import Row, command_seconds, measured

import hessweep
from hessweep.kinds import PointResult
from hessweep.setup import Point, Setup
from hessweep.store import publish, write_segment

ACTIVATIONS = ("erf", "gelu", "sin", "relu")
SIZES = ((10, 20), (20, 40), (30, 40), (40, 40), (50, 45))
"""1,238 eigenvalues a point on average."""

IN_A_SEGMENT = 500
QUICK_POINTS, POINTS, LARGE_POINTS = 2_000, 100_000, 1_000_000

SLICE = "activation == 'erf' and N_i == 20 and seed < 100"
EVERY = "lambda_min < 1e-3 and N_h == 40"


def rows(quick: bool) -> Iterator[Row]:
    """Yield each question with cold and with warm files, in a process of its own."""
    sizes = [QUICK_POINTS] if quick else [POINTS]
    if os.environ.get("HESSWEEP_LARGE"):
        sizes.append(LARGE_POINTS)
    for points in sizes:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            write(root, points)
            yield from _answers(root, points)


def write(root: Path, points: int) -> None:
    """Store and publish that many synthetic points."""
    seeds = points // (len(ACTIVATIONS) * len(SIZES))
    rng = np.random.default_rng(0)
    for name in ACTIVATIONS:
        activation = hessweep.activation(name)
        scalars = Setup(activation, 2, 2).point(0).compute().scalars
        for N_i, N_h in SIZES:
            for start in range(0, seeds, IN_A_SEGMENT):
                write_segment(
                    root,
                    [
                        _synthetic(Setup(activation, N_i, N_h).point(seed), scalars, rng)
                        for seed in range(start, min(start + IN_A_SEGMENT, seeds))
                    ],
                )
    publish(root)


def _synthetic(point: Point, scalars: Any, rng: np.random.Generator) -> PointResult:
    eigenvalues = np.sort(rng.exponential(size=point.setup.P))
    known = {"P": point.setup.P, "lambda_min": eigenvalues[0], "lambda_max": eigenvalues[-1]}
    return PointResult(point, {**scalars, **known}, {"eigenvalues": eigenvalues})


def _answers(root: Path, points: int) -> Iterator[Row]:
    files = [path for path in (root / "published").rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e9
    store = f"{points:,} points, {size:.2g} GB"
    for what, ask in QUESTIONS.items():
        _forget(files)
        cold, _, _ = measured(ask, root)
        warm, megabytes, found = measured(ask, root)
        notes = {"cold files": f"{cold:.2f} s", "found": found}
        yield Row(f"{store}: {what}", warm, megabytes=megabytes, notes=notes)
    for what, expression in (("a slice", SLICE), ("a condition on every point", EVERY)):
        columns = "activation,N_i,N_h,seed,rank,lambda_min"
        seconds = command_seconds("query", root, expression, "--columns", columns)
        yield Row(f"{store}: command `query`, {what}", seconds, "what is allowed", 1.5, 1.0)


def _forget(files: list[Path]) -> None:
    """Take the files out of the page cache, as they are after a restart."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _open(root: Path) -> str:
    return f"{len(hessweep.open_results(root).leaves)} activations"


def _slice(root: Path) -> str:
    return f"{len(hessweep.table(hessweep.open_results(root), SLICE)):,} rows"


def _condition(root: Path) -> str:
    columns = ["activation", "N_i", "N_h", "seed", "rank", "lambda_min"]
    return f"{len(hessweep.table(hessweep.open_results(root), EVERY, columns)):,} rows"


def _whole_table(root: Path) -> str:
    return f"{len(hessweep.table(hessweep.open_results(root))):,} rows"


def _one_size(root: Path) -> str:
    found = hessweep.spectra(hessweep.open_results(root), "erf", N_i=20, N_h=40)
    return f"{found['eigenvalues'].nbytes / 1e6:,.0f} MB of eigenvalues"


def _pooled(root: Path) -> str:
    found = hessweep.pooled_eigenvalues(hessweep.open_results(root), SLICE)
    return f"{found.size:,} eigenvalues"


QUESTIONS: dict[str, Callable[[Path], str]] = {
    "open": _open,
    "all columns of a slice": _slice,
    "a condition on every point": _condition,
    "the whole table": _whole_table,
    "all spectra of one activation and size": _one_size,
    "pooled eigenvalues of a slice": _pooled,
}
