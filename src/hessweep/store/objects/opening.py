"""The published groups at an address of an object store."""

from dataclasses import dataclass

from hessweep.address import Address
from hessweep.errors import DamagedStoreError
from hessweep.store.objects.pointer import read_pointer
from hessweep.store.objects.storage import ObjectStorage
from hessweep.store.published import FOLDER, METADATA, SUFFIX

_MAX_METADATA = 2**26
_TRIES = 3


@dataclass(frozen=True)
class ObjectGroupPlace:
    """Where one published group is."""

    name: str
    """Such as `erf.zarr`."""
    address: Address
    metadata: bytes
    """The text of its `zarr.json`."""


def published_places(where: Address) -> list[ObjectGroupPlace]:
    """Return the published groups, all of one version.

    Args:
        where: The address of the results, of the `published` folder in them, or of one group.

    Raises:
        DamagedStoreError: If one of them is not there.
        StoreAccessError: If the store can not be read.
    """
    if where.name.endswith(SUFFIX):
        return [_place(where.name, where)]
    root = where.parent if where.name == FOLDER else where
    for _ in range(_TRIES):
        pointer, version = read_pointer(ObjectStorage(root))
        try:
            return [
                _place(name, root / group.place) for name, group in sorted(pointer.groups.items())
            ]
        except DamagedStoreError as error:
            failure = error
            # It may have been replaced, twice, since the pointer was read.
            if read_pointer(ObjectStorage(root))[1] == version:
                break
    raise failure


def _place(name: str, address: Address) -> ObjectGroupPlace:
    try:
        metadata = ObjectStorage(address).get(METADATA, _MAX_METADATA)
    except FileNotFoundError:
        raise DamagedStoreError(
            f"{address}: no published group is there: it has no {METADATA}; "
            "repair rebuilds it if it is damaged"
        ) from None
    if not metadata.startswith(b"{"):
        raise DamagedStoreError(f"{address}: this version was replaced; open the results anew")
    return ObjectGroupPlace(name, address, metadata)
