"""Where published groups are, and what their metadata says."""

import hashlib
import json
import math
from collections.abc import Collection
from pathlib import Path, PurePath
from typing import Any

from hessweep.address import Address, Root, root_of
from hessweep.errors import DamagedStoreError, StoreAccessError
from hessweep.store.files import accessing
from hessweep.store.segments import FOLDER as SEGMENTS

FOLDER = "published"
SUFFIX = ".zarr"
METADATA = "zarr.json"
BUILD = ".building"
LOCK = ".lock"
TURN = ".turn"
POINTER = "published/current.json"
"""On an object store, the object that says which groups are published and where each is."""
STATE = ".state.json"
"""What the last publish left: which segments were published, and as which groups.

If nothing has changed since, the next publish does not look at any point. Readers compare the
groups that they find with this list.
"""
ASIDE = ".damaged"
"""Where `repair` moves a damaged group that no stored point belongs to."""


def published_folder(root: Path) -> Path:
    """Return the folder that holds the published groups of a results root."""
    return Path(root) / FOLDER


def published_groups(root: Path) -> dict[str, Path]:
    """Return the published groups: name without `.zarr` -> folder."""
    folder = published_folder(root)
    with accessing(folder, "list"):
        found = sorted(path for path in group_paths(folder) if path.is_dir())
    return {path.name.removesuffix(SUFFIX): path for path in found}


def group_paths(folder: Path) -> list[Path]:
    """Return what is named like a group in a `published` folder, files and foreign ones too.

    Raises:
        OSError: If the folder can not be listed.
    """
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.name.endswith(SUFFIX)]


def written_folders(root: Path) -> list[Path]:
    """Return the folders of a results root in which `commit_file` writes files."""
    return [
        Path(root),
        Path(root) / SEGMENTS,
        published_folder(root),
        *published_groups(root).values(),
    ]


def published_digests(root: str | Root) -> dict[str, str]:
    """Return the digest of what each published group holds: it changes when its points do."""
    root = root_of(root)
    if isinstance(root, Address):
        from hessweep.store.objects.pointer import read_pointer
        from hessweep.store.objects.storage import ObjectStorage

        pointer, _ = read_pointer(ObjectStorage(root))
        found = pointer.groups.items()
        return {name.removesuffix(SUFFIX): group.digest for name, group in found}
    groups = published_groups(root)
    return {name: str(attribute(folder, "segments_digest")) for name, folder in groups.items()}


def find_groups(path: Path) -> list[Path]:
    """Return the groups in a results folder or its `published` folder; or the group itself.

    Raises:
        DamagedStoreError: If a group that was published has lost its metadata.
        OSError: If the folder can not be listed.
    """
    if (path / METADATA).is_file():
        return [path]
    if path.name.endswith(SUFFIX) and path.is_dir():
        raise DamagedStoreError(_without_metadata(path))
    folder = published_folder(path) if published_folder(path).is_dir() else path
    found = {group.name: group for group in sorted(group_paths(folder))}
    groups = {name for name, group in found.items() if (group / METADATA).is_file()}
    for name in sorted(expected_groups(folder, found) - groups):
        raise DamagedStoreError(_without_metadata(folder / name))
    return [found[name] for name in found if name in groups]


def expected_groups(folder: Path, found: Collection[str]) -> set[str]:
    """Return the names of the groups that were published.

    What has no metadata and was not published is being written, or a publish was killed while it
    wrote it: the next one goes on. Where no list was left, as in a copy without hidden files, all
    that are found were published.
    """
    state = read_state(folder)
    if state is None:
        return {name for name in found if (folder / name).is_dir()}
    return {name for name, metadata in state["groups"].items() if metadata}


def read_state(folder: Path) -> dict[str, Any] | None:
    """Return the state that the last publish left, None if there is none that can be read."""
    try:
        state = json.loads((folder / STATE).read_bytes())
        return state if isinstance(state["groups"], dict) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _without_metadata(group: Path) -> str:
    return (
        f"{group}: it was published and has no {METADATA} now, as in a folder that was copied in "
        "part; repair, or the next run, publishes it anew from the segments"
    )


def read_metadata(folder: Path) -> dict[str, Any]:
    """Return a published group's `zarr.json`, the metadata of its arrays included.

    Raises:
        DamagedStoreError: If it is not what `publish` wrote.
        StoreAccessError: If it can not be read.
    """
    path = folder / METADATA
    with accessing(path, "read"):
        content = path.read_bytes()
    return parse_metadata(content, path)


def parse_metadata(content: bytes, path: PurePath | Address | str) -> dict[str, Any]:
    """Return what the text of a published group's `zarr.json` says.

    Args:
        content: The text.
        path: How messages name the file.

    Raises:
        DamagedStoreError: If it is not what `publish` wrote.
    """
    try:
        metadata = json.loads(content)
        expected = metadata["attributes"]["metadata_digest"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
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
    """Return the digest of a group's metadata without the digest that it contains."""
    kept = {k: v for k, v in metadata["attributes"].items() if k != "metadata_digest"}
    text = json.dumps({**metadata, "attributes": kept}, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def array_names(group_folder: Path) -> list[str]:
    """Return the names of the arrays of a published group, none where there is no intact group."""
    try:
        return list(read_metadata(group_folder)["consolidated_metadata"]["metadata"])
    except (DamagedStoreError, StoreAccessError):
        return []


def attribute(group_folder: Path, name: str) -> Any:
    """Return an attribute of a published group, None where there is no intact group."""
    if not (group_folder / METADATA).is_file():
        return None
    try:
        return read_metadata(group_folder)["attributes"].get(name)
    except DamagedStoreError:
        return None
