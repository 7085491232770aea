"""From which number of inputs on the batch Hessian has the eigenvalues of the population's."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hessweep import analysis
from hessweep.errors import InputError
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.words import span

WITHIN = 0.1
"""Eigenvalues agree if they differ by less than this share, in the median over teachers."""

PLACES = {"largest": "largest", "median": "middle one", "smallest": "smallest non-zero"}
"""Which eigenvalues are compared, and what the legend calls them."""


def data(results: xr.DataTree) -> Tables:
    """Return how far eigenvalues of batch Hessians are from those of the population's.

    Args:
        results: Teachers with the population's Hessian and with those of finite data sets.

    Returns:
        `distances`: for each `activation, N_i, N_h, samples` and `place` (the largest, the middle
        and the smallest of the population's non-zero eigenvalues) the median over `teachers` of
        `|λ_N / λ - 1|` (`distance`), and its quartiles `low` and `high`. `ranks`: the smallest and
        the largest `rank` of the batch Hessians, the population's (`population`), and `P`.
        `agreement`: the smallest number of inputs from which on the median stays within 10 %
        (`samples`, -1: none of them).

    Raises:
        InputError: If there are no teachers with both.
    """
    population = analysis.realisations(results, "batch == 0").drop(columns="samples")
    try:
        batches = analysis.realisations(results, "batch > 0")
    except InputError:
        batches = population[:0]
    teacher = ["activation", "N_i", "N_h", "weights", "biases", "N_o", "inputs", "seed"]
    batches = batches.assign(samples=batches["batch"])
    both = batches.merge(population, on=teacher, suffixes=("", "_all"))
    if both.empty:
        raise InputError(
            "results: expected teachers with finite data sets and with all inputs, found none; "
            "ask for a sweep with `samples: [population, 50, 200]`"
        )
    rows = []
    for row in both.to_dict("records"):
        rank = int(row["rank_all"])
        places = {"largest": 1, "median": (rank + 1) // 2, "smallest": rank}
        for place, k in places.items():
            true, found = row["eigenvalues_all"][-k], row["eigenvalues"][-k]
            # Only where float64 knows the population's eigenvalue well.
            if k and row["eigenvalue_error_all"] < 1e-3 * true:
                rows.append({**_key(row), "place": place, "distance": abs(found / true - 1)})
    keys = ["activation", "N_i", "N_h", "samples"]
    found = pd.DataFrame(rows).groupby([*keys, "place"], sort=False)["distance"]
    distances = found.agg(
        teachers="size", distance="median", low=_quartile(0.25), high=_quartile(0.75)
    ).reset_index()
    ranks = both.groupby(keys, as_index=False, sort=True).agg(
        rank_min=("rank", "min"),
        rank_max=("rank", "max"),
        population=("rank_all", "max"),
        P=("P", "first"),
    )
    return {"distances": distances, "ranks": ranks, "agreement": _agreement(distances)}


def _quartile(share: float) -> "Callable[[pd.Series[float]], float]":
    return lambda values: float(values.quantile(share))


def _key(row: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
    return {name: row[name] for name in ("activation", "N_i", "N_h", "samples")}


def _agreement(distances: pd.DataFrame) -> pd.DataFrame:
    rows = []
    keys = ["activation", "N_i", "N_h", "place"]
    for case in distances[keys].drop_duplicates().to_dict("records"):
        chosen = np.logical_and.reduce([distances[name] == value for name, value in case.items()])
        curve = distances[chosen].sort_values("samples", ascending=False)
        within = (curve["distance"] < WITHIN).to_numpy()
        count = len(within) if within.all() else int(np.argmin(within))
        samples = int(curve["samples"].iloc[count - 1]) if count else -1
        rows.append({**case, "samples": samples})
    return pd.DataFrame(rows)


def plot(tables: Tables) -> Figure:
    """Draw a panel for each activation and size: distance against the number of inputs."""
    distances, ranks = tables["distances"], tables["ranks"]
    cases = distances[["activation", "N_i", "N_h"]].drop_duplicates().to_dict("records")
    columns = min(3, len(cases))
    rows = -(-len(cases) // columns)
    with style.paper():
        figure = style.figure(style.DOUBLE, 2.4 * rows)
        panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
        for k, (axes, case) in enumerate(zip(panels, cases, strict=False)):
            _draw(axes, _of(distances, case), int(_of(ranks, case)["P"].iloc[0]))
            axes.set_title(f"{case['activation']}, $N_i = {case['N_i']}$, $N_h = {case['N_h']}$")
            if k + columns >= len(cases):
                axes.set_xlabel("number of inputs $N$")
            if k % columns == 0:
                axes.set_ylabel(r"$|\lambda_N / \lambda - 1|$")
            style.letter(axes, k)
        for axes in panels[len(cases) :]:
            axes.remove()
        return figure


def _of(table: pd.DataFrame, case: Mapping[Hashable, Any]) -> pd.DataFrame:
    chosen = np.logical_and.reduce([table[name] == value for name, value in case.items()])
    return table[chosen]


def _draw(axes: Axes, distances: pd.DataFrame, P: int) -> None:
    for k, (place, words) in enumerate(PLACES.items()):
        curve = distances[distances["place"] == place].sort_values("samples")
        if curve.empty:
            continue
        look = style.series(k)
        axes.plot(
            curve["samples"], curve["distance"], marker=style.MARKERS[k], label=words, **look
        )
        axes.fill_between(
            curve["samples"], curve["low"], curve["high"], color=look["color"], alpha=0.15,
            linewidth=0,
        )  # fmt: skip
    axes.axhline(WITHIN, color="0.6", linewidth=0.6, zorder=0)
    axes.axvline(P, color="0.6", linewidth=0.6, zorder=0)
    axes.annotate("$P$", (P, 1), (2, -2), xycoords=("data", "axes fraction"),
                  textcoords="offset points", va="top", color="0.4")  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.legend(loc="lower left")


def caption(tables: Tables) -> str:
    """Return the caption, with the number of inputs from which on eigenvalues agree."""
    ranks = tables["ranks"]
    facts = []
    agreement = tables["agreement"]
    for case in agreement[["activation", "N_i", "N_h"]].drop_duplicates().to_dict("records"):
        told = []
        for place, words in PLACES.items():
            rows = _of(agreement, {**case, "place": place})
            if len(rows):
                samples = int(rows["samples"].iloc[0])
                told.append(
                    f"the {words} {'for none of them' if samples < 0 else f'from {samples}'}"
                )
        facts.append(f"{case['activation']} ({case['N_i']}, {case['N_h']}): {', '.join(told)}")
    full = ranks[ranks["rank_min"] == ranks["population"]]
    least = span(
        full.groupby(["activation", "N_i", "N_h"])["samples"].min().tolist()
    ) if len(full) else "none of these numbers"  # fmt: skip
    return (
        "Eigenvalues of the batch Hessian of N inputs at the optimum beside those of the "
        "population's: the median over teachers of |λ_N / λ - 1| for the largest, the middle and "
        "the smallest non-zero eigenvalue; bands are quartiles. The vertical line is at N = P, "
        "the horizontal one at 10 %. The median stays within 10 % for "
        f"{'; '.join(facts)}. The rank is the population's from N = {least} on."
    )
