"""How the loss decays near optima of wide students: exponentially, or as a power of t."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from hessweep.analysis import late_rates, training_of, training_runs
from hessweep.errors import InputError
from hessweep.figures import style
from hessweep.figures.save import Tables

KEPT = 1e-14
"""Losses below this are not drawn: rounding errors are near."""


def data(results: xr.DataTree) -> Tables:
    """Return the losses of runs from near optima of students, and their local rates.

    Args:
        results: Results with runs of gradient flow that start near an optimum, and the spectra
            at these optima.

    Returns:
        `losses`: `activation, N_i, student, seed, time, loss, rate` with the local rate
        `-d log L / dt` over 2 λ_min at the geometric middle of a record and the one before it.
        `late`: what `hessweep.analysis.late_rates` returns.

    Raises:
        InputError: If there are no such runs.
    """
    late = late_rates(results)
    if not len(late):
        raise InputError(
            "results: expected runs of gradient flow from near optima whose spectra are there "
            "too, found none; add sweeps with kind: training, start: {noise: 0.05}, and exact ones"
        )
    smallest = late.set_index(["activation", "N_i", "N_h", "student", "seed"])["lambda_min"]
    parts = []
    for run in training_runs(results):
        of = tuple(run.attrs[n] for n in ("activation", "N_i", "N_h", "student", "seed"))
        if training_of(run).noise is None or of not in smallest.index:
            continue
        time, loss = run["time"].values, run["loss"].values
        rate = np.append(np.nan, -np.diff(np.log(loss)) / np.diff(time) / (2 * smallest.loc[of]))
        seen = (time > 0) & (loss > KEPT)
        named = dict(zip(("activation", "N_i", "N_h", "student", "seed"), of, strict=True))
        parts.append(
            pd.DataFrame({**named, "time": time[seen], "loss": loss[seen], "rate": rate[seen]})
        )
    return {"losses": pd.concat(parts, ignore_index=True), "late": late}


def plot(tables: Tables) -> Figure:
    """Draw the losses against time, and the local rates over 2 λ_min, by activation."""
    losses = tables["losses"]
    activations = list(dict.fromkeys(losses["activation"]))
    students = list(dict.fromkeys(losses["student"]))
    with style.paper():
        figure = style.figure(style.DOUBLE, 2.4 * len(activations))
        panels = figure.subplots(len(activations), 2, squeeze=False)
        for row, activation in enumerate(activations):
            for k, student in enumerate(students):
                shown = losses[
                    (losses["activation"] == activation) & (losses["student"] == student)
                ]
                for number, (_, run) in enumerate(shown.groupby(["N_i", "N_h", "seed"])):
                    label = student if number == 0 else None
                    line = {**style.series(k), "linewidth": 0.8, "label": label}
                    panels[row, 0].plot(run["time"], run["loss"], **line)
                    panels[row, 1].plot(run["time"], run["rate"], **line)
            panels[row, 0].set_ylabel("loss $L$")
            panels[row, 1].set_ylabel(
                r"$-\mathrm{d} \ln L / \mathrm{d} t \; / \; 2 \lambda_{\min}$"
            )
            panels[row, 1].axhline(1, color="0.6", linewidth=0.6, zorder=0)
            panels[row, 1].set_ylim(1e-5, 1e5)
            for k, axes in enumerate(panels[row]):
                axes.set_xscale("log")
                axes.set_yscale("log")
                axes.set_xlabel("time $t$")
                axes.set_title(activation)
                style.letter(axes, 2 * row + k)
        panels[0, 0].legend(loc="lower left")
        return figure


def caption(tables: Tables) -> str:
    """Return the caption, with the late rates."""
    late = tables["late"]
    said = "; ".join(
        f"{activation}, {student}: {rows['ratio'].median():.2g}, of {len(rows)} runs, where L "
        f"falls as t to the power {rows['exponent'].median():.1f}"
        for (activation, student), rows in late.groupby(["activation", "student"], sort=False)
    )
    return (
        "Gradient flow from near optima of students: those of the teacher's size, those with a "
        "neuron without output weight, and those in which a neuron of the teacher is split. Left: "
        "the loss. Right: its local rate over 2 λ_min, with λ_min the smallest non-zero "
        "eigenvalue at the optimum from which the noise started; it is 1 where the loss is "
        "α e^(-2 λ_min t), but for the other optimum nearby at which the run arrives. Medians at "
        f"the end: {said}."
    )
