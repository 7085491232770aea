"""A flat Zarr v3 group of one-chunk arrays, to and from bytes.

Zarr's own route costs about 2 ms an array to write and 1 ms to read, which is 60 ms for a
segment of 30 columns that took half a second to compute, and a minute to index 2000 segments.
The format needs little where each array is one chunk: a JSON text and one compressed block. This
module writes and reads that and nothing else; any Zarr reader can open what it writes.

A group may come from anywhere, so nothing that it says of its own size is trusted: every length is
compared with a bound before memory is taken for it.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numcodecs.vlen import VLenUTF8
from numcodecs.zstd import Zstd
from numpy import ndarray

from hessweep.columns import is_repeated, repeated
from hessweep.errors import NO_MEMORY, DamagedStoreError, shortened

_ZSTD = Zstd(level=1, checksum=True)
_ZSTD_MAGIC = bytes.fromhex("28b52ffd")
_LONGEST_ZSTD_HEADER = 12
"""Of a frame without a dictionary; the shortest frame with a checksum is longer."""
_VLEN = VLenUTF8()
_TEXT = np.dtypes.StringDType()

_COMPRESSOR = {"name": "zstd", "configuration": {"level": 1, "checksum": True}}
_BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
_SERIALIZERS = {
    "int64": _BYTES,
    "float64": _BYTES,
    "string": {"name": "vlen-utf8", "configuration": {}},
}
_FILL_VALUES: dict[str, Any] = {"int64": -1, "float64": "NaN", "string": ""}

_SMALLEST = {"int64": 8, "float64": 8, "string": 64}
"""Bytes that a value takes in memory at least, while it is decoded."""

MAX_METADATA_BYTES = 2**21
"""Length of the group's `zarr.json` at most: forty times that of today's groups."""

MAX_ARRAYS = 1000

MAX_DECODED_BYTES = 2**28
"""Length of all arrays of a group together at most."""

Read = Callable[[str, int], bytes]
"""Returns the content of a file of the group, given its name and how long it may be at most."""


@dataclass(frozen=True)
class Array:
    """One array of the group."""

    dimension: str
    values: ndarray
    attributes: Mapping[str, Any] = field(default_factory=dict)


def encode(arrays: Mapping[str, Array], attributes: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the group's files: name inside the group -> content."""
    metadata = {name: _array_metadata(array) for name, array in arrays.items()}
    group = {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": dict(attributes),
        "consolidated_metadata": {
            "kind": "inline",
            "must_understand": False,
            "metadata": metadata,
        },
    }
    files = {"zarr.json": json.dumps(group).encode()}
    for name, array in arrays.items():
        files[f"{name}/zarr.json"] = json.dumps(metadata[name]).encode()
        if array.values.size:
            files[f"{name}/c/0"] = _encode_chunk(array.values)
    return files


def decode(
    read: Read, names: Collection[str] | None = None
) -> tuple[dict[str, ndarray], dict[str, Any]]:
    """Return the arrays that the group has (of these names only) and the group's attributes.

    Args:
        read: Returns the content of a file of the group.
        names: Which arrays; all if None. A name that the group lacks is left out.

    Raises:
        DamagedStoreError: If the group is not one that `encode` writes, if bytes do not fit
            their checksum, or if it is larger than the bounds of this module.
    """
    try:
        return _decode(read, names)
    except (DamagedStoreError, *NO_MEMORY):
        raise
    # Whatever the decoders of JSON, zstd and texts raise if they are given something else.
    except Exception as error:
        reason = f"{type(error).__name__}: {shortened(str(error))}"
        raise DamagedStoreError(f"not a group of one-chunk arrays: {reason}") from error


def _decode(
    read: Read, names: Collection[str] | None
) -> tuple[dict[str, ndarray], dict[str, Any]]:
    group = json.loads(read("zarr.json", MAX_METADATA_BYTES))
    metadata = group["consolidated_metadata"]["metadata"]
    if len(metadata) > MAX_ARRAYS:
        raise DamagedStoreError(f"expected at most {MAX_ARRAYS} arrays, got {len(metadata)}")
    wanted = metadata if names is None else [name for name in names if name in metadata]
    arrays = {}
    room = MAX_DECODED_BYTES
    for name in wanted:
        arrays[name], length = _decode_array(name, metadata[name], read, room)
        room -= length
    return arrays, dict(group["attributes"])


