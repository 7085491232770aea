"""Plots in one call, in the look of the figures: for a notebook, or a first glance.

Each function returns a matplotlib Figure, which a notebook shows and `savefig` writes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from hessweep import analysis
from hessweep.errors import InputError
from hessweep.figures import rank_grid as grid
from hessweep.figures import style
from hessweep.networks import DeepNetwork, Network
from hessweep.rank import rank
from hessweep.setup import AXES
from hessweep.spectrum import spectrum_with_error

MOST = len(style.SERIES)
"""More curves than this nobody tells apart."""

LEAST = 1e-20
"""Positive eigenvalues below the rounding errors of float64 may come out as negative: they are
drawn here, at the lower end of the axis."""

Shown = Network | DeepNetwork | xr.DataTree | Sequence[Network | DeepNetwork]


def spectrum(shown: Shown, where: str | None = None) -> Figure:
    """Plot the non-zero eigenvalues in descending order, on a logarithmic axis.

    Args:
        shown: A network, several networks, or results as `open_results` returns them.
        where: Which points of results, such as "activation == 'erf' and N_i == N_h"; all if None.
            Teachers of one kind and size are one curve, the geometric mean, with a band from the
            smallest to the largest value.

    Raises:
        InputError: If there is nothing to plot, or there are more than seven curves.
    """
    curves = _curves(shown, where)
    with style.paper():
        figure = style.figure(style.SINGLE, 2.6)
        axes = figure.subplots()
        for k, (label, rows) in enumerate(curves.items()):
            count = min(map(len, rows))
            if not count:
                continue
            largest = np.array([np.sort(row)[::-1][:count] for row in rows])
            position = np.arange(1, count + 1)
            mean = np.exp(np.log(largest).mean(axis=0))
            look = style.series(k)
            axes.plot(position, mean, label=label, **look)
            axes.fill_between(
                position, largest.min(0), largest.max(0), color=look["color"], alpha=0.15, lw=0
            )
        axes.set_yscale("log")
        axes.set_xlabel("$k$")
        axes.set_ylabel(r"$k$-th largest eigenvalue $\lambda_k$")
        _legend(figure, len(curves))
        return figure


def density(shown: Shown, where: str | None = None, per_decade: int = 8) -> Figure:
    """Plot the density of the logarithm of the non-zero eigenvalues.

    Args:
        shown: A network, several networks, or results.
        where: Which points of results; all if None. Teachers of one kind and size are pooled.
        per_decade: Bins in a decade.

    Raises:
        InputError: If there is nothing to plot, or there are more than seven curves.
    """
    curves = _curves(shown, where)
    with style.paper():
        figure = style.figure(style.SINGLE, 2.6)
        axes = figure.subplots()
        for k, (label, rows) in enumerate(curves.items()):
            pooled = np.concatenate(list(rows))
            if not pooled.size:
                continue
            table = analysis.log_histogram(pooled, per_decade)
            edges = np.append(table["low"], table["high"].iloc[-1])
            axes.stairs(table["density"], edges, label=label, **style.series(k))
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel(r"eigenvalue $\lambda$")
        axes.set_ylabel(r"density per decade of $\lambda$")
        _legend(figure, len(curves))
        return figure


def rank_grid(
    results: xr.DataTree, activation: str | Sequence[str] | None = None, shows: str | None = None
) -> Figure:
    """Plot the rank at each size, one panel for each activation.

    Args:
        results: Results as `open_results` returns them.
        activation: Labels of the activations to show; all if None.
        shows: "rank", or "float64" for what float64 misses; chosen by the results if None.

    Raises:
        InputError: If the results hold no such point.
    """
    return grid.plot(grid.data(results, activation, shows=shows))


def _curves(shown: Shown, where: str | None) -> Mapping[str, Sequence[np.ndarray]]:
    """Return the non-zero eigenvalues of each realisation, by the label of its curve."""
    if isinstance(shown, xr.DataTree):
        curves = _of_results(shown, where)
    else:
        if where is not None:
            raise InputError("where: a condition selects points of results, not networks")
        networks = [shown] if isinstance(shown, Network | DeepNetwork) else list(shown)
        curves = {}
        for k, network in enumerate(networks):
            if not isinstance(network, Network | DeepNetwork):
                raise InputError(
                    "plot: expected a network, several networks, or results of open_results, "
                    f"got {type(network).__name__}"
                )
            name = repr(network).split("(", 1)[1][:-1].rsplit(", P=", 1)[0]
            label = f"{k + 1}: {name}" if len(networks) > 1 else name
            curves[label] = [_non_zero(network)]
    if not curves:
        raise InputError(f"plot: no point fulfils {where!r}" if where else "plot: nothing to plot")
    if len(curves) > MOST:
        raise InputError(
            f"plot: {len(curves)} curves are more than the {MOST} that can be told apart; select "
            f"some with `where`, such as \"activation == 'erf' and N_i == N_h\": there are "
            f"{'; '.join(list(curves)[:4])}; …"
        )
    return curves


def _of_results(results: xr.DataTree, where: str | None) -> dict[str, list[np.ndarray]]:
    points = analysis.realisations(results, where or "seed >= 0")
    varied = ["activation", "N_i", "N_h"]
    for axis in AXES:
        name = axis.column.name
        if name in points and name not in varied and points[name].nunique() > 1:
            varied.append(name)
    curves: dict[str, list[np.ndarray]] = {}
    rows = zip(points[varied].to_dict("records"), analysis.non_zero(points), strict=True)
    for row, values in rows:
        label = ", ".join(
            str(row[name]) if name == "activation" else f"{name}={row[name]}" for name in varied
        )
        curves.setdefault(label, []).append(np.maximum(values, LEAST))
    return curves


def _non_zero(network: Network | DeepNetwork) -> np.ndarray:
    found = spectrum_with_error(network)
    count = rank(network, found).value
    return np.maximum(found.eigenvalues[len(found.eigenvalues) - count :], LEAST)


def _legend(figure: Figure, curves: int) -> None:
    """Write the names of the curves above the axes, where they hide none."""
    figure.legend(loc="outside upper left", ncols=1 if curves < 4 else 2)


__all__ = ["density", "rank_grid", "spectrum"]
