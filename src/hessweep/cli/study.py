"""`hessweep plan`, `run` and `status`: commands on a study file."""

import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hessweep.cli.output import INCOMPLETE, AsJson, print_json, print_table, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hessweep.running.calibration import Calibration, Deviation
    from hessweep.running.driver import Progress
    from hessweep.setup import Point
    from hessweep.study import ClusterConfig

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="The study file.")]
Where = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="WHERE",
        help="Where to run, instead of what the study says: local, the address of a Dask "
        "scheduler, or a scheduler file.",
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=1, max=10_000, help="Worker processes on this machine.")
]

SHOWN_FAILURES = SHOWN_ROUTES = 10


def plan(
    study_file: StudyFile, cluster: Where = None, workers: Workers = None, as_json: AsJson = False
) -> None:
    """Predict time, memory and storage; compute nothing."""
    from hessweep.outputs import load_study
    from hessweep.running import find_work
    from hessweep.running.calibration import calibrate
    from hessweep.running.clusters import planned
    from hessweep.running.cost import check_fits
    from hessweep.units import show_bytes, show_seconds

    study = load_study(study_file)
    config = _where(study.cluster, cluster, workers)
    requested = study.points()
    missing = find_work(requested, study.results).missing
    capacity = planned(config, missing)
    workers = capacity.workers if capacity else None
    wanted = {point.key for point in missing}
    calibration = calibrate(study.results, {point.setup.activation for point in requested})
    deviation = calibration.deviation()
    rows = {
        name: _costs(points, [point for point in points if point.key in wanted], calibration)
        for name, points in {**_by_sweep(study), "all": requested}.items()
    }
    routes = _deep_routes(missing)
    if as_json:
        deviations = None if deviation is None else asdict(deviation)
        deep = {"deep": routes} if routes else {}
        told = {"name": study.name, "results": str(study.results), "sweeps": rows}
        print_json(told | {"workers": workers, "predicted_over_measured": deviations} | deep)
    else:
        print_table(
            ["sweep", "points", "missing", "core time", "memory", "storage"],
            [
                [
                    name,
                    f"{row['points']:,}",
                    f"{row['missing']:,}",
                    show_seconds(row["core_seconds"]),
                    show_bytes(row["worker_bytes"]),
                    show_bytes(row["stored_bytes"]),
                ]
                for name, row in rows.items()
            ],
            note=_shown(routes) + _note(rows["all"], workers, str(study.results), deviation),
        )
    check_fits(missing, capacity.memory if capacity else None)


