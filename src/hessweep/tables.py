"""Tables over the points of a study: rank against formula, and what was computed."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import xarray as xr

from hessweep.analysis import one_a_teacher
from hessweep.claims import claims_table
from hessweep.errors import StudyError, did_you_mean
from hessweep.store import table as point_table

GRID = ["activation", "N_i", "N_h", "weights"]


def rank_table(points: pd.DataFrame) -> pd.DataFrame:
    """Return rank against formula, one row for each activation and size.

    Args:
        points: The table of points, as `hessweep.store` gives it.

    Returns:
        Columns: the grid; `P`; `teachers` (how many were computed); `formula` and its `kind`;
        `rank_min`, `rank_max` over the teachers as proved (or bounded, see `proved`); `proved`
        (how many of the ranks are certified); `float64_min`, `float64_max` (what NumPy's rule
        reports; -1 for densities alone); `rank_differs`, `float64_differs` (how many teachers
        have another rank than the exact formula, another float64 rank than the certified one).
    """
    done = one_a_teacher(points[points["status"] == "done"])
    # -1: a density point, whose eigenvalues float64 has not seen.
    seen = done["rank_float64"].where(done["rank_float64"] != -1)
    exact = done["effective_parameters_kind"] == "exact"
    done = done.assign(
        proved=done["rank_certificate"] == "proved",
        rank_differs=exact & (done["rank"] != done["effective_parameters"]),
        float64_differs=seen.notna() & (seen != done["rank"]),
        rank_float64=seen,
    )
    table = (
        done.groupby(GRID, sort=True)
        .agg(
            P=("P", "first"),
            teachers=("key", "size"),
            formula=("effective_parameters", "first"),
            kind=("effective_parameters_kind", "first"),
            rank_min=("rank", "min"),
            rank_max=("rank", "max"),
            proved=("proved", "sum"),
            float64_min=("rank_float64", "min"),
            float64_max=("rank_float64", "max"),
            rank_differs=("rank_differs", "sum"),
            float64_differs=("float64_differs", "sum"),
        )
        .reset_index()
    )
    of_float64 = ["float64_min", "float64_max"]
    return table.assign(**table[of_float64].fillna(-1).astype("int64"))


def rank_summary(points: pd.DataFrame) -> pd.DataFrame:
    """Return the counts of `rank_table`, one row for each activation."""
    table = rank_table(points)
    return (
        table.assign(undecided=table["teachers"] - table["proved"])
        .groupby("activation", sort=True)
        .agg(
            sizes=("P", "size"),
            P_max=("P", "max"),
            teachers=("teachers", "sum"),
            proved=("proved", "sum"),
            undecided=("undecided", "sum"),
            rank_differs=("rank_differs", "sum"),
            float64_differs=("float64_differs", "sum"),
        )
        .reset_index()
    )


def methods_table(points: pd.DataFrame) -> pd.DataFrame:
    """Return how the numbers were computed: routes and rank methods, with their cost."""
    done = points[points["status"] == "done"]
    return (
        done.groupby(["activation", "route", "rank_method"], sort=True)
        .agg(
            points=("key", "size"),
            P_max=("P", "max"),
            spectrum_seconds=("spectrum_time", "sum"),
            rank_seconds=("rank_time", "sum"),
        )
        .reset_index()
    )


TABLES: dict[str, Callable[[xr.DataTree], pd.DataFrame]] = {
    "ranks": lambda results: rank_table(point_table(results)),
    "rank-summary": lambda results: rank_summary(point_table(results)),
    "methods": lambda results: methods_table(point_table(results)),
    "claims": claims_table,
}
"""What a study may ask for under `tables:`, by kind."""


def table_kind(
    name: str, options: Mapping[str, Any] | None = None
) -> Callable[[xr.DataTree], pd.DataFrame]:
    """Return a kind of table by its name.

    Raises:
        StudyError: If the kind is unknown, or options are given: no table takes any.
    """
    if name not in TABLES:
        raise StudyError(
            f"unknown kind of table {name!r}{did_you_mean(name, TABLES)}; "
            f"known are {', '.join(TABLES)}"
        )
    if options:
        raise StudyError(f"{name} takes no options, got {', '.join(options)}")
    return TABLES[name]


def make(name: str, results: xr.DataTree) -> pd.DataFrame:
    """Return the table of that kind over the points of the results.

    Raises:
        StudyError: If the kind is unknown.
    """
    return table_kind(name)(results)


def to_markdown(table: pd.DataFrame) -> str:
    """Return the table as Markdown, floats to four digits."""
    return table.to_markdown(index=False, floatfmt=".4g") + "\n"
