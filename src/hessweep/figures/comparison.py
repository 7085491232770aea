"""Simulated eigenvalues against laws, as Figs 2 and 6 to 9 show them: one panel a case."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray

from hessweep import analysis
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.laws import Law, ks_distance

COVERED = 0.998
"""Fraction of the eigenvalues up to which the histogram goes; heavy tails continue beyond it."""

CURVES = {"asymptotic": style.ASYMPTOTIC, "exact": style.EXACT}
"""The laws that a panel may show, and how."""

GRID = 400

QUANTITY = r"non-zero eigenvalue $\lambda$"


def compare(case: Mapping[str, Any], rows: list[ndarray], laws: Mapping[str, Law]) -> Tables:
    """Return what one panel shows of the eigenvalues of many teachers and of their laws.

    Args:
        case: Names the panel; becomes the first columns of each table.
        rows: Eigenvalues of each teacher. Zeros are exact; they count in the distances and in
            the normalisation, but not in the histogram.
        laws: By name, "asymptotic" or "exact".

    Returns:
        `histogram` (`low, high, count, density`): its area is the fraction that is neither zero
        nor beyond the last edge. `laws` (`law, x, pdf`). `distances` (`law, distance, noise,
        teachers, eigenvalues`): the Kolmogorov-Smirnov distance to each law, and the distance
        that sampling alone gives (`noise`).
    """
    values = np.concatenate(rows)
    positive = values[values > 0]
    edges = bin_edges(positive)
    # Not at 0, where Marchenko-Pastur may have a pole.
    x = np.linspace(0, 1.05 * edges[-1], GRID + 1)[1:]
    noise = analysis.ks_noise(rows)
    tables = {
        "histogram": analysis.histogram(values, edges),
        "laws": pd.concat(
            [pd.DataFrame({"law": name, "x": x, "pdf": law.pdf(x)}) for name, law in laws.items()]
        ),
        "distances": pd.DataFrame(
            {
                "law": list(laws),
                "distance": [ks_distance(values, law) for law in laws.values()],
                "noise": noise,
                "teachers": len(rows),
                "eigenvalues": len(values),
            }
        ),
    }
    for table in tables.values():
        for k, (column, value) in enumerate(case.items()):
            table.insert(k, column, value)
    return tables


def bin_edges(positive: Float[ndarray, " n"]) -> Float[ndarray, " m"]:
    """Return 8 to 60 bins up to the quantile `COVERED`, as wide as Freedman and Diaconis advise.

    Only distinct values count: the copies of a multiple eigenvalue do not reduce the noise.
    """
    low, high = positive.min(), np.quantile(positive, COVERED)
    distinct = np.unique(positive)
    width = 2 * np.subtract(*np.quantile(distinct, [0.75, 0.25])) / len(distinct) ** (1 / 3)
    return np.linspace(low, high, int(np.clip((high - low) / width, 8, 60)) + 1)


def stack(panels: list[Tables]) -> Tables:
    """Return the tables of several panels as one of each kind."""
    return {name: pd.concat([p[name] for p in panels], ignore_index=True) for name in panels[0]}


def cases(tables: Tables, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the cases of stacked tables, by the columns that name them."""
    distinct = tables["distances"][list(names)].drop_duplicates()
    return [dict(zip(names, row, strict=True)) for row in distinct.itertuples(index=False)]


def panel(tables: Tables, case: Mapping[str, Any]) -> Tables:
    """Return the rows of one case."""
    return {
        name: table[np.logical_and.reduce([table[key] == value for key, value in case.items()])]
        for name, table in tables.items()
    }


def plot_by_size(
    tables: Tables, names: Sequence[str], labels: Mapping[str, str], quantity: str
) -> Figure:
    """Draw a panel for each size, with the Kolmogorov-Smirnov distances in the legends.

    Args:
        tables: Stacked tables of `compare`.
        names: Columns that name the cases, `N_i` and `N_h` among them.
        labels: What the legend calls each law.
        quantity: Label of the horizontal axes.
    """
    with style.paper():
        figure = style.figure(style.DOUBLE, 2.4)
        drawn = cases(tables, names)
        panels = figure.subplots(1, len(drawn), squeeze=False)[0]
        for k, (axes, case) in enumerate(zip(panels, drawn, strict=True)):
            part = panel(tables, case)
            draw(axes, part, labels)
            top = height(part, 0.8)
            axes.set_ylim(0, top)
            mark_cut_bars(axes, part["histogram"], top)
            axes.set_title(f"$N_i = {case['N_i']}$, $N_h = {case['N_h']}$")
            axes.set_xlabel(quantity)
            axes.legend(loc="upper right")
            style.letter(axes, k)
        panels[0].set_ylabel("density")
        return figure


def draw(axes: Axes, tables: Tables, labels: Mapping[str, str]) -> None:
    """Draw the histogram of one panel and the laws over it, with their distances.

    Args:
        axes: Where to.
        tables: What `compare` returned.
        labels: What the legend calls each law.
    """
    histogram, laws, distances = (tables[name] for name in ("histogram", "laws", "distances"))
    edges = np.append(histogram["low"], histogram["high"].iloc[-1])
    noise = distances["noise"].iloc[0]
    axes.stairs(
        histogram["density"],
        edges,
        fill=True,
        label=f"simulation, $D_0 = {noise:.4f}$",
        **style.SIMULATION,
    )
    for name, distance in zip(distances["law"], distances["distance"], strict=True):
        curve = laws[laws["law"] == name]
        label = f"{labels[name]}, $D = {distance:.4f}$"
        axes.plot(curve["x"], curve["pdf"], label=label, **CURVES[name])
    axes.set_xlim(0, laws["x"].max())


def mark_cut_bars(axes: Axes, histogram: pd.DataFrame, top: float) -> None:
    """Mark bars that are higher than the panel: an arrow at its upper end and the density.

    Args:
        axes: Where to.
        histogram: Bars of the panel (`low, high, density`).
        top: Upper end of the panel's vertical axis.
    """
    for bar in histogram[histogram["density"] > top].to_dict("records"):
        middle = (bar["low"] + bar["high"]) / 2
        axes.plot([middle], [top], "^", color=style.BLACK, markersize=3, clip_on=False, zorder=3)
        axes.annotate(
            f"{bar['density']:.3g}",
            (middle, top),
            (-4, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=6,
        )


def height(tables: Tables, share: float) -> float:
    """Return the height of a panel whose data take that share of it and the text the rest.

    The poles of a law are cut, and so is a bin that holds a multiple eigenvalue of every teacher.
    """
    density, laws = tables["histogram"]["density"], tables["laws"]
    highest = max(density.quantile(0.95), laws.loc[laws["x"] > 0.1, "pdf"].max())
    return float(min(density.max(), 1.5 * highest) / share)