def run(
    study_file: StudyFile,
    cluster: Where = None,
    workers: Workers = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Compute points again that failed before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compute what is missing, and publish it."""
    from hessweep.cli.progress import ProgressDisplay
    from hessweep.outputs import load_study
    from hessweep.running import run as run_sweep
    from hessweep.running.signals import ignore_further_signals, stop_on_signals
    from hessweep.store import publish
    from hessweep.units import show_count

    stops = stop_on_signals()
    study = load_study(study_file)
    config = _where(study.cluster, cluster, workers)
    try:
        with ProgressDisplay() as display:

            def report(state: "Progress") -> None:
                if stops:
                    raise KeyboardInterrupt
                display(state)

            summary = run_sweep(
                study.points(), study.results, config, progress=report, retry_failed=retry_failed
            )
    except KeyboardInterrupt:
        ignore_further_signals()
        tell("stopped; what was computed is stored, run again to compute the rest")
        raise typer.Exit(INCOMPLETE) from None
    published = publish(study.results)
    counts = {key: getattr(summary, key) for key in ("requested", "computed", "reused", "failed")}
    for failure in summary.failures[:SHOWN_FAILURES]:
        tell(f"failed: {failure.point}: {failure.error}")
    if as_json:
        sys.stdout.write(json.dumps(counts) + "\n")
    else:
        sys.stdout.write(
            f"{study.name}: {', '.join(f'{value:,} {key}' for key, value in counts.items())}; "
            f"{'published' if published else 'nothing new to publish'} in {study.results}\n"
        )
    if summary.failed:
        tell(
            f"{show_count(summary.failed, 'point')} without a result: "
            f"`hessweep status {study_file}` says why, `hessweep run --retry-failed` tries again"
        )
        raise typer.Exit(INCOMPLETE)


def status(study_file: StudyFile, as_json: AsJson = False) -> None:
    """Show what is done, missing and failed, by sweep.

    The exit code is 1 unless all is done.
    """
    from hessweep.outputs import load_study
    from hessweep.store import stored_points

    study = load_study(study_file)
    stored = stored_points(study.results)
    rows = {}
    for name, points in {**_by_sweep(study), "all": study.points()}.items():
        found = [stored.get(point.key, "missing") for point in points]
        rows[name] = {key: found.count(key) for key in ("done", "missing", "failed")}
    errors = _errors(study.results) if rows["all"]["failed"] else {}
    failures = {
        str(point): errors[point.key]
        for point in (study.points() if errors else ())
        if stored.get(point.key) == "failed" and point.key in errors
    }
    if as_json:
        print_json({"name": study.name, "sweeps": rows, "failures": failures})
    else:
        print_table(
            ["sweep", "done", "missing", "failed"],
            [[name, *map(_colour_count, row, row.values())] for name, row in rows.items()],
            note="\n".join(f"failed: {point}: {error}" for point, error in failures.items()),
        )
    if rows["all"]["missing"] or rows["all"]["failed"]:
        raise typer.Exit(INCOMPLETE)


def report(study_file: StudyFile) -> None:
    """Write the report page of what is published.

    It is one HTML file that holds tables, figures and an explorer, and needs no network.
    """
    from hessweep.outputs import load_study
    from hessweep.report import build

    sys.stdout.write(f"{build(load_study(study_file))}\n")


def schema() -> None:
    """Print the JSON schema of study files, by which editors complete and check them."""
    from hessweep.study import Study

    sys.stdout.write(json.dumps(Study.schema(), indent=2) + "\n")


def _colour_count(state: str, count: int) -> str:
    """Return a count in the colour of its state, which only a terminal shows."""
    colour = {"done": "green", "missing": "yellow", "failed": "red"}[state]
    return f"[{colour}]{count:,}[/{colour}]" if count else "0"


def _errors(root: Path) -> dict[str, str]:
    """Return the errors of failed points by key, from the segments: published or not."""
    from hessweep.store.index import read_index
    from hessweep.store.segments import read_columns, segments_folder

    stored = read_index(root).points
    errors: dict[str, str] = {}
    for segment in stored.loc[stored["status"] == "failed", "segment"].unique():
        columns, _ = read_columns(segments_folder(root) / segment, ["key", "error"])
        errors |= {
            str(key): str(error)
            for key, error in zip(columns["key"], columns["error"], strict=True)
            if error
        }
    return errors


def _where(config: "ClusterConfig", asked: str | None, workers: int | None) -> "ClusterConfig":
    from hessweep.errors import ClusterError
    from hessweep.running.clusters import choose_cluster
    from hessweep.study import LocalCluster

    chosen = choose_cluster(config, asked)
    if workers is None:
        return chosen
    if not isinstance(chosen, LocalCluster):
        raise ClusterError(f"--workers is for a local cluster, this one is {chosen.kind}")
    return chosen.model_copy(update={"workers": workers})


def _by_sweep(study: Any) -> "dict[str, list[Point]]":
    return {name: sweep.points() for name, sweep in study.sweeps.items()}


def _costs(
    points: "Sequence[Point]", missing: "Sequence[Point]", calibration: "Calibration"
) -> dict[str, Any]:
    from hessweep.running.cost import WORKER_BYTES, stored_bytes

    return {
        "points": len(points),
        "missing": len(missing),
        "core_seconds": calibration.seconds(missing),
        "worker_bytes": WORKER_BYTES
        + max((point.setup.cost.peak_bytes for point in missing), default=0),
        "stored_bytes": sum(stored_bytes(point.setup) for point in missing),
    }


def _deep_routes(points: "Sequence[Point]") -> dict[str, int]:
    """Return how deep networks will be measured, in words, each with the number of points."""
    words = Counter(point.setup for point in points)
    routes: Counter[str] = Counter()
    for setup, count in words.items():
        if way := setup.measurement.foreseen(setup):
            routes[f"{setup.activation}, widths {setup.widths}: {way}"] += count
    return dict(routes)


def _shown(routes: dict[str, int]) -> str:
    """Return the ways in which deep networks will be measured, at most `SHOWN_ROUTES` lines."""
    left = len(routes) - SHOWN_ROUTES
    more = [f"and {left} other deep architectures, which --json names"] if left > 0 else []
    return "".join(f"{line}\n" for line in [*list(routes)[:SHOWN_ROUTES], *more])


def _note(
    total: dict[str, Any], workers: int | None, results: str, deviation: "Deviation | None"
) -> str:
    from hessweep.units import show_count, show_seconds

    trust = (
        str(deviation)
        if deviation
        else "There are too few stored points to check the predicted times against; they are "
        "those of one core of a laptop."
    )
    if not total["missing"]:
        return f"Nothing to compute: all points are in {results}.\n{trust}"
    if workers is None:
        return f"Results go to {results}.\n{trust}"
    wall = show_seconds(total["core_seconds"] / workers)
    return (
        f"About {wall} with {show_count(workers, 'worker')}, and some seconds to start them; "
        f"results go to {results}.\n{trust}"
    )
