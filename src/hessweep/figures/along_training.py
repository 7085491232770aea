"""The loss and the Hessian along training from random weights (docs/training.md)."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hessweep.analysis import mean_on_grid, training_of, training_runs
from hessweep.errors import InputError
from hessweep.figures import style
from hessweep.figures.save import Tables

QUANTILES = (0.1, 0.9)
QUANTITIES = ("loss", "visible_rank", "index")


def data(
    results: xr.DataTree, activation: str, student: str = "teacher", realisation: int = 0
) -> Tables:
    """Return one realisation, and the mean over all, along training from random weights.

    Args:
        results: Results with runs of the kind `training` that start from random weights.
        activation: Label of the activation.
        student: The student, such as `zero_output=4`.
        realisation: Which of the runs is shown by itself.

    Returns:
        `runs`: `quantity, time, one, middle, low, high`: one realisation (NaN after its end), and
        mean (of the loss the median) and quantiles over all runs, of which those that ended count
        with their last value. `spectrum`: `time, eigenvalue` of the realisation, without those
        within the numerical threshold. `facts`: `activation, N_i, N_h, P, student, runs,
        converged, largest`, the last the largest visible rank.

    Raises:
        InputError: If there are no such runs.
    """
    where = f"activation == {activation!r} and student == {student!r}"
    runs = [
        run
        for run in training_runs(results, where)
        if training_of(run).noise is None and run.sizes["mode"]
    ]
    if not runs:
        raise InputError(
            f"results: expected runs from random weights with {where}, found none; add a sweep "
            "with kind: training, or name it"
        )
    one = runs[realisation % len(runs)]
    first = min(float(run["time"][1]) for run in runs if len(run["time"]) > 1)
    grid = np.geomspace(first, max(run.attrs["final_time"] for run in runs), 80)
    parts = []
    for name in QUANTITIES:
        mean, low, middle, high = mean_on_grid(runs, name, grid, (QUANTILES[0], 0.5, QUANTILES[1]))
        [single] = [next(mean_on_grid([one], name, grid, ()))]
        parts.append(
            pd.DataFrame(
                {
                    "quantity": name,
                    "time": grid,
                    "one": np.where(grid <= one.attrs["final_time"], single, np.nan),
                    "middle": middle if name == "loss" else mean,
                    "low": low,
                    "high": high,
                }
            )
        )
    values, threshold = one["mode_eigenvalues"].values, one["index_threshold"].values
    seen = np.abs(values) > threshold[:, None]
    times = np.broadcast_to(one["time"].values[:, None], values.shape)
    facts = {name: one.attrs[name] for name in ("activation", "N_i", "N_h", "P", "student")}
    facts["runs"] = len(runs)
    facts["converged"] = sum(run.attrs["ended"] == "converged" for run in runs)
    facts["largest"] = int(max(run["visible_rank"].values.max() for run in runs))
    return {
        "runs": pd.concat(parts, ignore_index=True),
        "spectrum": pd.DataFrame({"time": times[seen], "eigenvalue": values[seen]}),
        "facts": pd.DataFrame([facts]),
    }


def plot(tables: Tables) -> Figure:
    """Draw the loss, the visible rank with the index, and the spectrum against log time."""
    quantities = tables["runs"]["quantity"]
    runs = {name: tables["runs"][quantities == name] for name in QUANTITIES}
    with style.paper():
        figure = style.figure(style.DOUBLE, 2.5)
        panels = figure.subplots(1, 3)
        _band(panels[0], runs["loss"], style.BLUE, "loss")
        panels[0].set_yscale("log")
        panels[0].set_ylabel("loss $L$")
        _band(panels[1], runs["visible_rank"], style.BLUE, "visible rank")
        _band(panels[1], runs["index"], style.VERMILLION, "index")
        panels[1].set_ylabel("number of eigenvalues")
        panels[1].yaxis.set_major_locator(MaxNLocator(integer=True))
        panels[1].legend(loc="best")
        spectrum = tables["spectrum"]
        for sign, colour, label in (
            (1, style.BLUE, "positive"),
            (-1, style.VERMILLION, "negative"),
        ):
            rows = spectrum[sign * spectrum["eigenvalue"] > 0]
            panels[2].plot(
                rows["time"], rows["eigenvalue"].abs(), ".", color=colour, markersize=1.6,
                label=label, markeredgewidth=0,
            )  # fmt: skip
        panels[2].set_yscale("log")
        panels[2].set_ylabel(r"$|\lambda|$ of one realisation")
        panels[2].legend(loc="best", markerscale=3)
        end = runs["loss"]["time"]
        for k, axes in enumerate(panels):
            axes.set_xscale("log")
            axes.set_xlim(end.min(), end.max())
            axes.set_xlabel("time $t$")
            style.letter(axes, k)
        return figure


def _band(axes: Axes, rows: pd.DataFrame, colour: str, label: str) -> None:
    axes.fill_between(
        rows["time"], rows["low"], rows["high"], color=colour, alpha=0.2, linewidth=0
    )
    axes.plot(rows["time"], rows["middle"], color=colour, label=label)
    axes.plot(rows["time"], rows["one"], color=colour, linewidth=0.7, linestyle=(0, (3, 1)))


def caption(tables: Tables) -> str:
    """Return the caption, with the numbers of runs."""
    [facts] = tables["facts"].to_dict("records")
    wide = "" if facts["student"] == "teacher" else f", a student with {facts['student']}"
    return (
        f"{facts['activation']} network, N_i = {facts['N_i']}, N_h = {facts['N_h']}{wide}, P = "
        f"{facts['P']}: gradient flow of the population loss from random weights, "
        f"{facts['runs']} runs, of which {facts['converged']} converged. Lines: the median (loss) "
        "and mean over the runs, where a run that ended counts with its last value; bands: from "
        "the tenth to the ninetieth percentile; dashed: one realisation. (a) The loss. (b) The "
        "visible rank, the number of eigenvalues of the Hessian above the norm of its functional "
        f"part, at most {facts['largest']} in all runs; and the index, the number of negative "
        "eigenvalues. (c) Absolute values of the eigenvalues of the realisation that are above "
        "the numerical errors."
    )
