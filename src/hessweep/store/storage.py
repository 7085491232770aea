"""What the store asks of the place where results are: a folder, or an object store.

Both keep files whole: a file that is being written is not there until all of it is. Names are
relative to the results root, such as `segments/0f….zarr.zip`. What is particular to one kind of
place, such as locks and conditional writes, is not here: reservations and publishing use the
means that their place has.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from stat import S_ISREG
from typing import Protocol, TypeVar

from hessweep.address import Address, Root
from hessweep.store.files import commit_file, make_folder, set_aside

Name = TypeVar("Name")
Result = TypeVar("Result")


class Storage(Protocol):
    """A place of results."""

    at_once: int
    """How many files are read at once: many where the time of one is mostly waiting."""

    def put(self, name: str, content: bytes) -> None:
        """Write a file with that content in one step that is never half done.

        Raises:
            OSError: If that fails; a `StoreAccessError` where the place itself can say why.
        """

    def get(self, name: str, most: int) -> bytes:
        """Return the content of a file, or its first `most + 1` bytes if it is longer than `most`.

        Raises:
            FileNotFoundError: If there is none.
            OSError: If it can not be read.
        """

    def reread(self, name: str, most: int) -> bytes:
        """Return what `get` does, for the one file that is read again and again.

        What this process has read before is not sent once more if it is still the same.
        """

    def list(self, folder: str) -> dict[str, int]:
        """Return the names of the files directly in a folder, sorted, each with its size in bytes.

        Raises:
            OSError: If that can not be read. A folder that does not exist has no files.
        """

    def times(self, folder: str) -> dict[str, float]:
        """Return when each file directly in a folder was written, by the clock of the place.

        Raises:
            OSError: If that can not be read. A folder that does not exist has no files.
        """

    def has(self, name: str) -> bool:
        """Return whether there is a file of that name."""

    def set_aside(self, name: str, folder: str) -> str:
        """Move a file into a folder under a name that is free there, and return its new name."""


class FolderStorage:
    """A results folder."""

    at_once = 1

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, name: str, content: bytes) -> None:
        """See `Storage`."""
        path = self.root / name
        make_folder(path.parent)
        commit_file(path, content)

    def get(self, name: str, most: int) -> bytes:
        """See `Storage`."""
        with (self.root / name).open("rb") as file:
            # Python sets aside as much memory as it is asked to read, although the file is
            # shorter.
            return file.read(min(os.fstat(file.fileno()).st_size, most) + 1)

    def reread(self, name: str, most: int) -> bytes:
        """See `Storage`."""
        return self.get(name, most)

    def list(self, folder: str) -> dict[str, int]:
        """See `Storage`."""
        found, path = {}, self.root / folder
        for file in sorted(path.iterdir()) if path.is_dir() else ():
            with suppress(FileNotFoundError):  # It may have been renamed or removed.
                status = file.stat()
                if S_ISREG(status.st_mode):
                    found[file.name] = status.st_size
        return found

    def times(self, folder: str) -> dict[str, float]:
        """See `Storage`."""
        found = {}
        for name in self.list(folder):
            with suppress(FileNotFoundError):  # It may have been removed.
                found[name] = (self.root / folder / name).stat().st_mtime
        return found

    def has(self, name: str) -> bool:
        """See `Storage`."""
        return (self.root / name).is_file()

    def set_aside(self, name: str, folder: str) -> str:
        """See `Storage`."""
        moved = set_aside(self.root / name, self.root / folder)
        return moved.relative_to(self.root).as_posix()


def storage_of(root: Root) -> Storage:
    """Return the storage of a results root."""
    if isinstance(root, Address):
        # Here and not above: a folder needs no client of object stores.
        from hessweep.store.objects.storage import ObjectStorage

        return ObjectStorage(root)
    return FolderStorage(root)


def each(
    storage: Storage, names: Iterable[Name], read: Callable[[Name], Result]
) -> Iterator[tuple[Name, Result]]:
    """Yield each name with what was read of it, in order, a few of them read ahead at once."""
    if storage.at_once == 1:
        yield from ((name, read(name)) for name in names)
        return
    waiting = iter(names)
    with ThreadPoolExecutor(storage.at_once) as pool:
        ahead: deque[tuple[Name, Future[Result]]] = deque()
        while True:
            for name in islice(waiting, 2 * storage.at_once - len(ahead)):
                ahead.append((name, pool.submit(read, name)))
            if not ahead:
                return
            name, future = ahead.popleft()
            yield name, future.result()
