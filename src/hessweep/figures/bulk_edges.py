"""How the edges of the bulk of Figs 4 and 5 move with N: fitted exponents with errors."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hessweep import analysis
from hessweep.figures import style
from hessweep.figures.save import Tables

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
    "lower": "its lower edge λ_min",
}

MAX_ERROR = 0.1
"""Relative error of lambda_min above which a size is left out: dropping single points would
favour teachers with a larger one."""


def data(results: xr.DataTree, outlier: str = "quadratic", large: str = "erf") -> Tables:
    """Return the edges of the bulk of square networks and their power laws in N.

    Args:
        results: Points of both activations with normal weights; others are left out.
        outlier: Label of an activation with one large eigenvalue (Fig. 4).
        large: Label of an activation with N_h large eigenvalues (Fig. 5).

    Returns:
        `edges`: geometric `mean` of each `edge` at each `N`, its standard error as a factor
        (`low`, `high`), `points`. Edges: "outlier" or "smallest large" above the bulk, "upper"
        and "lower" edge of the bulk; the latter is the smallest non-zero eigenvalue, without the
        sizes where that is not known for every point.
        `exponents`: `exponent`, `error`, `prefactor`, `chi2` of each, by `activation, edge`.

    Raises:
        InputError: If an activation has fewer than two sizes, or one with fewer than two seeds.
    """
    edges, exponents = [], []
    for activation, above in ((outlier, "outlier"), (large, "smallest large")):
        points = analysis.realisations(
            results, f"activation == '{activation}' and N_i == N_h and weights == 'normal'"
        )
        for edge, (N, values) in _edges(points, above).items():
            name = {"activation": activation, "edge": edge}
            exponents.append({**name, **vars(analysis.power_law(N, values))})
            table = analysis.by_size(N, np.log(values))
            mean, error = table["mean"], table["error"]
            edges.append(
                table[["N", "points"]].assign(
                    **name, mean=np.exp(mean), low=np.exp(mean - error), high=np.exp(mean + error)
                )
            )
    return {"edges": pd.concat(edges, ignore_index=True), "exponents": pd.DataFrame(exponents)}


def _edges(points: pd.DataFrame, above: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    N = points["N_h"].to_numpy()
    place = np.ones_like(N) if above == "outlier" else N
    rows = points["eigenvalues"]
    edge = np.array([row[len(row) - k] for row, k in zip(rows, place, strict=True)])
    upper = np.array([row[len(row) - k - 1] for row, k in zip(rows, place, strict=True)])
    edges = {above: (N, edge), "upper": (N, upper)}
    known = ~np.isin(N, N[points["lambda_min_error"].to_numpy() > MAX_ERROR])
    if len(np.unique(N[known])) > 1:
        edges["lower"] = N[known], points["lambda_min"].to_numpy()[known]
    return edges


def plot(tables: Tables) -> Figure:
    """Draw the edges of both activations against N, with the power laws, log-log."""
    with style.paper():
        figure = style.figure(style.DOUBLE, 2.6)
        panels = figure.subplots(1, 2)
        activations = tables["exponents"]["activation"].unique()
        for k, (axes, activation) in enumerate(zip(panels, activations, strict=True)):
            _draw(axes, tables, activation)
            style.letter(axes, k)
            axes.set_title(activation)
        panels[0].set_ylabel("geometric mean")
        return figure


def _draw(axes: Axes, tables: Tables, activation: str) -> None:
    edges, exponents = (table[table["activation"] == activation] for table in tables.values())
    for k, row in enumerate(exponents.to_dict("records")):
        table = edges[edges["edge"] == row["edge"]]
        colour = style.SERIES[k]["color"]
        N = table["N"].to_numpy()
        axes.errorbar(
            N,
            table["mean"],
            [table["mean"] - table["low"], table["high"] - table["mean"]],
            fmt=style.MARKERS[k],
            color=colour,
            label=rf"{LABELS[row['edge']]}: $N^{{{row['exponent']:.2f} \pm {row['error']:.2f}}}$",
        )
        axes.plot(N, row["prefactor"] * N ** row["exponent"], **style.SERIES[k])
    axes.set_xscale("log")
    axes.set_yscale("log")
    sizes = np.unique(edges["N"])
    axes.set_xticks(sizes, [str(N) for N in sizes])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("$N$")
    # Above the data: the legend of three lines fits into one decade and a half.
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.45)
    axes.legend(loc="upper left")


def caption(tables: Tables) -> str:
    """Return the caption, with the exponents."""
    sentences = []
    for activation, rows in tables["exponents"].groupby("activation", sort=False):
        grows = ", ".join(
            f"{WORDS[row['edge']]} as N^({row['exponent']:.2f} ± {row['error']:.2f})"
            for row in rows.to_dict("records")
        )
        sentences.append(f"{activation}: {grows}.")
    return (
        "Edges of the spectra of square networks, N_i = N_h = N: geometric means over teachers "
        "with their standard errors, and fitted power laws. " + " ".join(sentences) + " Errors "
        "of the exponents include the misfit; finite sizes bend all of these curves."
    )
