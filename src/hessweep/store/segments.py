"""Segments: points committed together, each one immutable file; the truth of the store.

A segment is a Zarr v3 group in a zip. Its name is the digest of its bytes: names never collide,
and any change to any byte shows.
"""

import hashlib
import io
import json
import re
import struct
import zipfile
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from hessweep.address import Root, root_of
from hessweep.columns import is_repeated
from hessweep.errors import NO_MEMORY, DamagedStoreError, InputError, shortened
from hessweep.kinds import RAGGED, PointResult
from hessweep.setup import IDENTITY
from hessweep.store import flat_zarr
from hessweep.store.files import accessing
from hessweep.store.flat_zarr import Array
from hessweep.store.layout import MAX_POINTS, check_layout
from hessweep.store.provenance import provenance
from hessweep.store.schema import (
    DIMENSIONS,
    FLAT_COLUMNS,
    GROUP_ATTRIBUTES,
    POINT,
    POINT_COLUMNS,
    attributes,
    columns_of,
)
from hessweep.store.storage import storage_of

if TYPE_CHECKING:
    import xarray as xr

FOLDER = "segments"
SUFFIX = ".zarr.zip"
_NAME = re.compile(r"[0-9a-f]{32}" + re.escape(SUFFIX))

MAX_BYTES = 2**27
"""Length of a segment at most; those of a sweep have less than a thousandth of that."""

_END = struct.Struct("<4s4H2LH")
"""The last record of a zip: signature, four counts, length and place of the list of files."""
_MAX_DIRECTORY_BYTES = 2**20
_REPAIR = "repair moves it aside, and the next run computes its points again"
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def segments_folder(root: Root) -> Root:
    """Return the folder that holds the segments of a results root."""
    return root_of(root) / FOLDER


def write_segment(root: Root, results: Sequence[PointResult]) -> str:
    """Commit the results, done and failed ones, as one new file below `root/segments`.

    In a folder the file's rename is the commit, on an object store its one PUT: killed before it,
    nothing is stored; after it, everything.

    Returns:
        The segment's name.

    Raises:
        InputError: If there is no result, or one that lacks a value of its kind, or if they are
            too large for one segment.
        StoreAccessError: If the folder can not be written.
    """
    name, content = encode_segment(results)
    commit_segment(root, name, content)
    return name


def encode_segment(*groups: Sequence[PointResult]) -> tuple[str, bytes]:
    """Return the name and the bytes of a segment of these results, in one or several groups.

    Raises:
        InputError: As `write_segment` does.
    """
    arrays = _arrays(_joined([columns_of(group) for group in groups]))
    points = sum(map(len, groups))
    content = _zip(flat_zarr.encode(arrays, _provenance_attributes()))
    is_large = len(content) > MAX_BYTES or _memory(arrays) > flat_zarr.MAX_DECODED_BYTES
    if is_large or points > MAX_POINTS:
        raise InputError(
            f"{points} results are too large for one segment, which has at most "
            f"{MAX_POINTS} points and {MAX_BYTES} bytes; store fewer of them at a time"
        )
    return _digest(content) + SUFFIX, content


def commit_segment(root: Root, name: str, content: bytes) -> None:
    """Write what `encode_segment` returned into a results root.

    Raises:
        StoreAccessError: If the folder can not be written.
    """
    with accessing(segments_folder(root), "store points in"):
        storage_of(root_of(root)).put(f"{FOLDER}/{name}", content)


def read_segment(path: Root) -> "xr.Dataset":
    """Return a segment, every byte of it checked.

    Raises:
        DamagedStoreError: If the bytes do not fit the name or the layout.
        StoreAccessError: If the file can not be read.
    """
    # Here and not above: a worker only writes.
    import xarray as xr

    arrays, attrs = read_columns(path)
    descriptions = {column.name: attributes(column) for column in (*POINT_COLUMNS, *FLAT_COLUMNS)}
    variables = {
        name: (DIMENSIONS.get(name, POINT), values, descriptions.get(name, {}))
        for name, values in arrays.items()
    }
    coordinates = {
        column.name: variables.pop(column.name) for column in IDENTITY if column.name in arrays
    }
    return xr.Dataset(
        variables, coordinates, {k: v for k, v in attrs.items() if k != "coordinates"}
    )


def read_columns(
    path: Root, names: Collection[str] | None = None
) -> tuple[dict[str, ndarray], dict[str, Any]]:
    """Return the arrays of these names (all if None) and the attributes of a segment.

    Raises:
        DamagedStoreError: If the bytes do not fit the name or the layout.
        StoreAccessError: If the file can not be read.
    """
    content = read_bytes(path)
    try:
        with _open_zip(content) as archive:
            arrays, attrs = flat_zarr.decode(partial(_read_member, archive), names)
        check_layout(arrays, attrs, complete=names is None)
    except NO_MEMORY:
        raise
    # Whatever the zip reader raises if it is given something else.
    except Exception as error:
        reason = shortened(str(error) or type(error).__name__)
        raise DamagedStoreError(f"{path}: not a segment: {reason}; {_REPAIR}") from error
    return arrays, attrs


