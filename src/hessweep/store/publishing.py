"""The published store: one Zarr group an activation, for queries, made from the segments.

How a group is replaced in a folder; `objects/publishing.py` does it on an object store. The new
version is built in a folder of its own. Its chunks are then moved into the group under names that
the current version does not use (`c/0`, then `c.0`). Last, the group's `zarr.json`, which holds
all metadata, is replaced by one rename: that is the swap. A reader that opened the group before
keeps its own metadata and finds its own chunks, until the publish after the next uses their names.
From then on the chunks have another length than its metadata says, so that reading fails, and two
versions are never mixed. Replacing the whole folder or a link would not do: Zarr looks chunks up
by path, and old metadata would silently read new chunks.

Where the file system has no locks, a publisher that is suspended may lose its turn to another and
go on later. It checks that it still has its turn before each step. In case it is suspended between
the check and the step, each publisher also uses another length of chunks, so that chunks of one
can not be read by the metadata of another.
"""

import json
import secrets
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hessweep.address import Address, Root, root_of
from hessweep.store.files import (
    accessing,
    commit_file,
    make_folder,
    remove_stale,
    set_aside,
    sync,
)
from hessweep.store.index import cache_digest, read_index, warn_of
from hessweep.store.provenance import versions
from hessweep.store.published import (
    ASIDE,
    BUILD,
    LOCK,
    METADATA,
    STATE,
    SUFFIX,
    TURN,
    array_names,
    attribute,
    chunk_paths,
    group_paths,
    metadata_digest,
    published_folder,
    read_state,
    written_folders,
)
from hessweep.store.recent import Read, RecentSegments
from hessweep.store.schema import FORMAT, GROUP_ATTRIBUTES, PUBLISHED_COLUMNS
from hessweep.store.segments import list_segments
from hessweep.store.selection import COLUMNS, Group, digest, gather, select
from hessweep.store.turns import Turn, turn
from hessweep.store.waiting import lock, publishing_message


def publish(root: str | Root, *, force: bool = False) -> bool:
    """Bring the published store up to date with the segments.

    Groups whose points have not changed are left as they are. Publishing again with nothing new
    only removes temporary files of writers that were killed long ago.
    Damaged segments are left out, with a `DamagedSegmentWarning`.

    Args:
        root: The results root.
        force: Write every group anew, changed or not.

    Returns:
        Whether anything was written or removed.

    Raises:
        StoreAccessError: If the folders can not be read or written.
        DamagedStoreError: If a segment turns out damaged only now; `repair` helps.
    """
    root = root_of(root)
    if isinstance(root, Address):
        from hessweep.store.objects.publishing import publish_objects

        return publish_objects(root, force=force)
    with accessing(published_folder(root), "publish in"):
        for written in written_folders(root):
            remove_stale(written)
        return _publish(root, force)


def _publish(root: Path, force: bool) -> bool:
    folder = published_folder(root)
    if not force and _state(root, list_segments(root)) == read_state(folder):
        return False
    recent = RecentSegments()
    index = read_index(root, recent.read)
    warn_of(index.damaged)
    groups = select(index.points)
    if not (force or _work(folder, groups) or _others(folder, groups)):
        return False
    make_folder(folder)
    with _lock_folder(folder) as publisher:
        # Another process may have published, or stored, while this one waited.
        stored = read_index(root, recent.read)
        groups = groups if stored.table.equals(index.table) else select(stored.points)
        work = groups if force else _work(folder, groups)
        for group in work:
            _publish_group(root, folder, group, publisher, recent.take)
        others = _others(folder, groups)
        publisher.check()
        if others:
            # Readers must not miss a group that is about to be removed.
            _write_state(folder, _unfinished_state(root, others))
            for path in others:
                # The next publish removes what is there, if this one is killed.
                _remove(folder / BUILD)
                path.rename(folder / BUILD)
                _remove(folder / BUILD)
        state = _unfinished_state(root) if stored.damaged else _state(root, stored.segments)
        _write_state(folder, state)
    return bool(work or others)


def _state(root: Path, segments: Mapping[str, int]) -> dict[str, Any]:
    """Return what stays the same until points are stored, published, damaged or lost."""
    parts = [str(FORMAT), *COLUMNS, *(f"{name} {size}" for name, size in sorted(segments.items()))]
    return {
        "segments": digest(parts),
        "index": cache_digest(root),
        "groups": _group_digests(published_folder(root)),
    }


def _unfinished_state(root: Path, others: Collection[Path] = ()) -> dict[str, Any]:
    """Return a state that lists the groups but these, and lets the next publish look again."""
    groups = _group_digests(published_folder(root))
    removed = {path.name for path in others}
    kept = {name: metadata for name, metadata in groups.items() if name not in removed}
    return {"segments": None, "index": None, "groups": kept}


def _group_digests(folder: Path) -> dict[str, Any]:
    return {path.name: attribute(path, "metadata_digest") for path in group_paths(folder)}


def _write_state(folder: Path, state: Mapping[str, Any]) -> None:
    if (folder / STATE).is_dir():
        set_aside(folder / STATE, folder / ASIDE)
    commit_file(folder / STATE, json.dumps(state).encode())


