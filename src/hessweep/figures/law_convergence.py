"""Distance of the asymptotic and the exact laws of the linear network against its size."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hessweep import laws
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.words import span

SIZES = (4, 8, 16, 32, 64, 128)

LAWS = {"H": laws.hessian_law, "B": laws.block_B_law}

TITLES = {"H": "$H$, non-zero eigenvalues", "B": "block $B$"}


def data(sizes: Sequence[int] = SIZES, ratios: Sequence[float] = (0.5, 1, 2)) -> Tables:
    """Return the distance `sup |F - G|` of asymptotic and exact laws; nothing is simulated.

    Args:
        sizes: Values of N_i.
        ratios: Values of `N_h / N_i`; N_h is rounded.

    Returns:
        `distances`: `law` ("H" or "B"), `ratio, N_i, N_h, distance`, and the `exponent` with
        which the distance fell from the size before (NaN for the first).
    """
    rows = [
        {
            "law": name,
            "ratio": ratio,
            "N_i": N_i,
            "N_h": (N_h := max(1, round(ratio * N_i))),
            "distance": laws.law_distance(law(N_i, N_h), law(N_i, N_h, exact=True)),
        }
        for name, law in LAWS.items()
        for ratio in ratios
        for N_i in sorted(sizes)
    ]
    table = pd.DataFrame(rows)
    logarithms = table.assign(distance=np.log(table["distance"]), N_i=np.log(table["N_i"]))
    steps = logarithms.groupby(["law", "ratio"])[["distance", "N_i"]].diff()
    return {"distances": table.assign(exponent=steps["distance"] / steps["N_i"])}


def plot(tables: Tables) -> Figure:
    """Draw the distances of H (a) and of block B (b) against N_i, beside a line as 1/N_i."""
    distances = tables["distances"]
    with style.paper():
        figure = style.figure(style.DOUBLE, 2.3)
        panels = figure.subplots(1, 2, sharey=True)
        for p, (axes, name) in enumerate(zip(panels, LAWS, strict=True)):
            rows = distances[distances["law"] == name]
            for k, ratio in enumerate(np.unique(rows["ratio"])):
                curve = rows[rows["ratio"] == ratio]
                label = f"$N_h = {ratio:g} N_i$" if ratio != 1 else "$N_h = N_i$"
                marker = style.MARKERS[k % len(style.MARKERS)]
                axes.plot(
                    curve["N_i"], curve["distance"], marker=marker, label=label, **style.series(k)
                )
            N = np.unique(rows["N_i"])
            start = 0.6 * (rows["distance"] * rows["N_i"]).min()
            axes.plot(N, start / N, color="0.5", linewidth=0.8, label=r"$\propto 1 / N_i$")
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xticks(N, [str(size) for size in N])
            axes.set_xticks([], minor=True)
            axes.set_xlabel("$N_i$")
            axes.set_title(TITLES[name])
            axes.legend(loc="lower left")
            style.letter(axes, p)
        panels[0].set_ylabel(r"$\sup_x\,|F_{\rm asymptotic} - F_{\rm exact}|$")
        return figure


def caption(tables: Tables) -> str:
    """Return the caption, with the rates at the largest size."""
    distances = tables["distances"]
    last = distances[distances["N_i"] == distances["N_i"].max()]
    rates = {
        name: span(f"{value:.2f}" for value in -rows["exponent"])
        for name, rows in last.groupby("law")
    }
    return (
        "Largest difference between the distribution functions F of the asymptotic and of the "
        "exact law of linear networks with N_i inputs and N_h hidden neurons, (a) for the "
        "non-zero eigenvalues of the Hessian H, (b) for all eigenvalues of its block B, whose "
        "asymptotic law is that of Marchenko and Pastur. Between the two largest sizes the "
        f"difference falls as N_i^(-k) with k = {rates['H']} for H and {rates['B']} for B; both "
        "exponents tend to 1. Nothing is simulated."
    )
