"""The largest eigenvalues of several sizes one by one, where their groups end as steps."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hessweep import analysis

SHOWN = 1.5
"""The sorted eigenvalues are shown up to this many times N_i + N_h."""

LAW_LINE: dict[str, Any] = {"linestyle": (0, (1, 1)), "linewidth": 1}


def by_sizes(points: pd.DataFrame) -> Iterator[tuple[int, int, pd.DataFrame]]:
    """Yield N_i, N_h and the points of each size, ascending."""
    for _, group in points.groupby(["N_i", "N_h"]):
        yield int(group["N_i"].iloc[0]), int(group["N_h"].iloc[0]), group


def largest_values(points: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the largest eigenvalues of points of one size, over its realisations.

    Args:
        points: The realisations.
        most: How many are returned at most.

    Returns:
        `k`, and of the k-th largest eigenvalue the geometric `mean`, the smallest (`low`) and the
        largest (`high`) value.
    """
    count = min(most, int(points["row_size"].min()))
    largest = np.array([row[::-1][:count] for row in points["eigenvalues"]])
    return pd.DataFrame(
        {
            "k": np.arange(1, count + 1),
            "mean": np.exp(np.log(np.maximum(largest, 1e-300)).mean(axis=0)),
            "low": largest.min(axis=0),
            "high": largest.max(axis=0),
        }
    )


def sorted_spectra(points: pd.DataFrame) -> pd.DataFrame:
    """Return the largest eigenvalues of each size over its realisations, beside those of the law.

    Args:
        points: Realisations of one activation with normal weights.

    Returns:
        `N_i, N_h, k`, the k-th largest eigenvalue over the realisations: geometric `mean`, `low`
        and `high` (smallest and largest), and the value of the `law` that its share
        `(k - 1/2)/P` exceeds, NaN where there is no law.
    """
    parts = []
    for N_i, N_h, group in by_sizes(points):
        table = largest_values(group, int(SHOWN * (N_i + N_h)))
        table.insert(0, "N_i", N_i)
        table.insert(1, "N_h", N_h)
        law = analysis.law_of(group)
        share = (table["k"].to_numpy() - 0.5) / int(group["P"].iloc[0])
        parts.append(table.assign(law=np.nan if law is None else law.isf(share)))
    return pd.concat(parts, ignore_index=True)


def draw_sorted(axes: Axes, table: pd.DataFrame, unit: int, look: Mapping[str, Any]) -> None:
    """Draw the sorted eigenvalues of one size against `k / unit`, and the law dotted.

    Args:
        axes: Where to.
        table: Rows of `sorted_spectra` of one size.
        unit: What k is divided by.
        look: Colour and label of the line.
    """
    position = table["k"] / unit
    axes.plot(position, table["mean"], **look)
    axes.fill_between(
        position, table["low"], table["high"], color=look["color"], alpha=0.15, linewidth=0
    )
    if table["law"].notna().any():
        axes.plot(position, table["law"], color=look["color"], **LAW_LINE)
    axes.set_yscale("log")
