"""The last lines of a run: where the report is, and one line that sums up the results."""

import json
from contextlib import suppress

from hessweep.study import Study

COMPLETE = "complete.json"
REPORT = "report.html"
"""The report page, in the results folder."""


def closing_lines(study: Study) -> str:
    """Return what a person wants to know when the workflow has ended.

    Without `complete.json`, because only a part was asked for or something failed, this says so.
    """
    report = study.results / REPORT
    lines = [f"Report: {report}"] if report.is_file() else [f"Results: {study.results}"]
    summary = ""
    with suppress(OSError, ValueError):
        summary = json.loads((study.results / COMPLETE).read_text())["summary"]
    lines.append(
        summary
        or f"Not all of the study is done: `hessweep status` says what of {study.name} is missing"
    )
    return "\n".join(lines)
