"""The published store: one Zarr group an activation, for queries, made from the segments.

How a group is replaced. The new version is built aside. Its chunks are then moved into the group
under names that the current version does not use (`c/0` and `c.0` take turns), and at last the
group's `zarr.json`, which holds all metadata, is replaced by one rename: that is the swap. A
reader that opened the group before keeps its own metadata and finds its own chunks, until the
publish after the next takes their names; then it meets chunks of another length, which can not
be read as its own, instead of mixing two versions. Swapping a folder or a link would not do: Zarr
looks chunks up by path, and old metadata would silently read new chunks.
"""

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hessweep.store.files import accessing, commit_file, remove_stale, sync
from hessweep.store.index import cache_digest, read_index, warn_of
from hessweep.store.published import (
    BUILD,
    LOCK,
    METADATA,
    STATE,
    SUFFIX,
    TURN,
    attribute,
    chunk_paths,
    metadata_digest,
    published_folder,
    written_folders,
)
from hessweep.store.schema import FORMAT, GROUP_ATTRIBUTES
from hessweep.store.segments import list_segments, provenance
from hessweep.store.selection import COLUMNS, Group, digest, gather, select
from hessweep.store.turns import turn


def publish(root: Path, *, force: bool = False) -> bool:
    """Bring the published store up to date with the segments.

    Groups whose points have not changed are left as they are, so that publishing again with
    nothing new does nothing, but for removing what writers left that were killed long ago.
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
    folder = published_folder(root)
    for written in written_folders(root):
        remove_stale(written)
    if not force and _state(root, list_segments(root)) == _told_state(folder):
        return False
    index = read_index(root)
    warn_of(index.damaged)
    groups = select(index.points)
    if not (force or _work(folder, groups) or _others(folder, groups)):
        return False
    with accessing(folder, "publish in"):
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            # Another process may have published, or stored, while this one waited.
            stored = read_index(root)
            groups = groups if stored.table.equals(index.table) else select(stored.points)
            work = groups if force else _work(folder, groups)
            for group in work:
                _publish_group(Path(root), folder, group)
            others = _others(folder, groups)
            for path in others:
                # Without its metadata it is no group any more, however far this gets.
                (path / METADATA).unlink()
                shutil.rmtree(path)
            if not stored.damaged:
                commit_file(folder / STATE, json.dumps(_state(root, stored.segments)).encode())
    return bool(work or others)


def _state(root: Path, segments: Mapping[str, int]) -> dict[str, Any]:
    """Return what is the same again if nothing was stored, published, damaged or lost since."""
    folder = published_folder(root)
    shown = [str(FORMAT), *COLUMNS, *(f"{name} {size}" for name, size in sorted(segments.items()))]
    groups = {path.name: attribute(path, "metadata_digest") for path in folder.glob(f"*{SUFFIX}")}
    return {"segments": digest(shown), "index": cache_digest(Path(root)), "groups": groups}


def _told_state(folder: Path) -> Any:
    """Return the state that the last publish left, None if there is none that can be read."""
    try:
        return json.loads((folder / STATE).read_bytes())
    except (OSError, ValueError):
        return None


def _work(folder: Path, groups: list[Group]) -> list[Group]:
    """Return the groups that are not published as they are now stored."""
    return [group for group in groups if _published_digest(folder, group) != group.digest]


def _published_digest(folder: Path, group: Group) -> str | None:
    return attribute(folder / f"{group.slug}{SUFFIX}", "segments_digest")


def _publish_group(root: Path, folder: Path, group: Group) -> None:
    # Here and not above: where nothing is to be published, zarr is not even imported.
    from hessweep.store.group_writer import write_group

    target, build = folder / f"{group.slug}{SUFFIX}", folder / BUILD
    generation = (attribute(target, "generation") or 0) + 1
    # Only the holder of the lock builds, so that what is there was left by a killed publish.
    shutil.rmtree(build, ignore_errors=True)
    try:
        attributes = {
            **GROUP_ATTRIBUTES,
            "activation": group.label,
            "activation_spec": group.spec,
            "segments_digest": group.digest,
            "generation": generation,
            "published_with": json.dumps(provenance()["versions"], sort_keys=True),
            "published_at": datetime.now(UTC).isoformat(),
        }
        metadata = write_group(build, group, gather(root, group), attributes)
        metadata["attributes"]["metadata_digest"] = metadata_digest(metadata)
        _swap(build, target, metadata)
    finally:
        shutil.rmtree(build, ignore_errors=True)


def _swap(build: Path, target: Path, metadata: dict[str, Any]) -> None:
    """Move the new chunks in beside the current ones, then replace the metadata."""
    arrays = metadata["consolidated_metadata"]["metadata"]
    for name, array in arrays.items():
        (target / name).mkdir(parents=True, exist_ok=True)
        chunks = set(chunk_paths(name, array))
        for path in chunks:
            sync(build / path)
            (target / path).parent.mkdir(exist_ok=True)
            (build / path).replace(target / path)
        separator = array["chunk_key_encoding"]["configuration"]["separator"]
        for path in (target / name).glob(f"c{separator}*"):
            if path.relative_to(target) not in chunks:
                path.unlink()
        (build / name / METADATA).replace(target / name / METADATA)
    commit_file(target / METADATA, json.dumps(metadata, indent=1).encode())


def _others(folder: Path, groups: list[Group]) -> list[Path]:
    """Return the groups that `publish` made and that have no point any more."""
    expected = {f"{group.slug}{SUFFIX}" for group in groups}
    return [
        path
        for path in folder.glob(f"*{SUFFIX}")
        if path.name not in expected and attribute(path, "segments_digest")
    ]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one publish at a time into the folder; a killed one lets go by itself."""
    with (folder / LOCK).open("w") as file, ExitStack() as stack:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # some cluster file systems have no locks
            stack.enter_context(turn(folder / TURN))
        yield
