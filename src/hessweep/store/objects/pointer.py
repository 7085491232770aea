"""The one small object that says which published groups belong together, and where each is.

Zarr finds the chunks of a group by their names, so that a group that is replaced under the same
name would mix two versions. Here every version of a group is written under a name of its own, and
then this object is replaced in one conditional write. So a reader sees one version of all groups.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hessweep.errors import DamagedStoreError
from hessweep.store.published import FOLDER, POINTER

if TYPE_CHECKING:
    from hessweep.store.objects.conditions import Version
    from hessweep.store.objects.storage import ObjectStorage

_MAX_BYTES = 2**24


@dataclass(frozen=True)
class Published:
    """One published group."""

    place: str
    """Where it is below the results root: `published/3f2a…/erf.zarr`."""
    digest: str
    """The digest of what it holds: it changes when its points do."""


@dataclass(frozen=True)
class Pointer:
    """What is published."""

    groups: Mapping[str, Published] = field(default_factory=dict)
    """The groups by name, such as `erf.zarr`."""
    previous: tuple[str, ...] = ()
    """Where the groups of the version before are, which readers may still hold."""
    segments: str = ""
    """The digest of the list of segments that were published; empty to look again."""

    @property
    def places(self) -> set[str]:
        """Where the groups are that must stay."""
        return {group.place for group in self.groups.values()} | set(self.previous)

    def encode(self) -> bytes:
        """Return what the object holds; no two calls return the same."""
        said = {
            "groups": {name: group.place for name, group in sorted(self.groups.items())},
            "digests": {name: group.digest for name, group in sorted(self.groups.items())},
            "previous": sorted(self.previous),
            "segments": self.segments,
            "written": secrets.token_hex(16),
        }
        return json.dumps(said, indent=1).encode()


def decode(content: bytes, where: str) -> Pointer:
    """Return what the object says.

    Args:
        content: What it holds.
        where: How messages name it.

    Raises:
        DamagedStoreError: If it is not what `encode` wrote.
    """
    try:
        said: dict[str, Any] = json.loads(content)
        groups = {
            str(name): Published(_checked(place), str(said["digests"][name]))
            for name, place in said["groups"].items()
        }
        previous = tuple(map(_checked, said["previous"]))
        return Pointer(groups, previous, str(said["segments"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedStoreError(
            f"{where}: it does not say what is published: {error}; publish, or the next run, "
            "writes it anew"
        ) from error


def _checked(place: Any) -> str:
    """Return the place of a group, which can not lead out of the published groups."""
    parts = str(place).split("/")
    if len(parts) != 3 or parts[0] != FOLDER or set(parts) & {"", ".", ".."}:
        raise ValueError("the place of a group")
    return str(place)


def read_pointer(storage: "ObjectStorage") -> "tuple[Pointer, Version | None]":
    """Return what is published, and which version of the object says so; None if there is none.

    Raises:
        DamagedStoreError: If it can not be understood.
        StoreAccessError: If it can not be read.
    """
    try:
        content, version = storage.get_version(POINTER, _MAX_BYTES)
    except FileNotFoundError:
        return Pointer(), None
    return decode(content, str(storage.root / POINTER)), version


def pointer_to_replace(storage: "ObjectStorage") -> "tuple[Pointer, Version | None]":
    """Return what `read_pointer` does, and an empty one in place of one that is damaged."""
    try:
        return read_pointer(storage)
    except DamagedStoreError:
        return Pointer(), storage.get_version(POINTER, _MAX_BYTES)[1]
