"""Which points are stored, and in which segment: a cache that can be rebuilt at any time.

Reading 2000 segments takes seconds, reading the cache milliseconds. The segments decide: what the
cache says of a segment counts only while there is a file of that name and size, and names are
digests. Two processes may write the cache at once, since both write what is right.
"""

import hashlib
import sys
import warnings
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy import ndarray

from hessweep.address import Root, root_of
from hessweep.columns import is_repeated
from hessweep.errors import DamagedStoreError, StoreAccessError
from hessweep.kinds import RAGGED
from hessweep.setup import IDENTITY
from hessweep.store.files import accessing
from hessweep.store.recent import Read
from hessweep.store.run_columns import plain, runs, runs_of
from hessweep.store.schema import POINT_COLUMNS
from hessweep.store.segments import list_segments, read_columns, segments_folder
from hessweep.store.storage import each, storage_of

if TYPE_CHECKING:
    import pandas as pd

CACHE = "index.cache"

INDEXED = (
    *(column.name for column in IDENTITY),
    "activation_spec",
    "kernel_version",
    "status",
    *(ragged.size.name for ragged in RAGGED),
)
"""The columns that the index has of a point, besides its segment and row."""

_VARIED = ("key", "seed", "row")
"""Columns that differ from row to row; the others are kept as runs of equal values."""

_PLAIN = {
    column.name: pa.type_for_alias("string" if column.dtype == "str" else column.dtype)
    for column in POINT_COLUMNS
    if column.name in INDEXED
} | {"segment": pa.string(), "segment_size": pa.int64(), "row": pa.int64()}

_SCHEMA = pa.schema(
    {
        name: kind if name in _VARIED else pa.run_end_encoded(pa.int32(), kind)
        for name, kind in _PLAIN.items()
    }
)

_DEFAULTS = {
    column.name: column.missing_value for column in POINT_COLUMNS if column.missing is not None
}
"""The values of columns that segments of an earlier version do not have."""

_DIGEST_SIZE = 16


class DamagedSegmentWarning(UserWarning):
    """Segments that can not be read, so that their points count as missing."""


@dataclass(frozen=True)
class Damage:
    """A segment that can not be read."""

    segment: str
    reason: str


@dataclass(frozen=True, eq=False)
class Index:
    """Every stored point, repetitions included."""

    table: pa.Table
    """A row for each point of each segment: `INDEXED`, the segment, its size, the row in it.

    Ten million rows take half a gigabyte.
    """
    damaged: tuple[Damage, ...]
    """Segments that could not be read; none of their points is in the table."""

    @cached_property
    def segments(self) -> dict[str, int]:
        """The segments that could be read, each with its size in bytes."""
        return _sizes(self.table)

    @property
    def points(self) -> "pd.DataFrame":
        """The table in pandas, which a run with nothing to do does not import; made anew.

        Columns whose values repeat are categories, in ascending order.
        """
        import pandas as pd

        columns: dict[str, Any] = {}
        for name in self.table.column_names:
            if name in _VARIED:
                columns[name] = self.table[name].to_pandas()
            else:
                codes, values = runs(self.table[name])
                columns[name] = pd.Categorical.from_codes(codes, categories=pd.Index(values))
        return pd.DataFrame(columns, copy=False)


def read_index(root: Root, read: Read | None = None) -> Index:
    """Return the index, brought up to date with the segments that are there now.

    Args:
        root: The results root.
        read: Reads a segment that is new; `read_columns` if None.

    Raises:
        StoreAccessError: If the folder can not be read.
    """
    root = root_of(root)
    sizes = list_segments(root)
    cached = _read_cache(root)
    known = _sizes(cached)
    valid = {name for name, size in known.items() if sizes.get(name) == size}
    kept = cached if len(valid) == len(known) else _select_segments(cached, valid)
    unknown = {name: size for name, size in sizes.items() if name not in valid}
    if not unknown and kept is cached:
        return Index(cached, ())
    new, damaged = _read_segments(root, unknown, read or read_columns)
    table = pa.concat_tables([kept, new]).combine_chunks()
    _write_cache(root, table)
    return Index(table, damaged)


def _sizes(table: pa.Table) -> dict[str, int]:
    """Return the segments of these rows, each with its size."""
    (segments, names), (codes, sizes) = runs(table["segment"]), runs(table["segment_size"])
    found, first = np.unique(segments, return_index=True)
    return {names[one]: sizes[codes[row]] for one, row in zip(found, first, strict=True)}


