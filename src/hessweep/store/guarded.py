"""A published group elsewhere, as Zarr reads it: what is missing or refused there is an error."""

import re
from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from zarr.abc.store import ByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.storage import WrapperStore

from hessweep.errors import DamagedStoreError, StoreAccessError

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer, BufferPrototype

_CHUNK = re.compile(r"(?:^|/)c[./]\d+$")

Inner = TypeVar("Inner", bound=Store)


class GuardedStore(WrapperStore[Inner], Generic[Inner]):
    """A group elsewhere. What Zarr would take for an empty chunk is an error."""

    refusals: tuple[type[Exception], ...] = (OSError,)
    """What reading can fail with."""

    @abstractmethod
    def where(self, key: str) -> str:
        """Return how messages name a file of the group."""

    @abstractmethod
    def refused(self, error: Exception, key: str) -> OSError:
        """Return in words why a file of the group can not be read."""

    async def get(
        self, key: str, prototype: "BufferPrototype", byte_range: ByteRequest | None = None
    ) -> "Buffer | None":
        """Return a file, or a part of it; None if there is none.

        Raises:
            DamagedStoreError: If a chunk is not there.
            StoreAccessError: If the server can not be reached, refuses, or sends other bytes than
                those that were asked for.
        """
        try:
            found = await self._store.get(key, prototype, byte_range)
        except self.refusals as error:
            raise self.refused(error, key) from None
        if found is None and _CHUNK.search(key) and self.read_only:
            raise DamagedStoreError(
                f"{self.where(key)}: it is missing; the group was copied in part"
            )
        if isinstance(byte_range, RangeByteRequest):
            expected = byte_range.end - byte_range.start
        elif isinstance(byte_range, SuffixByteRequest):
            expected = byte_range.suffix
        else:
            return found
        if found is not None and len(found) != expected:
            raise StoreAccessError(
                f"{self.where(key)}: asked for {expected} bytes, got {len(found)}; the server has "
                "to send parts of files (range requests), or the group was published anew "
                "meanwhile"
            )
        return found
