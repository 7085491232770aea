"""`hessweep run`, `status`, `report` and `schema`: commands on a study file."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from hessweep.cli.cells import cell_lines, plain_cell
from hessweep.cli.options import StudyFile, Where, Workers, where_to_run
from hessweep.cli.output import INCOMPLETE, AsJson, print_json, print_table, tell

if TYPE_CHECKING:
    from hessweep.address import Root
    from hessweep.running.driver import Progress

SHOWN_FAILURES = 10


def run(
    study_file: StudyFile,
    cluster: Where = None,
    workers: Workers = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Compute points again that failed before.")
    ] = False,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="Say where Dask's own dashboard is (needs bokeh).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compute what is missing, and publish it."""
    from hessweep.cli.progress import ProgressDisplay
    from hessweep.outputs import load_study
    from hessweep.running import run as run_sweep
    from hessweep.running.clusters.dask_settings import with_dashboard
    from hessweep.running.requested import request
    from hessweep.running.signals import ignore_further_signals, stop_on_signals
    from hessweep.store import publish
    from hessweep.units import show_count

    stops = stop_on_signals()
    study = load_study(study_file)
    config = where_to_run(study.cluster, cluster, workers)
    try:
        with with_dashboard(dashboard), ProgressDisplay() as display:

            def report(state: "Progress") -> None:
                if stops:
                    raise KeyboardInterrupt
                display(state)

            asked = request(study.sweeps.values(), study.results)
            summary = run_sweep(
                asked, study.results, config, progress=report, retry_failed=retry_failed
            )
    except KeyboardInterrupt:
        ignore_further_signals()
        tell("stopped; what was computed is stored, run again to compute the rest")
        raise typer.Exit(INCOMPLETE) from None
    if summary.computed:
        # Here and not above: it takes long to import.
        from hessweep.sharing.study_files import keep

        keep(study.results, study_file, study)
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
    from hessweep.running.requested import SegmentValues, cells, requested_by_sweep, requested_of
    from hessweep.store import stored_points

    study = load_study(study_file)
    stored, values = stored_points(study.results), SegmentValues(study.results)
    asked = requested_of(study.sweeps.values(), values)
    rows = {}
    for name, points in {**requested_by_sweep(study, values), "all": asked}.items():
        rows[name] = dict.fromkeys(("done", "missing", "failed"), 0)
        for setup, taken in points.parts:
            for known in stored.statuses([point.key for point in setup.points(taken)]):
                rows[name][known or "missing"] += 1
    each = {name: cells(sweep, values) for name, sweep in study.sweeps.items()}
    rules = {name: of_sweep for name, of_sweep in each.items() if of_sweep}
    errors = _errors(study.results) if rows["all"]["failed"] else {}
    failures = {
        str(point): errors[point.key]
        for point in (asked if errors else ())
        if stored.get(point.key) == "failed" and point.key in errors
    }
    if as_json:
        told = {"name": study.name, "sweeps": rows, "failures": failures}
        seeds = {name: [plain_cell(cell) for cell in of_sweep] for name, of_sweep in rules.items()}
        print_json(told | ({"seeds": seeds} if seeds else {}))
    else:
        notes = [line for name in rules for line in cell_lines(name, rules[name])]
        notes += [f"failed: {point}: {error}" for point, error in failures.items()]
        print_table(
            ["sweep", "done", "missing", "failed"],
            [[name, *map(_colour_count, row, row.values())] for name, row in rows.items()],
            note="\n".join(notes),
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


def _errors(root: "Root") -> dict[str, str]:
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
