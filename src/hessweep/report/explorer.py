"""What the page's explorer reads: the ensembles of a study, summed up.

The laws that are drawn with them take most of the time of a page, so that the workflow sums up
while it makes figures.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from hessweep import tables
from hessweep.address import Root
from hessweep.errors import QueryError
from hessweep.report.ensembles import AXES, TEACHER_COLUMNS, ensembles
from hessweep.report.progress import Keys, requested_keys
from hessweep.running.receipts import Receipts
from hessweep.store import open_results, restrict, table
from hessweep.store.files import accessing, commit_file, make_folder
from hessweep.study import Study

Summed = dict[str, Any]
"""Plain data, as JSON takes it: `root`, `axes`, `teacher_columns` and `ensembles`."""


def published(study: Study, root: Root) -> tuple[xr.DataTree, Keys]:
    """Return the published points that a study asks for, and the keys of all that it asks for.

    Raises:
        QueryError: If no point of the study is published there.
    """
    everything = open_results(root)
    requested = requested_keys(study, everything)
    keys = {key for sweep in requested.values() for key in sweep}
    results = restrict(everything, keys)
    if not results.children:
        raise QueryError(
            f"{root}: expected published points of the study {study.name!r}, found none of "
            f"{len(keys)}; `hessweep run` computes and publishes them"
        )
    return results, requested


def sum_up(results: xr.DataTree, points: pd.DataFrame, root: Root) -> Summed:
    """Return what the explorer of a page about these results reads.

    Args:
        results: What `published` returned.
        points: Their table.
        root: Where they are, as the page says it.
    """
    unvaried = tables.unvaried_axes(points)
    return {
        "root": str(root),
        "axes": [axis for axis in AXES if axis not in unvaried],
        "teacher_columns": list(TEACHER_COLUMNS),
        "ensembles": [e.to_json() for node in results.leaves for e in ensembles(node)],
    }


def write(path: Path, study: Study) -> None:
    """Sum up the published results of a study in a file.

    Raises:
        QueryError: If no point of the study is published.
        StoreAccessError: If the file can not be written.
    """
    made_from = _made_from(study)
    results, _ = published(study, study.results)
    summed = sum_up(results, table(results), study.results)
    with accessing(path, "write"):
        make_folder(path.parent)
        commit_file(path, json.dumps({"made_from": made_from, "summed": summed}).encode())


def read(path: Path, study: Study) -> Summed | None:
    """Return what `write` has written, or None if it was made from anything but what is there."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        summed: Summed = written["summed"]
        return summed if written["made_from"] == _made_from(study) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _made_from(study: Study) -> dict[str, Any]:
    content = Receipts(study).report_content()
    return {name: content[name] for name in ("study", "grids", "published")}
