"""Linear networks with several outputs or hidden biases: eigenvalues against their exact law."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from hessweep import analysis, laws
from hessweep.errors import InputError
from hessweep.figures import comparison, style
from hessweep.figures.save import Tables
from hessweep.figures.words import span

LABELS = {"exact": "exact law"}
NAMES = ("N_i", "N_h", "N_o", "biases")
PANELS = 3


def data(results: xr.DataTree) -> Tables:
    """Return pooled eigenvalues of linear networks and their exact law, for each kind of network.

    Args:
        results: Linear teachers with normal weights. Those with output biases, whose law is not
            known, are left out.

    Returns:
        The tables of `comparison.compare`, with the columns `N_i, N_h, N_o, biases` in front.

    Raises:
        InputError: If there are no such points.
    """
    points = analysis.realisations(
        results, "activation == 'linear' and biases in ['none', 'hidden'] and N_o >= 1"
    )
    beyond = points[(points["N_o"] > 1) | (points["biases"] == "hidden")]
    if beyond.empty:
        raise InputError(
            "results: expected linear networks with several outputs or hidden biases, found none"
        )
    panels = []
    for row in beyond[list(NAMES)].drop_duplicates().sort_values(list(NAMES)).to_dict("records"):
        case = {str(name): value for name, value in row.items()}
        N_i, N_h, N_o, biases = case.values()
        chosen = np.logical_and.reduce([beyond[name] == value for name, value in case.items()])
        count = (N_i + (biases == "hidden")) * N_o
        law = laws.hessian_law(N_i, N_h, exact=True, N_o=N_o, biases=biases)
        # Of P eigenvalues these are all that can differ from 0.
        values = [found[-count:] for found in beyond["eigenvalues"][chosen]]
        panels.append(comparison.compare(case, values, {"exact": law}))
    return comparison.stack(panels)


def plot(tables: Tables) -> Figure:
    """Draw a panel for each kind of network."""
    cases = comparison.cases(tables, NAMES)
    columns = min(PANELS, len(cases))
    rows = -(-len(cases) // columns)
    with style.paper():
        figure = style.figure(style.DOUBLE, 2.3 * rows)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for k, (axes, case) in enumerate(zip(panels, cases, strict=False)):
            part = comparison.panel(tables, case)
            comparison.draw(axes, part, LABELS)
            top = comparison.height(part, 0.75)
            axes.set_ylim(0, top)
            comparison.mark_cut_bars(axes, part["histogram"], top)
            biased = ", $b_1$" if case["biases"] == "hidden" else ""
            axes.set_title(
                f"$N_i = {case['N_i']}$, $N_h = {case['N_h']}$, $N_o = {case['N_o']}${biased}"
            )
            axes.legend(loc="upper right")
            style.letter(axes, k)
            if k + columns >= len(cases):
                axes.set_xlabel(r"eigenvalue $\lambda$")
            if k % columns == 0:
                axes.set_ylabel("density")
        for axes in panels[len(cases) :]:
            axes.remove()
        return figure


def caption(tables: Tables) -> str:
    """Return the caption, with the distances."""
    distances = tables["distances"]
    largest = distances.sort_values("distance").to_dict("records")[-1]
    return (
        "Eigenvalues of the Hessian of linear networks with N_o outputs, pooled over "
        f"{span(distances['teachers'])} teachers, with their exact law at each size: sums of an "
        "eigenvalue of W2 W2^T and one of W1^T W1, so the law is the convolution of those of two "
        "Wishart matrices. A trained hidden bias is one more input. D is the Kolmogorov-Smirnov "
        f"distance, at most {largest['distance']:.4f}, where sampling alone gives D_0 = "
        f"{largest['noise']:.4f}."
    )
