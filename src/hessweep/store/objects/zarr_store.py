"""A published group on an object store, as Zarr and xarray read and write it."""

from typing import TYPE_CHECKING, Any, Self

from obstore.exceptions import BaseError
from zarr.storage import ObjectStore

from hessweep.address import Address
from hessweep.store.guarded import GuardedStore
from hessweep.store.objects.client import client_of
from hessweep.store.objects.refusals import refusal

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer


class ObjectGroup(GuardedStore[ObjectStore[Any]]):
    """A group on an object store."""

    refusals = (BaseError, OSError)

    def __init__(self, store: ObjectStore[Any], group: Address) -> None:
        super().__init__(store)
        self.group = group

    def _with_store(self, store: ObjectStore[Any]) -> Self:
        return type(self)(store, self.group)

    def where(self, key: str) -> str:
        """See `GuardedStore`."""
        return str(self.group / key)

    def refused(self, error: Exception, key: str) -> OSError:
        """See `GuardedStore`."""
        return refusal(error, "read", self.group / key)

    async def set(self, key: str, value: "Buffer") -> None:
        """Write a file of the group.

        Raises:
            StoreAccessError: If the store can not be reached, or refuses.
        """
        try:
            await self._store.set(key, value)
        except self.refusals as error:
            raise refusal(error, "write", self.group / key) from None


def zarr_store(group: Address, *, read_only: bool = True) -> ObjectGroup:
    """Return what Zarr and xarray open of the group at an address."""
    return ObjectGroup(ObjectStore(client_of(group), read_only=read_only), group)
