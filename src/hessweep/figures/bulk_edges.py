"""How the outliers and the edges of the bulk of Figs 4 and 5 move with N, beside the law."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hessweep import analysis, laws
from hessweep.analysis.sizes import select_sizes
from hessweep.figures import style
from hessweep.figures.save import Tables
from hessweep.figures.words import listing

LABELS = {
    "outlier": r"$\lambda_1$, outlier",
    "smallest large": r"$\lambda_{N_i}$, smallest large",
    "upper": "upper edge of the bulk",
    "lower": r"$\lambda_{\min}$, lower edge",
}
"""The edges in the order of the legend, from large to small eigenvalues."""

WORDS = {
    "outlier": "the outlier",
    "smallest large": "the smallest of the N_i large eigenvalues",
    "upper": "the upper edge of the bulk",
    "lower": "the lower edge λ_min",
}

MAX_ERROR = 0.1
"""Sizes with a larger relative error of lambda_min are left out, with all their teachers: leaving
out single teachers would favour those with a large lambda_min."""

TEACHERS = 8
"""For so many teachers of each size the law given their weights is evaluated."""

NEAR = 100.0
"""The law's value of an eigenvalue is looked for within this factor of the measured one."""


def data(results: xr.DataTree, outlier: str = "quadratic", large: str = "erf") -> Tables:
    """Return the edges of the bulk of square networks, measured and by law.

    Args:
        results: Points of both activations with normal weights; others are left out, and so are
            sizes that `analysis.select_sizes` does not select.
        outlier: Label of an activation with one large eigenvalue (Fig. 4).
        large: Label of an activation with N_i large eigenvalues (Fig. 5).

    Returns:
        `edges`: geometric `mean` of each `edge` at each `N`, one standard error below and above
        it (`low`, `high`), and the number of `points`. Edges are "outlier" or "smallest large"
        above the bulk, and "upper" and "lower" edge of the bulk; the latter is the smallest
        non-zero eigenvalue, at the sizes where it is known for every teacher.
        `law` is what hessweep.laws says, without any fit: `outlier_mean` of an outlier; of
        "smallest large" and "upper" the geometric mean, over `TEACHERS` of the teachers, of the
        quantile at their place in the law given the weights; of "lower" the geometric mean of the
        smallest `κ W2_m²`. NaN where it says nothing.

    Raises:
        InputError: If an activation has fewer than two seeds at one of its sizes.
    """
    edges = []
    for activation, above in ((outlier, "outlier"), (large, "smallest large")):
        points = analysis.realisations(results, f"activation == '{activation}' and N_i == N_h")
        points = select_sizes(points)
        by_law = pd.concat(
            [_by_law(group, above) for _, group in points.groupby("N_h")], ignore_index=True
        )
        for edge, (N, values) in _edges(points, above).items():
            table = analysis.by_size(N, np.log(values))
            mean, error = table["mean"], table["error"]
            edges.append(
                table[["N", "points"]]
                .assign(
                    activation=activation,
                    edge=edge,
                    mean=np.exp(mean),
                    low=np.exp(mean - error),
                    high=np.exp(mean + error),
                )
                .merge(by_law, on=["N", "edge"], how="left")
            )
    return {"edges": pd.concat(edges, ignore_index=True)}