def _work(folder: Path, groups: list[Group]) -> list[Group]:
    """Return the groups that are not published as they are now stored."""
    return [group for group in groups if _published_digest(folder, group) != group.digest]


def _published_digest(folder: Path, group: Group) -> str | None:
    return attribute(folder / f"{group.slug}{SUFFIX}", "segments_digest")


def _publish_group(
    root: Path, folder: Path, group: Group, publisher: "_Publisher", read: Read
) -> None:
    # Here and not above: where nothing is to be published, zarr is not even imported.
    from hessweep.store.group_writer import write_group

    target, build = folder / f"{group.slug}{SUFFIX}", folder / BUILD
    generation = (attribute(target, "generation") or 0) + publisher.step()
    # Only the holder of the lock builds, so that what is there was left by a killed publish.
    _remove(build)
    try:
        attributes = {
            **GROUP_ATTRIBUTES,
            "activation": group.label,
            "activation_spec": group.spec,
            "segments_digest": group.digest,
            "generation": generation,
            "published_with": json.dumps(versions(), sort_keys=True),
            "published_at": datetime.now(UTC).isoformat(),
        }
        metadata = write_group(build, group, gather(root, group, read), attributes)
        metadata["attributes"]["metadata_digest"] = metadata_digest(metadata)
        if _is_obstructed(target, metadata):
            publisher.check()
            set_aside(target, folder / ASIDE)
        _swap(build, target, metadata, publisher)
    finally:
        with suppress(OSError):  # The next publish removes what is left.
            if publisher.turn is None or publisher.turn.is_mine():
                _remove(build)


def _remove(path: Path) -> None:
    with suppress(OSError):  # Python 3.11 raises that of a folder that can not be closed.
        shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink()


def _is_obstructed(target: Path, metadata: dict[str, Any]) -> bool:
    """Return whether a file stands where the group needs a folder, or the other way round."""
    arrays = metadata["consolidated_metadata"]["metadata"]
    folders = [target, *(target / name for name in arrays)]
    files = [folder / METADATA for folder in folders]
    for name, array in arrays.items():
        files += [target / chunk for chunk in chunk_paths(name, array)]
        # Of this version or the next.
        folders.append(target / name / "c")
    return any(path.exists() and not path.is_dir() for path in folders) or any(
        path.is_dir() for path in files
    )


def _swap(build: Path, target: Path, metadata: dict[str, Any], publisher: "_Publisher") -> None:
    """Move the new chunks in beside the current ones, then replace the metadata."""
    arrays = metadata["consolidated_metadata"]["metadata"]
    make_folder(target)
    _remove_arrays(target, arrays)
    for name, array in arrays.items():
        publisher.check()
        (target / name).mkdir(exist_ok=True)
        chunks = set(chunk_paths(name, array))
        for path in chunks:
            sync(build / path)
            (target / path).parent.mkdir(exist_ok=True)
            (build / path).replace(target / path)
        separator = array["chunk_key_encoding"]["configuration"]["separator"]
        for path in (target / name).glob(f"c{separator}*"):
            if path.relative_to(target) not in chunks:
                path.unlink()
        sync(build / name / METADATA)
        (build / name / METADATA).replace(target / name / METADATA)
        # The new names must be on disk before the metadata that needs them.
        for changed in {target / name, *((target / path).parent for path in chunks)}:
            sync(changed)
    sync(target)
    publisher.check()
    commit_file(target / METADATA, json.dumps(metadata, indent=1).encode())


def _remove_arrays(target: Path, arrays: Collection[str]) -> None:
    """Remove what a group had two versions ago, and has no more: those of kinds that it lost."""
    names = {column.name for column in PUBLISHED_COLUMNS}
    for name in names - set(arrays) - set(array_names(target)):
        if (target / name).is_dir():
            shutil.rmtree(target / name)


def _others(folder: Path, groups: list[Group]) -> list[Path]:
    """Return the groups that `publish` made and that have no point any more."""
    expected = {f"{group.slug}{SUFFIX}" for group in groups}
    return [
        path
        for path in group_paths(folder)
        if path.name not in expected and attribute(path, "segments_digest")
    ]


@dataclass(frozen=True)
class _Publisher:
    """The one process that may publish now."""

    turn: Turn | None
    """None if the operating system holds a lock, which nobody can take over."""

    def check(self) -> None:
        """Go on only if no other process has taken over."""
        if self.turn is not None:
            self.turn.check()

    def step(self) -> int:
        """Return by how much the generation grows: an odd number, as chunks' names take turns."""
        return 1 if self.turn is None else 1 + 2 * secrets.randbelow(_STEPS)


_STEPS = 250
"""Without locks, the probability is one in this that two publishers choose the same length."""


@contextmanager
def _lock_folder(folder: Path) -> Iterator[_Publisher]:
    """Let one publish at a time into the folder; a killed one lets go by itself."""
    with accessing(folder / LOCK, "lock"):
        file = (folder / LOCK).open("w")
    waiting = publishing_message(folder)
    with file, ExitStack() as stack:
        own = None
        try:
            lock(file, waiting)
        except OSError:  # Some cluster file systems have no locks.
            own = stack.enter_context(turn(folder / TURN, waiting))
        yield _Publisher(own)
