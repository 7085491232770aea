"""The report: one self-contained HTML page a study."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from hessweep import tables
from hessweep.errors import QueryError
from hessweep.report.ensembles import GRID, TEACHER_COLUMNS, Ensemble, ensembles
from hessweep.report.illustrations import illustrations, missing_figures, read_table
from hessweep.report.page import render
from hessweep.report.progress import failures, progress
from hessweep.report.table import NONE, Cell, Table, cell, tabulate
from hessweep.store import open_results, restrict, table
from hessweep.store.files import accessing, commit_file
from hessweep.study import Study

FILE = "report.html"

_RANK_HEADINGS = {
    "rank_min": "rank from",
    "rank_max": "rank to",
    "float64_min": "float64 from",
    "float64_max": "float64 to",
    "rank_differs": "≠ formula",
    "float64_differs": "float64 ≠ rank",
}


def build(
    study: Study, results_root: Path | None = None, claims: pd.DataFrame | None = None
) -> Path:
    """Write the report page of a study.

    The same results give the same bytes.

    Args:
        study: What was asked.
        results_root: Where the results are, if not in `study.results`: `published/` and, as far
            as they have been made, `figures/`.
        claims: Claims of the theory and what the results say, one row a claim; without them,
            those of the study's table of kind `claims`, if it has been made.

    Returns:
        The page's path, `report.html` in the results root.

    Raises:
        QueryError: If no point of the study is published there.
        DamagedStoreError: If what is published is damaged.
    """
    root = Path(study.results if results_root is None else results_root)
    asked = study.points()
    results = restrict(open_results(root), {point.key for point in asked})
    if not results.children:
        raise QueryError(
            f"{root}: expected published points of the study {study.name!r}, found none of "
            f"{len(asked)}; `hessweep run` computes and publishes them"
        )
    points = table(results)
    claims = _read_claims(study, root) if claims is None else claims
    summed = [ensemble for node in results.leaves for ensemble in ensembles(node)]
    page = render(**_context(study, root, points, summed, claims), **_provenance(results))
    path = root / FILE
    with accessing(path, "write"):
        commit_file(path, page.encode())
    return path


def _read_claims(study: Study, root: Path) -> pd.DataFrame | None:
    for name, request in study.tables.items():
        path = root / "tables" / f"{name}.csv"
        if request.kind == "claims" and path.is_file():
            return read_table(path)
    return None


def _context(
    study: Study,
    root: Path,
    points: pd.DataFrame,
    summed: list[Ensemble],
    claims: pd.DataFrame | None,
) -> dict[str, Any]:
    swept = progress(study, points)
    figures = illustrations(study, root / "figures")
    missing = missing_figures(study, root / "figures")
    sections = {
        "progress": "What was run",
        "claims": "Claims" if claims is not None else "",
        "ranks": "Ranks",
        "explorer": "Explorer" if summed else "",
        "figures": "Figures" if figures or missing else "",
        "methods": "Methods",
    }
    return {
        "study": study,
        "root": root,
        "version": version("hessweep"),
        "sections": [(name, heading) for name, heading in sections.items() if heading],
        "counts": _counts(study, points),
        "progress": tabulate(swept),
        "failures": tabulate(failures(study, points)),
        "claims": None if claims is None else tabulate(claims),
        "summary": tabulate(tables.rank_summary(points), _RANK_HEADINGS),
        "ranks": _rank_table(points, summed),
        "methods": tabulate(tables.methods_table(points)),
        "figures": figures,
        "absent": missing,
        "results": {
            "root": str(root),
            "teacher_columns": TEACHER_COLUMNS,
            "ensembles": [ensemble.to_json() for ensemble in summed],
        },
    }


def _counts(study: Study, points: pd.DataFrame) -> dict[str, int]:
    # Not the sum over sweeps, which may share points.
    requested = len(study.points())
    done, failed = (int((points["status"] == status).sum()) for status in ("done", "failed"))
    return {
        "requested": requested,
        "done": done,
        "failed": failed,
        "missing": requested - done - failed,
    }


def _rank_table(points: pd.DataFrame, summed: list[Ensemble]) -> Table:
    ranks = tables.rank_table(points)
    place = {tuple(getattr(e, name) for name in GRID): k for k, e in enumerate(summed)}
    flags = {
        "differs": ranks["rank_differs"] > 0,
        "undecided": ranks["proved"] < ranks["teachers"],
        "float64": ranks["float64_differs"] > 0,
    }
    rows = ranks[GRID].itertuples(index=False, name=None)
    return tabulate(
        ranks,
        _RANK_HEADINGS,
        formats=dict.fromkeys(("formula", "float64_min", "float64_max"), _known),
        flags=[
            " ".join(word for word, holds in flags.items() if holds.iloc[row])
            for row in range(len(ranks))
        ],
        # A size that has densities alone has no spectra to lead to.
        targets=[f"ensemble-{place[row]}" if row in place else "" for row in rows],
    )


def _known(value: int) -> Cell:
    return NONE if value < 0 else cell(value)


def _provenance(results: xr.DataTree) -> dict[str, Any]:
    """When the results were published, and with what they were computed."""
    attributes = [node.attrs for node in results.leaves]
    computed_with = [json.loads(text) for a in attributes for text in a["computed_with"]]
    versions: dict[str, set[str]] = {}
    for one in computed_with:
        for name, said in {**one["versions"], **_platform(one)}.items():
            versions.setdefault(name, set()).add(str(said))
    published = max(str(a["published_at"]) for a in attributes)
    return {
        "facts": [
            ("results published", f"{published[:16].replace('T', ' ')} UTC"),
            *((name, ", ".join(sorted(versions[name]))) for name in ("hessweep", "kernel")),
        ],
        "versions": [(name, ", ".join(sorted(found))) for name, found in versions.items()],
    }


def _platform(provenance: dict[str, Any]) -> dict[str, Any]:
    return {
        "kernel": provenance["kernel_version"],
        "processor": provenance["processor"],
        "BLAS": provenance["blas"],
    }


__all__ = ["FILE", "build"]