def _edges(points: pd.DataFrame, above: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    N = points["N_h"].to_numpy()
    place = np.ones_like(N) if above == "outlier" else N
    rows = points["eigenvalues"]
    edge = np.array([row[len(row) - k] for row, k in zip(rows, place, strict=True)])
    upper = np.array([row[len(row) - k - 1] for row, k in zip(rows, place, strict=True)])
    edges = {above: (N, edge), "upper": (N, upper)}
    known = ~np.isin(N, N[points["lambda_min_error"].to_numpy() > MAX_ERROR])
    if known.any():
        edges["lower"] = N[known], points["lambda_min"].to_numpy()[known]
    return edges


def _by_law(points: pd.DataFrame, above: str) -> pd.DataFrame:
    """Return what the law says of each edge of one size: `N, edge, law`."""
    N = int(points["N_h"].iloc[0])
    g = analysis.activation_of(points)
    found = {above: np.nan, "upper": np.nan, "lower": np.nan}
    if g is not None:
        first = 1 if above == "outlier" else N
        places = [first + 1] if above == "outlier" else [first, first + 1]
        quantiles = []
        for point in points.head(TEACHERS).to_dict("records"):
            measured = point["eigenvalues"][[-k for k in places]]
            share = (np.array(places) - 0.5) / int(point["P"])
            law = analysis.law_of_teacher(point)
            quantiles.append(law.isf(share, measured.min() / NEAR, measured.max() * NEAR))
        means = np.exp(np.log(quantiles).mean(axis=0))
        found |= dict(zip([above, "upper"][-len(places) :], means, strict=True))
        if above == "outlier":
            mean = laws.outlier_mean(g, N, N)
            found[above] = np.nan if mean is None else mean
        if (kappa := laws.coefficients(g).kappa) > 0:
            teachers = map(analysis.teacher_of, points.to_dict("records"))
            found["lower"] = kappa * np.exp(np.mean([np.log(t.W2**2).min() for t in teachers]))
    return pd.DataFrame({"N": N, "edge": list(found), "law": list(found.values())})


def plot(tables: Tables) -> Figure:
    """Draw the edges of both activations against N, log-log, with the lines of the law.

    λ_min is many decades below the other edges: it has a panel of its own below them.
    """
    edges = tables["edges"]
    activations = edges["activation"].unique()
    with style.paper():
        figure = style.figure(style.DOUBLE, 3.6)
        grid = figure.subplots(2, len(activations), sharex="col", height_ratios=(1.3, 1))
        for column, activation in enumerate(activations):
            for row, axes in enumerate(grid[:, column]):
                drawn = edges[edges["activation"] == activation]
                lower = drawn["edge"] == "lower"
                _draw(axes, drawn[lower if row else ~lower], first=2 * row)
                axes.set_xticks(np.unique(drawn["N"]), [str(N) for N in np.unique(drawn["N"])])
                axes.set_xticks([], minor=True)
            grid[0, column].set_title(activation)
            grid[1, column].set_xlabel("$N$")
            style.letter(grid[0, column], column)
        for axes in grid[:, 0]:
            axes.set_ylabel("geometric mean")
        return figure


def _draw(axes: Axes, edges: pd.DataFrame, first: int) -> None:
    """Draw the means with errors and the lines of the law; `first` sets the look."""
    names = list(edges["edge"].unique())
    for k, edge in enumerate(names, first):
        table = edges[edges["edge"] == edge]
        axes.errorbar(
            table["N"],
            table["mean"],
            [table["mean"] - table["low"], table["high"] - table["mean"]],
            fmt=style.MARKERS[k],
            color=style.SERIES[k]["color"],
            label=LABELS[edge],
        )
        if table["law"].notna().any():
            axes.plot(table["N"], table["law"], **style.SERIES[k])
    if edges["law"].notna().any():
        axes.plot([], [], color="0.45", label="lines: by law")
    axes.set_xscale("log")
    axes.set_yscale("log")
    if not names:
        axes.set_yticks([])
        axes.text(
            0.5, 0.5, r"$\lambda_{\min}$ is not known", ha="center", transform=axes.transAxes
        )
        return
    # The legend needs room above the data.
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** (0.12 + 0.12 * len(names)))
    axes.legend(loc="upper right" if first else "upper left")


def caption(tables: Tables) -> str:
    """Return the caption, with the measured edges beside those of the law."""
    edges = tables["edges"]
    sentences = []
    for activation, rows in edges.groupby("activation", sort=False):
        known = rows.dropna(subset="law")
        said = [
            f"{row['mean']:.3g} ({row['law']:.3g} by law) for {WORDS[row['edge']]} at "
            f"N = {row['N']}"
            for row in known.groupby("edge", sort=False).tail(1).to_dict("records")
        ]
        if said:
            sentences.append(f"With {activation} activation it is {listing(said)}.")
        silent = [WORDS[edge] for edge in rows["edge"].unique() if edge not in set(known["edge"])]
        if silent:
            sentences.append(
                f"The law does not give {listing(silent)} with {activation} activation."
            )
    return (
        "Outliers and edges of the bulk in the spectra of networks with N_i = N_h = N: geometric "
        "means over teachers with their standard errors. Lines are what docs/laws.md says without "
        "any fit: the formula of the outlier; the quantile at the place of the eigenvalue in the "
        f"law given the weights, over {TEACHERS} of the teachers at most; and for λ_min the "
        "smallest κ W2², whose factor is not 1. "
        + " ".join(sentences)
        + " The smallest eigenvalue λ_min is shown at the sizes where it is known to "
        f"{MAX_ERROR:.0%} for every teacher."
    )
