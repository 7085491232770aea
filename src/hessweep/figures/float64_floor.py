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
"""Relative error of lambda_min above which a size is left out: dropping single points would
favour teachers with a larger one."""

EPS = float(np.finfo(float).eps)


def data(
    results: xr.DataTree, activation: str = "erf", inputs: Sequence[int] = (1, 2, 3)
) -> Tables:
    """Return how small the smallest eigenvalues are, and which rank numpy would report.

    Args:
        results: Points of the activation with normal weights; others are left out.
        activation: Its label.
        inputs: The N_i to draw, one curve each.

    Returns:
        `floor`, one row for each `N_i, N_h`: `P`, `points`, the geometric mean of
        `lambda_min / lambda_max` and its extremes (`mean`, `low`, `high`), the ratio `noise`
        below which numpy takes an eigenvalue for zero, and the means over the points of the
        `proved` rank and of the one that `numpy` reports.

    Raises:
        InputError: If the results hold no such point.
    """
    points = analysis.realisations(
        results, f"activation == '{activation}' and weights == 'normal' and N_i in {list(inputs)}"
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
    """Draw the smallest eigenvalues over the noise (a), and the ranks that numpy reports (b)."""
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
            (noise["N_h"].iloc[-1], noise["max"].iloc[-1]),
            (0, 4),
            textcoords="offset points",
            ha="right",
            va="bottom",
            color="#595959",
        )
        upper.legend(loc="lower right")
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
        "(a) Smallest over largest eigenvalue of the Hessian for N_i = "
        f"{listing(sorted(table['N_i']))}: geometric mean over {span(table['points'])} "
        "teachers, shaded from the least to the greatest, all known to 10% or better. Grey: P ε, "
        f"below which numpy takes an eigenvalue for zero; {below} of {len(table)} sizes lie below "
        f"it. The least is {least['low']:.0e}, at N_i = {least['N_i']:.0f}, N_h = "
        f"{least['N_h']:.0f}. (b) The rank as proved (dotted) and as numpy.linalg.matrix_rank's "
        f"rule has it (marks), which falls short by up to {worst['missed']:.1f} on average, at "
        f"N_i = {worst['N_i']:.0f}, N_h = {worst['N_h']:.0f}."
    )
