"""Densities of log λ for several sizes, one above another, as Figs 4 and 5 show them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hessweep import analysis
from hessweep.density import RESOLVED, SpectralDensity
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.words import listing
from hessweep.kinds import FULL_SPECTRUM
from hessweep.setup import KIND

HIDDEN = 0.02
"""Fraction of the eigenvalues that a drawing may leave out at its left end."""

LOWEST = 1e-12
"""Smallest eigenvalue at which a law is drawn."""

EMPTY_CURVES = pd.DataFrame(
    {name: pd.Series(dtype=kind) for name, kind in
     {"N": int, "group": str, "x": float, "density": float}.items()}
)  # fmt: skip
EMPTY_DISTANCES = pd.DataFrame(
    {name: pd.Series(dtype=kind) for name, kind in
     {"N": int, "teachers": int, "distance": float}.items()}
)  # fmt: skip

LAW: dict[str, dict[str, Any]] = {
    "all": {"color": style.BLACK, "linewidth": 0.8, "label": "law, all eigenvalues"},
    "order_one": {
        "color": style.VERMILLION,
        "linewidth": 0.8,
        "linestyle": (0, (4, 1.5)),
        "label": "law, those of order one",
    },
}
"""The lines of a law that are drawn through a density."""

HIGHEST = 0.95
"""Height at which a law is cut off, where the distance between the axes of two sizes is 1."""

LAW_LABELS = [look["label"] for look in LAW.values()]

RIDGE = 0.85
"""Height of the highest density, where the distance between the axes of two sizes is 1."""


def log_densities(points: pd.DataFrame, per_decade: int) -> pd.DataFrame:
    """Return the histogram of non-zero eigenvalues: `N, low, high, count, density` per decade.

    `resolved` is False for bins where a density only gives the total weight at or below them.

    Args:
        points: Realisations of square networks, with their densities.
        per_decade: Bins in a decade.
    """
    sizes = {N: _log_density(group, per_decade) for N, group in points.groupby("N_h")}
    return pd.concat(sizes, names=["N"]).reset_index("N").reset_index(drop=True)


def _log_density(points: pd.DataFrame, per_decade: int) -> pd.DataFrame:
    """Return the histogram of the pooled eigenvalues of one size, or the mean of densities."""
    if points[KIND].isin(FULL_SPECTRUM).all():
        table = analysis.log_histogram(np.concatenate(analysis.non_zero(points)), per_decade)
        return table.assign(resolved=True)
    table = density_histogram(list(points["density"]), list(points["rank"]), per_decade)
    top = max(density.nodes.max(initial=0) for density in points["density"])
    return table.assign(resolved=table["low"] >= RESOLVED * top)


def density_histogram(
    densities: Sequence[SpectralDensity], ranks: Sequence[int], per_decade: int
) -> pd.DataFrame:
    """Return the table of `analysis.log_histogram` for densities, without the zero eigenvalues.

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


