"""Fig. 2: the non-zero eigenvalues of the linear network against their laws."""

from collections.abc import Sequence

import xarray as xr
from matplotlib.figure import Figure

from hessweep import analysis, laws
from hessweep.figures import comparison
from hessweep.figures.save import Tables
from hessweep.figures.words import span

SIZES = ((10, 20), (30, 10))
"""(N_i, N_h) of the paper: one on each side of N_i = N_h."""

LABELS = {"asymptotic": "asymptotic law", "exact": "exact law"}


def data(results: xr.DataTree, sizes: Sequence[tuple[int, int]] = SIZES) -> Tables:
    """Return pooled non-zero eigenvalues of H and their laws (App. A) for each size.

    Args:
        results: Points of the linear activation with normal weights; others are left out.
        sizes: (N_i, N_h) of each panel.

    Returns:
        The tables of `comparison.compare`, with columns `N_i, N_h` in front.

    Raises:
        InputError: If there are no points of one of the sizes.
    """
    return comparison.stack(
        [
            comparison.compare(
                {"N_i": N_i, "N_h": N_h},
                analysis.non_zero(analysis.linear_networks(results, N_i, N_h)),
                {
                    "asymptotic": laws.hessian_law(N_i, N_h),
                    "exact": laws.hessian_law(N_i, N_h, exact=True),
                },
            )
            for N_i, N_h in sizes
        ]
    )


def plot(tables: Tables) -> Figure:
    """Draw a panel for each size, with the Kolmogorov-Smirnov distances in the legends."""
    return comparison.plot_by_size(tables, ["N_i", "N_h"], LABELS, comparison.QUANTITY)


def caption(tables: Tables) -> str:
    """Return the caption, with the distances."""
    distances = tables["distances"]
    found = []
    for case in comparison.cases(tables, ["N_i", "N_h"]):
        rows = comparison.panel(tables, case)["distances"].set_index("law")
        distance, noise = rows["distance"], rows["noise"].iloc[0]
        found.append(
            f"for (N_i, N_h) = ({case['N_i']}, {case['N_h']}) it is {distance['exact']:.4f} to "
            f"the exact law and {distance['asymptotic']:.4f} to the asymptotic law, with "
            f"D_0 = {noise:.4f}"
        )
    return (
        "Non-zero eigenvalues of the Hessian of linear networks at the optimum, pooled over "
        f"{span(distances['teachers'])} teachers with N_i inputs and N_h hidden neurons. They "
        "are compared with the paper's asymptotic law (the convolution of a chi-square law and "
        "the Marchenko-Pastur law, and for N_i > N_h a mixture of it with the chi-square law) "
        "and with the exact law at each size. D is the Kolmogorov-Smirnov distance to a law, and "
        f"D_0 the distance that sampling alone gives: {'; '.join(found)}."
    )
