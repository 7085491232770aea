"""Fig. 1: the architecture of teacher and student (MATH 1)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from hessweep.figures import style
from hessweep.figures.save import Tables

LAYERS = ("input", "hidden", "output")
RADIUS = 0.085


def data(N_i: int = 4, N_h: int = 5) -> Tables:
    """Return the neurons (`layer, index, x, y`) and connections (`x0, y0, x1, y1, weight`).

    Nothing is measured: the sizes are those of the drawing, not of any network.
    """
    neurons = pd.DataFrame(
        [
            {"layer": layer, "index": index, "x": 1.0 * k, "y": y}
            for k, (layer, size) in enumerate(zip(LAYERS, (N_i, N_h, 1), strict=True))
            for index, y in enumerate((np.arange(size)[::-1] - (size - 1) / 2) * 0.3)
        ]
    )
    position = {layer: group[["x", "y"]].to_numpy() for layer, group in neurons.groupby("layer")}
    connections = pd.DataFrame(
        [
            {"x0": x0, "y0": y0, "x1": x1, "y1": y1, "weight": weight}
            for weight, source, target in (("W1", "input", "hidden"), ("W2", "hidden", "output"))
            for x0, y0 in position[source]
            for x1, y1 in position[target]
        ]
    )
    return {"neurons": neurons, "connections": connections}


def plot(tables: Tables) -> Figure:
    """Draw the network from left to right, `y = W2 g(W1 x)`."""
    with style.paper():
        figure = style.figure(style.SINGLE, 1.9)
        axes = figure.subplots()
        axes.set_aspect("equal")
        axes.axis("off")
        connections = tables["connections"]
        for weight, colour in (("W1", style.BLUE), ("W2", style.VERMILLION)):
            rows = connections[connections["weight"] == weight]
            segments = rows[["x0", "y0", "x1", "y1"]].to_numpy().reshape(-1, 2, 2)
            axes.add_collection(
                LineCollection(list(segments), colors=colour, linewidths=0.5, label=weight)
            )
        neurons = tables["neurons"]
        for row in neurons.to_dict("records"):
            _neuron(axes, row["x"], row["y"], row["layer"] == "hidden")
        _labels(axes, neurons)
        top = neurons["y"].max()
        axes.set_xlim(-0.62, 2.62)
        axes.set_ylim(-top - 0.36, top + 0.36)
        return figure


def _neuron(axes: Axes, x: float, y: float, hidden: bool) -> None:
    # A scatter marker, not a patch: it stays round and keeps its size at any aspect.
    axes.scatter([x], [y], s=95, facecolor="white", edgecolor=style.BLACK, linewidth=0.8, zorder=2)
    if hidden:
        axes.text(x, y - 0.006, "$g$", ha="center", va="center", fontsize=7, zorder=3)


def _labels(axes: Axes, neurons: pd.DataFrame) -> None:
    inputs = neurons[neurons["layer"] == "input"]
    for row in inputs.to_dict("records"):
        name = "N_i" if row["index"] == len(inputs) - 1 else row["index"] + 1
        axes.text(row["x"] - 0.13, row["y"], f"$x_{{{name}}}$", ha="right", va="center")
    axes.text(2.13, 0, "$y$", ha="left", va="center")
    top = neurons["y"].max()
    sizes = ("$N_i$ inputs", "$N_h$ hidden neurons", "1 output")
    for k, text in enumerate(sizes):
        axes.text(k, -top - 0.29, text, ha="center", va="center")
    for x, text, colour in ((0.5, "$W_1$", style.BLUE), (1.5, "$W_2$", style.VERMILLION)):
        axes.text(x, top + 0.19, text, ha="center", va="center", color=colour, fontsize=8)


def caption(tables: Tables) -> str:  # noqa: ARG001 - nothing in it is measured
    """Return the caption."""
    return (
        "Architecture of teacher and student: N_i inputs x ~ N(0, I), one layer of N_h hidden "
        "neurons with activation g, one output y = W_2 g(W_1 x), and no biases. W_1 is N_h x N_i "
        "and W_2 has N_h entries, N_h (N_i + 1) parameters in all; a teacher's weights are "
        "independent, of mean 0 and variance 1/N_i in W_1 and 1/N_h in W_2."
    )
