"""Figs 8 and 9: linear networks with weights that are not normal, against the normal's laws."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hessweep import analysis, laws
from hessweep.figures import comparison, style
from hessweep.figures.save import Tables
from hessweep.figures.words import listing, span
from hessweep.networks import WEIGHTS

COLUMNS = 3


def data(results: xr.DataTree, N_i: int, N_h: int) -> Tables:
    """Return the non-zero eigenvalues of each weight distribution and the laws for normal weights.

    Args:
        results: Points of the linear activation; those of other sizes are left out.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.

    Returns:
        The tables of `comparison.compare`, with columns `weights, N_i, N_h` in front; the
        distributions in the order of `network.WEIGHTS`.

    Raises:
        InputError: If there are no points of that size.
    """
    points = analysis.realisations(
        results, f"activation == 'linear' and N_i == {N_i} and N_h == {N_h}"
    )
    known = {
        "asymptotic": laws.hessian_law(N_i, N_h),
        "exact": laws.hessian_law(N_i, N_h, exact=True),
    }
    present = set(points["weights"])
    return comparison.stack(
        [
            comparison.compare(
                {"weights": weights, "N_i": N_i, "N_h": N_h},
                analysis.non_zero(analysis.linear_networks(results, N_i, N_h, weights)),
                known,
            )
            for weights in WEIGHTS
            if weights in present
        ]
    )


def plot(tables: Tables) -> Figure:
    """Draw a small panel for each distribution, all with the same axes."""
    weights = tables["distances"]["weights"].unique()
    rows = -(-len(weights) // COLUMNS)
    with style.paper():
        figure = style.figure(style.DOUBLE, 0.5 + 1.5 * rows)
        panels = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True, sharey=True).ravel()
        for axes, name in zip(panels, weights, strict=False):
            _draw(axes, comparison.panel(tables, {"weights": name}), name)
        law = tables["laws"]
        heights = [
            comparison.height(comparison.panel(tables, {"weights": w}), 0.8) for w in weights
        ]
        panels[0].set_ylim(0, max(heights))
        panels[0].set_xlim(0, law.groupby("weights")["x"].max().min())
        for axes in panels[len(weights) :]:
            axes.remove()
        for k in range(len(weights)):
            if k + COLUMNS >= len(weights):
                panels[k].set_xlabel(r"non-zero eigenvalue $\lambda$")
                panels[k].tick_params(labelbottom=True)
            if k % COLUMNS == 0:
                panels[k].set_ylabel("density")
        handles = panels[0].get_legend_handles_labels()[0]
        figure.legend(
            handles,
            ["simulation", "asymptotic law", "exact law for normal weights"],
            loc="outside upper center",
            ncols=3,
        )
        return figure


def _draw(axes: Axes, tables: Tables, weights: str) -> None:
    comparison.draw(axes, tables, {"asymptotic": "asymptotic", "exact": "exact"})
    axes.set_title(weights)
    distance = tables["distances"].set_index("law")["distance"]
    axes.text(
        0.97,
        0.95,
        f"$D$ = {distance['asymptotic']:.3f} (asymptotic)\n{distance['exact']:.3f} (exact)",
        transform=axes.transAxes,
        ha="right",
        va="top",
    )


def caption(tables: Tables) -> str:
    """Return the caption, with the distances."""
    distances = tables["distances"]
    N_i, N_h = int(distances["N_i"].iloc[0]), int(distances["N_h"].iloc[0])
    exact = distances[distances["law"] == "exact"]
    apart = listing(
        f"{row['distance']:.3f} ({row['weights']})" for row in exact.to_dict("records")
    )
    noise = exact["noise"]
    shown = f"{noise.min():.3f}" + (f" to {noise.max():.3f}" if np.ptp(noise) > 5e-4 else "")
    return (
        f"Linear networks with N_i = {N_i} and N_h = {N_h} whose weights have other "
        f"distributions of the same mean and variance: non-zero eigenvalues, pooled over "
        f"{span(exact['teachers'])} teachers, against the laws for normal weights. "
        f"Kolmogorov-Smirnov distances from the exact law: {apart}; sampling alone makes {shown}. "
        f"|W_2|² has variance (κ - 1)/N_h, where κ is the kurtosis of a weight: 3 for normal ones"
        + (f"; {N_i - N_h} of the {N_i} eigenvalues are |W_2|² alone." if N_i > N_h else ".")
    )
