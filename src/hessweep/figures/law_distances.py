"""How far the spectra of single teachers are from the law given their weights, against N."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from hessweep import analysis
from hessweep.activations import Activation, Polynomial
from hessweep.errors import InputError
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.words import listing, span
from hessweep.laws import spectrum_distance

TEACHERS = 3
"""The most teachers of each activation and size, for a law given weights takes up to seconds."""

POINTS = 60
"""Values at which a spectrum is compared with its law: it is known to 1/60 between them."""

PAPER_WIDTH = 4.6
"""Width in inches, for the legend stands beside the panel."""


def data(results: xr.DataTree, teachers: int = TEACHERS) -> Tables:
    """Return the distance of the spectrum of single teachers to their law, for each activation.

    Args:
        results: Points with `N_i = N_h > 1` and normal weights; others are left out, and so are
            activations in a user's own file and linear ones, whose law given the weights is the
            spectrum itself, so that rounding alone would decide the distance.
        teachers: The most teachers of each activation and size that are compared; 2 or more.

    Returns:
        `distances`: Kolmogorov-Smirnov `distance` of all P eigenvalues of each teacher to
        `spectrum_law` given its weights (`activation, N, seed`).
        `means`: mean and standard error over teachers (`activation, N, mean, error, points`), and
        the `exponent` with which the mean changes from the first size to the last.

    Raises:
        InputError: If an activation has fewer than two seeds at one of its sizes, or if no
            activation is left.
    """
    if teachers < 2:
        raise InputError(f"teachers: expected at least 2 for a standard error, got {teachers}")
    points = analysis.realisations(results, "N_i == N_h and N_i > 1")
    rows = [
        {"activation": name, "N": N, "seed": point["seed"], "distance": _distance(point)}
        for (name, N), group in points.groupby(["activation", "N_i"])
        if _compared(analysis.activation_of(group))
        for point in group.head(teachers).to_dict("records")
    ]
    if not rows:
        raise InputError(
            "results: expected points with N_i = N_h > 1 of a non-linear activation that "
            "hessweep has, found none"
        )
    distances = pd.DataFrame(rows)
    means = []
    for name, group in distances.groupby("activation"):
        table = analysis.by_size(group["N"].to_numpy(), group["distance"].to_numpy())
        ends = np.log(table[["N", "mean"]].iloc[[0, -1]].to_numpy())
        rise, width = ends[1, 1] - ends[0, 1], ends[1, 0] - ends[0, 0]
        exponent = rise / width if width else np.nan
        means.append(table.assign(activation=name, exponent=exponent))
    return {"distances": distances, "means": pd.concat(means, ignore_index=True)}


def _compared(g: Activation | None) -> bool:
    return g is not None and not (isinstance(g, Polynomial) and g.degree < 2)


def _distance(point: dict[Any, Any]) -> float:
    return spectrum_distance(point["eigenvalues"], analysis.law_of_teacher(point), POINTS)


def plot(tables: Tables) -> Figure:
    """Draw the mean distances against N, log-log, beside lines as N^-0.7 and 1/N."""
    means = tables["means"]
    with style.paper():
        figure = style.figure(PAPER_WIDTH, 2.7)
        axes = figure.subplots()
        for k, (name, table) in enumerate(means.groupby("activation", sort=False)):
            axes.errorbar(
                table["N"],
                table["mean"],
                table["error"],
                marker=style.MARKERS[k % len(style.MARKERS)],
                label=str(name),
                **style.series(k),
            )
        N = np.array([means["N"].min(), means["N"].max()])
        start = 0.8 * means.loc[means["N"] == N[0], "mean"].min()
        for power, dash in ((0.7, (0, (1, 2))), (1.0, (0, (3, 2)))):
            axes.plot(
                N, start * (N / N[0]) ** -power, color="0.5", linewidth=0.8, linestyle=dash,
                label=rf"$\propto N^{{-{power:g}}}$",
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        sizes = np.unique(means["N"])
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set_xticks([], minor=True)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(_two_or_five)
        axes.set_xlabel("$N$")
        axes.set_ylabel(r"$\sup_x\,|F_P - F|$")
        figure.legend(loc="outside right center")
        return figure


def _two_or_five(value: float, _: float) -> str:
    """Label 2 and 5 of each decade: over two decades the others would run into one another."""
    return f"{value:g}" if f"{value:e}"[0] in "25" else ""


def caption(tables: Tables) -> str:
    """Return the caption, with the distances at the largest size."""
    means = tables["means"]
    last = means.sort_values("N").groupby("activation", sort=False).tail(1)
    values = listing(
        f"{row['activation']} {row['mean']:.3f} at N = {row['N']} (N^{row['exponent']:.2f})"
        for row in last.sort_values("activation").to_dict("records")
    )
    exact = any(str(name).startswith("quadratic") for name in last["activation"])
    reason = (
        " For quadratic networks the law is the spectrum itself, and the distance is that of "
        "about half an eigenvalue, to which the two are compared."
    )
    return (
        "Kolmogorov-Smirnov distance of all P eigenvalues of one teacher, N_i = N_h = N, to their "
        "law given its weights (docs/laws.md, sec. 13), and its mean over "
        f"{span(means['points'])} teachers with standard errors, for each activation: {values}. "
        "The exponents are those of the means between the smallest and the largest N."
        f"{reason if exact else ''}"
    )