def _data_type(values: ndarray) -> str:
    return "string" if values.dtype.kind == "T" else values.dtype.name


def _array_metadata(array: Array) -> dict[str, Any]:
    data_type, size = _data_type(array.values), array.values.size
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [size],
        "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [max(size, 1)]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": _FILL_VALUES[data_type],
        "codecs": [_SERIALIZERS[data_type], _COMPRESSOR],
        "attributes": dict(array.attributes),
        "dimension_names": [array.dimension],
        "storage_transformers": [],
    }


def _encode_chunk(values: ndarray) -> bytes:
    if values.dtype.kind == "T" and is_repeated(values):
        text = values[0].encode()
        size = values.size.to_bytes(4, "little")
        return bytes(_ZSTD.encode(size + (len(text).to_bytes(4, "little") + text) * values.size))
    if values.dtype.kind == "T":
        return bytes(_ZSTD.encode(_VLEN.encode(values.astype(object))))
    return bytes(_ZSTD.encode(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))))


def _decode_array(
    name: str, metadata: Mapping[str, Any], read: Read, room: int
) -> tuple[ndarray, int]:
    """Return the array, and how many bytes of the `room` for all arrays it takes."""
    data_type, [size] = metadata["data_type"], metadata["shape"]
    if data_type not in _SERIALIZERS:
        raise DamagedStoreError(f"{name}: unknown data type {shortened(str(data_type), 50)}")
    if metadata["codecs"] != [_SERIALIZERS[data_type], _COMPRESSOR]:
        codecs = shortened(str(metadata["codecs"]))
        raise DamagedStoreError(f"{name}: written with other codecs: {codecs}")
    if type(size) is not int or not 0 <= size <= room // _SMALLEST[data_type]:
        raise DamagedStoreError(f"{name}: {shortened(str(size), 50)} values are too many to read")
    dtype = _TEXT if data_type == "string" else np.dtype(data_type)
    if not size:
        return np.empty(0, dtype), 0
    chunk = read(f"{name}/c/0", MAX_DECODED_BYTES)
    length = _decoded_length(name, chunk)
    if length > room:
        raise DamagedStoreError(f"{name}: {length} bytes are too many to read")
    if data_type == "string":
        texts = _decode_texts(name, bytes(_ZSTD.decode(chunk)), size)
        return texts, length + texts.nbytes
    if length != dtype.itemsize * size:
        raise DamagedStoreError(f"{name}: expected {size} values, got {length} bytes")
    values = np.frombuffer(_ZSTD.decode(chunk), dtype=dtype.newbyteorder("<")).astype(dtype)
    return values, length


def _decoded_length(name: str, chunk: bytes) -> int:
    """Return how long a zstd frame says that its content is (RFC 8878, 3.1.1.1).

    The decoder takes so much memory and fails if the content is longer.
    """
    if chunk[:4] != _ZSTD_MAGIC or len(chunk) < _LONGEST_ZSTD_HEADER:
        raise DamagedStoreError(f"{name}: not compressed with zstd")
    descriptor = chunk[4]
    is_single_segment = descriptor >> 5 & 1
    start = 5 + (1 - is_single_segment) + (0, 1, 2, 4)[descriptor & 3]
    width = (is_single_segment, 2, 4, 8)[descriptor >> 6]
    if not width:
        raise DamagedStoreError(f"{name}: its zstd frame does not say how long its content is")
    length = int.from_bytes(chunk[start : start + width], "little")
    return length + 256 if width == 2 else length


def _decode_texts(name: str, block: bytes, size: int) -> ndarray:
    """Return the texts of a block; if all are the same, as in most columns, all at once.

    The block is the number of texts in four bytes, then for each text its length in four bytes
    and the text itself.
    """
    count = int.from_bytes(block[:4], "little")
    if count != size or len(block) < 4 + 4 * size:
        raise DamagedStoreError(f"{name}: expected {size} texts, got {count}")
    first = block[4 : 8 + int.from_bytes(block[4:8], "little")]
    if len(block) == 4 + len(first) * size and block[4:] == first * size:
        return repeated(first[4:].decode(), size, _TEXT)
    return np.asarray(_VLEN.decode(block)).astype(_TEXT)
