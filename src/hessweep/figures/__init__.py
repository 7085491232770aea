"""Figures of the paper and beyond it: the kinds that a study may ask for, and how to make them.

Each module of a figure has three functions: `data` takes results of the store and returns tables,
`plot` takes the tables and returns a matplotlib Figure, and `caption` takes the tables and returns
the text below the figure. The parameters of `data` are the options that a study may set.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr
from matplotlib.figure import Figure

from hessweep.errors import StudyError, did_you_mean
from hessweep.figures import (
    architecture,
    bulk_edges,
    erf_spectrum,
    float64_floor,
    law_convergence,
    linear_blocks,
    linear_spectrum,
    loss_decay,
    other_weights,
    quadratic_spectrum,
    rank_grid,
    smallest_eigenvalue,
)
from hessweep.figures.save import SUFFIXES, Tables, save
from hessweep.figures.without_data import make_without_data


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure."""

    title: str
    """A few words, with the paper's number of the figure."""
    data: Callable[..., Tables]
    plot: Callable[[Tables], Figure]
    caption: Callable[[Tables], str]

    @property
    def takes_results(self) -> bool:
        """Whether `data` takes results of the store as its first argument."""
        return "results" in inspect.signature(self.data).parameters

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options that a study may set."""
        return tuple(name for name in inspect.signature(self.data).parameters if name != "results")

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the options that have no default."""
        parameters = inspect.signature(self.data).parameters
        return tuple(
            name for name in self.options if parameters[name].default is inspect.Parameter.empty
        )


FIGURES: dict[str, FigureKind] = {
    name: FigureKind(title, module.data, module.plot, module.caption)
    for name, title, module in (
        ("architecture", "Architecture (Fig. 1)", architecture),
        ("linear-spectrum", "Linear networks: the law of H (Fig. 2)", linear_spectrum),
        ("loss-decay", "Loss near the optimum (Fig. 3)", loss_decay),
        ("quadratic-spectrum", "Quadratic networks: one outlier (Fig. 4)", quadratic_spectrum),
        ("erf-spectrum", "erf networks: N_h large eigenvalues (Fig. 5)", erf_spectrum),
        ("linear-blocks", "Linear networks: blocks A and B (Figs 6, 7)", linear_blocks),
        ("other-weights", "Linear networks: other weights (Figs 8, 9)", other_weights),
        ("smallest-eigenvalue", "Linear networks: the law of λ_min", smallest_eigenvalue),
        ("law-convergence", "Linear networks: convergence of the laws", law_convergence),
        ("bulk-edges", "Outliers and edges of the bulk against N", bulk_edges),
        ("rank-grid", "Rank against formula", rank_grid),
        ("float64-floor", "Smallest eigenvalues, where float64 fails", float64_floor),
    )
}
"""The kinds of figures that a study may ask for, by name."""


def figure_kind(name: str, options: dict[str, Any] | None = None) -> FigureKind:
    """Return the kind of figure of that name, after a check of the options for its data.

    Raises:
        StudyError: If the kind is unknown, does not take one of the options, or lacks one.
    """
    if name not in FIGURES:
        raise StudyError(
            f"unknown kind of figure {name!r}{did_you_mean(name, FIGURES)}; "
            f"known are {', '.join(FIGURES)}"
        )
    kind = FIGURES[name]
    unknown = sorted(set(options or {}) - set(kind.options))
    if unknown:
        raise StudyError(
            f"{name} does not take {', '.join(unknown)}; it takes "
            f"{', '.join(kind.options) or 'no options'}"
        )
    missing = sorted(set(kind.required) - set(options or {}))
    if missing:
        raise StudyError(f"{name} needs {', '.join(missing)} under its options")
    return kind


def make(name: str, results: xr.DataTree, path: str | Path, **options: Any) -> tuple[Path, ...]:
    """Make a figure from results and save it as `path` + .png, .pdf, .csv and .txt (caption).

    Args:
        name: A key of `FIGURES`.
        results: Results of the published store; kinds that need none do not read them.
        path: Path of the files, without suffix.
        **options: Options for the `data` of the kind.

    Returns:
        The four paths.

    Raises:
        StudyError: If the kind is unknown or does not take one of the options.
        InputError: If the results do not hold what the figure shows.
    """
    kind = figure_kind(name, options)
    tables = kind.data(results, **options) if kind.takes_results else kind.data(**options)
    return save(kind.plot(tables), tables, path, kind.caption(tables))


__all__ = [
    "FIGURES",
    "SUFFIXES",
    "FigureKind",
    "Tables",
    "figure_kind",
    "make",
    "make_without_data",
    "save",
]
