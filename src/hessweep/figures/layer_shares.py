"""Which layers the eigenvectors of the largest eigenvalues lie in."""

import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hessweep.analysis.depth import shares_by_layer, usual_width
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.words import span

PLACES = 12
"""So many of the largest eigenvalues are drawn."""


def data(results: xr.DataTree, width: int | None = None, depth: int | None = None) -> Tables:
    """Return the shares of the layers in the eigenvectors of the largest eigenvalues.

    Args:
        results: Points of kind sampled, of networks without biases whose layers all have one
            width; others are left out.
        width: That width; the one with most points if it is not given.
        depth: The number of layers; the largest that all activations have if it is not given.

    Returns:
        `shares`, a row for each activation, place of the eigenvalue (1: the largest) and layer.

    Raises:
        InputError: If there are no such networks.
    """
    found = shares_by_layer(results)
    if width is None:
        width = usual_width(found)
    found = found[(found["width"] == width) & (found["place"] <= PLACES)]
    if depth is None:
        depth = found.groupby("activation")["depth"].max().min()
    return {"shares": found[found["depth"] == depth].reset_index(drop=True)}


def plot(tables: Tables) -> Figure:
    """Draw a panel for each activation: a stacked bar for each eigenvalue."""
    with style.paper():
        groups = list(tables["shares"].groupby("activation", sort=False))
        figure = style.figure(style.DOUBLE, 2.2)
        panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
        for k, (axes, (name, rows)) in enumerate(zip(panels, groups, strict=True)):
            layers = sorted(rows["layer"].unique())
            below = 0.0
            for layer, color in zip(layers, style.sequence(len(layers)), strict=True):
                of_layer = rows[rows["layer"] == layer].sort_values("place")
                share = of_layer["share"].to_numpy()
                axes.bar(
                    of_layer["place"], share, bottom=below, color=color, label=f"layer {layer}"
                )
                below = below + share
            axes.set_title(f"({'abcdefghijkl'[k % 12]}) {name}", loc="left")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_ylim(0, 1)
            axes.set_xlabel("eigenvalue")
        panels[0].set_ylabel("share of the eigenvector")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        return figure


def caption(tables: Tables) -> str:
    """Return the caption, with the share of the output layer in the largest eigenvector."""
    shares = tables["shares"]
    top = shares[(shares["place"] == 1) & (shares["layer"] == shares["layer"].max())]
    found = "; ".join(f"{r['activation']} {r['share']:.2f}" for r in top.to_dict("records"))
    return (
        "How much of each eigenvector lies in the weights of each layer, for the largest "
        "eigenvalues of the Hessian at the optimum, the largest on the left; networks with "
        f"{shares['width'].iloc[0]} inputs and as many neurons in each hidden layer, one output, "
        f"no biases and {shares['layer'].max()} layers; means over {span(shares['teachers'])} "
        "teachers. The share of the output layer in the eigenvector of the largest eigenvalue: "
        f"{found}."
    )
