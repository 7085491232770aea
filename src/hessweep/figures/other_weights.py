"""Figs 8 and 9: linear networks with other weights, against the laws for normal weights."""

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hessweep import analysis, laws
from hessweep.figures import comparison, style
from hessweep.figures.save import Tables
from hessweep.figures.words import listing, span
from hessweep.networks import WEIGHTS


def data(results: xr.DataTree, N_i: int, N_h: int) -> Tables:
    """Return the non-zero eigenvalues of each weight distribution and the laws for normal weights.

    Args:
        results: Points of the linear activation; those of other sizes are left out.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.

    Returns:
        The tables of `comparison.compare`, with columns `weights, N_i, N_h` in front; the
        distributions in the order of `networks.WEIGHTS`.

    Raises:
        InputError: If there are no points of that size.
    """
    points = analysis.realisations(
        results,
        f"activation == 'linear' and N_i == {N_i} and N_h == {N_h} and weights in {list(WEIGHTS)}",
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
    """Draw a small panel for each distribution, all with the same axes.

    The legend fills the cell of the grid that the panels leave free, or stands above them.
    """
    weights = list(tables["distances"]["weights"].unique())
    columns = len(weights) if len(weights) <= 3 else -(-len(weights) // 2)
    rows = -(-len(weights) // columns)
    with style.paper():
        figure = style.figure(style.DOUBLE, 0.4 + 1.6 * rows)
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        parts = [comparison.panel(tables, {"weights": name}) for name in weights]
        top = _height(parts)
        panels[0].set_ylim(0, top)
        for k, (axes, name, part) in enumerate(zip(panels, weights, parts, strict=False)):
            _draw(axes, part, name)
            comparison.mark_cut_bars(axes, part["histogram"], top)
            style.letter(axes, k)
            if k + columns >= len(weights):
                axes.tick_params(labelbottom=True)
            if k % columns == 0:
                axes.set_ylabel("density")
        # After drawing, which sets the limits of each panel.
        panels[0].set_xlim(0, min(part["laws"]["x"].max() for part in parts))
        figure.supxlabel(comparison.QUANTITY, fontsize=8)
        _legend(figure, list(panels), tables["distances"])
        return figure


def _height(parts: list[Tables]) -> float:
    """Return the height that all panels share: the text takes a quarter of it."""
    return max(comparison.height(part, 0.75) for part in parts)


def _draw(axes: Axes, tables: Tables, weights: str) -> None:
    comparison.draw(axes, tables, {"asymptotic": "asymptotic law", "exact": "exact law"})
    axes.set_title(weights)
    distances = tables["distances"].set_index("law")
    lines = [f"$D$ = {row['distance']:.3f} ({law})" for law, row in distances.iterrows()]
    axes.text(
        0.98,
        0.97,
        "\n".join([*lines, f"$D_0$ = {distances['noise'].iloc[0]:.3f} (sampling)"]),
        transform=axes.transAxes,
        ha="right",
        va="top",
    )


def _legend(figure: Figure, panels: list[Axes], distances: pd.DataFrame) -> None:
    count = distances["weights"].nunique()
    curves = panels[0].get_legend_handles_labels()[0]
    names = ["simulation", "asymptotic law", "exact law"]
    N_i, N_h = distances["N_i"].iloc[0], distances["N_h"].iloc[0]
    title = f"$N_i = {N_i}$, $N_h = {N_h}$\nlaws for normal weights"
    if count == len(panels):
        figure.legend(curves, names, loc="outside upper center", ncols=3, title=title)
        return
    for axes in panels[count:]:
        axes.axis("off")
    panels[count].legend(curves, names, loc="center", title=title, borderpad=1)


def caption(tables: Tables) -> str:
    """Return the caption, with the distances."""
    distances = tables["distances"]
    N_i, N_h = int(distances["N_i"].iloc[0]), int(distances["N_h"].iloc[0])
    exact = distances[distances["law"] == "exact"]
    found = listing(
        f"{row['distance']:.3f} ({row['weights']})" for row in exact.to_dict("records")
    )
    noise = span(f"{value:.3f}" for value in exact["noise"])
    sentences = [
        f"Non-zero eigenvalues of the Hessian of linear networks with N_i = {N_i} inputs and "
        f"N_h = {N_h} hidden neurons, pooled over {span(exact['teachers'])} teachers for each "
        "distribution of the weights, against the laws for normal weights.",
        "All distributions have mean 0 and the same variances.",
        "D is the Kolmogorov-Smirnov distance to a law, and D_0 the distance that sampling alone "
        f"gives. To the exact law D is {found}, with D_0 = {noise}.",
        "The variance of |W_2|² is (κ - 1)/N_h, where κ is the kurtosis of a weight (3 for normal "
        "weights).",
    ]
    if N_i > N_h:
        sentences.append(f"Of the {N_i} eigenvalues, {N_i - N_h} are equal to |W_2|².")
    parts = [comparison.panel(tables, {"weights": name}) for name in exact["weights"]]
    if tables["histogram"]["density"].max() > _height(parts):
        sentences.append("Bars cut by the frame are marked with their density.")
    return " ".join(sentences)
