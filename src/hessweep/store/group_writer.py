"""Writes one published Zarr group: large chunks in shards, each with zstd and crc32c."""

import logging
import math
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import zarr
from numpy import ndarray
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.errors import ZarrUserWarning

from hessweep.columns import Column
from hessweep.kinds import RAGGED
from hessweep.store.schema import DIMENSIONS, POINT, attributes
from hessweep.store.selection import Block, Group

_CHUNK = {POINT: 2**15} | {ragged.dimension: 2**17 for ragged in RAGGED}
"""Values that are read at once: 256 KiB of columns, 1 MiB of eigenvalues."""
_SHARD = {POINT: 2**20} | {ragged.dimension: 2**23 for ragged in RAGGED}
"""Values in a file: at most 64 MiB of eigenvalues."""

_TURNS = 2**9
"""Number of different chunk lengths; each is used for two generations in a row."""

_FILL_VALUES: dict[str, Any] = {"int64": -1, "float64": np.nan, "str": ""}


def _is_not_told_already(record: logging.LogRecord) -> bool:
    """Return whether a record of asyncio is other than a write that failed beside another one.

    Zarr writes several files at once and raises the error of the first that fails, which is told.
    """
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, OSError)


logging.getLogger("asyncio").addFilter(_is_not_told_already)


def write_group(
    target: Any, group: Group, blocks: Iterable[Block], attrs: dict[str, Any]
) -> dict[str, Any]:
    """Write the group of these blocks into a new folder, block by block.

    Args:
        target: Where: the path of a folder that does not exist, or a store of Zarr that is empty.
        group: Says how many points and eigenvalues there will be.
        blocks: The points, in order.
        attrs: Attributes of the group; `generation` chooses how chunks are named and laid out.

    Returns:
        The content of the group's `zarr.json`, which is not written: that is the swap.
    """
    # Zarr skips chunks of fill values by default; here a chunk that is not there is damage.
    with zarr.config.set({"array.write_empty_chunks": True}):
        root = zarr.create_group(target, zarr_format=3)
        sizes = {
            ragged.dimension: int(group.points[ragged.size.name].to_numpy().sum())
            for ragged in RAGGED
        }
        sizes[POINT] = len(group.points)
        writers = {
            column.name: _Writer(_create(root, column, sizes, attrs["generation"]))
            for column in group.columns
        }
        computed_with: set[str] = set()
        for block in blocks:
            values = {**block.columns, **block.flat}
            for name, writer in writers.items():
                writer.append(values[name])
            computed_with |= block.computed_with
        for writer in writers.values():
            writer.flush()
    root.update_attributes({**attrs, "computed_with": sorted(computed_with)})
    with warnings.catch_warnings():
        # Consolidated metadata is not yet in the Zarr v3 specification; xarray writes it too.
        warnings.simplefilter("ignore", ZarrUserWarning)
        return zarr.consolidate_metadata(root.store).metadata.to_dict()


class _Writer:
    """Appends to an array, and writes whole shards only."""

    def __init__(self, array: zarr.Array[Any]) -> None:
        self.array = array
        self.pending: list[ndarray] = []
        self.waiting = self.written = 0

    def append(self, values: ndarray) -> None:
        self.pending.append(values)
        self.waiting += len(values)
        if self.waiting >= self.array.shards[0]:  # type: ignore[index]
            self._write(self.waiting - self.waiting % self.array.shards[0])  # type: ignore[index]

    def flush(self) -> None:
        self._write(self.waiting)

    def _write(self, count: int) -> None:
        if count:
            values = np.concatenate(self.pending)
            self.array[self.written : self.written + count] = values[:count]
            self.pending, self.waiting = [values[count:].copy()], len(values) - count
            self.written += count


def _create(
    root: zarr.Group, column: Column, sizes: dict[str, int], generation: int
) -> zarr.Array[Any]:
    dimension = DIMENSIONS.get(column.name, POINT)
    size = max(sizes[dimension], 1)
    # Generations that use the same names for chunks have chunks of different lengths, whatever
    # their size: the remainder of the length differs. `publishing` says why that is needed.
    chunk = min(_CHUNK[dimension], size)
    chunk += (generation // 2 - chunk) % _TURNS
    shard = min(_SHARD[dimension], math.ceil(size / chunk) * chunk)
    return root.create_array(
        column.name,
        shape=(sizes[dimension],),
        dtype=column.numpy_dtype,
        chunks=(chunk,),
        shards=(shard // chunk * chunk,),
        chunk_key_encoding={"name": "default", "separator": "/."[generation % 2]},
        compressors=[ZstdCodec(level=3), Crc32cCodec()],
        fill_value=_FILL_VALUES[column.dtype],
        attributes=attributes(column),
        dimension_names=(dimension,),
    )
