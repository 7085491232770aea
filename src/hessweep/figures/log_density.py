"""Eigenvalue densities of several sizes on logarithmic axes, as Figs 4 and 5 show them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hessweep import analysis
from hessweep.density import SpectralDensity
from hessweep.figures import style
from hessweep.figures.words import listing

HIDDEN = 0.02
"""Fraction of the eigenvalues that a drawing may leave out at its left end."""


RESOLVED = 3e-4
"""Part of the largest sampled eigenvalue from which a Lanczos quadrature resolves a density."""


def log_densities(points: pd.DataFrame, per_decade: int) -> pd.DataFrame:
    """Return the histogram of non-zero eigenvalues: `N, low, high, count, density` per decade.

    `resolved` is False for bins of which a density only says how much lies there or below.

    Args:
        points: Realisations of square networks, with their densities.
        per_decade: Bins in a decade.
    """
    sizes = {N: _log_density(group, per_decade) for N, group in points.groupby("N_h")}
    return pd.concat(sizes, names=["N"]).reset_index("N").reset_index(drop=True)


def _log_density(points: pd.DataFrame, per_decade: int) -> pd.DataFrame:
    """Return the histogram of the pooled eigenvalues of one size, or the mean of densities."""
    if (points["spectrum"] == "exact").all():
        table = analysis.log_histogram(np.concatenate(analysis.non_zero(points)), per_decade)
        return table.assign(resolved=True)
    table = density_histogram(list(points["density"]), list(points["rank"]), per_decade)
    top = max(density.nodes.max(initial=0) for density in points["density"])
    return table.assign(resolved=table["low"] >= RESOLVED * top)


def density_histogram(
    densities: Sequence[SpectralDensity], ranks: Sequence[int], per_decade: int
) -> pd.DataFrame:
    """Return what `analysis.log_histogram` returns, of the non-zero eigenvalues of densities.

    Args:
        densities: Of realisations of one size.
        ranks: How many eigenvalues of each are not zero.
        per_decade: Bins in a decade.

    Returns:
        `low, high, count, density`: the mean over the realisations; the count is the number of
        eigenvalues that is expected in all of them.
    """
    support = np.concatenate([np.append(d.exact, d.nodes[d.weights > 0]) for d in densities])
    ends = np.log10([support[support > 0].min(), support.max()]) * per_decade
    edges = 10 ** (np.arange(np.floor(ends[0]), np.floor(ends[1]) + 2) / per_decade)
    counts = sum(d.P / per_decade * d.log_density(edges).value for d in densities)
    density = per_decade * counts / np.sum(ranks)
    return pd.DataFrame(
        {"low": edges[:-1], "high": edges[1:], "count": counts, "density": density}
    )


def left_end(densities: pd.DataFrame) -> float:
    """Return where the drawing starts: at no size is more than `HIDDEN` of the density below."""
    area = densities["density"] * np.log10(densities["high"] / densities["low"])
    below = area.groupby(densities["N"]).cumsum() - area
    return float(densities.loc[below <= HIDDEN, "low"].groupby(densities["N"]).max().min())


def draw_log_densities(axes: Axes, densities: pd.DataFrame) -> None:
    """Draw one curve for each size through the bins' midpoints, both axes logarithmic.

    An empty bin takes the curve below the frame. The left tail that `left_end` cuts off is in
    the data, not in the frame.
    """
    floor = densities.loc[densities["resolved"] & (densities["count"] > 0), "density"].min() / 2
    for k, N in enumerate(np.unique(densities["N"])):
        table = densities[densities["N"] == N]
        midpoint = np.sqrt((table["low"] * table["high"]).to_numpy())
        density = np.where(table["count"] > 0, table["density"], floor / 100)
        density = np.where(table["resolved"], density, np.nan)
        ratio = table["high"].iloc[0] / table["low"].iloc[0]
        # An empty bin at both ends, so that the curve comes down to the axis.
        midpoint = np.concatenate([[midpoint[0] / ratio], midpoint, [midpoint[-1] * ratio]])
        density = np.pad(density, 1, constant_values=floor / 100)
        axes.plot(midpoint, density, label=f"$N = {N}$", **style.series(k))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(left_end(densities), densities["high"].max())
    axes.set_ylim(floor)
    axes.set_ylabel(r"density per decade of $\lambda$")
    axes.legend()


def resolution_sentence(densities: pd.DataFrame) -> str:
    """Return a sentence on the sizes whose curves begin where their densities resolve."""
    sizes = densities.loc[~densities["resolved"], "N"].unique()
    if not len(sizes):
        return ""
    return (
        f" For N = {listing(sizes)} the curves are Lanczos densities, drawn from {RESOLVED:g} of "
        "the largest eigenvalue that they sample on; what lies below is not resolved."
    )
