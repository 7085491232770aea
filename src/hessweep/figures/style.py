"""How every figure looks: widths of printed columns, fonts and colours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

SINGLE, DOUBLE = 3.4, 7.0
"""Widths of one and of two printed columns, in inches."""

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
"""The palette of Okabe and Ito, which colour-blind readers can distinguish."""

SERIES: tuple[dict[str, Any], ...] = (
    {"color": BLUE, "linestyle": "-"},
    {"color": VERMILLION, "linestyle": (0, (4, 1.5))},
    {"color": GREEN, "linestyle": (0, (1, 1))},
    {"color": PURPLE, "linestyle": (0, (5, 1.2, 1, 1.2))},
    {"color": ORANGE, "linestyle": (0, (7, 2))},
    {"color": BLACK, "linestyle": (0, (3, 1, 1, 1, 1, 1))},
    {"color": SKY, "linestyle": (0, (9, 1.5, 2, 1.5))},
)
"""Colours and line styles of several curves: each alone is enough to distinguish them."""


def series(k: int) -> dict[str, Any]:
    """Return colour and line style of the k-th curve; from the eighth on they repeat."""
    return SERIES[k % len(SERIES)]


def sequence(count: int) -> list[str]:
    """Return colours for that many sizes in ascending order, from dark to light."""
    return [to_hex(colormaps["viridis"](x)) for x in np.linspace(0, 0.82, count)]


MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""Marker of the k-th of several sets of points."""

SIMULATION: dict[str, Any] = {"facecolor": "#D9D9D9", "edgecolor": "#8C8C8C", "linewidth": 0.5}
ASYMPTOTIC: dict[str, Any] = {"color": VERMILLION, "linestyle": (0, (4, 1.5)), "zorder": 2.2}
EXACT: dict[str, Any] = {"color": BLUE, "linestyle": "-", "linewidth": 1.6, "zorder": 2.1}
"""The dashes are drawn over the line, so that both are visible where the laws agree."""

RC: dict[Any, Any] = {
    # It comes with matplotlib: every machine has the same glyphs and writes the same bytes.
    "font.family": "DejaVu Sans",
    "mathtext.fontset": "dejavusans",
    "font.size": 7,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.labelspacing": 0.3,
    "legend.borderaxespad": 0.3,
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
    "figure.dpi": 150,
}
"""matplotlib settings of the figures; texts in the PDF can be searched."""


@contextmanager
def paper() -> Iterator[None]:
    """Draw and save in the style of the paper, without the user's own matplotlib settings."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        yield


def figure(width: float, height: float) -> Figure:
    """Return an empty figure of that size in inches, with constrained layout.

    It belongs to no window and to no global list of figures, so no one needs to close it.
    """
    return Figure(figsize=(width, height), layout="constrained")


def letter(axes: Axes, k: int) -> None:
    """Write (a), (b), … at the upper left of the k-th panel, outside its frame."""
    axes.set_title(f"({'abcdefghijkl'[k]})", loc="left", fontweight="bold")
