"""DataFrames as the page's tables: what a cell says, and what it is sorted by."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

Cell = tuple[str, str]
"""The text, and the value that the page sorts and filters by."""

NONE: Cell = ("–", "")
"""What is said where there is no value."""

SYMBOLS = ("N_i", "N_h", "lambda_min", "lambda_max")


@dataclass(frozen=True)
class Table:
    """Headings and rows of text."""

    names: Sequence[str]
    """Columns of the frame, by which a filter calls them."""
    headings: Sequence[str]
    numeric: Sequence[bool]
    rows: Sequence[Sequence[Cell]]
    flags: Sequence[str] = field(default=())
    """Words that filters look for, one text a row."""
    targets: Sequence[str] = field(default=())
    """Fragments of the page that each row leads to; empty where there is none."""


def tabulate(
    frame: pd.DataFrame,
    headings: Mapping[str, str] | None = None,
    formats: Mapping[str, Callable[[Any], Cell]] | None = None,
    flags: Sequence[str] = (),
    targets: Sequence[str] = (),
) -> Table:
    """Return a frame as a table of the page.

    Args:
        frame: The numbers; columns in the order of the table.
        headings: What a column is called, where that is not its name.
        formats: How a column's values become cells, where not by `cell`.
        flags: Words for filters, one text a row.
        targets: Fragments of the page that each row leads to.
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
    """Return a column's name with its words apart; symbols such as N_i and lambda_min stay."""
    return name if name in SYMBOLS else name.replace("_", " ")


def cell(value: Any) -> Cell:
    """Return what a cell says of a value, a dash where there is none."""
    if isinstance(value, bool | np.bool_):
        return ("yes" if value else "no"), str(int(value))
    if isinstance(value, float | np.floating):
        return (number(float(value)), repr(float(value))) if math.isfinite(value) else NONE
    if isinstance(value, int | np.integer):
        return group_digits(int(value)), str(value)
    return NONE if value is None or value is pd.NaT else (str(value), str(value))


def number(value: float) -> str:
    """Return four significant digits, with a power of ten below 0.001 and from a million."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.4g}"
    if 1e4 <= abs(value) < 1e6:
        return group_digits(round(value))
    mantissa, exponent = f"{value:.3e}".split("e")
    digits = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}·10{digits}"


def group_digits(value: int) -> str:
    """Return a whole number with thin spaces, which no reader takes for a decimal comma."""
    return f"{value:,}".replace(",", "\u202f")
