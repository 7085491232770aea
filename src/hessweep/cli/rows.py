"""How `hessweep query` writes rows; without pandas, whose import would take longest of all."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import chain
from math import isfinite
from typing import TYPE_CHECKING, Any

from hessweep.cli.output import printable

if TYPE_CHECKING:
    from numpy import ndarray

Columns = Mapping[str, "ndarray"]
"""Values by column, all of one length."""


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def written(columns: Columns, form: Format) -> bytes:
    """Return the rows in that format; numbers exactly, but for the table's six digits."""
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
    """Return the text without what would break the line or move the terminal's cursor."""
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
    import pyarrow as pa
    from pyarrow import parquet

    buffer = io.BytesIO()
    table = pa.table(
        {
            name: values.tolist() if values.dtype.kind == "T" else values
            for name, values in columns.items()
        }
    )
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def _rows(columns: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    return zip(*columns.values(), strict=True)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value
