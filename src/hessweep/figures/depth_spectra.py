"""The ends of the spectrum and the number of large eigenvalues against the number of layers."""

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hessweep.analysis.depth import LARGE, depth_spectra, usual_width
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.words import span

PANELS = {
    "lambda_max": r"largest $\lambda_{\max}$",
    "lambda_min": r"smallest non-zero $\lambda_{\min}$",
    "large": r"number above $\lambda_{\max}/100$",
}


def data(results: xr.DataTree, width: int | None = None) -> Tables:
    """Return the ends of spectra against depth.

    Args:
        results: Points of networks without biases whose layers all have one width; others are
            left out.
        width: That width; the one with most points if it is not given.

    Returns:
        `spectra`, a row for each activation and depth with the columns of
        `hessweep.analysis.depth.depth_spectra`.

    Raises:
        InputError: If there are no such networks.
    """
    found = depth_spectra(results)
    if width is None:
        width = usual_width(found)
    return {"spectra": found[found["width"] == width].reset_index(drop=True)}


def plot(tables: Tables) -> Figure:
    """Draw the medians over the teachers, a line for each activation."""
    with style.paper():
        figure = style.figure(style.DOUBLE, 2.5)
        spectra = tables["spectra"]
        for k, (axes, (column, label)) in enumerate(
            zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True)
        ):
            for n, (name, rows) in enumerate(spectra.groupby("activation", sort=False)):
                look = style.series(n)
                marker = style.MARKERS[n % len(style.MARKERS)]
                axes.plot(rows["depth"], rows[column], label=name, marker=marker, **look)
            if column != "large":
                axes.set_yscale("log")
            else:
                axes.set_ylim(bottom=0)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xlabel("number of layers L")
            axes.set_ylabel(label)
            style.letter(axes, k)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        return figure


def caption(tables: Tables) -> str:
    """Return the caption, with the factor by which the smallest eigenvalue falls."""
    spectra = tables["spectra"]
    falls = "; ".join(
        f"{name} {_fall(rows):.2g}" for name, rows in spectra.groupby("activation", sort=False)
    )
    return (
        "Largest and smallest non-zero eigenvalue of the Hessian at the optimum, and number of "
        f"eigenvalues above {LARGE:g} times the largest, for networks with "
        f"{spectra['width'].iloc[0]} inputs and as many neurons in each hidden layer, one output "
        f"and no biases, against the number of layers; medians over {span(spectra['teachers'])} "
        "teachers. From one depth to the next the smallest eigenvalue is multiplied by, in the "
        f"geometric mean: {falls}."
    )


def _fall(rows: pd.DataFrame) -> float:
    """Return by which factor λ_min changes from one depth to the next, in the geometric mean."""
    known = rows.dropna(subset="lambda_min").sort_values("depth")
    steps = known["depth"].iloc[-1] - known["depth"].iloc[0]
    ratio = known["lambda_min"].iloc[-1] / known["lambda_min"].iloc[0]
    return float(ratio ** (1 / steps)) if steps else 1.0
