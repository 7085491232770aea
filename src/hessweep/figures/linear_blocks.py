"""Figs 6 and 7: blocks A and B of the linear network against their laws."""

from collections.abc import Sequence

import xarray as xr
from matplotlib.figure import Figure

from hessweep import analysis, laws
from hessweep.errors import InputError
from hessweep.figures import comparison
from hessweep.figures.linear_spectrum import SIZES
from hessweep.figures.save import Tables
from hessweep.figures.words import listing, span

LABELS = {
    "A": {"exact": r"$\chi^2_{N_h} / N_h$"},
    "B": {"asymptotic": "Marchenko–Pastur", "exact": "exact law (Wishart)"},
}


def data(results: xr.DataTree, block: str, sizes: Sequence[tuple[int, int]] = SIZES) -> Tables:
    """Return the eigenvalues of one block and their laws, for each size (App. A).

    No P x P matrix is needed: those of A are `|W2|²`, N_i times over, those of B are of
    `W1 W1^T`. The teachers are those of the results.

    Args:
        results: Points of the linear activation with normal weights; others are left out.
        block: "A" or "B".
        sizes: (N_i, N_h) of each panel.

    Returns:
        The tables of `comparison.compare`, with columns `block, N_i, N_h` in front.

    Raises:
        InputError: If there are no points of one of the sizes, or no such block.
    """
    if block not in LABELS:
        raise InputError(f"block: expected A or B, got {block!r}")
    panels = []
    for N_i, N_h in sizes:
        seeds = analysis.linear_networks(results, N_i, N_h)["seed"]
        rows = analysis.block_spectra(block, N_i, N_h, seeds)
        if block == "A":
            known = {"exact": laws.block_A_law(N_h)}
        else:
            known = {
                "asymptotic": laws.block_B_law(N_i, N_h),
                "exact": laws.block_B_law(N_i, N_h, exact=True),
            }
        panels.append(comparison.compare({"block": block, "N_i": N_i, "N_h": N_h}, rows, known))
    return comparison.stack(panels)


def plot(tables: Tables) -> Figure:
    """Draw a panel for each size of the block, with the distances in the legends."""
    block = tables["distances"]["block"].iloc[0]
    return comparison.plot_by_size(
        tables, ["block", "N_i", "N_h"], LABELS[block], f"non-zero eigenvalue of block {block}"
    )


def caption(tables: Tables) -> str:
    """Return the caption, with the distances."""
    distances = tables["distances"]
    block = distances["block"].iloc[0]
    teachers = span(distances["teachers"])
    names = {
        "A": {"exact": "its law"},
        "B": {"asymptotic": "Marchenko-Pastur", "exact": "the exact law"},
    }[block]
    apart = listing(
        f"{row['distance']:.4f} from {names[row['law']]} for ({row['N_i']}, {row['N_h']})"
        for row in distances.to_dict("records")
    )
    noise = span(f"{value:.4f}" for value in distances["noise"].unique())
    subject = {
        "A": "the non-zero eigenvalue |W_2|² of block A (the second derivatives in W_1), which is "
        "N_i-fold, against χ² with N_h degrees of freedom over N_h, exact at any size",
        "B": "the non-zero eigenvalues of block B = W_1 W_1^T (the second derivatives in W_2) "
        "against Marchenko-Pastur with σ² = 1 and ratio N_h / N_i and against the exact mean "
        "density of a Wishart matrix of this size; for N_h > N_i areas are N_i / N_h, the rest "
        "being zeros",
    }[block]
    return (
        f"Linear networks, {teachers} teachers: {subject}. Kolmogorov-Smirnov distances D: "
        f"{apart}; sampling alone makes D_0 = {noise}."
    )
