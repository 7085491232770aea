"""Fig. 4: the spectrum of quadratic networks, a bulk near 0 and one outlier that grows."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hessweep import analysis
from hessweep.analysis.sizes import select_sizes
from hessweep.figures import style
from hessweep.figures.log_density import (
    HIDDEN,
    draw_ridges,
    left_end,
    log_densities,
    resolution_sentence,
)
from hessweep.figures.save import Tables
from hessweep.figures.words import listing, span


def data(results: xr.DataTree, activation: str = "quadratic") -> Tables:
    """Return densities, outliers and the outlier's growth for square networks, `N_i = N_h = N`.

    Args:
        results: Points of that activation with normal weights; others are left out, and so are
            sizes that `analysis.select_sizes` does not select.
        activation: Label of the activation.

    Returns:
        `density`: histogram of the pooled non-zero eigenvalues of each `N` (`low, high, count,
        density, resolved` per decade); its area is 1 less the fraction of the eigenvalues that
        rounding made negative. For density points, the mean of their densities.
        `largest`: the largest `eigenvalue` of each teacher (`N, seed`).
        `outlier`: mean, error of the mean and points of the largest eigenvalue at each `N`, and
        of the second largest (`second`), the upper edge of the bulk.
        `growth`: `coefficient`, `value`, `error` and reduced `chi2` of the power law fitted to
        all sizes (`exponent`, `prefactor`), the exponent between the two largest sizes
        (`last exponent`), and the expansion `a N + b + c / N` (`a`, `b`, `c`; without the last
        for two sizes).

    Raises:
        InputError: If there are fewer than two sizes, or fewer than two seeds at one of them.
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
    return {
        "density": log_densities(points, per_decade=10),
        "largest": pd.DataFrame({"N": N, "seed": points["seed"], "eigenvalue": largest}),
        "outlier": outlier,
        "growth": _growth(N, largest, outlier),
    }


def _growth(N: np.ndarray, largest: np.ndarray, outlier: pd.DataFrame) -> pd.DataFrame:
    power = analysis.power_law(N, largest)
    two = np.isin(N, outlier["N"].nlargest(2))
    last = analysis.power_law(N[two], largest[two])
    expansion = analysis.fit(
        expansion_terms(outlier["N"].to_numpy()),
        outlier["mean"].to_numpy(),
        outlier["error"].to_numpy(),
    )
    rows = [
        ("exponent", power.exponent, power.error, power.chi2),
        ("prefactor", power.prefactor, np.nan, power.chi2),
        ("last exponent", last.exponent, last.error, np.nan),
    ]
    fitted = zip("abc", expansion.coefficients, expansion.errors, strict=False)
    rows += [(name, value, error, expansion.chi2) for name, value, error in fitted]
    return pd.DataFrame(rows, columns=["coefficient", "value", "error", "chi2"])


def expansion_terms(N: np.ndarray) -> np.ndarray:
    """Return `N, 1, 1/N`, the first terms of the outlier's expansion, as far as N fix them."""
    return np.column_stack([N, np.ones(len(N)), 1 / N])[:, : len(np.unique(N))]


def plot(tables: Tables) -> Figure:
    """Draw the densities (a) and the outlier against N (b)."""
    with style.paper():
        figure = style.figure(style.DOUBLE, 3)
        left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
        draw_ridges(left, tables["density"], tables["largest"])
        left.set_xlabel(r"non-zero eigenvalue $\lambda$")
        _draw_outlier(right, tables)
        for k, axes in enumerate((left, right)):
            style.letter(axes, k)
        return figure


def _draw_outlier(axes: Axes, tables: Tables) -> None:
    outlier, growth = tables["outlier"], tables["growth"].set_index("coefficient")
    points = axes.errorbar(
        outlier["N"],
        outlier["mean"],
        outlier["error"],
        fmt="o",
        color=style.BLUE,
        label=r"$\lambda_1$, the outlier",
    )
    N = np.linspace(outlier["N"].min(), outlier["N"].max(), 100)
    value, error = growth["value"], growth["error"]
    coefficients = value.loc["a":].to_numpy()
    axes.plot(
        N,
        expansion_terms(N)[:, : len(coefficients)] @ coefficients,
        **style.SERIES[0],
        label="$aN + b + c/N$" if "c" in value else "$aN + b$",
    )
    axes.plot(
        N,
        value["prefactor"] * N ** value["exponent"],
        **style.SERIES[1],
        label=rf"$\propto N^{{{value['exponent']:.2f} \pm {error['exponent']:.2f}}}$",
    )
    axes.plot(
        outlier["N"], outlier["second"], "s", color="0.45", label=r"$\lambda_2$, edge of the bulk"
    )
    axes.set_ylim(0, 1.25 * outlier["mean"].max())
    axes.set_xlabel("$N$")
    axes.set_ylabel("mean eigenvalue")
    curves, labels = axes.get_legend_handles_labels()
    # matplotlib puts error bars last; the data belong before the curves fitted to them.
    order = np.argsort([curve is not points for curve in curves], kind="stable")
    axes.legend([curves[k] for k in order], [labels[k] for k in order], loc="upper left")


def caption(tables: Tables) -> str:
    """Return the caption, with the fitted growth."""
    outlier, growth = tables["outlier"], tables["growth"].set_index("coefficient")
    number = {name: f"{row.value:.2f} ± {row.error:.2f}" for name, row in growth.iterrows()}
    ratio = outlier["mean"] / outlier["second"]
    expansion = f"({number['a']}) N + ({number['b']})"
    if "c" in number:
        expansion += f" + ({number['c']}) / N"
    return (
        "Networks with quadratic activation and N_i = N_h = N. (a) Density of the logarithm of "
        "the non-zero eigenvalues λ of the Hessian at the optimum, pooled over "
        f"{span(outlier['points'])} teachers at each of N = {listing(outlier['N'])}: a bulk near "
        "0 and one outlier. Ticks mark the outlier λ_1 of each teacher. The tail below "
        f"{left_end(tables['density']):.1g}, at most {HIDDEN:.0%} of the eigenvalues, is not "
        "shown. (b) The mean of the outlier grows with N, while the mean of the second largest "
        f"eigenvalue λ_2 does not: their ratio rises from {ratio.iloc[0]:.1f} to "
        f"{ratio.iloc[-1]:.1f}. A power law fitted to all sizes has the exponent "
        f"{number['exponent']}{_chi2(growth, 'exponent')}; between the two largest sizes alone "
        f"the exponent is {number['last exponent']}. The expansion {expansion} describes the mean "
        f"of the outlier{_chi2(growth, 'a')}. Errors are one standard deviation of the mean over "
        f"teachers.{resolution_sentence(tables['density'])}"
    )


def _chi2(growth: pd.DataFrame, coefficient: str) -> str:
    chi2 = growth["chi2"][coefficient]
    return "" if np.isnan(chi2) else f" (reduced χ² {chi2:.1f})"