def read_bytes(path: Root) -> bytes:
    """Return the bytes of a segment, which are those that were written.

    Raises:
        DamagedStoreError: If the bytes do not fit the name.
        StoreAccessError: If the file can not be read.
    """
    path = root_of(path)
    with accessing(path, "read"):
        content = storage_of(path.parent).get(path.name, MAX_BYTES)
    if len(content) > MAX_BYTES:
        raise DamagedStoreError(f"{path}: longer than any segment; {_REPAIR}")
    if path.name != _digest(content) + SUFFIX:
        raise DamagedStoreError(
            f"{path}: its {len(content)} bytes are not those that were written; {_REPAIR}"
        )
    return content


def _open_zip(content: bytes) -> zipfile.ZipFile:
    """Open the zip after a look at the record at its end, which says how many files it lists.

    The zip reader would make an object of each file that is listed, and there may be millions.
    """
    signature, *_, length, _place, comment = _END.unpack(content[-_END.size :])
    is_zip64 = content[-_END.size - 20 : -_END.size - 16] == b"PK\x06\x07"
    if signature != b"PK\x05\x06" or comment or is_zip64 or length > _MAX_DIRECTORY_BYTES:
        raise DamagedStoreError("not a zip as segments are")
    return zipfile.ZipFile(io.BytesIO(content))


def _read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return the content of a file of the zip, if it is not longer than that."""
    member = archive.getinfo(name)
    if member.compress_type not in _PLAIN or member.file_size > most:
        raise DamagedStoreError(f"{name}: longer than {most} bytes, or in an unknown compression")
    with archive.open(member) as file:
        return file.read(most + 1)


def columns_of_row(arrays: Mapping[str, ndarray], row: int) -> dict[str, Any]:
    """Return the stored values of one point by column, its entries in flat arrays among them.

    Args:
        arrays: All arrays of a segment; those that an older segment lacks are left out.
        row: The point's place in the segment.
    """
    stored = {
        column.name: arrays[column.name][row] for column in POINT_COLUMNS if column.name in arrays
    }
    for ragged in RAGGED:
        if ragged.size.name in arrays:
            sizes = arrays[ragged.size.name]
            end = int(sizes[: row + 1].sum())
            own = slice(end - int(sizes[row]), end)
            stored |= {column.name: arrays[column.name][own] for column in ragged.columns}
    return stored


def list_segments(root: Root) -> dict[str, int]:
    """Return the segments by name, each with its size in bytes; nothing is opened.

    A folder or a pipe with the name of a segment is not one.

    Raises:
        StoreAccessError: If the folder can not be listed.
    """
    with accessing(segments_folder(root), "list"):
        found = storage_of(root_of(root)).list(FOLDER)
    return {name: size for name, size in found.items() if _NAME.fullmatch(name)}


def has_segment(root: Root, name: str) -> bool:
    """Whether the results root holds the segment of that name; the file is not opened.

    Raises:
        StoreAccessError: If an object store can not be asked.
    """
    return storage_of(root_of(root)).has(f"{FOLDER}/{name}")


def is_segment_name(name: str) -> bool:
    """Whether a file of that name claims to be a segment."""
    return bool(_NAME.fullmatch(name))


def _provenance_attributes() -> dict[str, Any]:
    return {
        **GROUP_ATTRIBUTES,
        "computed_with": json.dumps(provenance(), sort_keys=True),
        "stored_at": datetime.now(UTC).isoformat(),
    }


def _arrays(columns: dict[str, ndarray]) -> dict[str, Array]:
    return {
        column.name: Array(
            DIMENSIONS.get(column.name, POINT), columns[column.name], attributes(column)
        )
        for column in (*POINT_COLUMNS, *FLAT_COLUMNS)
    }


def _joined(groups: Sequence[dict[str, ndarray]]) -> dict[str, ndarray]:
    """Return the columns of all groups, one group after the other."""
    if len(groups) == 1:
        return groups[0]
    return {name: np.concatenate([columns[name] for columns in groups]) for name in groups[0]}


def _memory(arrays: Mapping[str, Array]) -> int:
    """Return how many bytes the arrays take once they are decoded, at most."""
    return sum(
        array.values.nbytes
        + (4 * _characters(array.values) if array.values.dtype.kind == "T" else 0)
        for array in arrays.values()
    )


def _characters(texts: ndarray) -> int:
    if is_repeated(texts):
        return len(texts[0]) * len(texts)
    return int(np.strings.str_len(texts).sum())


def _zip(files: dict[str, bytes]) -> bytes:
    """Deflate metadata, which repeats itself; chunks are compressed already."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            deflate = name.endswith(".json")
            archive.writestr(
                zipfile.ZipInfo(name),
                content,
                zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED,
                1 if deflate else None,
            )
    return buffer.getvalue()


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
