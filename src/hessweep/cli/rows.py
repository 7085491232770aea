"""How `hessweep query` writes rows; without pandas, whose import would take longest of all."""

import csv
import io
import json
import shutil
from collections.abc import Iterator, Mapping
from itertools import chain
from math import isfinite
from typing import TYPE_CHECKING, Any

from hessweep.cli.formats import Format
from hessweep.cli.output import printable
from hessweep.setup import AXES
from hessweep.store import FIRST_COLUMNS, TABLE_COLUMNS

if TYPE_CHECKING:
    from numpy import ndarray

Columns = Mapping[str, "ndarray"]
"""Values by column, all of one length."""


WHERE_UNUSUAL = {
    **{axis.column.name: axis.default for axis in AXES if axis.has_default},
    "status": "done",
}
"""Columns that a table shows besides, if a row has another value there than this one."""


def format_rows(columns: Columns, form: Format) -> bytes:
    """Return the rows in that format; numbers exactly, except in a table, which has six digits."""
    match form:
        case Format.TABLE:
            return _table(columns).encode()
        case Format.CSV:
            return _csv(columns).encode()
        case Format.JSON:
            # JSON has no word for nan and infinity.
            finite = {name: map(_finite, values.tolist()) for name, values in columns.items()}
            records = [json.dumps(dict(zip(finite, row, strict=True))) for row in _rows(finite)]
            return ("[" + ",\n".join(records) + "]\n").encode()
        case Format.PARQUET:
            return _parquet(columns)


def columns_to_read(chosen: str | None, form: Format) -> list[str]:
    """Return the columns to read for what the user chose: names, `all`, or nothing.

    Without a choice, a table has the columns that fit a terminal, and other formats have all.
    """
    if chosen and chosen.strip() != "all":
        return [name.strip() for name in chosen.split(",")]
    if form is Format.TABLE and not chosen:
        return [*FIRST_COLUMNS[:4], *WHERE_UNUSUAL, *FIRST_COLUMNS[4:]]
    return list(TABLE_COLUMNS)


def without_usual(columns: dict[str, "ndarray"]) -> dict[str, "ndarray"]:
    """Return the columns without those in which every row has the usual value."""
    return {
        name: values
        for name, values in columns.items()
        if name not in WHERE_UNUSUAL or (values != WHERE_UNUSUAL[name]).any()
    }


def terminal_rows() -> int:
    """Return how many rows fit the terminal below the command, at least ten."""
    return max(shutil.get_terminal_size().lines - 4, 10)


def _table(columns: Columns) -> str:
    cells = {
        name: [
            format(value, ".6g") if isinstance(value, float) else _one_line(str(value))
            for value in values
        ]
        for name, values in ((name, values.tolist()) for name, values in columns.items())
    }
    if not any(cells.values()):
        return "no rows\n"
    widths = {name: max(map(len, (name, *texts))) for name, texts in cells.items()}
    return "".join(
        "  ".join(map(str.rjust, row, widths.values())) + "\n"
        for row in chain([tuple(cells)], _rows(cells))
    )


def _one_line(text: str) -> str:
    """Return the text without letters that would break the line or move the terminal's cursor."""
    return text if text.isprintable() else printable(text).replace("\n", "\\n")


def _csv(columns: Columns) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    # What has no value is left empty, as other programs expect.
    writer.writerows(
        _rows(
            {
                name: ["" if value != value else value for value in values.tolist()]
                for name, values in columns.items()
            }
        )
    )
    return text.getvalue()


def _parquet(columns: Columns) -> bytes:
    from pyarrow import parquet

    from hessweep.store.parquet import arrow_table

    buffer = io.BytesIO()
    parquet.write_table(arrow_table(columns), buffer)
    return buffer.getvalue()


def _rows(columns: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    return zip(*columns.values(), strict=True)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value
