"""By how much biases raise the rank, over the (N_i, N_h) grid of each activation."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure

from hessweep import analysis
from hessweep.errors import InputError
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.words import listing

COLUMNS = 4
"""Panels in a row."""

CELL = 0.2
"""Height of a cell in inches."""

WIDEST = 20
"""Letters of a title that fit above a panel in one line."""

ONE = "#E8E8E8"
"""Colour of a cell where biases add exactly one, as the paper expects."""

WORDS = {
    "both": "hidden and output biases",
    "hidden": "hidden biases",
    "output": "an output bias",
}


def data(
    results: xr.DataTree, activation: Sequence[str] | None = None, biases: str = "both"
) -> Tables:
    """Return by how much biases raise the rank at each size of each activation.

    Args:
        results: Teachers with and without biases.
        activation: Labels of the activations to show, in this order; all if None.
        biases: `both`, `hidden` or `output`.

    Returns:
        `increments`: for each `activation, N_i, N_h` the number of `teachers`, how many ranks are
        `proved` with and without biases, the smallest and the largest increment (`low`, `high`)
        and the number of bias parameters (`added`), and which `biases` they are.

    Raises:
        InputError: If there are no such teachers.
    """
    if biases not in WORDS:
        raise InputError(f"biases: expected {', '.join(WORDS)}, got {biases!r}")
    found = analysis.increments(results, biases)
    labels = list(found["activation"].unique()) if activation is None else list(activation)
    unknown = set(labels) - set(found["activation"])
    if unknown:
        raise InputError(f"activation: expected results of {listing(sorted(unknown))}, got none")
    found["added"] = found["P"] - found["N_h"] * (found["N_i"] + 1)
    grid = found.groupby(["activation", "N_i", "N_h"], as_index=False, sort=False).agg(
        teachers=("seed", "size"),
        proved=("proved", "sum"),
        low=("increment", "min"),
        high=("increment", "max"),
        added=("added", "first"),
    )
    grid = grid[grid["activation"].isin(labels)].assign(biases=biases)
    order = {label: place for place, label in enumerate(labels)}
    keys = grid["activation"].map(order)
    return {"increments": grid.assign(place=keys).sort_values(["place", "N_i", "N_h"]).drop(
        columns="place").reset_index(drop=True)}  # fmt: skip


def plot(tables: Tables) -> Figure:
    """Draw a panel for each activation: the increment in each cell, grey where it is one."""
    grid = tables["increments"]
    labels = grid["activation"].unique()
    columns = min(COLUMNS, len(labels))
    rows = -(-len(labels) // columns)
    tallest = grid.groupby("activation")["N_h"].nunique().max()
    scale = ScalarMappable(Normalize(0, max(2, int(grid["high"].max()))), "viridis")
    with style.paper():
        figure = style.figure(style.DOUBLE, rows * (0.65 + CELL * tallest))
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for k, (axes, label) in enumerate(zip(panels, labels, strict=False)):
            _draw(axes, grid[grid["activation"] == label], scale)
            short = len(label) <= WIDEST
            axes.set_title(label.replace("(", "\n(", not short), fontsize=8 if short else 6)
            if k % columns == 0:
                axes.set_ylabel("$N_h$")
            if k + columns >= len(labels):
                axes.set_xlabel("$N_i$")
            style.letter(axes, k)
        for axes in panels[len(labels) :]:
            axes.remove()
        return figure


def _draw(axes: Axes, grid: pd.DataFrame, scale: ScalarMappable) -> None:
    N_i, N_h = (np.unique(grid[name]) for name in ("N_i", "N_h"))
    colours = np.ones((len(N_h), len(N_i), 4))
    for row in grid.to_dict("records"):
        x, y = np.searchsorted(N_i, row["N_i"]), np.searchsorted(N_h, row["N_h"])
        is_one = row["low"] == row["high"] == 1
        colours[y, x] = to_rgba(ONE)
        if not is_one:
            colours[y, x] = scale.to_rgba(row["high"])
        dark = colours[y, x, :3] @ (0.2126, 0.7152, 0.0722) < 0.5
        low, high = row["low"], row["high"]
        text = f"{high:+d}" if low == high else f"{low}–{high}"
        axes.text(
            x, y, text, ha="center", va="center", fontsize=6.5, color="white" if dark else "black"
        )
    axes.imshow(colours, origin="lower", aspect="auto", interpolation="none")
    axes.set_xticks(np.arange(len(N_i) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(N_h) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.6)
    axes.set_xticks(range(len(N_i)), [str(N) for N in N_i])
    axes.set_yticks(range(len(N_h)), [str(N) for N in N_h])
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


def caption(tables: Tables) -> str:
    """Return the caption, with the activations for which biases add one at every size."""
    grid = tables["increments"]
    biases = str(grid["biases"].iloc[0])
    one, other = [], []
    for label, rows in grid.groupby("activation", sort=False):
        single = (rows["low"] == 1) & (rows["high"] == 1)
        if single.all():
            one.append(str(label))
        else:
            other.append(
                f"{label} at {single.sum()} of {len(rows)} (at most +{rows['high'].max()})"
            )
    facts = [f"Exactly one is added at every size for {listing(one)}"] if one else []
    facts += [f"for other activations it is one at fewer sizes: {listing(other)}"] if other else []
    text = "; ".join(facts)
    verb = "raises" if biases == "output" else "raise"
    return (
        f"By how much {WORDS[biases]} {verb} the rank of the Hessian at the optimum, for each N_i "
        "and N_h, on the same weights. Cells are grey where the rank grows by one, as the paper "
        f"expects (sec. 6). {text[:1].upper()}{text[1:]}. Both ranks are proved for "
        f"{grid['proved'].sum()} of {grid['teachers'].sum()} teachers."
    )
