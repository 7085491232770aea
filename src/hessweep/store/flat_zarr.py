"""A flat Zarr v3 group of one-chunk arrays, to and from bytes.

Zarr's own route costs about 2 ms an array to write and 1 ms to read, which is 60 ms for a
segment of 30 columns that took half a second to compute, and a minute to index 2000 of them.
The format needs little where each array is one chunk: a JSON text and one compressed block. This
module writes and reads that and nothing else; any Zarr reader can open what it writes.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numcodecs.vlen import VLenUTF8
from numcodecs.zstd import Zstd
from numpy import ndarray

from hessweep.errors import DamagedStoreError

_ZSTD = Zstd(level=1, checksum=True)
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
    read: Callable[[str], bytes], names: Collection[str] | None = None
) -> tuple[dict[str, ndarray], dict[str, Any]]:
    """Return the arrays that the group has (of these names only) and the group's attributes.

    Args:
        read: Gives the content of a file of the group by its name.
        names: Which arrays; all if None. A name that the group lacks is left out.

    Raises:
        DamagedStoreError: If the group is not one that `encode` writes, or bytes do not fit
            their checksum.
    """
    try:
        group = json.loads(read("zarr.json"))
        metadata = group["consolidated_metadata"]["metadata"]
        wanted = metadata if names is None else [name for name in names if name in metadata]
        arrays = {name: _decode_array(name, metadata[name], read) for name in wanted}
        return arrays, group["attributes"]
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        if isinstance(error, DamagedStoreError):
            raise
        raise DamagedStoreError(f"not a group of one-chunk arrays: {error}") from error


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
    if values.dtype.kind == "T":
        return bytes(_ZSTD.encode(_VLEN.encode(values.astype(object))))
    return bytes(_ZSTD.encode(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))))


def _decode_array(name: str, metadata: Mapping[str, Any], read: Callable[[str], bytes]) -> ndarray:
    data_type, (size,) = metadata["data_type"], metadata["shape"]
    if metadata["codecs"] != [_SERIALIZERS[data_type], _COMPRESSOR]:
        raise DamagedStoreError(f"{name}: written with other codecs: {metadata['codecs']}")
    dtype = _TEXT if data_type == "string" else np.dtype(data_type)
    if not size:
        return np.empty(0, dtype)
    block = _ZSTD.decode(read(f"{name}/c/0"))
    if data_type == "string":
        values = _decode_texts(bytes(block), size)
    else:
        values = np.frombuffer(block, dtype=dtype.newbyteorder("<")).astype(dtype)
    if values.shape != (size,):
        raise DamagedStoreError(f"{name}: expected {size} values, got {values.size}")
    return values


def _decode_texts(block: bytes, size: int) -> ndarray:
    """Return the texts of a block; where all are the same, as in most columns, at once.

    The block is the number of texts in four bytes, then the length of each in four and itself.
    """
    first = block[4 : 8 + int.from_bytes(block[4:8], "little")]
    if block == block[:4] + first * size:
        return np.repeat(np.array([first[4:].decode()], _TEXT), size)
    return np.asarray(_VLEN.decode(block)).astype(_TEXT)
