"""Published results at an address, `https://…`: read lazily, part of a file by part of a file."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import aiohttp
import fsspec
from zarr.abc.store import ByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.storage import FsspecStore, WrapperStore

from hessweep.errors import DamagedStoreError, QueryError, StoreAccessError
from hessweep.store.published import FOLDER, METADATA, STATE, SUFFIX

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer, BufferPrototype

_CHUNK = re.compile(r"(?:^|/)c[./]\d+$")
_REFUSALS = (OSError, aiohttp.ClientError)
"""What reading can fail with; a file that is not there is a FileNotFoundError."""


class RemoteStore(WrapperStore[FsspecStore]):
    """A group behind an address. What Zarr would take for an empty chunk is an error."""

    async def get(
        self, key: str, prototype: "BufferPrototype", byte_range: ByteRequest | None = None
    ) -> "Buffer | None":
        """Return a file, or a part of it; None if there is none.

        Raises:
            DamagedStoreError: If a chunk is not there.
            StoreAccessError: If the server can not be reached, refuses, or sends other bytes than
                those that were asked for.
        """
        where = f"{self._store.path}/{key}"
        try:
            found = await self._store.get(key, prototype, byte_range)
        except _REFUSALS as error:
            raise _not_read(where, error) from error
        if found is None and _CHUNK.search(key):
            raise DamagedStoreError(f"{where}: it is missing; the group was copied in part")
        if isinstance(byte_range, RangeByteRequest):
            expected = byte_range.end - byte_range.start
        elif isinstance(byte_range, SuffixByteRequest):
            expected = byte_range.suffix
        else:
            return found
        if found is not None and len(found) != expected:
            raise StoreAccessError(
                f"{where}: asked for {expected} bytes, got {len(found)}; the server has to send "
                "parts of files (range requests), or the group was published anew meanwhile"
            )
        return found


def open_remote(group: str) -> Any:
    """Return what Zarr and xarray open of the group at an address."""
    return RemoteStore(FsspecStore.from_url(group, read_only=True))


def remote_groups(address: str) -> Iterator[tuple[str, bytes]]:
    """Yield the groups at an address: the address of each, and its metadata.

    Args:
        address: Of one group, or of a results folder or its `published` folder. Of a folder, the
            list that the last publish left there says which groups there are.

    Raises:
        QueryError: If nothing is published there, or no list is found.
        StoreAccessError: If the server can not be reached, or refuses.
    """
    address = address.rstrip("/")
    for group in _named(address):
        content = _read(f"{group}/{METADATA}")
        if content is None:
            raise QueryError(f"{group}: no published group is there: it has no {METADATA}")
        yield group, content


def _named(address: str) -> list[str]:
    if address.endswith(SUFFIX):
        return [address]
    if address.endswith(".zip"):
        raise QueryError(f"{address}: a bundle is opened as a file; fetch it first")
    for folder in (f"{address}/{FOLDER}", address):
        content = _read(f"{folder}/{STATE}")
        if content is None:
            continue
        try:
            groups = json.loads(content)["groups"]
            return sorted(f"{folder}/{name}" for name in groups if name.endswith(SUFFIX))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamagedStoreError(f"{folder}/{STATE}: it can not be read: {error}") from error
    raise QueryError(
        f"{address}: no list of published groups is there ({FOLDER}/{STATE}, which some servers "
        f"hide); name one group, as in {address}/{FOLDER}/erf{SUFFIX}"
    )


def _read(address: str) -> bytes | None:
    """Return the file at an address, None if there is none."""
    try:
        return bytes(fsspec.filesystem("https").cat_file(address))
    except FileNotFoundError:
        return None
    except _REFUSALS as error:
        raise _not_read(address, error) from error


def _not_read(where: str, error: Exception) -> StoreAccessError:
    reason = str(error) or type(error).__name__
    return StoreAccessError(f"can not read {where}: {reason}; check the address and the network")
