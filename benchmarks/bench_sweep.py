"""How fast is a whole sweep: 10⁵ small points, nothing to do, one more seed, and queries?"""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import Row, command_seconds

POINTS, QUICK_POINTS = 100_000, 2_000

STUDY = """
name: bench
results: {results}
sweeps:
  small: {{activation: {activation}, N: {N}, seeds: {seeds}}}
"""


def rows(quick: bool) -> Iterator[Row]:
    """Yield what the command `hessweep` takes, store and publishing included, on two workers."""
    points = QUICK_POINTS if quick else POINTS
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        study = write_study(root, "erf", 5, points)
        seconds = command_seconds("run", study)
        kernel = _kernel_seconds(root / "results", points)
        yield _limit(f"{points:,} points, erf (5, 5)", seconds, 60, _shares(seconds, kernel, root))
        seconds = command_seconds("run", study)
        yield _limit(f"nothing to do on {points:,} points", seconds, 3)
        # One seed of one size is one point; a seed of a grid of sizes is many.
        own = command_seconds("run", write_study(root / "own", "erf", 5, 100))
        seconds = command_seconds("run", write_study(root, "erf", 5, points + 100))
        alone = {"100 seeds alone, in an empty folder": f"{own:.1f} s"}
        yield _limit(f"100 more seeds on {points:,} points", seconds, own + 3, alone)
        for what, expression in (
            ("a slice", "seed < 100"),
            ("a condition on every point", "lambda_min < 1e-12"),
        ):
            seconds = command_seconds(
                "query", root / "results", expression, "--columns", "seed,rank"
            )
            yield _limit(f"query: {what} of {points:,} points", seconds, 1.5)
    yield from _by_size(quick)
    yield _scaling(quick)


def _by_size(quick: bool) -> Iterator[Row]:
    """How much of both cores' time the mathematics gets."""
    for activation, N, points in (
        ("erf", 13, 60_000),
        ("quadratic", 20, 20_000),
        ("erf", 20, 8_000),
    ):
        count = points // 40 if quick else points
        with tempfile.TemporaryDirectory() as folder:
            seconds = command_seconds("run", write_study(Path(folder), activation, N, count))
            kernel = _kernel_seconds(Path(folder) / "results", count)
            notes = _shares(seconds, kernel, Path(folder))
        notes |= {"kernel a point": f"{kernel / count * 1e3:.2f} ms"}
        yield Row(f"{count:,} points, {activation} ({N}, {N})", seconds, notes=notes)


def _scaling(quick: bool) -> Row:
    times = {}
    for workers in (2, 1):
        with tempfile.TemporaryDirectory() as folder:
            study = write_study(Path(folder), "erf", 20, 60 if quick else 3000)
            times[workers] = command_seconds("run", study, "--workers", str(workers))
    return Row("2 workers, erf (20, 20)", times[2], "1 worker", times[1])


def _limit(case: str, seconds: float, at_most: float, notes: dict | None = None) -> Row:
    """A time that is to stay below a limit: the ratio is the limit over the time."""
    return Row(case, seconds, "what is allowed", at_most, 1.0, notes=notes or {})


def _shares(seconds: float, kernel: float, root: Path) -> dict[str, str]:
    """Return what part of all cores' time the mathematics got: over all, and once started.

    From the first commit on, both workers compute until the last one.
    """
    commits = sorted(path.stat().st_mtime for path in (root / "results" / "segments").iterdir())
    working = commits[-1] - commits[0]
    later = kernel * (1 - 1 / len(commits))
    cores = os.cpu_count() or 1
    return {
        "of both cores' time in the mathematics": f"{kernel / (cores * seconds):.0%}",
        "from the first commit to the last": f"{later / (cores * max(working, 1e-9)):.0%}",
        "before the first and after the last commit": f"{seconds - working:.1f} s",
    }


def write_study(root: Path, activation: str, N: int, seeds: int) -> Path:
    """Write a study of one sweep into a folder, and return its path."""
    root.mkdir(exist_ok=True)
    path = root / "study.yaml"
    path.write_text(
        STUDY.format(
            results=json.dumps(str(root / "results")), activation=activation, N=N, seeds=seeds
        )
    )
    return path


def _kernel_seconds(results: Path, points: int) -> float:
    import hessweep

    table = hessweep.table(hessweep.open_results(results), columns=["spectrum_time", "rank_time"])
    assert len(table) == points
    return float(table.to_numpy().sum())
