"""An object store as a place of results, with conditional writes."""

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotModifiedError, PreconditionError
from obstore.store import ObjectStore

from hessweep.address import Address
from hessweep.errors import InputError, StoreAccessError
from hessweep.store.objects.client import client_of, pauses
from hessweep.store.objects.conditions import Version, wants_quotes
from hessweep.store.objects.refusals import is_missing, is_transient, refusal

_REFUSALS = (BaseError, OSError, ValueError)


_REREAD: dict[Address, tuple[bytes, Version]] = {}
"""The object that was read again and again, with its content and which version that is."""


class ObjectStorage:
    """The objects below an address."""

    at_once = 16

    def __init__(self, root: Address) -> None:
        self.root = root

    @property
    def client(self) -> ObjectStore:
        """The client of the bucket; names in it begin with the key of the root.

        Raises:
            StoreAccessError: If the environment does not say how to reach the store.
        """
        with self._asking("open", ""):
            return client_of(Address(self.root.bucket))

    def key(self, name: str) -> str:
        """Return the name of an object in the bucket."""
        return "/".join(filter(None, (self.root.key, name)))

    def put(self, name: str, content: bytes) -> None:
        """See `Storage`: one PUT, which is there whole or not at all."""
        client = self.client
        with self._asking("write", name):
            obstore.put(client, self.key(name), content, use_multipart=False)

    def get(self, name: str, most: int) -> bytes:
        """See `Storage`."""
        return self.get_version(name, most)[0]

    def reread(self, name: str, most: int) -> bytes:
        """See `Storage`."""
        place = self.root / name
        content, version = _REREAD.get(place, (b"", None))
        try:
            content, version = self.get_version(name, most, version)
        except NotModifiedError:
            return content
        _REREAD.clear()  # It may be large.
        _REREAD[place] = content, version
        return content

    def get_version(
        self, name: str, most: int, known: Version | None = None
    ) -> tuple[bytes, Version]:
        """Return the content of an object, as `get` does, and which version it is.

        Args:
            name: The object.
            most: See `Storage`.
            known: A version whose content is at hand and need not be sent.

        Raises:
            NotModifiedError: If it is still the known version.
            FileNotFoundError: If there is none.
            StoreAccessError: If it can not be read.
        """
        client = self.client
        for pause in pauses():
            with self._asking("read", name):
                try:
                    return self._get(client, name, most, known)
                except NotModifiedError:
                    raise
                except BaseError as error:
                    # The client does not begin anew if a connection is lost within a content.
                    if pause is None or not is_transient(error):
                        raise
                    time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _get(
        self, client: ObjectStore, name: str, most: int, known: Version | None
    ) -> tuple[bytes, Version]:
        tag = known.tag if known else None
        found = obstore.get(
            client, self.key(name), options={"if_none_match": tag} if tag else None
        )
        if found.meta["size"] <= most:
            return bytes(found.bytes()), Version.of(found.meta)
        begin = obstore.get_range(client, self.key(name), start=0, length=most + 1)
        return bytes(begin), Version.of(found.meta)

    def list(self, folder: str) -> dict[str, int]:
        """See `Storage`."""
        return {name: size for name, size in self.walk(folder).items() if "/" not in name}

    def walk(self, folder: str) -> dict[str, int]:
        """Return all objects below a folder, at any depth, by their name from it.

        Raises:
            StoreAccessError: If they can not be listed.
        """
        found = {name: int(one["size"]) for name, one in self._below(folder).items()}
        return dict(sorted(found.items()))

    def _below(self, folder: str) -> dict[str, Any]:
        """Return what the store says of all objects below a folder."""
        client, prefix = self.client, f"{self.key(folder)}/"
        with self._asking("list", folder):
            return {
                str(one["path"]).removeprefix(prefix): one
                for block in obstore.list(client, prefix=prefix, chunk_size=1000)
                for one in block
            }

    def times(self, folder: str) -> dict[str, float]:
        """See `Storage`."""
        return {name: when for name, when in self.walk_times(folder).items() if "/" not in name}

    def walk_times(self, folder: str) -> dict[str, float]:
        """Return when each object below a folder was written, at any depth, in seconds.

        The time is that of the store's clock. Stores refuse clients whose clock is wrong by more
        than a few minutes, so that it can be compared with ours.

        Raises:
            StoreAccessError: If they can not be listed.
        """
        found = self._below(folder).items()
        return {name: one["last_modified"].timestamp() for name, one in found}

    def has(self, name: str) -> bool:
        """See `Storage`."""
        client = self.client
        try:
            with self._asking("look for", name):
                obstore.head(client, self.key(name))
        except FileNotFoundError:
            return False
        return True

    def delete(self, name: str) -> None:
        """Remove an object; nothing happens if there is none.

        Raises:
            StoreAccessError: If the store can not be reached or refuses.
        """
        client = self.client
        try:
            with self._asking("remove", name):
                obstore.delete(client, self.key(name))
        except FileNotFoundError:
            return

    def set_aside(self, name: str, folder: str) -> str:
        """See `Storage`."""
        client, last, number = self.client, name.rpartition("/")[2], 0
        taken, target = self.list(folder), last
        while target in taken:
            number += 1
            target = f"{last}.{number}"
        moved = f"{folder}/{target}"
        with self._asking("move", name):
            obstore.copy(client, self.key(name), self.key(moved))
        self.delete(name)
        return moved

    def swap(self, name: str, content: bytes, expected: Version | None) -> Version | None:
        """Write an object if it is still the version that was read.

        No two writers may write the same content, so that a writer whose answer was lost on the
        way recognises its own. Whether the store heeds conditions is tried before the first.

        Args:
            name: The object.
            content: What it is to hold.
            expected: The version that was read; None if there was no object.

        Returns:
            The new version, or None if the object is another writer's now. That writer may have
            read what this one wrote, if the answer to this one was lost.

        Raises:
            AddressError: If the store does not heed conditions.
            StoreAccessError: If the store can not be reached or refuses.
        """
        quoted = wants_quotes(self)
        condition: Any = expected.condition(quoted=quoted) if expected else "create"
        for pause in pauses():
            if written := self.write_if(name, content, condition):
                return written
            found = self._look(name, len(content))
            if (found[1] if found else None) != expected:
                return None
            time.sleep(pause or 0)  # As where a store answers that two writes came at once.
        raise StoreAccessError(
            f"can not write {self.root / name}: the store says that it has changed, and it has "
            "not; try again later, nothing is lost"
        )

    def write_if(self, name: str, content: bytes, condition: Any) -> Version | None:
        """Write an object on a condition.

        Args:
            name: The object.
            content: What it is to hold, and what no other writer writes.
            condition: `create`, or what `Version.condition` returns.

        Returns:
            The new version, or None if the store says that the condition does not hold.

        Raises:
            StoreAccessError: If the store can not be reached or refuses.
        """
        client = self.client
        failure: Exception
        for pause in pauses():
            refused = False
            try:
                return Version.of(obstore.put(client, self.key(name), content, mode=condition))
            except (AlreadyExistsError, PreconditionError) as error:
                failure, refused = error, True
            except _REFUSALS as error:
                refused = is_missing(error)  # There is none that could be the version.
                if not refused and not is_transient(error):
                    raise self._refused(error, "write", name) from None
                failure = error
            # The store may have written it although its answer did not come.
            found = self._look(name, len(content))
            if found and found[0] == content:
                return found[1]
            if refused:
                return None
            time.sleep(pause or 0)
        raise self._refused(failure, "write", name)

    def _look(self, name: str, most: int) -> tuple[bytes, Version] | None:
        try:
            return self.get_version(name, most)
        except FileNotFoundError:
            return None

    @contextmanager
    def _asking(self, purpose: str, name: str) -> Iterator[None]:
        """Turn what the store refuses into an error in words."""
        try:
            yield
        except (StoreAccessError, InputError, NotModifiedError):
            raise
        except _REFUSALS as error:
            raise self._refused(error, purpose, name) from None

    def _refused(self, error: Exception, purpose: str, name: str) -> OSError:
        where = self.root / name if name else self.root
        if is_missing(error):
            return FileNotFoundError(errno.ENOENT, "no such object", str(where))
        return refusal(error, purpose, where)
