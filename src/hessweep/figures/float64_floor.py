"""Where float64 fails: the smallest eigenvalues of erf networks against its noise floor."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hessweep import analysis
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.words import listing, span

MAX_ERROR = 0.1
"""Sizes with a larger relative error of lambda_min are left out, with all their teachers: leaving
out single teachers would favour those with a large lambda_min."""

EPS = float(np.finfo(float).eps)


def data(
    results: xr.DataTree, activation: str = "erf", inputs: Sequence[int] = (1, 2, 3)
) -> Tables:
    """Return the smallest eigenvalues, and the rank that numpy would report.

    Args:
        results: Points of the activation with normal weights; others are left out.
        activation: Its label.
        inputs: Values of N_i, one curve for each.

    Returns:
        `floor`, one row for each `N_i, N_h`: `P`, `points`, the geometric mean of
        `lambda_min / lambda_max` and its extremes (`mean`, `low`, `high`), the ratio `noise`
        below which numpy takes an eigenvalue for zero, and the means over the points of the
        `proved` rank and of the one that `numpy` reports.

    Raises:
        InputError: If the results hold no such point.
    """
    points = analysis.realisations(
        results, f"activation == '{activation}' and N_i in {list(inputs)}"
    )
    points["log"] = np.log(points["lambda_min"] / points["lambda_max"])
    table = points.groupby(["N_i", "N_h"], as_index=False).agg(
        P=("P", "first"),
        points=("seed", "size"),
        mean=("log", "mean"),
        low=("log", "min"),
        high=("log", "max"),
        proved=("rank", "mean"),
        numpy=("rank_float64", "mean"),
        error=("lambda_min_error", "max"),
    )
    table[["mean", "low", "high"]] = np.exp(table[["mean", "low", "high"]])
    table = table[table.pop("error") <= MAX_ERROR].reset_index(drop=True)
    return {"floor": table.assign(noise=table["P"] * EPS)}


def plot(tables: Tables) -> Figure:
    """Draw the smallest eigenvalues and the noise (a), and the ranks that numpy reports (b)."""
    table = tables["floor"]
    with style.paper():
        figure = style.figure(style.SINGLE, 4.3)
        upper, lower = figure.subplots(2, 1, sharex=True)
        for k, (N_i, rows) in enumerate(table.groupby("N_i")):
            _smallest(upper, rows, k, f"$N_i = {N_i}$")
            _ranks(lower, rows, k)
        noise = table.groupby("N_h", as_index=False)["noise"].agg(["min", "max"])
        upper.fill_between(
            noise["N_h"], noise["min"], noise["max"], color="#8C8C8C", linewidth=1.5, zorder=1
        )
        upper.set_yscale("log")
        decades = np.arange(0, np.log10(table["low"].min()) - 1, -20)
        upper.set_yticks(10.0**decades)
        upper.set_yticks([], minor=True)
        upper.set_ylabel(r"$\lambda_{\min}\,/\,\lambda_{\max}$")
        upper.annotate(
            r"float64: $P\,\epsilon$",
            (noise["N_h"].iloc[0], noise["min"].iloc[0]),
            (-3, -4),
            textcoords="offset points",
            ha="left",
            va="top",
            color="#595959",
        )
        upper.legend(loc="lower left")
        lower.plot([], [], color=style.BLACK, linestyle=":", linewidth=0.8, label="proved")
        lower.plot([], [], color=style.BLACK, linestyle="", marker="o", label="by numpy's rule")
        lower.legend(loc="upper left")
        lower.set_ylabel("rank")
        lower.set_xlabel("$N_h$")
        for k, axes in enumerate((upper, lower)):
            style.letter(axes, k)
        return figure


def _smallest(axes: Axes, rows: pd.DataFrame, k: int, label: str) -> None:
    look = style.series(k)
    axes.plot(rows["N_h"], rows["mean"], marker=style.MARKERS[k], label=label, **look)
    axes.fill_between(
        rows["N_h"], rows["low"], rows["high"], color=look["color"], alpha=0.18, linewidth=0
    )


def _ranks(axes: Axes, rows: pd.DataFrame, k: int) -> None:
    colour = style.series(k)["color"]
    axes.plot(rows["N_h"], rows["proved"], color=colour, linestyle=":", linewidth=0.8)
    axes.plot(rows["N_h"], rows["numpy"], color=colour, linestyle="", marker=style.MARKERS[k])


def caption(tables: Tables) -> str:
    """Return the caption, with the smallest eigenvalue and the largest miss of numpy."""
    table = tables["floor"].assign(missed=lambda t: t["proved"] - t["numpy"])
    least = table.sort_values("low").iloc[0]
    worst = table.sort_values("missed").iloc[-1]
    below = int((table["mean"] < table["noise"]).sum())
    return (
        "(a) Ratio of the smallest to the largest eigenvalue of the Hessian at the optimum for "
        f"N_i = {listing(sorted(table['N_i']))}: geometric mean over {span(table['points'])} "
        f"teachers, with a band from the smallest to the largest value. Every λ_min is known to "
        f"{MAX_ERROR:.0%} or better. The grey line is P ε, where P = N_h (N_i + 1) is the number "
        "of parameters and ε = 2.2e-16; numpy.linalg.matrix_rank takes smaller eigenvalues for "
        f"zero. At {below} of {len(table)} sizes the mean is below it. The smallest ratio is "
        f"{least['low']:.0e}, at N_i = {least['N_i']:.0f}, N_h = {least['N_h']:.0f}. (b) The "
        "proved rank (dotted lines) and the rank by numpy's rule (marks), means over teachers. "
        f"The latter is too low by up to {worst['missed']:.1f}, at N_i = {worst['N_i']:.0f}, "
        f"N_h = {worst['N_h']:.0f}."
    )
