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

SUBJECTS = {
    "A": "The non-zero eigenvalue |W_2|² of block A of the Hessian (the second derivatives with "
    "respect to W_1), which occurs N_i times. N_h |W_2|² has a chi-square law with N_h degrees of "
    "freedom, which is exact at every size.",
    "B": "The non-zero eigenvalues of block B = W_1 W_1^T of the Hessian (the second derivatives "
    "with respect to W_2), with the Marchenko-Pastur law of variance 1 and ratio N_h / N_i and "
    "with the exact mean density of a Wishart matrix. For N_h > N_i the areas are N_i / N_h, "
    "since the other eigenvalues are zero.",
}
"""First sentences of the captions."""


def data(results: xr.DataTree, block: str, sizes: Sequence[tuple[int, int]] = SIZES) -> Tables:
    """Return the eigenvalues of one block and their laws, for each size (App. A).

    No P x P matrix is needed: the eigenvalue of A is `|W2|²`, N_i times, and those of B are the
    eigenvalues of `W1 W1^T`. The teachers are those of the results.

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
    names = {
        "A": {"exact": "its law"},
        "B": {"asymptotic": "the Marchenko-Pastur law", "exact": "the exact law"},
    }[block]
    found = listing(
        f"{row['distance']:.4f} to {names[row['law']]} for ({row['N_i']}, {row['N_h']})"
        for row in distances.to_dict("records")
    )
    noise = span(f"{value:.4f}" for value in distances["noise"].unique())
    return (
        f"{SUBJECTS[block]} Linear networks with N_i inputs and N_h hidden neurons, "
        f"{span(distances['teachers'])} teachers for each size. D is the Kolmogorov-Smirnov "
        "distance to a law, and D_0 the distance that sampling alone gives. For (N_i, N_h) as in "
        f"the panels D is {found}, with D_0 = {noise}."
    )
