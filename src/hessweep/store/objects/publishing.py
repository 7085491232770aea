"""Publishing on an object store.

A new version of each group whose points have changed is written under a name that no other
publisher uses. One conditional write of the pointer then makes it current; of two publishers who
read the same pointer one succeeds, and the other looks again. So there is no lock, no clock is
asked, and a publisher that is suspended for long and goes on later can not do harm.

Versions that nobody needs any more are listed before the pointer is replaced and emptied after it.
What was listed and is in neither pointer belongs to a publisher that read an older pointer, so
that its own replacement must fail: nothing that is emptied can become current. The version before
the current one stays. Objects are emptied and not removed, because Zarr takes a chunk that is not
there for one of fill values, and a reader of an old version must get an error instead.
"""

import json
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from hessweep.address import Address
from hessweep.errors import StoreAccessError
from hessweep.store.index import read_index, warn_of
from hessweep.store.objects.conditions import wants_quotes
from hessweep.store.objects.pointer import Pointer, Published, pointer_to_replace
from hessweep.store.objects.storage import ObjectStorage
from hessweep.store.objects.zarr_store import zarr_store
from hessweep.store.provenance import versions
from hessweep.store.published import FOLDER, METADATA, POINTER, SUFFIX, metadata_digest
from hessweep.store.recent import Read, RecentSegments
from hessweep.store.schema import FORMAT, GROUP_ATTRIBUTES
from hessweep.store.segments import list_segments
from hessweep.store.selection import COLUMNS, Group, digest, gather, select
from hessweep.store.storage import each

EMPTIED = b"hessweep: replaced\n"
"""What the objects of old versions hold; no chunk can be read from it.

It is shorter than any file of a group, so that its length tells which objects hold it already: the
index and the checksum of a shard with one chunk have 20 bytes.
"""

_ATTEMPTS = 20


def publish_objects(root: Address, *, force: bool = False) -> bool:
    """Bring what is published up to date with the segments; see `hessweep.store.publish`.

    Raises:
        StoreAccessError: If the store can not be read or written.
        DamagedStoreError: If a segment turns out damaged only now; `repair` helps.
    """
    storage = ObjectStorage(root)
    for _ in range(_ATTEMPTS):
        current, version = pointer_to_replace(storage)
        segments = _segments_digest(root)
        if not force and current.segments == segments:
            return False
        recent = RecentSegments()
        index = read_index(root, recent.read)
        warn_of(index.damaged)
        groups = {f"{group.slug}{SUFFIX}": group for group in select(index.points)}
        if not groups and version is None:
            return False
        work = {name for name in groups if force or _digest(current, name) != groups[name].digest}
        wants_quotes(storage)  # A store that ignores conditions is refused before all writing.
        changed = bool(work or current.groups.keys() - groups.keys())
        listed = storage.walk(FOLDER) if changed else {}
        # What was written before another publisher came first is not used: it may be empty now.
        written = {
            name: _write(root, storage, name, groups[name], recent.take) for name in sorted(work)
        }
        before = tuple(group.place for group in current.groups.values())
        new = Pointer(
            {name: written.get(name) or current.groups[name] for name in groups},
            before if changed else current.previous,
            "" if index.damaged else segments,
        )
        if storage.swap(POINTER, new.encode(), version):
            _empty(storage, listed, new)
            return changed
        _give_up(storage, written.values())
        force = False  # The other has published; what differs is written once more.
    raise StoreAccessError(
        f"{root}: others publish there again and again; publish once they have ended"
    )


def clear_left(root: Address) -> bool:
    """Empty the groups that publishers wrote and never made current, as when they were killed.

    The pointer is written anew with what it says. So a publisher that is only suspended can not
    make current what is emptied here: its own replacement fails, and it looks again.

    Returns:
        Whether it was done. It is not if another publisher was faster.

    Raises:
        StoreAccessError: If the store can not be read or written.
    """
    storage = ObjectStorage(root)
    current, version = pointer_to_replace(storage)
    listed = storage.walk(FOLDER)
    if storage.swap(POINTER, current.encode(), version) is None:
        return False
    _empty(storage, listed, current)
    return True


def _digest(pointer: Pointer, name: str) -> str:
    return pointer.groups[name].digest if name in pointer.groups else ""


def _segments_digest(root: Address) -> str:
    """Return a digest that stays the same until points are stored or lost."""
    sizes = (f"{name} {size}" for name, size in sorted(list_segments(root).items()))
    return digest([str(FORMAT), *COLUMNS, *sizes])


def _write(
    root: Address, storage: ObjectStorage, name: str, group: Group, read: Read
) -> Published:
    # Here and not above: where nothing is to be published, zarr is not even imported.
    from hessweep.store.group_writer import write_group

    place = f"{FOLDER}/{secrets.token_hex(8)}/{name}"
    attributes = {
        **GROUP_ATTRIBUTES,
        "activation": group.label,
        "activation_spec": group.spec,
        "segments_digest": group.digest,
        "generation": 0,
        "published_with": json.dumps(versions(), sort_keys=True),
        "published_at": datetime.now(UTC).isoformat(),
    }
    target = zarr_store(root / place, read_only=False)
    metadata = write_group(target, group, gather(root, group, read), attributes)
    metadata["attributes"]["metadata_digest"] = metadata_digest(metadata)
    storage.put(f"{place}/{METADATA}", json.dumps(metadata, indent=1).encode())
    return Published(place, group.digest)


def _empty(storage: ObjectStorage, listed: dict[str, int], pointer: Pointer) -> None:
    """Empty the listed objects that belong to neither the current version nor the one before."""
    old = [name for name, size in listed.items() if _is_old(name, size, pointer)]
    for _ in each(storage, old, lambda name: storage.put(f"{FOLDER}/{name}", EMPTIED)):
        pass


def _give_up(storage: ObjectStorage, written: Iterable[Published]) -> None:
    """Empty what was written and will not be published, unless it was: an answer can be lost."""
    current, _ = pointer_to_replace(storage)
    for group in written:
        folder = group.place.removeprefix(f"{FOLDER}/")
        files = storage.walk(group.place)
        _empty(storage, {f"{folder}/{name}": size for name, size in files.items()}, current)


def _is_old(name: str, size: int, pointer: Pointer) -> bool:
    version, group, file = (*name.split("/", 2), "", "")[:3]
    if not (group.endswith(SUFFIX) and file) or size == len(EMPTIED):
        return False
    return f"{FOLDER}/{version}/{group}" not in pointer.places
