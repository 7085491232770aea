"""The smallest non-zero eigenvalue of the linear network, the rate of its late learning."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from hessweep import analysis, laws
from hessweep.figures import comparison
from hessweep.figures.save import Tables
from hessweep.figures.words import span

SIZES = ((10, 20), (30, 10))
"""(N_i, N_h): one on each side of N_i = N_h."""

LABELS = {"exact": "exact law"}

QUANTITY = r"smallest non-zero eigenvalue $\lambda_{\min}$"


def data(results: xr.DataTree, sizes: Sequence[tuple[int, int]] = SIZES) -> Tables:
    """Return λ_min of every linear network and its exact law, for each size.

    Args:
        results: Points of the linear activation with normal weights; others are left out.
        sizes: (N_i, N_h) of each panel.

    Returns:
        The tables of `comparison.compare`, with columns `N_i, N_h` in front.

    Raises:
        InputError: If there are no points of one of the sizes.
    """
    panels = []
    for N_i, N_h in sizes:
        smallest = analysis.linear_networks(results, N_i, N_h)["lambda_min"]
        panels.append(
            comparison.compare(
                {"N_i": N_i, "N_h": N_h},
                [np.array([value]) for value in smallest],
                {"exact": laws.smallest_eigenvalue_law(N_i, N_h)},
            )
        )
    return comparison.stack(panels)


def plot(tables: Tables) -> Figure:
    """Draw a panel for each size, with the Kolmogorov-Smirnov distances in the legends."""
    return comparison.plot_by_size(tables, ["N_i", "N_h"], LABELS, QUANTITY)


def caption(tables: Tables) -> str:
    """Return the caption, with the distances."""
    distances = tables["distances"]
    found = "; ".join(
        f"{row['distance']:.4f} for (N_i, N_h) = ({row['N_i']}, {row['N_h']}), with "
        f"D_0 = {row['noise']:.4f}"
        for row in distances.to_dict("records")
    )
    return (
        "Smallest non-zero eigenvalue λ_min of the Hessian of linear networks with N_i inputs and "
        f"N_h hidden neurons at the optimum, over {span(distances['teachers'])} teachers, and its "
        "exact law. Late in training the loss decays at the rate 2 λ_min. For N_i > N_h the "
        "eigenvalue is |W_2|²; otherwise it is the sum of |W_2|² and the smallest eigenvalue of "
        "W_1^T W_1. D is the Kolmogorov-Smirnov distance to the law, and D_0 the distance that "
        f"sampling alone gives: {found}."
    )
