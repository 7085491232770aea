"""Whether the published groups say what the segments say, byte by byte."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numpy import ndarray

from hessweep.address import Address, Root
from hessweep.errors import DamagedStoreError, StoreAccessError
from hessweep.store.files import TEMPORARY, accessing
from hessweep.store.published import (
    ASIDE,
    BUILD,
    LOCK,
    METADATA,
    STATE,
    SUFFIX,
    TURN,
    chunk_paths,
    published_folder,
    read_metadata,
    read_state,
)
from hessweep.store.schema import DIMENSIONS, POINT, PUBLISHED_COLUMNS
from hessweep.store.selection import Group, gather

Kind = Literal["damaged published", "stale published", "foreign file", "stale temporary file"]
"""What `repair` rebuilds, what publishing again brings up to date, what neither touches, and what
the next publish removes."""

Finding = tuple[Kind, Path, str]
"""Which kind it is, the path below the root, what is wrong."""


def published_problems(root: Root, groups: list[Group]) -> Iterator[Finding]:
    """Yield what is wrong with the published groups, given what should be published.

    Raises:
        StoreAccessError: If the folder can not be read.
    """
    if isinstance(root, Address):
        from hessweep.store.objects.verification import object_problems

        yield from object_problems(root, groups)
        return
    folder = published_folder(root)
    expected = {f"{group.slug}{SUFFIX}" for group in groups}
    with accessing(folder, "read"):
        present = sorted(folder.iterdir()) if folder.is_dir() else []
        for path in present:
            if path.name.startswith((TURN, TEMPORARY)):
                continue
            if path.name not in expected | {LOCK, BUILD, STATE, ASIDE}:
                message = "no stored point belongs to it"
                yield _without_points(path), path.relative_to(root), message
        for group in groups:
            for kind, path, message in _group_problems(root, group):
                yield kind, path.relative_to(root), message


def _without_points(path: Path) -> Kind:
    """Return what a path is that no point belongs to: publishing removes its own groups."""
    if path.suffix != SUFFIX or not (path / METADATA).is_file():
        return "foreign file"
    try:
        read_metadata(path)
    except (DamagedStoreError, StoreAccessError):
        return "damaged published"
    return "stale published"


def _group_problems(root: Path, group: Group) -> Iterator[Finding]:
    folder = published_folder(root) / f"{group.slug}{SUFFIX}"
    if not (folder / METADATA).is_file():
        was_published = folder.name in ((read_state(folder.parent) or {}).get("groups") or {})
        message = f"{METADATA} is missing; publish, or the next run, writes the group anew"
        yield "stale published", folder, message if was_published else "not published yet"
        return
    try:
        metadata = read_metadata(folder)
    except DamagedStoreError as error:
        yield "damaged published", folder / METADATA, str(error)
        return
    if metadata["attributes"]["segments_digest"] != group.digest:
        message = "not what the segments hold now; publish brings it up to date"
        yield "stale published", folder, message
        return
    arrays = metadata["consolidated_metadata"]["metadata"]
    absent = set()
    for name, array in arrays.items():
        missing = [path for path in chunk_paths(name, array) if not (folder / path).is_file()]
        absent |= {name} if missing else set()
        yield from (("damaged published", folder / path, "missing") for path in missing)
        if not _same_json(folder / name / METADATA, array):
            message = "not what the group's metadata says"
            yield "damaged published", folder / name / METADATA, message
    for path in _foreign(folder):
        yield "foreign file", path, "not part of the group"
    yield from wrong_values(root, folder, folder, group, arrays.keys() - absent)


def _same_json(path: Path, expected: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(path.read_bytes()) == expected)
    except (ValueError, RecursionError, FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False


def _foreign(folder: Path) -> Iterator[Path]:
    """Yield the files that neither this version nor the one before can have."""
    arrays = {column.name for column in PUBLISHED_COLUMNS}
    for path in sorted(folder.rglob("*")):
        first, *rest = path.relative_to(folder).parts
        belongs = (
            path.is_dir()
            or (path.name == METADATA and (not rest or (first in arrays and len(rest) == 1)))
            or (first in arrays and _is_chunk(rest))
            or path.name.startswith(TEMPORARY)
        )
        if not belongs:
            yield path


def _is_chunk(parts: list[str]) -> bool:
    prefix, _, number = "/".join(parts).replace("/", ".").partition(".")
    return prefix == "c" and number.isdigit()


def wrong_values(
    root: Root, target: Any, folder: Path, group: Group, names: set[str]
) -> Iterator[Finding]:
    """Yield the arrays that can not be read, or that differ from the segments: once each.

    Args:
        root: The results root.
        target: What Zarr opens: the folder of the published group, or a store.
        folder: What findings name as the folder of the group.
        group: The points that are in it.
        names: Which arrays to read.
    """
    published = dict(zarr.open_group(target, mode="r", use_consolidated=True).arrays())
    ends = dict.fromkeys((POINT, *DIMENSIONS.values()), 0)
    for block in gather(root, group):
        columns = {**block.columns, **block.flat}
        starts = dict(ends)
        ends |= {
            dimension: starts[dimension] + len(columns[name])
            for name, dimension in {"key": POINT, **DIMENSIONS}.items()
        }
        for name in sorted(names):
            dimension = DIMENSIONS.get(name, POINT)
            start, stop = starts[dimension], ends[dimension]
            message = _difference(published[name], start, stop, columns[name])
            if message:
                names = names - {name}
                yield "damaged published", folder / name, message


def _difference(array: zarr.Array[Any], start: int, stop: int, expected: ndarray) -> str | None:
    try:
        found = np.asarray(array[start:stop])
    except StoreAccessError:
        raise
    except (ValueError, RuntimeError) as error:
        return f"can not be read: {error}"
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return f"expected {expected.size} of {expected.dtype}, got {found.size} of {found.dtype}"
    if expected.dtype.kind == "T":
        same = found == expected
    else:
        same = found.view(np.int64) == expected.view(np.int64)
    return None if same.all() else f"differs from the segments at row {start + np.argmin(same)}"
