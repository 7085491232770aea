"""`hessweep diff`: in which points two results differ, and which one of them has alone.

Points are the same if activation, axes and seed are, whichever version of the mathematics computed
them. Whether two values differ is what their kind of measurement says (`Kind.deviations`): by more
than the errors that are stated with them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy import ndarray

from hessweep.errors import StoreError
from hessweep.kinds import KINDS, RAGGED
from hessweep.setup import AXES, KIND
from hessweep.store.opening import open_groups
from hessweep.store.rows import flat_values, read_stored
from hessweep.store.schema import POINT_COLUMNS, empty_values
from hessweep.store.selection import ORDER

_BLOCK_ROWS = 8192
_BLOCK_VALUES = 2**21
"""Points are compared in blocks of at most so many rows, or values of their flat arrays."""

Cell = tuple[Any, ...]
"""The values of `ORDER` of a point: those of its axes, and its seed."""


@dataclass(frozen=True)
class PointName:
    """Which point it is."""

    activation: str
    cell: Cell
    key: str

    def __str__(self) -> str:
        values = dict(zip(ORDER, self.cell, strict=True))
        named = [f"{name}={value}" for name, value in values.items() if value != _USUAL.get(name)]
        return " ".join([self.activation, *named])


_USUAL = {axis.column.name: axis.default for axis in AXES if axis.has_default}


@dataclass(frozen=True)
class Difference:
    """A point that both results have, and in what they differ."""

    point: PointName
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """What `compare` found."""

    points: tuple[int, int]
    """How many points each of the two has."""
    same: int
    """Points that both have and that do not differ."""
    different: tuple[Difference, ...]
    only_in_first: tuple[PointName, ...]
    only_in_second: tuple[PointName, ...]

    @property
    def is_same(self) -> bool:
        """Whether both have the same points and none of them differs."""
        return not (self.different or self.only_in_first or self.only_in_second)


def compare(first: str | Path, second: str | Path, *, exactly: bool = False) -> Comparison:
    """Compare two results, each a results folder, its address, or a bundle.

    Args:
        first: The one.
        second: The other.
        exactly: Whether values must be the same to the bit, times aside, as they are on one kind
            of processor; otherwise they may differ by their stated errors.

    Raises:
        QueryError: If nothing is published in one of them.
        DamagedStoreError: If one of them is damaged.
        StoreError: If one has points of a kind of measurement that this version does not know.
        StoreAccessError: If one can not be read.
    """
    one, other = _sides(first), _sides(second)
    different: list[Difference] = []
    same = 0
    for spec in sorted(one.keys() & other.keys()):
        a, b = one[spec], other[spec]
        common = [cell for cell in a.rows if cell in b.rows]
        found = list(_differences(a, b, common, exactly))
        different += found
        same += len(common) - len(found)
    return Comparison(
        points=(_count(one), _count(other)),
        same=same,
        different=tuple(different),
        only_in_first=tuple(_alone(one, other)),
        only_in_second=tuple(_alone(other, one)),
    )


@dataclass(frozen=True, eq=False)
class _Side:
    """The points of one activation in one of the two results."""

    group: zarr.Group
    keys: list[str]
    rows: dict[Cell, int]
    """The row of each point."""

    @cached_property
    def columns(self) -> dict[str, ndarray]:
        """The columns along `point` that are stored."""
        names = [column.name for column in POINT_COLUMNS if column.name in self.group]
        return {name: read_stored(self.group, name) for name in names}

    def name(self, cell: Cell) -> PointName:
        label = str(self.group.attrs["activation"])
        return PointName(label, cell, self.keys[self.rows[cell]])


def _sides(path: str | Path) -> dict[str, _Side]:
    """Return the points of each activation, by the activation's spec."""
    sides = {}
    for group in open_groups(path):
        cells = zip(*(read_stored(group, name).tolist() for name in ORDER), strict=True)
        rows = {cell: row for row, cell in enumerate(cells)}
        keys = read_stored(group, "key").tolist()
        sides[str(group.attrs["activation_spec"])] = _Side(group, keys, rows)
    return sides


def _count(sides: dict[str, _Side]) -> int:
    return sum(len(side.rows) for side in sides.values())


def _alone(these: dict[str, _Side], others: dict[str, _Side]) -> Iterator[PointName]:
    """Yield the points that the others lack."""
    for spec in sorted(these):
        there = others[spec].rows if spec in others else {}
        yield from (these[spec].name(cell) for cell in these[spec].rows if cell not in there)


def _differences(a: _Side, b: _Side, common: list[Cell], exactly: bool) -> Iterator[Difference]:
    """Yield the common points that differ, block by block."""
    sizes = np.array([_sizes(side, common) for side in (a, b)]).max(axis=0)
    start = 0
    while start < len(common):
        total = np.cumsum(sizes[start : start + _BLOCK_ROWS])
        stop = start + max(int(np.searchsorted(total, _BLOCK_VALUES, side="right")), 1)
        block = common[start:stop]
        for cell, one, other in zip(block, _values(a, block), _values(b, block), strict=True):
            if columns := _differing(one, other, exactly):
                yield Difference(a.name(cell), columns)
        start = stop


def _differing(one: dict[str, Any], other: dict[str, Any], exactly: bool) -> tuple[str, ...]:
    """Return the columns in which two results of one point differ."""
    if one["status"] != other["status"]:
        return ("status",)
    if one["status"] == "failed":
        return ()
    kind = KINDS.get(one[KIND])
    if kind is None:
        raise StoreError(f"this version of hessweep does not know the kind of points {one[KIND]}")
    return tuple((kind.differences if exactly else kind.deviations)(one, other))


def _sizes(side: _Side, cells: list[Cell]) -> ndarray:
    """Return how many entries these points have in their longest flat arrays."""
    rows = [side.rows[cell] for cell in cells]
    stored = [side.columns[r.size.name] for r in RAGGED if r.size.name in side.columns]
    return np.max(stored, axis=0)[rows] if rows else np.empty(0, np.int64)


def _values(side: _Side, cells: list[Cell]) -> list[dict[str, Any]]:
    """Return the stored values of these points by column, flat arrays among them."""
    rows = np.array([side.rows[cell] for cell in cells])
    columns = {name: values[rows].tolist() for name, values in side.columns.items()}
    for ragged in RAGGED:
        for column in ragged.columns:
            if column.name in side.group:
                sizes = side.columns[ragged.size.name]
                columns[column.name] = _entries(side.group, rows, sizes, column.name)
            else:
                columns[column.name] = [empty_values(column)] * len(rows)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _entries(group: zarr.Group, rows: ndarray, sizes: ndarray, name: str) -> list[ndarray]:
    """Return the entries of each of these rows in a flat array, whatever the order of the rows."""
    order = np.argsort(rows)
    ends = np.cumsum(sizes[rows[order]])
    parts = np.split(flat_values(group, rows[order], name), ends[:-1])
    entries = [parts[0]] * len(rows)
    for place, part in zip(order.tolist(), parts, strict=True):
        entries[place] = part
    return entries
