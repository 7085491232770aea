"""The published store: one Zarr group an activation, for queries, made from the segments.

How a group is replaced. The new version is built aside. Its chunks are then moved into the group
under names that the current version does not use (`c/0` and `c.0` take turns), and at last the
group's `zarr.json`, which holds all metadata, is replaced by one rename: that is the swap. A
reader that opened the group before keeps its own metadata and finds its own chunks, until the
publish after the next takes their names; then it meets another layout of shards and fails its
checksums instead of mixing two versions. Swapping a folder or a link would not do: Zarr looks
chunks up by path, and old metadata would silently read new chunks.
"""

import fcntl
import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hessweep.errors import DamagedStoreError
from hessweep.store.files import accessing, commit_file, sync
from hessweep.store.index import read_index, warn_of
from hessweep.store.schema import GROUP_ATTRIBUTES
from hessweep.store.segments import provenance
from hessweep.store.selection import Group, gather, select
from hessweep.store.turns import turn

FOLDER = "published"
SUFFIX = ".zarr"
METADATA = "zarr.json"
BUILD = ".building"
LOCK = ".lock"
TURN = ".turn"
ASIDE = ".damaged"
"""Where `repair` moves a damaged group that no stored point belongs to."""


def published_folder(root: Path) -> Path:
    """Return the folder that holds the published groups of a results root."""
    return Path(root) / FOLDER


def publish(root: Path, *, force: bool = False) -> bool:
    """Bring the published store up to date with the segments.

    Groups whose points have not changed are left as they are, so that publishing again with
    nothing new does nothing. Damaged segments are left out, with a `DamagedSegmentWarning`.

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
    index = read_index(root)
    warn_of(index.damaged)
    groups = select(index.points)
    if not (force or _work(folder, groups) or _others(folder, groups)):
        return False
    with accessing(folder, "publish in"):
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            # Another process may have published, or stored, while this one waited.
            stored = read_index(root).points
            groups = groups if stored.equals(index.points) else select(stored)
            work = groups if force else _work(folder, groups)
            for group in work:
                _publish_group(Path(root), folder, group)
            others = _others(folder, groups)
            for path in others:
                # Without its metadata it is no group any more, however far this gets.
                (path / METADATA).unlink()
                shutil.rmtree(path)
    return bool(work or others)


def published_groups(root: Path) -> dict[str, Path]:
    """Return the published groups: name without `.zarr` -> folder."""
    found = published_folder(root).glob(f"*{SUFFIX}")
    return {path.name.removesuffix(SUFFIX): path for path in sorted(found) if path.is_dir()}


def published_digests(root: Path) -> dict[str, str]:
    """Return the digest of what each published group holds: it changes when its points do."""
    groups = published_groups(root)
    return {name: str(_attribute(folder, "segments_digest")) for name, folder in groups.items()}


def read_metadata(folder: Path) -> dict[str, Any]:
    """Return a published group's `zarr.json`, the metadata of its arrays included.

    Raises:
        DamagedStoreError: If it is not what `publish` wrote.
        StoreAccessError: If it can not be read.
    """
    path = folder / METADATA
    try:
        with accessing(path, "read"):
            metadata = json.loads(path.read_bytes())
        expected = metadata["attributes"]["metadata_digest"]
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedStoreError(f"{path}: not metadata of a published group: {error}") from error
    if expected != metadata_digest(metadata):
        raise DamagedStoreError(f"{path}: changed since it was published; repair rebuilds it")
    return metadata


def chunk_paths(name: str, array: dict[str, Any]) -> list[Path]:
    """Return the chunk files that an array has by its metadata, relative to the group."""
    size, shard = array["shape"][0], array["chunk_grid"]["configuration"]["chunk_shape"][0]
    separator = array["chunk_key_encoding"]["configuration"]["separator"]
    return [Path(name, f"c{separator}{number}") for number in range(math.ceil(size / shard))]


def metadata_digest(metadata: dict[str, Any]) -> str:
    """Return the digest of a group's metadata, but for the digest itself."""
    kept = {k: v for k, v in metadata["attributes"].items() if k != "metadata_digest"}
    text = json.dumps({**metadata, "attributes": kept}, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _work(folder: Path, groups: list[Group]) -> list[Group]:
    """Return the groups that are not published as they are now stored."""
    return [group for group in groups if _published_digest(folder, group) != group.digest]


def _published_digest(folder: Path, group: Group) -> str | None:
    return _attribute(folder / f"{group.slug}{SUFFIX}", "segments_digest")


def _attribute(group_folder: Path, name: str) -> Any:
    """Return an attribute of a published group, None where there is no intact group."""
    if not (group_folder / METADATA).is_file():
        return None
    try:
        return read_metadata(group_folder)["attributes"].get(name)
    except DamagedStoreError:
        return None


def _publish_group(root: Path, folder: Path, group: Group) -> None:
    # Here and not above: where nothing is to be published, zarr is not even imported.
    from hessweep.store.group_writer import write_group

    target, build = folder / f"{group.slug}{SUFFIX}", folder / BUILD
    generation = (_attribute(target, "generation") or 0) + 1
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
        if path.name not in expected and _attribute(path, "segments_digest")
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
