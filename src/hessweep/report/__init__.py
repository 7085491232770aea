"""The report: one self-contained HTML page for each study."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from hessweep import tables
from hessweep.report import explorer
from hessweep.report.ensembles import GRID
from hessweep.report.explorer import Summed, published
from hessweep.report.illustrations import illustrations, missing_figures, read_table
from hessweep.report.page import render
from hessweep.report.progress import Keys, failures, progress
from hessweep.report.table import NONE, Cell, Table, cell, tabulate
from hessweep.report.tiles import tiles
from hessweep.running.closing import REPORT as FILE
from hessweep.store import table
from hessweep.store.files import accessing, commit_file, make_folder
from hessweep.study import Study

_RANK_HEADINGS = {
    "rank_min": "rank from",
    "rank_max": "rank to",
    "float64_min": "float64 from",
    "float64_max": "float64 to",
    "rank_differs": "≠ formula",
    "float64_differs": "float64 ≠ rank",
}


def build(
    study: Study,
    results_root: Path | None = None,
    claims: pd.DataFrame | None = None,
    explored: Path | None = None,
) -> Path:
    """Write the report page of a study.

    The same results give the same bytes.

    Args:
        study: The study.
        results_root: Folder of the results, `study.results` if None. The page shows what is in
            its `published/` and the figures that have been made in its `figures/`.
        claims: Claims of the theory and what the results say, one row for each claim. If None,
            the study's table of kind `claims`, if it has been made.
        explored: A file that `explorer.write` may have written. If it is there and was made from
            the same results, the page takes from it what it would otherwise sum up itself.

    Returns:
        The page's path, `report.html` in the study's folder or in `results_root`.

    Raises:
        QueryError: If no point of the study is published there, or a table or figure is damaged.
        DamagedStoreError: If what is published is damaged.
    """
    root, folder = (
        (study.results, study.folder) if results_root is None else (results_root, results_root)
    )
    results, requested = published(study, root)
    points = table(results)
    claims = _read_claims(study, folder) if claims is None else claims
    summed = explored and explorer.read(explored, study)
    context = {
        **_sweeps(study, requested, points),
        **_ranks(points, summed or explorer.sum_up(results, points, root)),
        **_figures(study, folder),
        "claims": None if claims is None else tabulate(_verdict_second(claims)),
    }
    context["tiles"] = tiles(context["counts"], tables.rank_table(points), claims)
    context["sections"] = _sections(context)
    page = render(
        study=study, root=root, version=version("hessweep"), **context, **_provenance(results)
    )
    path = folder / FILE
    with accessing(path, "write"):
        make_folder(folder)
        commit_file(path, page.encode())
    return path


def summary(study: Study) -> str:
    """Return the results of a study in one line: the numbers at the top of its report page.

    Raises:
        QueryError: If no point of the study is published, or its table of claims is damaged.
    """
    results, requested = published(study, study.results)
    points = table(results)
    counts = _counts(requested, points)
    shown = tiles(counts, tables.rank_table(points), _read_claims(study, study.folder))
    return "; ".join(f"{tile.heading.lower()}: {tile.number} ({tile.note})" for tile in shown)


def _read_claims(study: Study, folder: Path) -> pd.DataFrame | None:
    for name, request in study.tables.items():
        path = folder / "tables" / f"{name}.csv"
        if request.kind in ("claims", "claims-beyond", "claims-students") and path.is_file():
            return read_table(path)
    return None


def _verdict_second(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the claims with the verdict after the source, where a narrow screen shows it."""
    others = [name for name in claims.columns if name != "verdict"]
    if "verdict" not in claims or not others:
        return claims
    return claims[[others[0], "verdict", *others[1:]]]


def _counts(requested: Keys, points: pd.DataFrame) -> dict[str, int]:
    # Not the sum over sweeps, which may share points.
    total = len({key for keys in requested.values() for key in keys})
    done, failed = (int((points["status"] == status).sum()) for status in ("done", "failed"))
    return {
        "requested": total,
        "done": done,
        "failed": failed,
        "missing": total - done - failed,
    }


def _sweeps(study: Study, requested: Keys, points: pd.DataFrame) -> dict[str, Any]:
    return {
        "counts": _counts(requested, points),
        "progress": tabulate(progress(study, requested, points)),
        "failures": tabulate(failures(requested, points)),
    }


def _ranks(points: pd.DataFrame, summed: Summed) -> dict[str, Any]:
    return {
        "summary": tabulate(tables.rank_summary(points), _RANK_HEADINGS),
        "ranks": _rank_table(points, summed["ensembles"]),
        "methods": tabulate(tables.methods_table(points)),
        "results": summed,
    }


def _figures(study: Study, folder: Path) -> dict[str, Any]:
    return {
        "figures": illustrations(study, folder / "figures"),
        "absent": missing_figures(study, folder / "figures"),
    }


def _sections(context: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the identifiers and headings of the sections that are not empty."""
    sections = {
        "progress": "What was run",
        "claims": "Claims" if context["claims"] is not None else "",
        "ranks": "Ranks",
        "explorer": "Explorer" if context["results"]["ensembles"] else "",
        "figures": "Figures" if context["figures"] or context["absent"] else "",
        "methods": "Methods",
    }
    return [(name, heading) for name, heading in sections.items() if heading]


def _rank_table(points: pd.DataFrame, summed: Sequence[Mapping[str, Any]]) -> Table:
    # What needs a look comes first: ranks off the formula, then those that float64 gets wrong.
    ranks = tables.rank_table(points).sort_values(
        ["rank_differs", "float64_differs"], ascending=False, kind="stable", ignore_index=True
    )
    place = {tuple(ensemble[name] for name in GRID): k for k, ensemble in enumerate(summed)}
    flags = {
        "differs": ranks["rank_differs"] > 0,
        "undecided": ranks["proved"] < ranks["teachers"],
        "float64": ranks["float64_differs"] > 0,
    }
    rows = ranks[GRID].itertuples(index=False, name=None)
    return tabulate(
        ranks.drop(columns=tables.unvaried_axes(points)),
        _RANK_HEADINGS,
        formats=dict.fromkeys(("formula", "float64_min", "float64_max"), _known),
        flags=[
            " ".join(word for word, holds in flags.items() if holds.iloc[row])
            for row in range(len(ranks))
        ],
        # A size with densities only has no spectrum to link to.
        targets=[f"ensemble-{place[row]}" if row in place else "" for row in rows],
    )


def _known(value: int) -> Cell:
    return NONE if value < 0 else cell(value)


def _provenance(results: xr.DataTree) -> dict[str, Any]:
    """Return when the results were published, and with which versions they were computed."""
    attributes = [node.attrs for node in results.leaves]
    computed_with = [json.loads(text) for a in attributes for text in a["computed_with"]]
    versions: dict[str, set[str]] = {}
    for provenance in computed_with:
        for name, value in {**provenance["versions"], **_platform(provenance)}.items():
            versions.setdefault(name, set()).add(str(value))
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
        **({"commit": provenance["commit"]} if "commit" in provenance else {}),
    }


__all__ = ["FILE", "build", "summary"]
