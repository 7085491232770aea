"""Spectra where N_i and N_h differ: the large eigenvalues number N_i, and not N_h."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from hessweep import analysis
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.sorted_spectra import LAW_LINE, by_sizes, draw_sorted, sorted_spectra
from hessweep.figures.words import listing, span

MOST = 4
"""The most sizes that are shown; those furthest from N_i = N_h."""


def data(results: xr.DataTree, activation: str = "erf") -> Tables:
    """Return sorted spectra and counts of large eigenvalues where N_i and N_h differ.

    Args:
        results: Points of that activation with normal weights; others are left out. Of more than
            `MOST` sizes those whose ratio is furthest from 1 are shown.
        activation: Label of an activation without `E g` and `E[g'']`, such as erf or tanh.

    Returns:
        `sorted`: what `sorted_spectra.sorted_spectra` returns.
        `count`: for each size the `points`, after how many eigenvalues the largest gap of log λ
        comes (`smallest`, `largest`), how often after exactly `N_i` and `N_h` of them, and the
        Kolmogorov-Smirnov `distance` of all pooled eigenvalues to the law.

    Raises:
        InputError: If there are no such points, or no eigenvalues beside the large ones.
    """
    points = analysis.realisations(results, f"activation == '{activation}' and N_i != N_h")
    sizes = points[["N_i", "N_h"]].drop_duplicates()
    apart = -np.abs(np.log(sizes["N_i"].to_numpy() / sizes["N_h"].to_numpy()))
    points = points.merge(sizes.iloc[np.argsort(apart, kind="stable")[:MOST]], on=["N_i", "N_h"])
    rows = []
    for N_i, N_h, group in by_sizes(points):
        few, many = sorted((N_i, N_h))
        found = np.array([analysis.largest_gap(r, few, many).count for r in group["eigenvalues"]])
        law = analysis.law_of(group)
        rows.append(
            {
                "N_i": N_i,
                "N_h": N_h,
                "points": len(group),
                "smallest": found.min(),
                "largest": found.max(),
                "after_N_i": int((found == N_i).sum()),
                "after_N_h": int((found == N_h).sum()),
                "distance": np.nan if law is None else analysis.pooled_distance(group, law),
            }
        )
    return {"sorted": sorted_spectra(points), "count": pd.DataFrame(rows)}


def plot(tables: Tables) -> Figure:
    """Draw the sorted spectrum of each size, with lines at N_i and at N_h."""
    counts = tables["count"].to_dict("records")
    columns = min(len(counts), 2)
    with style.paper():
        rows = -(-len(counts) // columns)
        figure = style.figure(style.DOUBLE, 0.4 + 1.9 * rows)
        panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for k, (axes, count) in enumerate(zip(panels.flat, counts, strict=False)):
            table = tables["sorted"]
            table = table[(table["N_i"] == count["N_i"]) & (table["N_h"] == count["N_h"])]
            draw_sorted(axes, table, 1, {"color": style.BLUE, "label": "geometric mean"})
            if table["law"].notna().any():
                axes.plot([], [], color=style.BLUE, label="law", **LAW_LINE)
            for name, look in (("N_i", style.series(1)), ("N_h", style.series(2))):
                axes.axvline(count[name], label=f"$k = {name} = {count[name]}$", zorder=0, **look)
            axes.set_title(f"$N_i = {count['N_i']}$, $N_h = {count['N_h']}$")
            axes.set_xlim(0, None)
            axes.legend(loc="upper right")
            style.letter(axes, k)
        for axes in panels.flat[len(counts) :]:
            axes.set_visible(False)
        for axes in panels[-1]:
            axes.set_xlabel("$k$")
        for axes in panels[:, 0]:
            axes.set_ylabel(r"$\lambda_k$")
        return figure


def caption(tables: Tables) -> str:
    """Return the caption, with the counts."""
    counts = tables["count"]
    points, N_i, N_h = (int(counts[name].sum()) for name in ("points", "after_N_i", "after_N_h"))
    sizes = [f"({row.N_i}, {row.N_h})" for row in counts.itertuples()]
    off = "".join(
        f"; at ({row.N_i}, {row.N_h}) it comes after {span([row.smallest, row.largest])}"
        for row in counts[counts["after_N_i"] < counts["points"]].itertuples()
    )
    text = (
        "The k-th largest eigenvalue λ_k where the numbers of inputs and of hidden neurons differ "
        "(geometric mean over teachers; bands from the smallest to the largest value). The fall "
        f"is at k = N_i and not at k = N_h: at (N_i, N_h) = {listing(sizes)}, "
        f"{span(counts['points'])} teachers each, the largest gap of log λ between half the "
        "smaller and twice the larger of both numbers comes after exactly N_i eigenvalues in "
        f"{N_i} and after exactly N_h in {N_h} of {points} teachers{off}."
    )
    if counts["distance"].isna().any():
        return text
    distances = listing(f"{value:.3f}" for value in counts["distance"])
    return (
        f"{text} Dots: the law of docs/laws.md, whose Kolmogorov-Smirnov distance to all pooled "
        f"eigenvalues is {distances}."
    )
