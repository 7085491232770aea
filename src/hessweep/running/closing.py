"""The last lines of a run: where the report is, and one line that sums up the results."""

import json
from contextlib import suppress

from hessweep.study import Study

COMPLETE = "complete.json"
REPORT = "report.html"
"""The report page, in the results folder."""


_studies: list[Study] = []


def closing_lines(study: Study, *, failed: bool = False) -> str:
    """Return what a person wants to know when the workflow has ended.

    Args:
        study: The study.
        failed: Whether a job failed, so that an earlier summary does not hold.
    """
    report = study.folder / REPORT
    lines = [f"Report: {report}"] if report.is_file() else [f"Results: {study.results}"]
    summary = ""
    with suppress(OSError, ValueError, KeyError, TypeError):
        summary = json.loads((study.folder / COMPLETE).read_text(encoding="utf-8"))["summary"]
    if failed or not summary:
        summary = "Not all of the study is done: `hessweep status` says which points are missing"
    return "\n".join([*lines, summary])


def announce(study: Study) -> None:
    """Remember whose closing lines to show where there is nothing to be done."""
    _studies[:] = [study]


def nothing_done() -> str:
    """Return the closing lines of a run that had nothing to do."""
    return "\n".join(["Nothing to do: all is up to date.", *map(closing_lines, _studies)])
