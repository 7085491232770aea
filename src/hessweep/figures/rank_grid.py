"""Rank of the Hessian over the (N_i, N_h) grid, with the formula's value where they differ.

Where every Hessian has full rank, the figure shows what float64 makes of it instead.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hessweep import analysis
from hessweep.errors import InputError
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.words import listing

COLOURS = {"rank": "cividis", "float64": "YlOrRd"}
"""Colour map of each quantity."""

QUANTITIES = {"rank": "rank / P", "float64": "eigenvalues missed by float64 / P"}
"""What the cells may show, and the label of its colours."""

LUMINANCE = (0.2126, 0.7152, 0.0722)

CELL = 0.19
"""Height of a cell in inches that holds two lines of text."""


def data(
    results: xr.DataTree,
    activation: str | Sequence[str] | None = None,
    weights: str = "normal",
    shows: str | None = None,
) -> Tables:
    """Return the rank at each size of each activation, and the formula's value.

    Args:
        results: Points of one or several activations.
        activation: Labels of the activations to show, one in each panel, in this order; all if
            None.
        weights: Distribution of the teachers' weights.
        shows: "rank" for the rank in each cell, "float64" also for the number of eigenvalues
            that float64 takes for zero although they are not. If None, "float64" where all ranks
            are equal to P, otherwise "rank".

    Returns:
        `ranks`, one row for each `activation, N_i, N_h`: `P`, `points`, how many of them are
        `proved`, the smallest and largest rank (`rank_min`, `rank_max`), the `formula` (-1:
        none known) and its `kind` ("exact", "upper bound" or "none"), `differs`: whether a
        rank is not the exact formula's or is above the bound, `saturated`: whether the rank is
        the largest for this N_i and does not grow with N_h any more, `missed`: how many non-zero
        eigenvalues numpy's rule takes for zero at most (-1: no teacher has a spectrum), `wrong`:
        for how many teachers it does so, and what each cell `shows`.

    Raises:
        InputError: If `shows` is another word, or the results hold no such point.
    """
    if shows not in (None, *QUANTITIES):
        raise InputError(f"shows: expected {listing(QUANTITIES)}, got {shows!r}")
    query = f"weights == '{weights}'"
    if activation is None:
        points = analysis.realisations(results, query)
    else:
        labels = [activation] if isinstance(activation, str) else activation
        conditions = [f"{query} and activation == '{label}'" for label in labels]
        points = pd.concat([analysis.realisations(results, where) for where in conditions])
    points["proved"] = points["rank_certificate"] == "proved"
    # Without a spectrum there is no rank in float64, which is stored as -1.
    known = points["rank_float64"] >= 0
    points["missed"] = (points["rank"] - points["rank_float64"]).where(known, -1)
    points["wrong"] = points["missed"] > 0
    ranks = points.groupby(["activation", "N_i", "N_h"], as_index=False, sort=False).agg(
        P=("P", "first"),
        points=("seed", "size"),
        proved=("proved", "sum"),
        rank_min=("rank", "min"),
        rank_max=("rank", "max"),
        formula=("effective_parameters", "first"),
        kind=("effective_parameters_kind", "first"),
        missed=("missed", "max"),
        wrong=("wrong", "sum"),
    )
    off = (ranks["rank_min"] != ranks["formula"]) | (ranks["rank_max"] != ranks["formula"])
    above = ranks["rank_max"] > ranks["formula"]
    kind = ranks["kind"]
    if shows is None:
        shows = "float64" if (ranks["rank_min"] == ranks["P"]).all() else "rank"
    return {
        "ranks": ranks.assign(
            differs=(kind == "exact") & off | (kind == "upper bound") & above,
            saturated=_saturated(ranks),
            shows=shows,
        )
    }


def _saturated(ranks: pd.DataFrame) -> pd.Series:
    """Return at which sizes the rank has stopped growing with N_h; needs two such sizes."""
    columns = ranks.groupby(["activation", "N_i"])["rank_max"]
    largest = ranks["rank_max"] == columns.transform("max")
    return largest & (largest.groupby([ranks["activation"], ranks["N_i"]]).transform("sum") > 1)


def plot(tables: Tables) -> Figure:
    """Draw a panel for each activation, with a number and a colour in each cell.

    The number is the rank and the colour its share of P, or both tell how many eigenvalues
    float64 misses. A cell where rank and formula differ has a frame and both numbers, the
    formula's in brackets. A staircase separates the sizes where the rank has saturated.
    """
    ranks = tables["ranks"]
    activations = ranks["activation"].unique()
    columns = min(2, len(activations))
    rows = -(-len(activations) // columns)
    tallest = ranks.groupby("activation")["N_h"].nunique().max()
    shows = ranks["shows"].iloc[0]
    cells = ranks.assign(share=_shares(ranks))
    top = 1.0 if shows == "rank" else max(cells["share"].max(), 0.01)
    scale = ScalarMappable(Normalize(0, top), COLOURS[shows])
    with style.paper():
        width = style.SINGLE if columns == 1 else style.DOUBLE
        figure = style.figure(width, rows * max(2.7, 0.6 + CELL * tallest))
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for k, (axes, activation) in enumerate(zip(panels, activations, strict=False)):
            _draw(axes, cells[cells["activation"] == activation], scale)
            axes.set_title(activation)
            if len(activations) > 1:
                style.letter(axes, k)
        for axes in panels[len(activations) :]:
            axes.remove()
        drawn = list(panels[: len(activations)])
        figure.colorbar(scale, ax=drawn, label=QUANTITIES[shows], pad=0.02)
        return figure


def _shares(ranks: pd.DataFrame) -> pd.Series:
    if ranks["shows"].iloc[0] == "rank":
        return ranks["rank_max"] / ranks["P"]
    return (ranks["missed"] / ranks["P"]).where(ranks["missed"] >= 0)


def _draw(axes: Axes, ranks: pd.DataFrame, scale: ScalarMappable) -> None:
    N_i, N_h = (np.unique(ranks[name]) for name in ("N_i", "N_h"))
    shares = ranks.pivot(index="N_h", columns="N_i", values="share")
    axes.pcolormesh(
        np.arange(len(N_i) + 1) - 0.5,
        np.arange(len(N_h) + 1) - 0.5,
        shares.to_numpy(),
        cmap=scale.get_cmap(),
        vmin=0,
        vmax=scale.get_clim()[1],
        edgecolors="white",
        linewidth=0.4,
    )
    rows = ranks.to_dict("records")
    size = font_size([cell_text(row) for row in rows], len(N_i))
    for row in rows:
        x, y = np.searchsorted(N_i, row["N_i"]), np.searchsorted(N_h, row["N_h"])
        dark = np.dot(scale.to_rgba(row["share"])[:3], LUMINANCE) < 0.5
        colour = "white" if dark and row["share"] >= 0 else "black"
        axes.text(x, y, cell_text(row), ha="center", va="center", fontsize=size, color=colour)
        if row["differs"] and row["shows"] == "rank":
            axes.add_patch(
                Rectangle(
                    (x - 0.44, y - 0.44), 0.88, 0.88, fill=False, edgecolor="#CC0000", linewidth=1
                )
            )
    if rows[0]["shows"] == "rank":
        _draw_staircase(axes, ranks, N_i, N_h)
    axes.set_xticks(range(len(N_i)), [str(N) for N in N_i])
    axes.set_yticks(range(len(N_h)), [str(N) for N in N_h])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("$N_i$")
    axes.set_ylabel("$N_h$")


def _draw_staircase(axes: Axes, ranks: pd.DataFrame, N_i: np.ndarray, N_h: np.ndarray) -> None:
    """Draw a line below the cells in which the rank has saturated."""
    if not _has_staircase(ranks):
        return
    first = ranks[ranks["saturated"]].groupby("N_i")["N_h"].min()
    steps = [np.searchsorted(N_h, first[N]) - 0.5 if N in first else np.nan for N in N_i]
    edges = np.arange(len(N_i) + 1) - 0.5
    for width, colour in ((2.6, "white"), (1.4, style.VERMILLION)):
        axes.stairs(steps, edges, baseline=None, color=colour, linewidth=width, zorder=3)


def _has_staircase(ranks: pd.DataFrame) -> bool:
    """Return whether the rank grows with N_h somewhere before it saturates."""
    first = ranks[ranks["saturated"]].groupby("N_i")["N_h"].min()
    return bool((first > ranks["N_h"].min()).any())


def font_size(texts: Sequence[str], columns: int) -> float:
    """Return the font size in points at which all texts fit into the cells, at most 6.5."""
    letters = max(len(line) for text in texts for line in text.split("\n"))
    lines = max(text.count("\n") + 1 for text in texts)
    # A panel is about 2.4 in wide, and the width of a digit is 0.64 of the font size.
    return min(6.5, 0.9 * 2.4 * 72 / columns / (0.64 * letters), 0.9 * CELL * 72 / (1.2 * lines))


def cell_text(row: Mapping[Hashable, Any]) -> str:
    """Return the text of a cell: the rank or ranks, with the formula's value if it differs.

    Where cells show float64's error, the number of eigenvalues that it misses is in a second
    line, with a minus sign.
    """
    ranks = str(row["rank_min"])
    if row["rank_max"] != row["rank_min"]:
        ranks += f"–{row['rank_max']}"
    if row["shows"] == "float64":
        return f"{ranks}\n−{row['missed']}" if row["missed"] > 0 else ranks
    return f"{ranks}\n({row['formula']})" if row["differs"] else ranks


def caption(tables: Tables) -> str:
    """Return the caption, with the number of sizes where rank and formula agree."""
    ranks = tables["ranks"]
    parts = [
        f"{activation}: {_summary(table)}."
        for activation, table in ranks.groupby("activation", sort=False)
    ]
    if ranks["shows"].iloc[0] == "float64":
        worst = ranks.sort_values("missed", kind="stable").iloc[-1]
        return (
            "Rank of the Hessian at the optimum for each N_i and N_h, and below it with a minus "
            "sign how many of the non-zero eigenvalues float64 takes for zero (the rule of "
            "numpy.linalg.matrix_rank; the largest number over the teachers). The colour is the "
            "share of these in all P = N_h (N_i + 1) parameters. The rank in float64 is wrong for "
            f"{ranks['wrong'].sum()} of {ranks['points'].sum()} teachers, by up to "
            f"{worst['missed']} at N_i = {worst['N_i']}, N_h = {worst['N_h']}. " + " ".join(parts)
        )
    staircase = (
        " Above the orange staircase the rank no longer grows with N_h."
        if any(_has_staircase(table) for _, table in ranks.groupby("activation"))
        else ""
    )
    frames = (
        " A frame marks a rank that differs from the formula, whose value is in brackets."
        if ranks["differs"].any()
        else ""
    )
    return (
        "Rank of the Hessian at the optimum, which is the effective number of parameters, for "
        "each N_i and N_h; the colour is its share of all P = N_h (N_i + 1) parameters."
        f"{staircase}{frames} " + " ".join(parts)
    )


def _summary(ranks: pd.DataFrame) -> str:
    """Return how many ranks are proved and agree with the formula, in words."""
    exact, bound = (ranks[ranks["kind"] == kind] for kind in ("exact", "upper bound"))
    facts = [f"the rank is proved for {ranks['proved'].sum()} of {ranks['points'].sum()} teachers"]
    if len(exact):
        agree = (~exact["differs"]).sum()
        facts.append(f"equal to the formula at {agree} of {len(exact)} sizes")
    if len(bound):
        below = (~bound["differs"]).sum()
        facts.append(f"not above the bound at {below} of {len(bound)} sizes")
    return listing(facts)
