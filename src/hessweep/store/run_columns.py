"""Columns of Arrow tables that are kept as runs of equal values, which take little memory."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy import ndarray


def runs(column: pa.ChunkedArray) -> tuple[ndarray, list[Any]]:
    """Return the values of a column that is kept as runs, ascending, and each row's among them."""
    values: list[Any] = []
    ends: list[ndarray] = [np.zeros(1, np.int64)]
    for chunk in column.chunks:
        whole = chunk if chunk.offset == 0 else runs_of(plain(chunk))
        values += whole.values.to_pylist()
        ends.append(ends[-1][-1] + _numbers(whole.run_ends))
    different = sorted(set(values))
    places = {value: place for place, value in enumerate(different)}
    codes = np.array([places[value] for value in values], np.min_scalar_type(len(different)))
    return np.repeat(codes, np.diff(np.concatenate(ends))), different


def _numbers(run_ends: pa.Int32Array) -> ndarray:
    """Return the numbers of an array; Arrow's own conversion would import pandas."""
    _, buffer = run_ends.buffers()
    whole = np.frombuffer(buffer, np.int32) if buffer else np.zeros(0, np.int32)
    return whole[run_ends.offset : run_ends.offset + len(run_ends)]


def plain(array: pa.Array) -> pa.Array:
    """Return an array with a value for each row."""
    import pyarrow.compute as pc  # takes a moment, and a run with nothing to do needs none of it

    return pc.run_end_decode(array) if pa.types.is_run_end_encoded(array.type) else array


def runs_of(array: pa.Array) -> pa.Array:
    """Return an array with a value for each run of equal ones."""
    import pyarrow.compute as pc

    return pc.run_end_encode(array, run_end_type=pa.int32())