def _select_segments(table: pa.Table, names: Collection[str]) -> pa.Table:
    codes, segments = runs(table["segment"])
    kept = np.array([name in names for name in segments], bool)[codes]
    parts = [_SCHEMA.empty_table()]
    start = 0
    for batch in table.to_batches():
        mask = pa.array(kept[start : start + len(batch)])
        start += len(batch)
        arrays = {name: plain(batch[name]).filter(mask) for name in table.column_names}
        parts.append(_with_runs(arrays))
    return pa.concat_tables(parts)


def _with_runs(arrays: Mapping[str, pa.Array]) -> pa.Table:
    """Return these columns as the table keeps them."""
    kept = [arrays[name] if name in _VARIED else runs_of(arrays[name]) for name in _SCHEMA.names]
    return pa.table(kept, schema=_SCHEMA)


def warn_of(damaged: tuple[Damage, ...]) -> None:
    """Warn of damaged segments, if there are any."""
    if damaged:
        warnings.warn(
            f"{len(damaged)} damaged segments, whose points count as missing: "
            f"{', '.join(damage.segment for damage in damaged[:3])}"
            f"{', …' if len(damaged) > 3 else ''}; repair moves them aside",
            DamagedSegmentWarning,
            stacklevel=3,
        )


def _read_segments(
    root: Root, sizes: dict[str, int], read: Read
) -> tuple[pa.Table, tuple[Damage, ...]]:
    parts = [_SCHEMA.empty_table()]
    damaged = []
    for _, rows in each(storage_of(root), sizes.items(), partial(_read_segment, root, read)):
        if isinstance(rows, Damage):
            damaged.append(rows)
        else:
            parts.append(rows)
    return pa.concat_tables(parts), tuple(damaged)


def _read_segment(root: Root, read: Read, segment: tuple[str, int]) -> pa.Table | Damage:
    """Return what the index has of the points of a segment, given its name and size."""
    name, size = segment
    try:
        # All arrays and not `INDEXED` alone, so that a segment in the index can be published.
        arrays, _ = read(segments_folder(root) / name)
    except DamagedStoreError as error:
        return Damage(name, str(error))
    rows = len(arrays["key"])
    values: dict[str, Any] = _DEFAULTS | {c: arrays[c] for c in INDEXED if c in arrays}
    values |= {"segment": name, "segment_size": size, "row": np.arange(rows)}
    return pa.table([_kept(name, values[name], rows) for name in _SCHEMA.names], schema=_SCHEMA)


def _kept(name: str, values: Any, rows: int) -> pa.Array:
    """Return a column as the table keeps it, of an array or of one value for all rows."""
    kind = _PLAIN[name]
    if isinstance(values, ndarray):
        varies = not len(values) or not (is_repeated(values) or (values == values[0]).all())
        if name in _VARIED or varies:
            array = pa.array(values.tolist(), kind)
            return array if name in _VARIED else runs_of(array)
        [values] = values[:1].tolist()
    ends = pa.array([rows] if rows else [], pa.int32())
    return pa.RunEndEncodedArray.from_arrays(ends, pa.array([values] * len(ends), kind))


def _read_cache(root: Root) -> pa.Table:
    """Return the cached rows; none if the cache is absent, damaged or of another version."""
    try:
        with accessing(root / CACHE, "read"):
            content = storage_of(root).reread(CACHE, sys.maxsize - 1)
    except StoreAccessError as error:
        if isinstance(error.__cause__, FileNotFoundError | IsADirectoryError):
            return _SCHEMA.empty_table()
        raise
    return _parse_cache(content)


@lru_cache(maxsize=1)  # A run looks at the index several times.
def _parse_cache(content: bytes) -> pa.Table:
    digest, body = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
    if digest != _digest(body):
        return _SCHEMA.empty_table()
    try:
        cached = pa.ipc.open_file(body).read_all()
    except (pa.ArrowException, OSError):
        return _SCHEMA.empty_table()
    return cached if cached.schema == _SCHEMA else _SCHEMA.empty_table()


def cache_digest(root: Root) -> str:
    """Return the digest of the cache, empty if there is none."""
    try:
        return storage_of(root).get(CACHE, _DIGEST_SIZE)[:_DIGEST_SIZE].hex()
    except OSError:
        return ""


def _write_cache(root: Root, table: pa.Table) -> None:
    buffer = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(buffer, _SCHEMA, options=options) as file:
        file.write_table(table)
    body = memoryview(buffer.getvalue())
    # A folder that can be read but not written still answers, only slower.
    with suppress(OSError):
        storage_of(root).put(CACHE, b"".join([_digest(body), body]))


def _digest(body: bytes | memoryview) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_SIZE).digest()
