"""Fig. 1: the architecture of teacher and student."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from hessweep.figures import style
from hessweep.figures.save import Tables

LAYERS = ("input", "hidden", "output")

DISTANCE = 0.3
"""Vertical distance of two neurons; twice as much where dots stand for those left out."""


def data(N_i: int = 4, N_h: int = 5) -> Tables:
    """Return the neurons (`layer, index, x, y`) and connections (`x0, y0, x1, y1, weight`).

    Nothing is measured: the sizes are those of the drawing, not of any network.
    """
    neurons = pd.DataFrame(
        [
            {"layer": layer, "index": index, "x": 1.0 * k, "y": y}
            for k, (layer, size) in enumerate(zip(LAYERS, (N_i, N_h, 1), strict=True))
            for index, y in enumerate(_heights(size))
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


def _heights(size: int) -> np.ndarray:
    """Return the vertical positions of a layer; there is a gap for the dots before the last."""
    heights = -DISTANCE * np.arange(size, dtype=float)
    if size > 1:
        heights[-1] -= DISTANCE
    return heights - (heights[0] + heights[-1]) / 2


def plot(tables: Tables) -> Figure:
    """Draw the network from left to right, `y = W2 g(W1 x)`."""
    with style.paper():
        figure = style.figure(style.SINGLE, 2.2)
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
    # Unlike a patch, a marker of a scatter plot stays round whatever the scales of the axes.
    axes.scatter([x], [y], s=95, facecolor="white", edgecolor=style.BLACK, linewidth=0.8, zorder=2)
    if hidden:
        axes.text(x, y - 0.006, "$g$", ha="center", va="center", fontsize=7, zorder=3)


def _labels(axes: Axes, neurons: pd.DataFrame) -> None:
    inputs = neurons[neurons["layer"] == "input"]
    for row in inputs.to_dict("records"):
        name = "N_i" if row["index"] == len(inputs) - 1 else row["index"] + 1
        axes.text(row["x"] - 0.13, row["y"], f"$x_{{{name}}}$", ha="right", va="center")
    axes.text(2.13, 0, "$y$", ha="left", va="center")
    for column, layer in enumerate(LAYERS[:2]):
        heights = np.sort(neurons.loc[neurons["layer"] == layer, "y"])
        if len(heights) > 1:
            axes.text(
                column, heights[:2].mean(), r"$\vdots$", ha="center", va="center", fontsize=11
            )
    top = neurons["y"].max()
    sizes = ("$N_i$ inputs", "$N_h$ hidden neurons", "1 output")
    for k, text in enumerate(sizes):
        axes.text(k, -top - 0.29, text, ha="center", va="center")
    for x, text, colour in ((0.5, "$W_1$", style.BLUE), (1.5, "$W_2$", style.VERMILLION)):
        axes.text(x, top + 0.19, text, ha="center", va="center", color=colour, fontsize=8)


def caption(tables: Tables) -> str:  # noqa: ARG001 - it has no measured numbers
    """Return the caption."""
    return (
        "Architecture of the teacher and of the student: N_i inputs x, which are independent and "
        "normally distributed with mean 0 and variance 1; one hidden layer of N_h neurons with "
        "activation function g; one output y = W_2 g(W_1 x); and no biases. W_1 is a matrix of "
        "N_h x N_i weights and W_2 a row of N_h weights, P = N_h (N_i + 1) parameters in all. The "
        "weights of a teacher are independent with mean 0 and variance 1/N_i in W_1 and 1/N_h in "
        "W_2."
    )
