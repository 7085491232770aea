"""`hessweep plan`: what a study will cost."""

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hessweep.cli.options import StudyFile, Where, Workers, where_to_run
from hessweep.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hessweep.points import Points
    from hessweep.running.calibration import Calibration, Deviation
    from hessweep.running.requested import Cell
    from hessweep.study import Study

SHOWN_ROUTES = 10


def plan(
    study_file: StudyFile, cluster: Where = None, workers: Workers = None, as_json: AsJson = False
) -> None:
    """Predict time, memory and storage; compute nothing."""
    from hessweep.outputs import load_study
    from hessweep.running.calibration import calibrate
    from hessweep.running.clusters import planned
    from hessweep.running.cost import check_fits
    from hessweep.running.requested import (
        SegmentValues,
        cells,
        requested_by_sweep,
        requested_of,
    )
    from hessweep.running.sweep import work_of
    from hessweep.store import stored_points
    from hessweep.units import show_bytes, show_number, show_seconds

    study = load_study(study_file)
    config = where_to_run(study.cluster, cluster, workers)
    values = SegmentValues(study.results)
    by_sweep = requested_by_sweep(study, values)
    requested = requested_of(study.sweeps.values(), values)
    stored = stored_points(study.results)
    missing = work_of(requested, stored).missing
    capacity = planned(config, missing)
    workers = capacity.workers if capacity else None
    activations = {setup.activation for setup in requested.count_setups()}
    calibration = calibrate(study.results, activations)
    deviation = calibration.deviation()
    threads = _threads(missing, calibration)
    rows = {
        name: _costs(points, work_of(points, stored).missing, calibration)
        for name, points in {**by_sweep, "all": requested}.items()
    }
    further = {name: cells(sweep, values) for name, sweep in study.sweeps.items()}
    for name, of_sweep in {
        **further,
        "all": [c for each in further.values() for c in each],
    }.items():
        if of_sweep:
            rows[name] |= _costs_at_most(rows[name], of_sweep, calibration)
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
                    _span(row, "points", show_number),
                    _span(row, "missing", show_number),
                    _span(row, "core_seconds", show_seconds),
                    show_bytes(row["worker_bytes"]),
                    _span(row, "stored_bytes", show_bytes),
                ]
                for name, row in rows.items()
            ],
            note=_shown(routes) + _note(rows["all"], workers, threads, _places(study), deviation),
        )
    check_fits(missing, capacity.memory if capacity else None)


def _costs(points: "Points", missing: "Points", calibration: "Calibration") -> dict[str, Any]:
    from hessweep.running.cost import WORKER_BYTES, stored_bytes

    counts = missing.count_setups()
    return {
        "points": len(points),
        "missing": len(missing),
        "core_seconds": calibration.seconds(missing),
        "worker_bytes": WORKER_BYTES + max((setup.cost.peak_bytes for setup in counts), default=0),
        "stored_bytes": sum(count * stored_bytes(setup) for setup, count in counts.items()),
    }


def _costs_at_most(
    least: "Mapping[str, Any]", cells: "Sequence[Cell]", calibration: "Calibration"
) -> dict[str, Any]:
    """Return what a sweep costs at most whose rules have not ended.

    Args:
        least: What the points cost that it asks for now.
        cells: Its setups.
        calibration: What the points of a setup take.
    """
    from hessweep.running.cost import stored_bytes

    further = [(cell.points[0], cell.further) for cell in cells if cell.further]
    points = sum(count for _, count in further)
    return {
        "points_at_most": least["points"] + points,
        "missing_at_most": least["missing"] + points,
        "core_seconds_at_most": least["core_seconds"]
        + sum(count * calibration.seconds([point]) for point, count in further),
        "stored_bytes_at_most": least["stored_bytes"]
        + sum(count * stored_bytes(point.setup) for point, count in further),
    }


def _span(row: "Mapping[str, Any]", name: str, show: "Callable[[Any], str]") -> str:
    """Return a cost in words: from what it is at least to what it is at most."""
    least, most = row[name], row.get(f"{name}_at_most", row[name])
    return show(least) if most == least else f"{show(least)} to {show(most)}"


def _deep_routes(points: "Points") -> dict[str, int]:
    """Return how deep networks will be measured, in words, each with the number of points."""
    routes: Counter[str] = Counter()
    for setup, count in points.count_setups().items():
        if way := setup.measurement.foreseen(setup):
            routes[f"{setup.activation}, widths {setup.widths}: {way}"] += count
    return dict(routes)


def _shown(routes: dict[str, int]) -> str:
    """Return the ways in which deep networks will be measured, at most `SHOWN_ROUTES` lines."""
    left = len(routes) - SHOWN_ROUTES
    more = [f"and {left} other deep architectures, which --json names"] if left > 0 else []
    return "".join(f"{line}\n" for line in [*list(routes)[:SHOWN_ROUTES], *more])


def _places(study: "Study") -> str:
    """Return where the results of a study are, in words."""
    if study.folder == study.results:
        return str(study.results)
    return f"{study.results} (tables, figures, report and logs: {study.folder})"


def _threads(points: "Points", calibration: "Calibration") -> float:
    """Return how many threads share the work of a worker, in the mean over its time."""
    alone = calibration.worker_seconds(points)
    return calibration.seconds(points) / alone if alone else 1.0


def _note(
    total: dict[str, Any],
    workers: int | None,
    threads: float,
    results: str,
    deviation: "Deviation | None",
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
    names = ("core_seconds", "core_seconds_at_most")
    walls = {name: total[name] / (workers * threads) for name in names if name in total}
    wall = _span(walls, "core_seconds", show_seconds)
    return (
        f"About {wall} with {show_count(workers, 'worker')}, and some seconds to start them; "
        f"results go to {results}.\n{trust}"
    )
