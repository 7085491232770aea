"""Segments: points committed together, each one immutable file; the truth of the store.

A segment is a Zarr v3 group in a zip. Its name is the digest of its bytes: names never collide,
and any change to any byte shows.
"""

import hashlib
import importlib.metadata
import io
import json
import platform
import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import threadpoolctl
from numpy import ndarray

from hessweep.errors import DamagedStoreError
from hessweep.kinds import RAGGED, SPECTRUM, PointResult
from hessweep.setup import FIRST_VERSION, IDENTITY
from hessweep.store import flat_zarr
from hessweep.store.files import accessing, commit_file
from hessweep.store.flat_zarr import Array
from hessweep.store.schema import (
    DIMENSIONS,
    FLAT_COLUMNS,
    GROUP_ATTRIBUTES,
    POINT,
    POINT_COLUMNS,
    attributes,
    columns_of,
)

if TYPE_CHECKING:
    import xarray as xr

FOLDER = "segments"
SUFFIX = ".zarr.zip"
_NAME = re.compile(r"[0-9a-f]{32}" + re.escape(SUFFIX))
_ZIP_ERRORS = (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, RuntimeError)


def segments_folder(root: Path) -> Path:
    """Return the folder that holds the segments of a results root."""
    return Path(root) / FOLDER


def write_segment(root: Path, results: Sequence[PointResult]) -> str:
    """Commit the results, done and failed ones, as one new file below `root/segments`.

    The file's rename is the commit: killed before it, nothing is stored; after it, everything.

    Returns:
        The segment's name.

    Raises:
        InputError: If there is no result, or one that lacks a value of its kind.
        StoreAccessError: If the folder can not be written.
    """
    content = _zip(flat_zarr.encode(_arrays(columns_of(results)), _provenance_attributes()))
    name = _digest(content) + SUFFIX
    folder = segments_folder(root)
    with accessing(folder, "store points in"):
        folder.mkdir(parents=True, exist_ok=True)
        commit_file(folder / name, content)
    return name


def read_segment(path: Path) -> "xr.Dataset":
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
    path: Path, names: Collection[str] | None = None
) -> tuple[dict[str, ndarray], dict[str, Any]]:
    """Return the arrays of these names (all if None) and the attributes of a segment.

    Raises:
        DamagedStoreError: If the bytes do not fit the name or the layout.
        StoreAccessError: If the file can not be read.
    """
    path = Path(path)
    with accessing(path, "read"):
        content = path.read_bytes()
    if path.name != _digest(content) + SUFFIX:
        raise DamagedStoreError(
            f"{path}: its {len(content)} bytes are not those that were written; "
            "repair moves it aside, and the next run computes its points again"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            arrays, attrs = flat_zarr.decode(archive.read, names)
    except _ZIP_ERRORS as error:
        raise DamagedStoreError(f"{path}: not a segment: {error}") from error
    if names is None:
        _check_layout(path, arrays)
    return arrays, attrs


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


def list_segments(root: Path) -> dict[str, int]:
    """Return the segments by name, each with its size in bytes; nothing is opened.

    Raises:
        StoreAccessError: If the folder can not be listed.
    """
    folder = segments_folder(root)
    with accessing(folder, "list"):
        if not folder.is_dir():
            return {}
        found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
        return {path.name: path.stat().st_size for path in sorted(found)}


def has_segment(root: Path, name: str) -> bool:
    """Whether the results root holds the segment of that name; the file is not opened."""
    return (segments_folder(root) / name).is_file()


def is_segment_name(name: str) -> bool:
    """Whether a file of that name claims to be a segment."""
    return bool(_NAME.fullmatch(name))


@cache
def provenance() -> dict[str, Any]:
    """Return what computed numbers depend on beyond their point: versions and processor."""
    importlib.import_module("scipy.linalg")  # whose BLAS else is not seen where it is not used yet
    packages = ("hessweep", "numpy", "scipy", "python-flint", "xarray", "zarr")
    blas = {
        f"{info.get('internal_api')} {info.get('version')} {info.get('architecture', '')}".strip()
        for info in threadpoolctl.threadpool_info()
        if info.get("user_api") == "blas"
    }
    return {
        "versions": {name: importlib.metadata.version(name) for name in packages}
        | {"python": platform.python_version()},
        "processor": platform.machine(),
        "blas": ", ".join(sorted(blas)),
        "kernel_version": FIRST_VERSION,
    }


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


def _zip(files: dict[str, bytes]) -> bytes:
    """Metadata is deflated, since 30 arrays say much the same; chunks are compressed already."""
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


def _check_layout(path: Path, arrays: dict[str, ndarray]) -> None:
    # What has a default may be absent: segments of an earlier version lack it.
    required = {column.name for column in IDENTITY if column.missing is None} | {"status"}
    required |= {SPECTRUM.size.name, *(column.name for column in SPECTRUM.columns)}
    if missing := required - set(arrays):
        raise DamagedStoreError(f"{path}: not a segment: no {', '.join(sorted(missing))}")
    for ragged in RAGGED:
        for column in ragged.columns:
            size = arrays[column.name].size if column.name in arrays else 0
            if np.sum(arrays.get(ragged.size.name, 0)) != size:
                raise DamagedStoreError(
                    f"{path}: {ragged.size.name} does not add up to {column.name}"
                )
