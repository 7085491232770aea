"""How the outliers and the edges of the bulk of Figs 4 and 5 move with N, with exponents."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hessweep import analysis
from hessweep.analysis.sizes import select_sizes
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.words import listing

LABELS = {
    "outlier": r"$\lambda_1$, outlier",
    "smallest large": r"$\lambda_{N_h}$, smallest large",
    "upper": "upper edge of the bulk",
    "lower": r"$\lambda_{\min}$, lower edge",
}
"""The edges in the order of the legend, from large to small eigenvalues."""

WORDS = {
    "outlier": "the outlier",
    "smallest large": "the smallest of the N_h large eigenvalues",
    "upper": "the upper edge of the bulk",
    "lower": "the lower edge λ_min",
}

MAX_ERROR = 0.1
"""Sizes with a larger relative error of lambda_min are left out, with all their teachers: leaving
out single teachers would favour those with a large lambda_min."""

FITTED = 4
"""Smallest number of sizes that a power law is fitted to."""


def data(results: xr.DataTree, outlier: str = "quadratic", large: str = "erf") -> Tables:
    """Return the edges of the bulk of square networks and their power laws in N.

    Args:
        results: Points of both activations with normal weights; others are left out, and so are
            sizes that `analysis.select_sizes` does not select.
        outlier: Label of an activation with one large eigenvalue (Fig. 4).
        large: Label of an activation with N_h large eigenvalues (Fig. 5).

    Returns:
        `edges`: geometric `mean` of each `edge` at each `N`, one standard error below and above
        it (`low`, `high`), and the number of `points`. Edges are "outlier" or "smallest large"
        above the bulk, and "upper" and "lower" edge of the bulk; the latter is the smallest
        non-zero eigenvalue, at the sizes where it is known for every teacher.
        `exponents`: `activation, edge, sizes` and the fitted power law `exponent`, `error`,
        `prefactor`, `chi2`; NaN with fewer than `FITTED` sizes.

    Raises:
        InputError: If an activation has fewer than two seeds at one of its sizes.
    """
    edges, exponents = [], []
    for activation, above in ((outlier, "outlier"), (large, "smallest large")):
        points = analysis.realisations(results, f"activation == '{activation}' and N_i == N_h")
        for edge, (N, values) in _edges(select_sizes(points), above).items():
            name = {"activation": activation, "edge": edge}
            exponents.append({**name, **_power_law(N, values)})
            table = analysis.by_size(N, np.log(values))
            mean, error = table["mean"], table["error"]
            edges.append(
                table[["N", "points"]].assign(
                    **name, mean=np.exp(mean), low=np.exp(mean - error), high=np.exp(mean + error)
                )
            )
    return {"edges": pd.concat(edges, ignore_index=True), "exponents": pd.DataFrame(exponents)}


def _power_law(N: np.ndarray, values: np.ndarray) -> dict[str, float]:
    sizes = len(np.unique(N))
    if sizes < FITTED:
        names = ("exponent", "error", "prefactor", "chi2")
        return {"sizes": sizes, **dict.fromkeys(names, np.nan)}
    return {"sizes": sizes, **vars(analysis.power_law(N, values))}


def _edges(points: pd.DataFrame, above: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    N = points["N_h"].to_numpy()
    place = np.ones_like(N) if above == "outlier" else N
    rows = points["eigenvalues"]
    edge = np.array([row[len(row) - k] for row, k in zip(rows, place, strict=True)])
    upper = np.array([row[len(row) - k - 1] for row, k in zip(rows, place, strict=True)])
    edges = {above: (N, edge), "upper": (N, upper)}
    known = ~np.isin(N, N[points["lambda_min_error"].to_numpy() > MAX_ERROR])
    if known.any():
        edges["lower"] = N[known], points["lambda_min"].to_numpy()[known]
    return edges


def plot(tables: Tables) -> Figure:
    """Draw the edges of both activations against N, log-log, with the fitted power laws.

    λ_min is many decades below the other edges: it has a panel of its own below them.
    """
    edges, exponents = tables["edges"], tables["exponents"]
    activations = exponents["activation"].unique()
    with style.paper():
        figure = style.figure(style.DOUBLE, 3.6)
        grid = figure.subplots(2, len(activations), sharex="col", height_ratios=(1.3, 1))
        for column, activation in enumerate(activations):
            for row, axes in enumerate(grid[:, column]):
                lower = exponents["edge"] == "lower"
                fits = exponents[
                    (exponents["activation"] == activation) & (lower if row else ~lower)
                ]
                drawn = edges[edges["activation"] == activation]
                _draw(axes, drawn, fits.to_dict("records"), first=2 * row)
                axes.set_xticks(np.unique(drawn["N"]), [str(N) for N in np.unique(drawn["N"])])
                axes.set_xticks([], minor=True)
            grid[0, column].set_title(activation)
            grid[1, column].set_xlabel("$N$")
            style.letter(grid[0, column], column)
        for axes in grid[:, 0]:
            axes.set_ylabel("geometric mean")
        return figure


def _draw(axes: Axes, edges: pd.DataFrame, fits: list[dict[Hashable, Any]], first: int) -> None:
    """Draw the means with errors and, where there is a fit, its line; `first` sets the look."""
    for k, fit in enumerate(fits, first):
        table = edges[edges["edge"] == fit["edge"]]
        N = table["N"].to_numpy()
        fitted = np.isfinite(fit["exponent"])
        power = rf": $N^{{{fit['exponent']:.2f} \pm {fit['error']:.2f}}}$" if fitted else ""
        axes.errorbar(
            N,
            table["mean"],
            [table["mean"] - table["low"], table["high"] - table["mean"]],
            fmt=style.MARKERS[k],
            color=style.SERIES[k]["color"],
            label=LABELS[fit["edge"]] + power,
        )
        if fitted:
            axes.plot(N, fit["prefactor"] * N ** fit["exponent"], **style.SERIES[k])
    axes.set_xscale("log")
    axes.set_yscale("log")
    if not fits:
        axes.set_yticks([])
        axes.text(
            0.5, 0.5, r"$\lambda_{\min}$ is not known", ha="center", transform=axes.transAxes
        )
        return
    # The legend needs room above the data.
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** (0.12 + 0.12 * len(fits)))
    axes.legend(loc="upper right" if first else "upper left")


def caption(tables: Tables) -> str:
    """Return the caption, with the exponents."""
    sentences = []
    for activation, rows in tables["exponents"].groupby("activation", sort=False):
        powers = [
            f"N^({row['exponent']:.2f} ± {row['error']:.2f}) for {WORDS[row['edge']]}"
            for row in rows[rows["sizes"] >= FITTED].to_dict("records")
        ]
        if powers:
            sentences.append(f"With {activation} activation the fits are {listing(powers)}.")
        few = [WORDS[edge] for edge in rows.loc[rows["sizes"] < FITTED, "edge"]]
        if few:
            sentences.append(
                f"No power law is fitted to {listing(few)} with {activation} activation, which "
                f"is known at fewer than {FITTED} sizes."
            )
    return (
        "Outliers and edges of the bulk in the spectra of networks with N_i = N_h = N: geometric "
        "means over teachers with their standard errors, and power laws fitted to them. "
        + " ".join(sentences)
        + " The smallest eigenvalue λ_min is shown at the sizes where it is known to "
        f"{MAX_ERROR:.0%} for every teacher. The errors of the exponents include the misfit: none "
        "of these curves is a pure power law at finite size."
    )
