"""Where published groups are, and what their metadata says."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from hessweep.errors import DamagedStoreError
from hessweep.store.files import accessing
from hessweep.store.segments import segments_folder

FOLDER = "published"
SUFFIX = ".zarr"
METADATA = "zarr.json"
BUILD = ".building"
LOCK = ".lock"
TURN = ".turn"
STATE = ".state.json"
"""Which segments the groups show: what saves the next publish a look at every point."""
ASIDE = ".damaged"
"""Where `repair` moves a damaged group that no stored point belongs to."""


def published_folder(root: Path) -> Path:
    """Return the folder that holds the published groups of a results root."""
    return Path(root) / FOLDER


def published_groups(root: Path) -> dict[str, Path]:
    """Return the published groups: name without `.zarr` -> folder."""
    found = published_folder(root).glob(f"*{SUFFIX}")
    return {path.name.removesuffix(SUFFIX): path for path in sorted(found) if path.is_dir()}


def written_folders(root: Path) -> list[Path]:
    """Return the folders of a results root in which files appear by `commit_file`."""
    return [
        Path(root),
        segments_folder(root),
        published_folder(root),
        *published_groups(root).values(),
    ]


def published_digests(root: Path) -> dict[str, str]:
    """Return the digest of what each published group holds: it changes when its points do."""
    groups = published_groups(root)
    return {name: str(attribute(folder, "segments_digest")) for name, folder in groups.items()}


def find_groups(path: Path) -> list[Path]:
    """Return the groups in a results folder or its `published` folder; or the group itself."""
    if (path / METADATA).is_file():
        return [path]
    folder = published_folder(path) if published_folder(path).is_dir() else path
    return sorted(group for group in folder.glob(f"*{SUFFIX}") if (group / METADATA).is_file())


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


def attribute(group_folder: Path, name: str) -> Any:
    """Return an attribute of a published group, None where there is no intact group."""
    if not (group_folder / METADATA).is_file():
        return None
    try:
        return read_metadata(group_folder)["attributes"].get(name)
    except DamagedStoreError:
        return None
