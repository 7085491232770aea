"""Ensembles: all teachers of one activation, size and weight distribution, summed up for the page.

The page draws spectra that are binned here, so that its size does not grow with the number of
eigenvalues, and names the points that its numbers come from.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import activation
from hessweep.analysis import law_curve, law_of, one_a_teacher
from hessweep.kinds import FULL_SPECTRUM
from hessweep.laws import hessian_law
from hessweep.setup import KIND, TEACHER_DEFAULTS
from hessweep.store import table

AXES = [column for column, default in TEACHER_DEFAULTS.items() if default is not None]
"""The columns of axes that have a default, such as the weights."""

GRID = ["activation", *AXES, *(c for c, default in TEACHER_DEFAULTS.items() if default is None)]
"""What the teachers of an ensemble share."""

TEACHERS_SHOWN = 12
"""The largest number of points of an ensemble that are listed with key and certificate."""

TEACHER_COLUMNS = (
    "seed",
    "key",
    "lambda_min",
    "lambda_min_error",
    "lambda_max",
    "eigenvalue_error",
    "rank",
    "rank_lower",
    "rank_upper",
    "rank_certificate",
    "rank_method",
    "rank_float64",
    "route",
    "kernel_version",
)
"""What is said of each listed point."""

READ_AHEAD = 2**21
"""Eigenvalues that are read at once, or those of one ensemble if these are more."""

LAW_POINTS = 160
"""Where a law is drawn: the middles of that many equal steps from 0 to the last bin's end."""

LARGE = 20
"""Laws in the limit of large networks are drawn from so many inputs and neurons on."""

_LINEAR = json.dumps(activation("linear").spec, sort_keys=True)


@dataclass(frozen=True)
class Histogram:
    """Counts in equal bins from low to high; of `log10` of the values where that is said."""

    low: float
    high: float
    counts: list[int]


@dataclass(frozen=True)
class LawCurve:
    """Densities of a law in the middles of equal steps: of λ, or of log λ if low is positive."""

    low: float
    high: float
    limit: list[float]
    exact: list[float]
    """At this size; empty where only the limit is known."""


@dataclass(frozen=True)
class Ensemble:
    """What the page knows of the computed teachers of one activation and setup."""

    activation: str
    axes: dict[str, Any]
    """The value of each of `AXES`."""
    standard: bool
    """Whether all of them have their defaults."""
    N_i: int
    N_h: int
    P: int
    teachers: int
    rank: tuple[int, int]
    """Smallest and largest over the teachers."""
    proved: int
    """How many of the ranks have a certificate."""
    formula: int
    kind: str
    lambda_min: tuple[float, float, float]
    """Smallest, median and largest over the teachers."""
    lambda_max: tuple[float, float, float]
    zeros: int
    """Eigenvalues that the ranks say are zero, over all teachers."""
    unresolved: int
    """Eigenvalues that are not zero but below their error bound: left out of `log_histogram`."""
    histogram: Histogram
    """Of the non-zero eigenvalues."""
    log_histogram: Histogram | None
    """Of log10 of the non-zero eigenvalues that float64 resolves; None if there are none."""
    law: LawCurve | None
    """For the linear network, and for large networks of other activations."""
    listed: list[list[Any]]
    """Values of `TEACHER_COLUMNS` for the listed points."""

    def to_json(self) -> dict[str, Any]:
        """Return the ensemble as JSON takes it: six digits, None for what is not finite."""
        fields = {name: _plain(value) for name, value in asdict(self).items()}
        return {**fields.pop("axes"), **fields}


def ensembles(results: xr.DataTree) -> Iterator[Ensemble]:
    """Yield the ensembles of one activation's results, sorted by setup.

    Args:
        results: One activation of `hessweep.open_results`; eigenvalues are read a part at a time,
            so that memory holds few of them.
    """
    points = table(results)
    points["stop"] = points["row_size"].cumsum()
    points["start"] = points["stop"] - points["row_size"]
    # Other kinds of measurement have no full spectrum to count and to draw.
    done = points[(points["status"] == "done") & points[KIND].isin(FULL_SPECTRUM)]
    done = one_a_teacher(done)
    eigenvalues = _Eigenvalues(results.to_dataset()["eigenvalues"])
    for _, teachers in done.groupby(GRID, sort=True):
        yield _ensemble(teachers.sort_values("seed"), eigenvalues)


class _Eigenvalues:
    """Stored eigenvalues, of which those after the ones asked for are read too."""

    def __init__(self, stored: xr.DataArray) -> None:
        self.stored, self.first, self.read = stored, 0, np.zeros(0)

    def between(self, start: int, stop: int) -> Float[ndarray, " n"]:
        """Return those of the places from start up to, and not with, stop."""
        if not self.first <= start <= stop <= self.first + len(self.read):
            self.first = start
            self.read = self.stored[start : max(stop, start + READ_AHEAD)].values
        return self.read[start - self.first : stop - self.first]


