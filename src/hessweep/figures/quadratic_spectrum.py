"""Fig. 4: the spectrum of quadratic networks, a bulk near 0 and one outlier that grows."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hessweep import analysis, laws
from hessweep.analysis.sizes import select_sizes
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
from hessweep.figures.words import listing, span

CURVE = 100
"""Places at which the formula of the outlier is drawn."""


def data(results: xr.DataTree, activation: str = "quadratic") -> Tables:
    """Return densities, outliers and their laws for square networks, `N_i = N_h = N`.

    Args:
        results: Points of that activation with normal weights; others are left out, and so are
            sizes that `analysis.select_sizes` does not select.
        activation: Label of the activation.

    Returns:
        `density`: histogram of the pooled non-zero eigenvalues of each `N` (`low, high, count,
        density, resolved` per decade); its area is 1 less the fraction of the eigenvalues that
        rounding made negative. For density points, the mean of their densities.
        `law`, `distance`: what `log_density.law_curves` returns.
        `largest`: the largest `eigenvalue` of each teacher (`N, seed`).
        `outlier`: mean, error of the mean and points of the largest eigenvalue at each `N`, and
        of the second largest (`second`), the upper edge of the bulk; `predicted` and `spread`,
        its mean and standard deviation by formula, NaN where there is none.
        `formula`: the same formula between these sizes.

    Raises:
        InputError: If there are fewer than two seeds at one of the sizes.
    """
    points = analysis.realisations(
        results,
        f"activation == '{activation}' and N_i == N_h",
        densities=True,
    )
    points = select_sizes(points)
    N = points["N_i"].to_numpy()
    largest = points["lambda_max"].to_numpy()
    # A density point may not have its second largest eigenvalue.
    second = [row[-2] if len(row) > 1 else np.nan for row in points["eigenvalues"]]
    outlier = analysis.by_size(N, largest)
    outlier["second"] = analysis.by_size(N, np.array(second))["mean"]
    density = log_densities(points, per_decade=10)
    law, distance = law_curves(points, density)
    between = np.unique(np.geomspace(N.min(), N.max(), CURVE).round().astype(int))
    return {
        "density": density,
        "law": law,
        "distance": distance,
        "largest": pd.DataFrame({"N": N, "seed": points["seed"], "eigenvalue": largest}),
        "outlier": outlier.assign(**_formula(points, outlier["N"].to_numpy())),
        "formula": pd.DataFrame({"N": between, **_formula(points, between)}),
    }


def _formula(points: pd.DataFrame, sizes: np.ndarray) -> dict[str, np.ndarray]:
    """Return mean and standard deviation of the outlier by formula."""
    g = analysis.activation_of(points)
    names = {"predicted": laws.outlier_mean, "spread": laws.outlier_std}
    if g is None:
        return {name: np.full(len(sizes), np.nan) for name in names}
    found = {
        name: [function(g, int(N), int(N)) for N in sizes] for name, function in names.items()
    }
    return {name: np.array(values, dtype=float) for name, values in found.items()}


def plot(tables: Tables) -> Figure:
    """Draw the densities (a) and the outlier against N (b)."""
    with style.paper():
        figure = style.figure(style.DOUBLE, 3.2)
        left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
        draw_ridges(left, tables["density"], tables["largest"], tables["law"])
        left.set_xlabel(r"non-zero eigenvalue $\lambda$")
        _draw_outlier(right, tables)
        for k, axes in enumerate((left, right)):
            style.letter(axes, k)
        return figure


def _draw_outlier(axes: Axes, tables: Tables) -> None:
    outlier, formula = tables["outlier"], tables["formula"].dropna()
    axes.errorbar(
        outlier["N"],
        outlier["mean"],
        outlier["error"],
        fmt="o",
        color=style.BLUE,
        label=r"$\lambda_1$, the outlier: mean",
    )
    top = outlier["mean"].max()
    if len(formula):
        mean, spread = formula["predicted"], formula["spread"]
        axes.plot(
            formula["N"], mean, color=style.BLACK, linewidth=0.9, label="its mean by formula"
        )
        axes.fill_between(
            formula["N"], mean - spread, mean + spread, color=style.BLUE, alpha=0.15, linewidth=0,
            label="one standard deviation",
        )  # fmt: skip
    axes.plot(
        outlier["N"], outlier["second"], "s", color="0.45", label=r"$\lambda_2$, edge of the bulk",
        clip_on=False,
    )  # fmt: skip
    axes.set_ylim(0, 1.3 * top)
    axes.set_xlabel("$N$")
    axes.set_ylabel("eigenvalue")
    curves, labels = axes.get_legend_handles_labels()
    # matplotlib puts error bars last; the data belong before the curves.
    order = np.argsort([not label.startswith(r"$\lambda_1$") for label in labels], kind="stable")
    axes.legend([curves[k] for k in order], [labels[k] for k in order], loc="upper left")


def caption(tables: Tables) -> str:
    """Return the caption, with the outlier beside its formula."""
    outlier = tables["outlier"]
    ratio = outlier["mean"] / outlier["second"]
    return (
        "Networks with quadratic activation and N_i = N_h = N. (a) Density of the logarithm of "
        "the non-zero eigenvalues λ of the Hessian at the optimum, pooled over "
        f"{span(outlier['points'])} teachers at each of N = {listing(outlier['N'])}: a bulk near "
        "0 and one outlier. Ticks mark the outlier λ_1 of each teacher. The tail below "
        f"{left_end(tables['density']):.1g}, at most {HIDDEN:.0%} of the eigenvalues, is not "
        f"shown.{law_sentence(tables)} (b) The mean of the outlier grows with N, "
        "while the mean of the second largest "
        f"eigenvalue λ_2 does not: their ratio rises from {ratio.iloc[0]:.1f} to "
        f"{ratio.iloc[-1]:.1f}.{_against_formula(outlier)} Errors are one standard deviation of "
        f"the mean over teachers.{resolution_sentence(tables['density'])}"
    )


def _against_formula(outlier: pd.DataFrame) -> str:
    rows = outlier.dropna(subset="predicted")
    if not len(rows):
        return ""
    # The scatter of a few teachers can be small by chance.
    error = np.fmax(rows["error"], rows["spread"] / np.sqrt(rows["points"]))
    off = (rows["mean"] - rows["predicted"]) / error
    means = listing(
        f"{row['mean']:.2f} ± {row['error']:.2f} ({row['predicted']:.2f} predicted) at "
        f"N = {row['N']}"
        for row in rows.iloc[[0, -1]].to_dict("records")
    )
    return (
        " The line is its mean by the formula of docs/laws.md, which has no free constant and is "
        f"no power of N: the mean is {means}, and differs from the formula by at most "
        f"{off.abs().max():.1f} standard errors at all sizes, taken from the scatter of the "
        "teachers or from the limiting standard deviation of one teacher, whichever is larger. "
        "The band is that standard deviation."
    )
