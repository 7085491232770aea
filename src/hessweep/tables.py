"""Tables of a study's points: rank against formula, how they were computed, the claims."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hessweep.errors import StudyError, did_you_mean
from hessweep.kinds import RANKED
from hessweep.setup import AXES, KIND, TEACHER

# A study is checked against the kinds of table without pandas, which takes long to import.
if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

GRID = list(TEACHER)
"""Columns of the point table that tell one setup, a teacher without its seed, from another."""


def rank_table(points: "pd.DataFrame") -> "pd.DataFrame":
    """Return rank against formula, one row for each activation and size.

    Args:
        points: The table of points, as `hessweep.table` returns it.

    Returns:
        The columns of `GRID`; `P`; `teachers`, the number of computed teachers; `formula`, the
        rank for generic weights, and its `kind` (exact, upper bound or none); `rank_min` and
        `rank_max` over the teachers; `proved`, the number of teachers whose rank is proved;
        `float64_min` and `float64_max`, the ranks by NumPy's rule, or -1 if there are densities
        only; `rank_differs`, the number of teachers whose rank is not that of an exact formula;
        `float64_differs`, the number of teachers for which NumPy's rule finds another rank.
    """
    from hessweep.analysis import one_a_teacher

    ranked = (points["status"] == "done") & points[KIND].isin(RANKED)
    done = one_a_teacher(points[ranked])
    # A density point has no spectrum to which NumPy's rule could be applied: its column is -1.
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


def unvaried_axes(points: "pd.DataFrame") -> list[str]:
    """Return the columns of newer axes that have their defaults in every row.

    A table of a study that does not vary them is easier to read without them.
    """
    return [
        axis.column.name
        for axis in AXES
        if axis.has_default
        and axis.is_of_teacher
        and not axis.in_every_key
        and axis.column.name in points
        and bool((points[axis.column.name].astype(str) == str(axis.default)).all())
    ]


def rank_summary(points: "pd.DataFrame") -> "pd.DataFrame":
    """Return the counts of `rank_table` summed over sizes, one row for each activation."""
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


def methods_table(points: "pd.DataFrame") -> "pd.DataFrame":
    """Return how the points were computed, by which route and rank method, and how long it took.

    Returns:
        One row for each `activation`, `route` (of the spectrum) and `rank_method`: the number of
        `points`, the largest `P`, and the total `spectrum_seconds` and `rank_seconds`.
    """
    done = points[(points["status"] == "done") & points[KIND].isin(RANKED)]
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


def _points(results: "xr.DataTree") -> "pd.DataFrame":
    from hessweep.store import table

    return table(results)


def _ranks(results: "xr.DataTree") -> "pd.DataFrame":
    table = rank_table(_points(results))
    return table.drop(columns=unvaried_axes(table))


def _claims(results: "xr.DataTree") -> "pd.DataFrame":
    from hessweep.claims import claims_table

    return claims_table(results)


def _claims_beyond(results: "xr.DataTree") -> "pd.DataFrame":
    from hessweep.claims import BEYOND, claims_table

    return claims_table(results, BEYOND)


def _depth_ranks(results: "xr.DataTree") -> "pd.DataFrame":
    from hessweep.analysis.depth import depth_ranks

    return depth_ranks(results)


def _depth_spectra(results: "xr.DataTree") -> "pd.DataFrame":
    from hessweep.analysis.depth import depth_spectra

    return depth_spectra(results)


def _claims_students(results: "xr.DataTree") -> "pd.DataFrame":
    from hessweep.claims import STUDENTS, claims_table

    return claims_table(results, STUDENTS)


def _students(results: "xr.DataTree") -> "pd.DataFrame":
    from hessweep.analysis import student_table

    return student_table(results)


def _endings(results: "xr.DataTree") -> "pd.DataFrame":
    from hessweep.analysis import endings_table

    return endings_table(results)


TABLES: dict[str, "Callable[[xr.DataTree], pd.DataFrame]"] = {
    "ranks": _ranks,
    "rank-summary": lambda results: rank_summary(_points(results)),
    "methods": lambda results: methods_table(_points(results)),
    "depth-ranks": _depth_ranks,
    "depth-spectra": _depth_spectra,
    "claims": _claims,
    "claims-beyond": _claims_beyond,
    "claims-students": _claims_students,
    "students": _students,
    "endings": _endings,
}
"""The kinds of table that a study may ask for under `tables:`."""


def table_kind(
    name: str, options: Mapping[str, Any] | None = None
) -> "Callable[[xr.DataTree], pd.DataFrame]":
    """Return the function that makes a kind of table from results.

    Raises:
        StudyError: If the kind is unknown, or options are given, which no table takes.
    """
    if name not in TABLES:
        raise StudyError(
            f"unknown kind of table {name!r}{did_you_mean(name, TABLES)}; "
            f"known are {', '.join(TABLES)}"
        )
    if options:
        raise StudyError(f"{name} takes no options, got {', '.join(options)}")
    return TABLES[name]


def make(name: str, results: "xr.DataTree") -> "pd.DataFrame":
    """Return the table of a kind, made from the points of the results.

    Raises:
        StudyError: If the kind is unknown.
    """
    return table_kind(name)(results)


def to_markdown(table: "pd.DataFrame", title: str | None = None) -> str:
    """Return the table as Markdown, with floats to four digits.

    Text is shown as it is: characters that would end a cell are escaped.

    Args:
        table: Any table.
        title: A heading above the table.
    """
    escaped = table.rename(columns=_escape).map(_escape)
    heading = f"# {title}\n\n" if title else ""
    return heading + escaped.to_markdown(index=False, floatfmt=".4g") + "\n"


def _escape(value: Any) -> Any:
    """Return text so that it stays in its cell of a Markdown table; other values as they are."""
    if not isinstance(value, str):
        return value
    return " ".join(value.replace("\\", "\\\\").replace("|", "\\|").splitlines())
