"""Whether what is published on an object store says what the segments say, byte by byte."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hessweep.address import Address
from hessweep.errors import DamagedStoreError
from hessweep.store.files import STALE_SECONDS
from hessweep.store.objects.pointer import Pointer, read_pointer
from hessweep.store.objects.publishing import EMPTIED
from hessweep.store.objects.storage import ObjectStorage
from hessweep.store.objects.zarr_store import zarr_store
from hessweep.store.published import FOLDER, METADATA, POINTER, SUFFIX, chunk_paths, parse_metadata
from hessweep.store.selection import Group
from hessweep.store.verify_published import Finding, wrong_values

_MAX_METADATA = 2**26


def object_problems(root: Address, groups: list[Group]) -> Iterator[Finding]:
    """Yield what is wrong with the published groups, given what should be published.

    Raises:
        StoreAccessError: If the store can not be read.
    """
    storage = ObjectStorage(root)
    try:
        pointer, version = read_pointer(storage)
    except DamagedStoreError as error:
        yield "damaged published", Path(POINTER), str(error)
        return
    found = storage.walk(FOLDER)
    expected = {f"{group.slug}{SUFFIX}": group for group in groups}
    for name in sorted(pointer.groups.keys() - expected.keys()):
        yield "stale published", Path(pointer.groups[name].place), "no stored point belongs to it"
    for name, group in expected.items():
        if name not in pointer.groups:
            yield "stale published", Path(FOLDER, name), "not published yet"
            continue
        place = pointer.groups[name].place
        prefix = f"{place.removeprefix(f'{FOLDER}/')}/"
        files = {file.removeprefix(prefix) for file in found if file.startswith(prefix)}
        yield from _group_problems(storage, place, files, group)
    if version or not found:
        yield from _foreign(storage, found, pointer)


def _group_problems(
    storage: ObjectStorage, place: str, files: set[str], group: Group
) -> Iterator[Finding]:
    try:
        content = storage.get(f"{place}/{METADATA}", _MAX_METADATA)
        metadata = parse_metadata(content, storage.root / place / METADATA)
    except FileNotFoundError:
        yield "damaged published", Path(place, METADATA), "missing"
        return
    except DamagedStoreError as error:
        yield "damaged published", Path(place, METADATA), str(error)
        return
    if metadata["attributes"]["segments_digest"] != group.digest:
        message = "not what the segments hold now; publish brings it up to date"
        yield "stale published", Path(place), message
        return
    arrays = metadata["consolidated_metadata"]["metadata"]
    known, absent = {METADATA}, set()
    for name, array in arrays.items():
        chunks = {path.as_posix() for path in chunk_paths(name, array)}
        known |= {*chunks, f"{name}/{METADATA}"}
        for missing in sorted(chunks - files):
            absent.add(name)
            yield "damaged published", Path(place, missing), "missing"
        if not _says(storage, f"{place}/{name}/{METADATA}", array):
            message = "not what the group's metadata says"
            yield "damaged published", Path(place, name, METADATA), message
    for name in sorted(files - known):
        yield "foreign file", Path(place, name), "not part of the group"
    store = zarr_store(storage.root / place)
    names = arrays.keys() - absent
    yield from wrong_values(storage.root, store, Path(place), group, names)


def _says(storage: ObjectStorage, name: str, expected: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(storage.get(name, _MAX_METADATA)) == expected)
    except (ValueError, RecursionError, FileNotFoundError):
        return False


def _foreign(storage: ObjectStorage, found: dict[str, int], pointer: Pointer) -> Iterator[Finding]:
    """Yield what is neither the pointer nor part of a version that is or was published.

    A group that was written lately and is not current may be that of a publisher at work. If its
    publisher was killed, nothing is wrong with the results; it counts once it is a day old, as a
    temporary file in a folder does.
    """
    left: dict[str, list[str]] = {}
    for name, size in found.items():
        place = "/".join([FOLDER, *name.split("/")[:2]])
        if f"{FOLDER}/{name}" == POINTER or place in pointer.places or size == len(EMPTIED):
            continue
        if place.endswith(SUFFIX) and name.count("/") > 1:
            left.setdefault(place, []).append(name)
        else:
            yield "foreign file", Path(FOLDER, name), "nothing reads it"
    times = storage.walk_times(FOLDER) if left else {}
    oldest = time.time() - STALE_SECONDS
    message = "left by a publish that was killed; repair, or a publish of new points, empties it"
    for place, names in left.items():
        if all(times.get(name, 0.0) < oldest for name in names):
            yield "stale temporary file", Path(place), message