def law_curves(points: pd.DataFrame, densities: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the law of each size, and its distance to the pooled eigenvalues.

    Args:
        points: Realisations of one activation, with their densities where some have no spectrum.
        densities: Return value of `log_densities`.

    Returns:
        The curves (`N, group, x, density` per decade, on the scale of `densities`), and the
        Kolmogorov-Smirnov `distance` of all eigenvalues, zeros included (`N, teachers,
        distance`). Both are empty for an activation in a user's own file.
    """
    curves, distances = [EMPTY_CURVES], [EMPTY_DISTANCES]
    for N, group in points.groupby("N_h"):
        law = analysis.law_of(group)
        if law is None:
            continue
        bins = densities[densities["N"] == N]
        # From where the drawing may start, at this or another size, to above the outlier.
        low = max(min(bins["low"].min(), left_end(densities)), LOWEST)
        high = 3 * bins["high"].max()
        curve = analysis.law_curve(law, low, high, float(group["rank"].mean()))
        curves.append(curve.assign(N=N)[[*EMPTY_CURVES]])
        found = {
            "N": [N],
            "teachers": len(group),
            "distance": analysis.pooled_distance(group, law),
        }
        distances.append(pd.DataFrame(found))
    return pd.concat(curves, ignore_index=True), pd.concat(distances, ignore_index=True)


def left_end(densities: pd.DataFrame) -> float:
    """Return where the drawing starts: at no size is more than `HIDDEN` of the density below."""
    area = densities["density"] * np.log10(densities["high"] / densities["low"])
    below = area.groupby(densities["N"]).cumsum() - area
    return float(densities.loc[below <= HIDDEN, "low"].groupby(densities["N"]).max().min())


def draw_ridges(
    axes: Axes, densities: pd.DataFrame, large: pd.DataFrame, laws: pd.DataFrame
) -> None:
    """Draw the density of each size as steps on an axis of its own, one above another.

    The left tail that `left_end` cuts off is in the data, but not in the frame.

    Args:
        axes: Where to draw. Its horizontal axis becomes logarithmic; its vertical axis names N.
        densities: Return value of `log_densities`.
        large: Eigenvalues outside the bulk (`N, eigenvalue`), drawn as ticks, since their share
            of all eigenvalues is too small to be seen as a density.
        laws: Curves of `law_curves`, drawn through the densities.
    """
    sizes = np.unique(densities["N"])
    scale = RIDGE / densities.loc[densities["resolved"], "density"].max()
    for k, (N, colour) in enumerate(zip(sizes, style.sequence(len(sizes)), strict=True)):
        table = densities[densities["N"] == N]
        axes.stairs(
            k + scale * np.where(table["resolved"], table["density"], np.nan),
            np.append(table["low"], table["high"].iloc[-1]),
            baseline=k,
            fill=True,
            facecolor=(colour, 0.35),
            edgecolor=colour,
            linewidth=0.8,
            label=f"$N = {N}$",
        )
        axes.axhline(k, color=colour, linewidth=0.5, zorder=0.5)
        ticks = large.loc[large["N"] == N, "eigenvalue"].to_numpy()
        axes.vlines(ticks, k, k + 0.28, color=colour, linewidth=0.3)
        for group, look in LAW.items():
            curve = laws[(laws["N"] == N) & (laws["group"] == group)]
            if len(curve):
                look = {**look, "label": look["label"] if k == 0 else None}
                # Steep edges of the limit, at a few neurons, stay below the next axis.
                height = np.minimum(scale * curve["density"], HIGHEST)
                axes.plot(curve["x"], k + height, zorder=2.5, **look)
    axes.set_xscale("log")
    axes.set_xlim(
        left_end(densities), 1.1 * max(densities["high"].max(), large["eigenvalue"].max())
    )
    axes.set_ylim(-0.08, len(sizes) + (0.35 if len(laws) else 0.05))
    if len(laws):
        handles = [line for line in axes.get_lines() if line.get_label() in LAW_LABELS]
        axes.legend(handles=handles, loc="upper center", ncols=2)
    axes.set_yticks(range(len(sizes)), [str(N) for N in sizes])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylabel("$N$; density per decade of $\\lambda$")
    _draw_scale(axes, scale, len(sizes) - 1)


def _draw_scale(axes: Axes, scale: float, k: int) -> None:
    """Draw a vertical bar that is as high as a density of 0.5 per decade."""
    transform = axes.get_yaxis_transform()
    axes.plot(
        [0.02, 0.02], [k, k + 0.5 * scale], color=style.BLACK, linewidth=1, transform=transform
    )
    axes.text(0.035, k + 0.25 * scale, "0.5", va="center", transform=transform)


def law_sentence(tables: Tables) -> str:
    """Return sentences on the lines of the law and its distances.

    Args:
        tables: With the second return value of `law_curves` as `distance` and that of
            `log_densities` as `density`.
    """
    distances, densities = tables["distance"], tables["density"]
    if not len(distances):
        return ""
    sampled = distances["N"].isin(densities.loc[~densities["resolved"], "N"])
    complete, partial = distances[~sampled], distances[sampled]
    sentence = (
        " Lines show the law of all eigenvalues in the limit of large networks (docs/laws.md), "
        "dashes its part of order one."
    )
    if len(complete):
        sentence += (
            " The Kolmogorov-Smirnov distance of the law to all pooled eigenvalues, zeros "
            f"included, is {_values(complete)}."
        )
    if len(partial):
        sentence += (
            f" Over what the densities resolve, the distance of the law is {_values(partial)}."
        )
    return sentence


def _values(distances: pd.DataFrame) -> str:
    values = (
        f"{value:.3f}" if value >= 0.0005 else f"{value:.5f}" for value in distances["distance"]
    )
    return f"{', '.join(values)} at N = {listing(distances['N'])}"


def resolution_sentence(densities: pd.DataFrame) -> str:
    """Return a sentence on the sizes whose densities are resolved only above some eigenvalue."""
    sizes = densities.loc[~densities["resolved"], "N"].unique()
    if not len(sizes):
        return ""
    return (
        f" The densities for N = {listing(sizes)} come from Lanczos quadrature. They are drawn "
        f"from {RESOLVED:g} of the largest sampled eigenvalue and are not resolved below it."
    )
