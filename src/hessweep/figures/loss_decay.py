"""Fig. 3: the loss of training from near the optimum, and what predicts it."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hessweep.analysis import NearOptimum, runs_near_optima
from hessweep.dynamics import LATE, LinearisedFlow, late_exponential, late_slope
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.words import listing

TIMES = 100
"""Number of recorded times that are kept on a linear and on a logarithmic grid, each."""

DEGENERATE = 1e-9
"""Relative distance up to which eigenvalues count as equal: block A has multiple eigenvalues."""

CURVES: dict[str, dict[str, Any]] = {
    "SGD": {"color": style.SKY, "linestyle": "-", "linewidth": 3},
    "gradient flow": {"color": style.BLUE, "linestyle": "-", "linewidth": 0.8},
    "eq. (7)": {"color": style.BLACK, "linestyle": (0, (1, 1))},
    "exponential": {"color": style.VERMILLION, "linestyle": (0, (5, 1.2, 1, 1.2))},
}

LABELS = {
    "SGD": "SGD",
    "gradient flow": "gradient flow",
    "eq. (7)": "eq. (7), all modes",
    "exponential": r"$\alpha\, e^{-2 \lambda_{\min} t}$",
}


def data(results: xr.DataTree) -> Tables:
    """Return the mean losses of students near their teachers, and the late rates.

    Args:
        results: Results with runs of SGD and of gradient flow of the same networks, from near the
            optimum, at the same evenly spaced times; and the spectra of these networks.

    Returns:
        `losses`: `network, curve, t, loss, error`. The loss is the mean over draws and the error
        its standard error: for SGD and gradient flow from the scatter of the draws, for eq. (7)
        as predicted, and 0 for the exponential.
        `rates`: for each network its `activation, N_i, N_h, seed, noise, learning_rate, batch,
        draws`, the `rate` 2 λ_min, the measured late slopes of `sgd` and `flow` with errors, and
        `alone`: the share of the slowest mode in eq. (7) at the last time.

    Raises:
        InputError: If the results do not hold these.
    """
    parts = [_summed(runs) for runs in runs_near_optima(results)]
    return {
        "losses": pd.concat([losses for losses, _ in parts], ignore_index=True),
        "rates": pd.DataFrame([rates for _, rates in parts]),
    }


def _summed(runs: NearOptimum) -> tuple[pd.DataFrame, dict[str, Any]]:
    t, sgd, flow, modes = runs.times, runs.sgd, runs.flow, runs.eigenvalues
    noise = runs.training.noise or 0.0
    slowest = modes[modes < modes[0] * (1 + DEGENERATE)]
    every, last = (LinearisedFlow(part, noise) for part in (modes, slowest))
    exponential = late_exponential(t, sgd.mean(axis=0), modes[0])
    curves = {
        "SGD": (sgd.mean(axis=0), sgd.std(axis=0, ddof=1) / np.sqrt(len(sgd))),
        "gradient flow": (flow.mean(axis=0), flow.std(axis=0, ddof=1) / np.sqrt(len(flow))),
        "eq. (7)": (every.loss(t), every.loss_std(t) / np.sqrt(len(sgd))),
        "exponential": (exponential(t), np.zeros(len(t))),
    }
    network = {"network": f"{runs.activation}, N_i = {runs.N_i}, N_h = {runs.N_h}"}
    kept = _kept(len(t))
    losses = pd.concat(
        pd.DataFrame(
            {**network, "curve": name, "t": t[kept], "loss": loss[kept], "error": error[kept]}
        )
        for name, (loss, error) in curves.items()
    )
    rates: dict[str, Any] = {**network, "activation": runs.activation}
    rates |= {"N_i": runs.N_i, "N_h": runs.N_h, "seed": runs.seed, "noise": noise}
    rates |= {"learning_rate": runs.training.learning_rate, "batch": runs.training.batch}
    rates |= {"draws": len(sgd), "rate": exponential.rate}
    for name, found in (("sgd", sgd), ("flow", flow)):
        slope = late_slope(t, found, LATE * t[-1])
        rates |= {name: slope.value, f"{name}_error": slope.error}
    rates["alone"] = float(last.loss(t[-1]) / every.loss(t[-1]))
    return losses, rates


def _kept(records: int) -> np.ndarray:
    even = np.linspace(0, records - 1, TIMES)
    decades = np.geomspace(1, records - 1, TIMES)
    return np.unique(np.concatenate([even, decades]).astype(int))


def plot(tables: Tables) -> Figure:
    """Draw a panel for each network: the loss on a logarithmic scale against time.

    The time axis is logarithmic as well where the fast modes decay in its first hundredth.
    """
    networks = tables["rates"]["network"]
    with style.paper():
        figure = style.figure(style.DOUBLE, 2.6)
        panels = figure.subplots(1, len(networks), squeeze=False)[0]
        for k, (axes, network) in enumerate(zip(panels, networks, strict=True)):
            losses = tables["losses"]
            _draw(axes, losses[losses["network"] == network])
            name, N_i, N_h = network.split(", ")
            axes.set_title(f"{name}, ${N_i}$, ${N_h}$")
            style.letter(axes, k)
        panels[0].set_ylabel("loss $L$")
        handles, labels = panels[0].get_legend_handles_labels()
        panels[0].legend(handles, labels, loc="lower left")
        return figure


def _draw(axes: Axes, losses: pd.DataFrame) -> None:
    curves = {name: losses[losses["curve"] == name] for name in CURVES}
    predicted = curves["eq. (7)"]
    axes.fill_between(
        predicted["t"],
        predicted["loss"] - predicted["error"],
        predicted["loss"] + predicted["error"],
        color="0.87",
        linewidth=0,
    )
    for name, curve in curves.items():
        axes.plot(curve["t"], curve["loss"], label=LABELS[name], **CURVES[name])
    axes.set_yscale("log")
    t, loss = predicted["t"].to_numpy(), predicted["loss"].to_numpy()
    if np.interp(t[-1] / 100, t, loss) < loss[0] / 10:
        axes.set_xscale("log")
        axes.set_xlim(t[1], t[-1])
        losses = losses[losses["t"] > 0]
    largest = losses.loc[losses["curve"] != "exponential", "loss"]
    axes.set_ylim(largest.min() / 3, largest.max() * 3)
    axes.set_xlabel("time $t$ = iterations × learning rate")


def caption(tables: Tables) -> str:
    """Return the caption, with the measured late rates."""
    rates = tables["rates"]
    measured = " ".join(
        f"({'abcdefgh'[k]}) {row['network']}: 2 λ_min is {row['rate']:.4g}; the rate is "
        f"{row['sgd']:.4g} ± {row['sgd_error']:.2g} with SGD and {row['flow']:.4g} ± "
        f"{row['flow_error']:.2g} with gradient flow. At the end the modes of λ_min make up "
        f"{row['alone']:.0%} of eq. (7)."
        for k, row in enumerate(rates.to_dict("records"))
    )
    first = rates.to_dict("records")[0]
    draws = listing(map(str, dict.fromkeys(rates["draws"])))
    return (
        "Loss L (the generalisation error) of students against time t. A student starts at its "
        "teacher, with normal noise of standard deviation "
        f"{listing(f'{noise:g}' for noise in rates['noise'])} added to every parameter. Means "
        f"over {draws} starts: SGD with a new batch of {first['batch']} inputs at each "
        "iteration; gradient flow of the loss over all inputs from the same starts; the "
        "linearised prediction of eq. (7), with a band of one standard error of the mean; and "
        "α e^(-2 λ_min t), where α is such that it meets SGD at the last time. λ_min is the "
        "smallest non-zero eigenvalue of the teacher's Hessian. The rates at which L decays are "
        f"measured in the last quarter of the time. {measured}"
    )
