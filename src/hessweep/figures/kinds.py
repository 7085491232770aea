"""The kinds of figures that a study may ask for, and how to make them.

A study is checked against them without importing matplotlib, which takes a second: the options of
a kind are read from the source of its module.
"""

import ast
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from hessweep.errors import StudyError, did_you_mean

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from hessweep.figures.save import Tables

PACKAGE = "hessweep.figures"


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure."""

    title: str
    """A few words, with the paper's number of the figure."""
    file: str
    """The name of its module in this package."""

    @cached_property
    def module(self) -> ModuleType:
        """The module, with its three functions."""
        return importlib.import_module(f"{PACKAGE}.{self.file}")

    @property
    def data(self) -> "Callable[..., Tables]":
        """The function that takes results, and options, and returns tables."""
        function: Callable[..., Tables] = self.module.data
        return function

    @property
    def plot(self) -> "Callable[[Tables], Figure]":
        """The function that takes the tables and returns the figure."""
        function: Callable[[Tables], Figure] = self.module.plot
        return function

    @property
    def caption(self) -> "Callable[[Tables], str]":
        """The function that takes the tables and returns the text below the figure."""
        function: Callable[[Tables], str] = self.module.caption
        return function

    def _source(self) -> str:
        return files(PACKAGE).joinpath(f"{self.file}.py").read_text(encoding="utf-8")

    @cached_property
    def _parameters(self) -> dict[str, bool]:
        """The parameters of `data`, each with whether it must be given."""
        tree = ast.parse(self._source()).body
        functions = [node for node in tree if isinstance(node, ast.FunctionDef)]
        [taken] = [function.args for function in functions if function.name == "data"]
        positional = [argument.arg for argument in (*taken.posonlyargs, *taken.args)]
        without_default = positional[: len(positional) - len(taken.defaults)]
        keywords = zip(taken.kwonlyargs, taken.kw_defaults, strict=True)
        return {name: name in without_default for name in positional} | {
            argument.arg: default is None for argument, default in keywords
        }

    @property
    def takes_results(self) -> bool:
        """Whether `data` takes results of the store as its first argument."""
        return "results" in self._parameters

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options that a study may set."""
        return tuple(name for name in self._parameters if name != "results")

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the options that have no default."""
        return tuple(name for name in self.options if self._parameters[name])


FIGURES: dict[str, FigureKind] = {
    "architecture": FigureKind("Architecture (Fig. 1)", "architecture"),
    "linear-spectrum": FigureKind("Linear networks: the law of H (Fig. 2)", "linear_spectrum"),
    "loss-decay": FigureKind("Loss near the optimum (Fig. 3)", "loss_decay"),
    "quadratic-spectrum": FigureKind(
        "Quadratic networks: one outlier (Fig. 4)", "quadratic_spectrum"
    ),
    "erf-spectrum": FigureKind("erf networks: N_h large eigenvalues (Fig. 5)", "erf_spectrum"),
    "linear-blocks": FigureKind("Linear networks: blocks A and B (Figs 6, 7)", "linear_blocks"),
    "other-weights": FigureKind("Linear networks: other weights (Figs 8, 9)", "other_weights"),
    "smallest-eigenvalue": FigureKind("Linear networks: the law of λ_min", "smallest_eigenvalue"),
    "law-convergence": FigureKind("Linear networks: convergence of the laws", "law_convergence"),
    "rectangular-spectrum": FigureKind(
        "N_i large eigenvalues where N_i and N_h differ", "rectangular_spectrum"
    ),
    "bulk-edges": FigureKind("Outliers and edges of the bulk against N", "bulk_edges"),
    "law-distances": FigureKind("Distance of spectra to their law against N", "law_distances"),
    "along-training": FigureKind("The Hessian along training", "along_training"),
    "student-decay": FigureKind("Loss near optima of wide students", "student_decay"),
    "rank-grid": FigureKind("Rank against formula", "rank_grid"),
    "bias-increment": FigureKind("By how much biases raise the rank", "bias_increment"),
    "bias-spectrum": FigureKind("Spectra with biases beside those without", "bias_spectrum"),
    "batch-agreement": FigureKind("Finite data: from which N on spectra agree", "batch_agreement"),
    "linear-outputs": FigureKind("Linear networks: several outputs and biases", "linear_outputs"),
    "depth-spectra": FigureKind("Ends of the spectrum against depth", "depth_spectra"),
    "layer-shares": FigureKind("Layers of the large eigenvalues", "layer_shares"),
    "float64-floor": FigureKind("Smallest eigenvalues, where float64 fails", "float64_floor"),
}
"""The kinds of figures that a study may ask for, by name."""


def figure_kind(
    name: str, options: dict[str, Any] | None = None, file: str | None = None
) -> FigureKind:
    """Return the kind of figure of that name, after a check of the options for its data.

    Args:
        name: A key of `FIGURES`, or the title of a figure of one's own.
        options: What the study asks for.
        file: The Python file that defines the figure, if it is one's own.

    Raises:
        StudyError: If the kind is unknown, does not take one of the options, or lacks one; or if
            the file does not define a figure.
    """
    if file is not None:
        from hessweep.figures.own import own_figure

        kind: FigureKind = own_figure(name, file)
        _check_options(name, kind, options or {})
        return kind
    if name not in FIGURES:
        raise StudyError(
            f"unknown kind of figure {name!r}{did_you_mean(name, FIGURES)}; "
            f"known are {', '.join(FIGURES)}; for a figure of your own, give "
            "`file: your_file.py` beside its kind"
        )
    kind = FIGURES[name]
    _check_options(name, kind, options or {})
    return kind


def _check_options(name: str, kind: FigureKind, options: dict[str, Any]) -> None:
    unknown = sorted(set(options) - set(kind.options))
    if unknown:
        raise StudyError(
            f"{name} does not take {', '.join(unknown)}; it takes "
            f"{', '.join(kind.options) or 'no options'}"
        )
    missing = sorted(set(kind.required) - set(options))
    if missing:
        raise StudyError(f"{name} needs {', '.join(missing)} under its options")


def make(
    name: str,
    results: "xr.DataTree",
    path: str | Path,
    file: str | None = None,
    **options: Any,
) -> tuple[Path, ...]:
    """Make a figure from results and save it as `path` + .png, .pdf, .csv and .txt (caption).

    Args:
        name: A key of `FIGURES`.
        results: Results of the published store; kinds that need none do not read them.
        path: Path of the files, without suffix.
        file: The Python file that defines the figure, if it is one's own.
        **options: Options for the `data` of the kind.

    Returns:
        The four paths.

    Raises:
        StudyError: If the kind is unknown or does not take one of the options.
        InputError: If the results do not hold what the figure shows.
    """
    from hessweep.figures.save import save

    kind = figure_kind(name, options, file)
    tables = kind.data(results, **options) if kind.takes_results else kind.data(**options)
    return save(kind.plot(tables), tables, path, kind.caption(tables))
