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

QUANTITY = r"non-zero eigenvalue $\lambda$"


def data(results: xr.DataTree, sizes: Sequence[tuple[int, int]] = SIZES) -> Tables:
    """Return pooled non-zero eigenvalues of H and the laws of MATH 5, for each size.

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
    return comparison.plot_by_size(tables, ["N_i", "N_h"], LABELS, QUANTITY)


def caption(tables: Tables) -> str:
    """Return the caption, with the distances."""
    distances = tables["distances"]
    apart = []
    for case in comparison.cases(tables, ["N_i", "N_h"]):
        rows = comparison.panel(tables, case)["distances"].set_index("law")
        distance, noise = rows["distance"], rows["noise"].iloc[0]
        apart.append(
            f"for (N_i, N_h) = ({case['N_i']}, {case['N_h']}) {distance['exact']:.4f} from the "
            f"exact law and {distance['asymptotic']:.4f} from the asymptotic one, where sampling "
            f"alone makes D_0 = {noise:.4f}"
        )
    return (
        f"Linear networks: non-zero eigenvalues of the Hessian at the optimum, pooled over "
        f"{span(distances['teachers'])} teachers, against the paper's asymptotic law (a "
        f"chi-square law convolved with Marchenko-Pastur, mixed with the former for N_i > N_h) "
        f"and the exact law at this size. Kolmogorov-Smirnov distances D: {'; '.join(apart)}."
    )
