"""Fig. 5: the spectrum of erf networks, a bulk near 0 and `N_h` large eigenvalues."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hessweep import analysis
from hessweep.analysis.sizes import select_sizes
from hessweep.density import count_large
from hessweep.figures import style
from hessweep.figures.log_density import (
    HIDDEN,
    draw_ridges,
    law_curves,
    law_sentence,
    left_end,
    log_densities,
    resolution_sentence,
)
from hessweep.figures.save import Tables
from hessweep.figures.sorted_spectra import LAW_LINE, draw_sorted, sorted_spectra
from hessweep.figures.words import listing, span


def data(results: xr.DataTree, activation: str = "erf") -> Tables:
    """Return densities, sorted spectra and counts of large eigenvalues for `N_i = N_h = N`.

    Args:
        results: Points of that activation with normal weights; others are left out, and so are
            sizes that `analysis.select_sizes` does not select.
        activation: Label of the activation.

    Returns:
        `density`: histogram of all pooled eigenvalues of each `N` (`low, high, count, density,
        resolved` per decade); its area is the fraction that is positive in float64. For density
        points, the mean of their densities.
        `law`, `distance`: what `log_density.law_curves` returns.
        `sorted`: the k-th largest eigenvalue, `k` up to 3 N or as many as are stored, over the
        realisations of each `N`: geometric `mean`, `low` and `high` (smallest and largest), and
        the value of the `law` that a share `(k - 1/2)/P` of it exceeds.
        `count`: for each realisation the number of eigenvalues above the largest gap near N_h
        (`analysis.largest_gap`), and the gap's `above`, `below`, `ratio`. Where fewer
        eigenvalues are stored, the number that the density gives (`density.count_large`), with
        its `error`.
        `agreement`: `points` and those with exactly N_h large eigenvalues (`exact`), the
        smallest and largest count, the smallest ratio and the largest error, for each `N`.
    """
    points = analysis.realisations(
        results,
        f"activation == '{activation}' and N_i == N_h",
        densities=True,
    )
    points = select_sizes(points)
    count = gaps(points)
    groups = count.assign(exact=count["count"] == count["N_h"]).groupby("N_h")
    agreement = groups.agg(
        points=("count", "size"),
        exact=("exact", "sum"),
        smallest_count=("count", "min"),
        largest_count=("count", "max"),
        smallest_ratio=("ratio", "min"),
        error=("error", "max"),
    ).rename_axis("N")
    density = log_densities(points, per_decade=10)
    law, distance = law_curves(points, density)
    return {
        "density": density,
        "law": law,
        "distance": distance,
        "sorted": sorted_spectra(points).drop(columns="N_i").rename(columns={"N_h": "N"}),
        "count": count,
        "agreement": agreement.reset_index(),
    }


def gaps(points: pd.DataFrame) -> pd.DataFrame:
    """Return the gap nearest to `N_h` large eigenvalues in each realisation's spectrum."""
    found = []
    for row, density, N_h in points[["eigenvalues", "density", "N_h"]].itertuples(index=False):
        if len(row) > N_h:
            gap = analysis.largest_gap(row, N_h)
            found.append((gap.count, 0.0, gap.above, gap.below, gap.ratio))
        else:
            [count], [error] = count_large(density, N_h)
            found.append((count, error, np.nan, np.nan, np.nan))
    columns = pd.DataFrame(found, columns=["count", "error", "above", "below", "ratio"])
    return pd.concat([points[["N_i", "N_h", "seed"]], columns], axis=1)


def plot(tables: Tables) -> Figure:
    """Draw the densities (a) and the sorted spectra, which fall after the N_h-th (b)."""
    with style.paper():
        figure = style.figure(style.DOUBLE, 3.2)
        left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
        spectra = tables["sorted"]
        large = spectra[spectra["k"] <= spectra["N"]].rename(columns={"mean": "eigenvalue"})
        draw_ridges(left, tables["density"], large, tables["law"])
        left.set_xlabel(r"eigenvalue $\lambda$")
        _draw_sorted(right, tables["sorted"])
        for k, axes in enumerate((left, right)):
            style.letter(axes, k)
        return figure


def _draw_sorted(axes: Axes, spectra: pd.DataFrame) -> None:
    sizes = np.unique(spectra["N"])
    for N, colour in zip(sizes, style.sequence(len(sizes)), strict=True):
        look = {"label": f"$N = {N}$", "color": colour}
        draw_sorted(axes, spectra[spectra["N"] == N], N, look)
    axes.axvline(1, color="0.6", linewidth=0.6, zorder=0)
    if spectra["law"].notna().any():
        axes.plot([], [], color=style.BLACK, label="law", **LAW_LINE)
    axes.set_xlabel("$k / N_h$")
    axes.set_ylabel(r"$k$-th largest eigenvalue $\lambda_k$")
    axes.legend(loc="upper right")


def caption(tables: Tables) -> str:
    """Return the caption, with the count of large eigenvalues."""
    sizes = tables["agreement"]["N"]
    teachers = tables["agreement"]["points"]
    agreement = tables["agreement"][tables["agreement"]["error"] == 0]
    exact, points = agreement["exact"].sum(), agreement["points"].sum()
    off = "".join(
        f"; at N = {row['N']} the number is {row['smallest_count']} to {row['largest_count']}"
        for row in agreement[agreement["exact"] < agreement["points"]].to_dict("records")
    )
    return (
        "Networks with erf activation and N_i = N_h = N. (a) Density of the logarithm of the "
        f"eigenvalues λ of the Hessian at the optimum, pooled over {span(teachers)} teachers at "
        f"each of N = {listing(sizes)}: a bulk near 0 and, apart from it, the N_h large "
        "eigenvalues. Ticks mark the geometric means over teachers of the N_h largest "
        f"eigenvalues. The tail below {left_end(tables['density']):.1g}, at most {HIDDEN:.0%} of "
        f"the eigenvalues, is not shown.{law_sentence(tables)} (b) The k-th "
        "largest eigenvalue (geometric mean over teachers; bands from the smallest to the "
        "largest value; dots: the law) falls sharply after k = N_h. "
        "The largest gap of log λ between k = N_h / 2 and k = 2 N_h comes after exactly N_h "
        f"eigenvalues in {exact} of {points} teachers{off}. At the smallest of these gaps the "
        f"eigenvalue falls by a factor of {agreement['smallest_ratio'].min():.1f}."
        f"{_estimates(tables['agreement'])}{resolution_sentence(tables['density'])}"
    )


def _estimates(agreement: pd.DataFrame) -> str:
    """Return a sentence on the sizes whose large eigenvalues only the density counts."""
    estimated = agreement[agreement["error"] > 0].to_dict("records")
    if not estimated:
        return ""
    numbers = listing(
        f"{span([round(row['smallest_count']), round(row['largest_count'])])} (standard "
        f"error {row['error']:.1g}) at N = {row['N']}"
        for row in estimated
    )
    return (
        " Where the large eigenvalues were not computed one by one, their number is that above "
        f"the minimum of the density: {numbers}."
    )
