"""Rank of the Hessian over the (N_i, N_h) grid, and where it is not the formula's."""

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
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.words import listing

COLOURS = "cividis"

CELL = 0.19
"""Height of a cell in inches that holds two lines of text."""


def data(
    results: xr.DataTree,
    activation: str | Sequence[str] | None = None,
    weights: str = "normal",
) -> Tables:
    """Return the rank at each size of each activation, and the formula's value.

    Args:
        results: Points of one or several activations.
        activation: Labels of those to show, one a panel, in this order; all if None.
        weights: Distribution of the teachers' weights.

    Returns:
        `ranks`, one row for each `activation, N_i, N_h`: `P`, `points`, how many of them are
        `proved`, the smallest and largest rank (`rank_min`, `rank_max`), the `formula` (-1:
        none known) and its `kind` ("exact", "upper bound" or "none"), and `differs`: whether a
        rank is not the exact formula's or is above the bound.
    """
    query = f"weights == '{weights}'"
    if activation is None:
        points = analysis.realisations(results, query)
    else:
        labels = [activation] if isinstance(activation, str) else activation
        asked = [f"{query} and activation == '{label}'" for label in labels]
        points = pd.concat([analysis.realisations(results, where) for where in asked])
    points["proved"] = points["rank_certificate"] == "proved"
    ranks = points.groupby(["activation", "N_i", "N_h"], as_index=False, sort=False).agg(
        P=("P", "first"),
        points=("seed", "size"),
        proved=("proved", "sum"),
        rank_min=("rank", "min"),
        rank_max=("rank", "max"),
        formula=("effective_parameters", "first"),
        kind=("effective_parameters_kind", "first"),
    )
    off = (ranks["rank_min"] != ranks["formula"]) | (ranks["rank_max"] != ranks["formula"])
    above = ranks["rank_max"] > ranks["formula"]
    kind = ranks["kind"]
    return {
        "ranks": ranks.assign(differs=(kind == "exact") & off | (kind == "upper bound") & above)
    }


def plot(tables: Tables) -> Figure:
    """Draw a panel for each activation: the rank in each cell, its share of P as colour.

    A cell where rank and formula differ has a frame and both numbers, the formula's in brackets.
    """
    ranks = tables["ranks"]
    activations = ranks["activation"].unique()
    columns = min(2, len(activations))
    rows = -(-len(activations) // columns)
    tallest = ranks.groupby("activation")["N_h"].nunique().max()
    with style.paper():
        width = style.SINGLE if columns == 1 else style.DOUBLE
        figure = style.figure(width, rows * max(2.7, 0.6 + CELL * tallest))
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for k, (axes, activation) in enumerate(zip(panels, activations, strict=False)):
            _draw(axes, ranks[ranks["activation"] == activation])
            axes.set_title(activation)
            if len(activations) > 1:
                style.letter(axes, k)
        for axes in panels[len(activations) :]:
            axes.remove()
        scale = ScalarMappable(Normalize(0, 1), COLOURS)
        figure.colorbar(scale, ax=list(panels[: len(activations)]), label="rank / P", pad=0.02)
        return figure


def _draw(axes: Axes, ranks: pd.DataFrame) -> None:
    N_i, N_h = (np.unique(ranks[name]) for name in ("N_i", "N_h"))
    share = ranks.assign(share=ranks["rank_max"] / ranks["P"]).pivot(
        index="N_h", columns="N_i", values="share"
    )
    axes.pcolormesh(
        np.arange(len(N_i) + 1) - 0.5,
        np.arange(len(N_h) + 1) - 0.5,
        share.to_numpy(),
        cmap=COLOURS,
        vmin=0,
        vmax=1,
        edgecolors="white",
        linewidth=0.4,
    )
    rows = ranks.to_dict("records")
    size = font_size([cell_text(row) for row in rows], len(N_i))
    for row in rows:
        x, y = np.searchsorted(N_i, row["N_i"]), np.searchsorted(N_h, row["N_h"])
        colour = "white" if row["rank_max"] / row["P"] < 0.5 else "black"
        axes.text(x, y, cell_text(row), ha="center", va="center", fontsize=size, color=colour)
        if row["differs"]:
            axes.add_patch(
                Rectangle(
                    (x - 0.44, y - 0.44), 0.88, 0.88, fill=False, edgecolor="#CC0000", linewidth=1
                )
            )
    axes.set_xticks(range(len(N_i)), [str(N) for N in N_i])
    axes.set_yticks(range(len(N_h)), [str(N) for N in N_h])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("$N_i$")
    axes.set_ylabel("$N_h$")


def font_size(texts: Sequence[str], columns: int) -> float:
    """Return the size in points at which all texts fit into the cells, at most 6.5."""
    letters = max(len(line) for text in texts for line in text.split("\n"))
    lines = max(text.count("\n") + 1 for text in texts)
    # A panel is some 2.4 in wide; digits of the font are 0.64 of its size wide.
    return min(6.5, 0.9 * 2.4 * 72 / columns / (0.64 * letters), 0.9 * CELL * 72 / (1.2 * lines))


def cell_text(row: Mapping[Hashable, Any]) -> str:
    """Return what a cell of the grid says: the rank, or ranks, and the formula if it differs."""
    ranks = str(row["rank_min"])
    if row["rank_max"] != row["rank_min"]:
        ranks += f"–{row['rank_max']}"
    return f"{ranks}\n({row['formula']})" if row["differs"] else ranks


def caption(tables: Tables) -> str:
    """Return the caption, with the number of sizes where rank and formula agree."""
    ranks = tables["ranks"]
    parts = []
    for activation, table in ranks.groupby("activation", sort=False):
        exact = table[table["kind"] == "exact"]
        bound = table[table["kind"] == "upper bound"]
        said = [f"proved for {table['proved'].sum()} of {table['points'].sum()} teachers"]
        if len(exact):
            agree = (~exact["differs"]).sum()
            said.append(f"equal to the formula at {agree} of {len(exact)} sizes")
        if len(bound):
            below = (~bound["differs"]).sum()
            said.append(f"not above the bound at {below} of {len(bound)} sizes")
        parts.append(f"{activation}, {listing(said)}")
    return (
        "Rank of the Hessian at the optimum, the effective number of parameters, for each N_i "
        "and N_h; the colour is its share of all P = N_h (N_i + 1) parameters. "
        + "; ".join(parts)
        + ". A frame marks a rank that is not the formula's, which stands in brackets."
    )
