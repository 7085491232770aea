"""The table of points as Parquet, which DuckDB, polars, pandas and R read."""

from collections.abc import Iterable, Mapping
from typing import IO

import pyarrow as pa
from numpy import ndarray
from pyarrow import parquet

from hessweep.store.rows import Source, values_of
from hessweep.store.schema import TABLE_COLUMNS, attributes, column_named, empty_values

_BLOCK_ROWS = 2**17


def arrow_table(columns: Mapping[str, ndarray]) -> pa.Table:
    """Return columns of `TABLE_COLUMNS` as a table whose fields say what they are, with units."""
    arrays = [
        pa.array(values.tolist(), pa.string()) if values.dtype.kind == "T" else pa.array(values)
        for values in columns.values()
    ]
    fields = [
        pa.field(name, array.type, metadata=_description(name))
        for name, array in zip(columns, arrays, strict=True)
    ]
    return pa.table(arrays, schema=pa.schema(fields))


def write_points(file: IO[bytes], sources: Iterable[Source]) -> int:
    """Write all points and all columns of `TABLE_COLUMNS`, block by block.

    Args:
        file: Where, opened for writing.
        sources: The published groups.

    Returns:
        The number of points.

    Raises:
        DamagedStoreError: If stored values can not be read.
    """
    schema = arrow_table({c: empty_values(column_named(c)) for c in TABLE_COLUMNS}).schema
    rows = 0
    with parquet.ParquetWriter(file, schema) as writer:
        for source in sources:
            count = source["seed"].shape[0]
            for start in range(0, count, _BLOCK_ROWS):
                block = slice(start, min(start + _BLOCK_ROWS, count))
                columns = {name: values_of(source, name, block) for name in TABLE_COLUMNS}
                writer.write_table(arrow_table(columns))
            rows += count
    return rows


def _description(name: str) -> dict[str, str]:
    return {key: str(value) for key, value in attributes(column_named(name)).items()}
