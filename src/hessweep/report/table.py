"""DataFrames as tables of the page: the text of each cell, and the value it is sorted by."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

Cell = tuple[str, str]
"""The text, and the value that the page sorts and filters by."""

NONE: Cell = ("–", "")
"""The cell for a missing value."""

SYMBOLS = ("N_i", "N_h", "N_o", "lambda_min", "lambda_max")


@dataclass(frozen=True)
class Table:
    """Headings and rows of text."""

    names: Sequence[str]
    """Columns of the frame; filters use these names."""
    headings: Sequence[str]
    numeric: Sequence[bool]
    rows: Sequence[Sequence[Cell]]
    flags: Sequence[str] = field(default=())
    """Words that filters look for, one text for each row."""
    targets: Sequence[str] = field(default=())
    """Identifiers of the page that the rows link to; empty for a row without a link."""


def tabulate(
    frame: pd.DataFrame,
    headings: Mapping[str, str] | None = None,
    formats: Mapping[str, Callable[[Any], Cell]] | None = None,
    flags: Sequence[str] = (),
    targets: Sequence[str] = (),
) -> Table:
    """Return a frame as a table of the page.

    Args:
        frame: The values; the table has its columns in the same order.
        headings: Headings of columns, if not those of `heading`.
        formats: Functions that make the cells of a column, if not `cell`.
        flags: Words for filters, one text for each row.
        targets: Identifiers of the page that the rows link to.
    """
    names = [str(name) for name in frame.columns]
    makers = [(formats or {}).get(name, cell) for name in names]
    columns = [
        [make(value) for value in frame[name]] for name, make in zip(names, makers, strict=True)
    ]
    return Table(
        names=names,
        headings=[(headings or {}).get(name, heading(name)) for name in names],
        numeric=[bool(pd.api.types.is_numeric_dtype(frame[name])) for name in names],
        rows=list(zip(*columns, strict=True)),
        flags=flags,
        targets=targets,
    )


def heading(name: str) -> str:
    """Return a column's name without underscores, but for symbols such as N_i and lambda_min."""
    return name if name in SYMBOLS else name.replace("_", " ")


def cell(value: Any) -> Cell:
    """Return the cell for a value, a dash for a missing one."""
    if isinstance(value, bool | np.bool_):
        return ("yes" if value else "no"), str(int(value))
    if isinstance(value, float | np.floating):
        return (number(float(value)), repr(float(value))) if math.isfinite(value) else NONE
    if isinstance(value, int | np.integer):
        return group_digits(int(value)), str(value)
    return NONE if value is None or value is pd.NaT else (str(value), str(value))


def number(value: float) -> str:
    """Return four significant digits, with a power of ten below 0.001 and above a million."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.4g}"
    if 1e4 <= abs(value) < 1e6:
        return group_digits(round(value))
    mantissa, exponent = f"{value:.3e}".split("e")
    digits = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}·10{digits}"


def group_digits(value: int) -> str:
    """Return a whole number with thin spaces between groups of three digits."""
    return f"{value:,}".replace(",", "\u202f")
