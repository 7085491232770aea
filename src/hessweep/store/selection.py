"""Which stored rows are published: one result a point, grouped by activation, in order."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from hessweep.address import Root
from hessweep.columns import STRING, Column
from hessweep.kinds import RAGGED
from hessweep.setup import AXES, KIND
from hessweep.store.recent import Read
from hessweep.store.rows import Rows, as_slice
from hessweep.store.schema import (
    FORMAT,
    POINT_COLUMNS,
    PUBLISHED_COLUMNS,
    columns_of_kinds,
    empty_values,
)
from hessweep.store.segments import read_columns, segments_folder
from hessweep.store.storage import each, storage_of

if TYPE_CHECKING:
    import pandas as pd

ORDER = [*(axis.column.name for axis in AXES), "seed"]
"""How points are sorted in a group: those of one setup, and their eigenvalues, lie together."""

COLUMNS = tuple(f"{column.name} {column.dtype}" for column in PUBLISHED_COLUMNS)
"""What is published of points."""

_BLOCK_ROWS = 65536
_BLOCK_VALUES = 2**22
"""A block of rows ends where it has this many rows or eigenvalues (32 MiB)."""


@dataclass(frozen=True, eq=False)
class Group:
    """The points of one activation that are published together."""

    label: str
    """What the published column `activation` says; no other group has it."""
    spec: str
    points: "pd.DataFrame"
    """Rows of the index, in `ORDER`."""

    @property
    def slug(self) -> str:
        """The folder's name: `erf`, or `quadratic-epsilon-0.5-1f2e3d4c5b6a` with a digest.

        Only labels that any file system keeps as they are go without a digest; those have no
        dash, so that no two labels share a slug.
        """
        if re.fullmatch(r"[a-z0-9_]{1,40}", self.label):
            return self.label
        readable = re.sub(r"[^a-z0-9_.]+", "-", self.label.lower()).strip("-.")[:40].strip("-.")
        return f"{readable or 'activation'}-{digest([self.label], size=6)}"

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The arrays of the group: those of its kinds of measurement."""
        return columns_of_kinds(self.points[KIND].unique())

    @cached_property
    def digest(self) -> str:
        """A digest of the points, of where they are stored, and of the format of the group."""
        columns = [f"{column.name} {column.dtype}" for column in self.columns]
        found = _Digest([str(FORMAT), self.label, *columns])
        for name in ("key", "segment"):
            found.add_lines(self.points[name])
        found.add_numbers(self.points["row"].to_numpy())
        return found.hexdigest()


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive rows of a group, read from their segments."""

    columns: dict[str, ndarray]
    """A value a row for each of `POINT_COLUMNS`, and `segment`."""
    flat: dict[str, ndarray]
    """The values of each of `FLAT_COLUMNS`, row after row."""
    computed_with: frozenset[str]
    """The provenance texts of the segments."""


def select(points: "pd.DataFrame") -> list[Group]:
    """Return what is to be published of the index, by label.

    Of a point that was stored more than once, the newest kernel version counts, among those a
    done result before a failed one, and then the segment whose name is last: a choice that
    depends on what is stored alone, not on the order of writing.
    """
    chosen = points.iloc[_chosen_rows(points)]
    by_spec = {
        str(chosen["activation_spec"].iloc[part.start]): chosen.iloc[part]
        for part in _parts(chosen)
    }
    labels = {spec: str(rows["activation"].iloc[-1]) for spec, rows in by_spec.items()}
    groups = [
        Group(
            labels[spec] if list(labels.values()).count(labels[spec]) == 1 else _full_label(spec),
            spec,
            rows.reset_index(drop=True),
        )
        for spec, rows in by_spec.items()
    ]
    return sorted(groups, key=lambda group: group.label)


def _chosen_rows(points: "pd.DataFrame") -> ndarray:
    """Return the rows of the results that count, by activation and in `ORDER`.

    Columns with one value throughout are left out: sorting needs a copy of each.
    """
    cell = [_comparable(points[name]) for name in ("activation_spec", *ORDER)]
    cell = [values for values in cell if values.size and values.min() != values.max()]
    choice = [
        _comparable(points["kernel_version"]),
        (points["status"] == "done").to_numpy(),
        _comparable(points["segment"]),
        _comparable(points["row"]),
    ]
    order = np.lexsort([*choice[::-1], *cell[::-1]])
    is_last = np.zeros(len(order), bool)
    is_last[-1:] = True
    for values in cell:
        ordered = values[order]
        is_last[:-1] |= ordered[1:] != ordered[:-1]
    return order[is_last]


def _comparable(column: "pd.Series[Any]") -> ndarray:
    """Return numbers that are in the order of the values."""
    return column.cat.codes.to_numpy() if hasattr(column, "cat") else column.to_numpy()


def _parts(chosen: "pd.DataFrame") -> list[slice]:
    """Return where the rows of each activation are; they lie together."""
    codes = _comparable(chosen["activation_spec"])
    starts = np.flatnonzero(np.diff(codes, prepend=-1)).tolist()
    return [slice(*ends) for ends in pairwise([*starts, len(codes)])]


def gather(root: Root, group: Group, read: Read | None = None) -> Iterator[Block]:
    """Yield the group's points from their segments, block by block, in order.

    Memory stays at one block, whatever the size of the group; a segment is read once a block.

    Args:
        root: The results root.
        group: The group.
        read: Reads a segment; `read_columns` if None.

    Raises:
        DamagedStoreError: If a segment's bytes are not those that were written.
        StoreAccessError: If a segment can not be read.
    """
    for start, stop in _block_bounds(group.points["row_size"].to_numpy()):
        yield _read_block(root, group.label, group.points.iloc[start:stop], read or read_columns)


def _full_label(spec: str) -> str:
    """Return a label that says every parameter exactly, where the short one is not unique."""
    parameters = dict(json.loads(spec))
    name = parameters.pop("name")
    listed = ", ".join(f"{key}={json.dumps(value)}" for key, value in parameters.items())
    return f"{name}({listed})"


def _block_bounds(row_sizes: ndarray) -> list[tuple[int, int]]:
    ends = np.cumsum(row_sizes)
    bounds, start, offset = [], 0, 0
    while start < len(ends):
        fitting = int(np.searchsorted(ends, offset + _BLOCK_VALUES, side="right"))
        stop = min(max(fitting, start + 1), start + _BLOCK_ROWS, len(ends))
        bounds.append((start, stop))
        start, offset = stop, int(ends[stop - 1])
    return bounds


def _read_block(root: Root, label: str, points: "pd.DataFrame", read: Read) -> Block:
    segments = []
    computed_with = set()
    # Segment by segment, then all at once into the order of the points.
    names = points["segment"].astype(str).to_numpy()
    where = points.groupby(names, sort=False).indices
    folder = segments_folder(root)
    for name, (arrays, attrs) in each(
        storage_of(root), where, lambda name: read(folder / str(name))
    ):
        computed_with.add(str(attrs["computed_with"]))
        segments.append(_rows_of(arrays, as_slice(points["row"].to_numpy()[where[name]])))
    order = as_slice(np.argsort(np.concatenate(list(where.values()))))
    joined = {
        name: np.concatenate([columns[name] for columns in segments]) for name in segments[0]
    }
    columns = {column.name: joined[column.name][order] for column in POINT_COLUMNS}
    flat: dict[str, ndarray] = {}
    for ragged in RAGGED:
        entries = _entries(joined[ragged.size.name], order)
        flat |= {column.name: joined[column.name][entries] for column in ragged.columns}
    columns["activation"][:] = label
    columns["segment"] = points["segment"].to_numpy().astype(STRING)
    return Block(columns, flat, frozenset(computed_with))


def _rows_of(arrays: dict[str, ndarray], rows: Rows) -> dict[str, ndarray]:
    """Return those rows of a segment, and their flat entries.

    A segment of an older version may lack a column; its points then have no value there.
    """
    count = len(arrays["key"][rows])
    found = {
        column.name: arrays[column.name][rows]
        if column.name in arrays
        else np.full(count, column.missing_value, dtype=column.numpy_dtype)
        for column in POINT_COLUMNS
    }
    for ragged in RAGGED:
        if ragged.size.name in arrays:
            entries = _entries(arrays[ragged.size.name], rows)
            found |= {column.name: arrays[column.name][entries] for column in ragged.columns}
        else:
            found[ragged.size.name] = np.zeros(count, np.int64)
            found |= {column.name: empty_values(column) for column in ragged.columns}
    return found


def _entries(sizes: Int[ndarray, " rows"], rows: Rows) -> Rows:
    """Return where the flat entries of those rows are, row after row."""
    ends = np.cumsum(sizes)
    starts = ends - sizes
    if isinstance(rows, slice):
        return slice(int(starts[rows.start]), int(ends[rows.stop - 1]))
    taken = sizes[rows]
    before = np.cumsum(taken) - taken
    return np.repeat(starts[rows] - before, taken) + np.arange(taken.sum())


def digest(texts: Iterable[str], size: int = 16) -> str:
    """Return a hash of these texts, in hexadecimal digits."""
    # Labels and versions may hold anything, so that lengths must count.
    content = "\n".join(f"{len(text)} {text}" for text in texts)
    return hashlib.blake2b(content.encode(), digest_size=size).hexdigest()


class _Digest:
    """What `digest` returns, of texts that are too long to be held at once."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._hash = hashlib.blake2b(
            "\n".join(f"{len(text)} {text}" for text in texts).encode(), digest_size=16
        )

    def add_lines(self, lines: "pd.Series[str]") -> None:
        """Add the text of these lines."""
        parts = [slice(start, start + _BLOCK_ROWS) for start in range(0, len(lines), _BLOCK_ROWS)]
        length = sum(sum(map(len, lines.iloc[part].tolist())) for part in parts) + len(lines) - 1
        self._hash.update(f"\n{max(length, 0)} ".encode())
        for part in parts:
            self._hash.update(
                ("\n" * (part.start > 0) + "\n".join(lines.iloc[part].tolist())).encode()
            )

    def add_numbers(self, numbers: ndarray) -> None:
        """Add the text of these numbers, 16 hexadecimal digits each."""
        self._hash.update(f"\n{16 * len(numbers)} ".encode())
        for start in range(0, len(numbers), _BLOCK_ROWS):
            part = numbers[start : start + _BLOCK_ROWS]
            self._hash.update(part.astype("<i8").tobytes().hex().encode())

    def hexdigest(self) -> str:
        """Return the digest."""
        return self._hash.hexdigest()