def _ensemble(teachers: pd.DataFrame, eigenvalues: _Eigenvalues) -> Ensemble:
    first = teachers.iloc[0]
    values, resolved = _non_zero(teachers, eigenvalues)
    logs = np.log10(values[resolved])
    high = float(values.max())
    return Ensemble(
        activation=str(first["activation"]),
        axes={column: first[column] for column in AXES},
        standard=all(first[column] == TEACHER_DEFAULTS[column] for column in AXES),
        N_i=int(first["N_i"]),
        N_h=int(first["N_h"]),
        P=int(first["P"]),
        teachers=len(teachers),
        rank=(int(teachers["rank"].min()), int(teachers["rank"].max())),
        proved=int((teachers["rank_certificate"] == "proved").sum()),
        formula=int(first["effective_parameters"]),
        kind=str(first["effective_parameters_kind"]),
        lambda_min=_spread(teachers["lambda_min"]),
        lambda_max=_spread(teachers["lambda_max"]),
        zeros=int(teachers["row_size"].sum() - teachers["rank"].sum()),
        unresolved=int((~resolved).sum()),
        histogram=_histogram(values, min(0.0, float(values.min())), high),
        log_histogram=_histogram(logs, *_widen(logs)) if logs.size else None,
        law=_law(int(first["N_i"]), int(first["N_h"]), high)
        if _is_linear(first)
        else _nonlinear_law(teachers, values[resolved]),
        listed=_list_points(teachers),
    )


def _non_zero(
    teachers: pd.DataFrame, eigenvalues: _Eigenvalues
) -> tuple[Float[ndarray, " n"], ndarray]:
    """The `rank` largest eigenvalues of each teacher, and which of them exceed their error."""
    columns = ("start", "stop", "rank", "eigenvalue_error", "lambda_min", "lambda_min_error")
    starts, stops, *facts = (teachers[column].to_numpy() for column in columns)
    rows, resolved = [], []
    for side_by_side in _runs(starts, stops):
        start = starts[side_by_side[0]]
        flat = eigenvalues.between(start, stops[side_by_side[-1]])
        ends = stops[side_by_side] - start
        its_facts = (column[side_by_side].tolist() for column in facts)
        for end, rank, error, smallest, its_error in zip(ends, *its_facts, strict=True):
            rows.append(flat[end - rank : end])
            # Errors of deep networks are relative: if the smallest one is good as it stands, all
            # are.
            all_good = rank > 0 and its_error < 1 and flat[end - rank] == smallest
            resolved.append((rows[-1] > error) | all_good)
    return np.concatenate(rows), np.concatenate(resolved)


def _runs(starts: ndarray, stops: ndarray) -> list[ndarray]:
    """Places of teachers whose eigenvalues lie side by side in the store, to be read at once."""
    order = np.argsort(starts)
    breaks = np.flatnonzero(starts[order][1:] != stops[order][:-1]) + 1
    return np.split(order, breaks)


def _histogram(values: Float[ndarray, " n"], low: float, high: float) -> Histogram:
    # Rice's rule, within what is legible.
    bins = int(np.clip(np.ceil(2 * np.cbrt(len(values))), 6, 80))
    counts, edges = np.histogram(values, bins, (low, high))
    return Histogram(float(edges[0]), float(edges[-1]), counts.tolist())


def _widen(logs: Float[ndarray, " n"]) -> tuple[float, float]:
    low, high = float(logs.min()), float(logs.max())
    # At least a tenth of a decade: one eigenvalue alone has no width.
    missing = max(0.0, 0.1 - (high - low)) / 2
    return low - missing, high + missing


def _is_linear(point: pd.Series) -> bool:
    return bool(point["activation_spec"] == _LINEAR)


def _law(N_i: int, N_h: int, high: float) -> LawCurve:
    x = (np.arange(LAW_POINTS) + 0.5) * high / LAW_POINTS
    # Four digits are finer than a line on a screen.
    limit, exact = (
        [float(f"{density:.4g}") for density in hessian_law(N_i, N_h, exact).pdf(x)]
        for exact in (False, True)
    )
    return LawCurve(0.0, high, limit, exact)


def _nonlinear_law(teachers: pd.DataFrame, values: Float[ndarray, " n"]) -> LawCurve | None:
    """Return the law in the limit of large networks, for those of the paper that are large."""
    first = teachers.iloc[0]
    plain = all(first[column] == TEACHER_DEFAULTS[column] for column in AXES)
    if not (plain and values.size and min(first["N_i"], first["N_h"]) >= LARGE):
        return None
    law = law_of(teachers)
    if law is None:
        return None
    low, high = float(values.min()), 1.2 * float(values.max())
    curve = law_curve(law, low, high, float(teachers["rank"].mean()))
    curve = curve[curve["group"] == "all"]
    density = curve["density"] / (curve["x"] * np.log(10))
    return LawCurve(low, high, [float(f"{value:.4g}") for value in density], [])


def _spread(values: pd.Series) -> tuple[float, float, float]:
    return float(values.min()), float(values.median()), float(values.max())


def _list_points(teachers: pd.DataFrame) -> list[list[Any]]:
    """The points that the ensemble's extremes come from, then the first seeds."""
    extremes = [
        int(find(teachers[name].to_numpy()))
        for name in ("lambda_min", "lambda_max", "rank")
        for find in (np.nanargmin, np.nanargmax)
    ]
    chosen = sorted(list(dict.fromkeys([*extremes, *range(len(teachers))]))[:TEACHERS_SHOWN])
    columns = (teachers[name].to_numpy()[chosen].tolist() for name in TEACHER_COLUMNS)
    return [list(row) for row in zip(*columns, strict=True)]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
