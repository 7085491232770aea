"""Published results at an address, `https://…`: read lazily, part of a file by part of a file."""

import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import fsspec
from zarr.storage import FsspecStore

from hessweep.errors import DamagedStoreError, QueryError, StoreAccessError
from hessweep.store.guarded import GuardedStore
from hessweep.store.objects.pointer import decode
from hessweep.store.published import FOLDER, METADATA, POINTER, STATE, SUFFIX

_REFUSALS = (OSError, aiohttp.ClientError)
"""What reading can fail with; a file that is not there is a FileNotFoundError."""


class RemoteStore(GuardedStore[FsspecStore]):
    """A group behind an address of the web."""

    refusals = _REFUSALS

    def where(self, key: str) -> str:
        """See `GuardedStore`."""
        return f"{self._store.path}/{key}"

    def refused(self, error: Exception, key: str) -> OSError:
        """See `GuardedStore`."""
        return _not_read(self.where(key), error)


def open_remote(group: str) -> Any:
    """Return what Zarr and xarray open of the group at an address."""
    return RemoteStore(FsspecStore.from_url(group, read_only=True))


def remote_groups(address: str) -> Iterator[tuple[str, bytes]]:
    """Yield the groups at an address: the address of each, and its metadata.

    Args:
        address: Of one group, or of a results folder or its `published` folder. Of a folder, the
            list that the last publish left there says which groups there are: the pointer of
            results on an object store, or the state of a folder.

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
    root = address.removesuffix(f"/{FOLDER}")
    if (content := _read(f"{root}/{POINTER}")) is not None:
        pointer = decode(content, f"{root}/{POINTER}")
        return [f"{root}/{pointer.groups[name].place}" for name in sorted(pointer.groups)]
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
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return StoreAccessError(
            f"can not read {where}: the certificate of the server is not trusted here "
            f"({error.certificate_error}); if it is right, let SSL_CERT_FILE name a file with it"
        )
    reason = str(error) or type(error).__name__
    return StoreAccessError(f"can not read {where}: {reason}; check the address and the network")
