"""Fig. 3: the loss of training from near the optimum, and what predicts it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hessweep.activations import activation
from hessweep.dynamics import LATE, Experiment, LinearisedFlow, late_exponential, late_slope
from hessweep.errors import InputError
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.words import listing
from hessweep.setup import AXES, Setup
from hessweep.spectrum import spectrum_with_error

NETWORKS: dict[str, tuple[dict[str, Any], ...]] = {
    "linear": (
        {"activation": "linear", "N_i": 10, "N_h": 20, "learning_rate": 5e-3, "iterations": 1600},
        {"activation": "linear", "N_i": 30, "N_h": 10, "learning_rate": 5e-3, "iterations": 2400},
    ),
    "non-linear": (
        {
            "activation": "quadratic",
            "N_i": 6,
            "N_h": 3,
            "learning_rate": 4e-3,
            "iterations": 15000,
        },
        {"activation": "erf", "N_i": 6, "N_h": 3, "learning_rate": 0.1, "iterations": 15000},
    ),
}
"""Networks of the two figures. At the end of training, at time t = iterations times learning rate,
`2 λ_min t` is about 4 to 20, so that only the slowest mode remains, or nearly so."""

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


def data(networks: str | Sequence[Mapping[str, Any]] = "linear", draws: int = 12) -> Tables:
    """Train students from near their teachers; return the mean losses and the late rates.

    Args:
        networks: "linear", "non-linear", or for each panel the arguments of
            `dynamics.Experiment`, with those of a `Setup` for its teacher.
        draws: Number of initial displacements of each network.

    Returns:
        `losses`: `network, curve, t, loss, error`. The loss is the mean over draws and the error
        its standard error: for SGD and gradient flow from the scatter of the draws, for eq. (7)
        as predicted, and 0 for the exponential.
        `rates`: for each network its `activation, N_i, N_h, seed, noise, learning_rate, batch,
        draws`, the `rate` 2 λ_min, the measured late slopes of `sgd` and `flow` with errors, and
        `alone`: the share of the slowest mode in eq. (7) at the last time.

    Raises:
        InputError: If networks is another word, or a number of an experiment is out of range.
    """
    if isinstance(networks, str) and networks not in NETWORKS:
        raise InputError(
            f"networks: expected {listing(NETWORKS)} or a list of experiments, got {networks!r}"
        )
    chosen = NETWORKS[networks] if isinstance(networks, str) else networks
    parts = [_train(_experiment(network, draws)) for network in chosen]
    return {
        "losses": pd.concat([losses for losses, _ in parts], ignore_index=True),
        "rates": pd.DataFrame([rates for _, rates in parts]),
    }


def _experiment(network: Mapping[str, Any], draws: int) -> Experiment:
    settings = {"seed": 0, "draws": draws, **network}
    settings.setdefault("records", min(2001, settings["iterations"] + 1))
    function = activation(settings.pop("activation"))
    axes = {axis.field: settings.pop(axis.field) for axis in AXES if axis.field in settings}
    return Experiment(Setup(function, **axes).network(settings["seed"]), **settings)


def _train(experiment: Experiment) -> tuple[pd.DataFrame, dict[str, Any]]:
    t, sgd, flow = experiment.times, experiment.sgd_losses(), experiment.flow_losses()
    spectrum = spectrum_with_error(experiment.teacher)
    non_zero = spectrum.eigenvalues[spectrum.eigenvalues > spectrum.error]
    slowest = non_zero[non_zero < non_zero[0] * (1 + DEGENERATE)]
    every, last = (LinearisedFlow(modes, experiment.noise) for modes in (non_zero, slowest))
    exponential = late_exponential(t, sgd.mean(axis=0), non_zero[0])
    root = np.sqrt(experiment.draws)
    curves = {
        "SGD": (sgd.mean(axis=0), sgd.std(axis=0, ddof=1) / root),
        "gradient flow": (flow.mean(axis=0), flow.std(axis=0, ddof=1) / root),
        "eq. (7)": (every.loss(t), every.loss_std(t) / root),
        "exponential": (exponential(t), np.zeros(len(t))),
    }
    teacher = experiment.teacher
    label = teacher.activation.label
    network = {"network": f"{label}, N_i = {teacher.N_i}, N_h = {teacher.N_h}"}
    kept = _kept(len(t))
    losses = pd.concat(
        pd.DataFrame(
            {**network, "curve": name, "t": t[kept], "loss": loss[kept], "error": error[kept]}
        )
        for name, (loss, error) in curves.items()
    )
    rates: dict[str, Any] = {**network, "activation": label}
    rates |= {"N_i": teacher.N_i, "N_h": teacher.N_h}
    for name in ("seed", "noise", "learning_rate", "batch", "draws"):
        rates[name] = getattr(experiment, name)
    rates["rate"] = exponential.rate
    for name, runs in (("sgd", sgd), ("flow", flow)):
        slope = late_slope(t, runs, LATE * t[-1])
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
    return (
        "Loss L (the generalisation error) of students against time t. A student starts at its "
        "teacher, with normal noise of standard deviation "
        f"{listing(f'{noise:g}' for noise in rates['noise'])} added to every parameter. Means "
        f"over {first['draws']} starts: SGD with a new batch of {first['batch']} inputs at each "
        "iteration; gradient flow of the loss over all inputs from the same starts; the "
        "linearised prediction of eq. (7), with a band of one standard error of the mean; and "
        "α e^(-2 λ_min t), where α is such that it meets SGD at the last time. λ_min is the "
        "smallest non-zero eigenvalue of the teacher's Hessian. The rates at which L decays are "
        f"measured in the last quarter of the time. {measured}"
    )
