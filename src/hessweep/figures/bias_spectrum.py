"""Spectra of networks with biases beside those of the same networks without."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hessweep import analysis
from hessweep.analysis.sizes import select_sizes
from hessweep.errors import InputError
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.sorted_spectra import largest_values
from hessweep.figures.words import span

SHOWN = 3
"""Sizes that are shown: the largest of those that there are."""

MULTIPLES = 2.5
"""The sorted eigenvalues are shown up to this many times N."""

UNDER_LEGEND = 0.8
"""Share of a panel's height that the spectra take."""

LABELS = {"none": "without biases", "both": "with both biases"}


def data(results: xr.DataTree, activation: str = "erf") -> Tables:
    """Return sorted spectra and counts of large eigenvalues for `N_i = N_h = N`.

    Args:
        results: Teachers of that activation with both biases and without; others are left out.
        activation: Label of the activation.

    Returns:
        `sorted`: for each `N` and `biases` the k-th largest eigenvalue over the teachers:
        geometric `mean`, `low` and `high`. `count`: for each teacher the number of eigenvalues
        above the largest gap near N (`analysis.largest_gap`) and the gap's `ratio`. `agreement`:
        for each `N` and `biases` the `teachers`, the most frequent count (`usual`), how many
        teachers have it (`exact`), the smallest and the largest count.

    Raises:
        InputError: If the results hold no square networks both with and without biases.
    """
    parts, counts = [], []
    for biases in LABELS:
        points = select_sizes(
            analysis.realisations(
                results,
                f"activation == '{activation}' and N_i == N_h and biases == '{biases}'",
            )
        )
        for N in points["N_h"].unique().tolist():
            group = points[points["N_h"] == N]
            largest = largest_values(group, int(MULTIPLES * N))
            largest.insert(0, "N", N)
            largest.insert(1, "biases", biases)
            parts.append(largest)
            for seed, row in zip(group["seed"], group["eigenvalues"], strict=True):
                gap = analysis.largest_gap(row, N)
                counts.append((N, biases, seed, gap.count, gap.ratio))
    count = pd.DataFrame(counts, columns=["N", "biases", "seed", "count", "ratio"])
    sizes = sorted(set.intersection(*(set(rows["N"]) for _, rows in count.groupby("biases"))))
    if not sizes:
        raise InputError(
            "results: expected square networks of the same size with and without biases, found "
            "none; ask for a sweep with `biases: [none, both]`"
        )
    agreement = count.groupby(["N", "biases"], sort=False)["count"].agg(
        teachers="size",
        usual=lambda values: int(values.mode().iloc[0]),
        exact=lambda values: int((values == values.mode().iloc[0]).sum()),
        smallest="min",
        largest="max",
    )
    spectra = pd.concat(parts, ignore_index=True)
    tables = {"sorted": spectra, "count": count, "agreement": agreement.reset_index()}
    return {
        name: table[table["N"].isin(sizes[-SHOWN:])].reset_index(drop=True)
        for name, table in tables.items()
    }


def plot(tables: Tables) -> Figure:
    """Draw the sorted spectra of each size, with and without biases."""
    spectra, agreement = tables["sorted"], tables["agreement"]
    sizes = np.unique(spectra["N"])
    with style.paper():
        figure = style.figure(style.DOUBLE, 2.5)
        panels = figure.subplots(1, len(sizes), squeeze=False, sharey=False)[0]
        for k, (axes, N) in enumerate(zip(panels, sizes, strict=True)):
            of_size = agreement[agreement["N"] == N].set_index("biases")["usual"]
            _draw(axes, spectra[spectra["N"] == N], of_size)
            axes.set_title(f"$N_i = N_h = {N}$")
            axes.set_xlabel("$k$")
            style.letter(axes, k)
        panels[0].set_ylabel(r"$k$-th largest eigenvalue $\lambda_k$")
        return figure


def _draw(axes: Axes, spectra: pd.DataFrame, usual: "pd.Series[int]") -> None:
    for place, (biases, words) in enumerate(LABELS.items()):
        rows = spectra[spectra["biases"] == biases]
        look = style.series(place)
        label = f"{words}: {usual[biases]} large"
        axes.plot(
            rows["k"],
            rows["mean"],
            marker=style.MARKERS[place],
            markersize=2.2,
            label=label,
            **look,
        )
        axes.fill_between(
            rows["k"], rows["low"], rows["high"], color=look["color"], alpha=0.15, linewidth=0
        )
        axes.axvline(
            usual[biases] + 0.5, ymax=UNDER_LEGEND, color=look["color"], linewidth=0.6, zorder=0
        )
    axes.set_yscale("log")
    low, high = spectra["low"].min(), spectra["high"].max()
    axes.set_ylim(0.7 * low, high * (high / low) ** (1 / UNDER_LEGEND - 1))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.legend(loc="upper right")


def caption(tables: Tables) -> str:
    """Return the caption, with the numbers of large eigenvalues."""
    agreement = tables["agreement"]
    facts = []
    for N in agreement["N"].unique().tolist():
        told = []
        for biases, words in (("none", "without"), ("both", "with biases")):
            rows = agreement[(agreement["N"] == N) & (agreement["biases"] == biases)]
            [(usual, exact, teachers)] = rows[["usual", "exact", "teachers"]].to_numpy().tolist()
            told.append(f"{usual} {words} ({exact} of {teachers} teachers)")
        facts.append(f"N = {N}: {' and '.join(told)}")
    return (
        "The largest eigenvalues of the Hessian at the optimum with hidden and output biases and "
        "without, on the same weights, N_i = N_h = N: geometric means over "
        f"{span(agreement['teachers'])} teachers, bands from the smallest to the largest value. "
        "Vertical lines mark the largest gap of log λ between k = N / 2 and k = 2 N, below which "
        f"the eigenvalues belong to the bulk. The number of large eigenvalues is, at "
        f"{'; '.join(facts)}."
    )
