"""A copy of results on an object store in a temporary folder, from which they are passed on."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from hessweep.address import Address
from hessweep.store.files import accessing
from hessweep.store.segments import commit_segment, list_segments, read_bytes, segments_folder
from hessweep.store.storage import each, storage_of


@contextmanager
def fetched(root: Address) -> Iterator[Path]:
    """Copy the segments at an address, each of them checked, into a folder for a while.

    Raises:
        DamagedStoreError: If the bytes of a segment are not those that were written.
        StoreAccessError: If the store can not be read, or the folder not be written.
    """
    with (
        tempfile.TemporaryDirectory(prefix="hessweep-") as folder,
        accessing(Path(folder), "copy the results to"),
    ):
        read = partial(_read, root)
        for name, content in each(storage_of(root), list_segments(root), read):
            commit_segment(Path(folder), name, content)
        yield Path(folder)


def _read(root: Address, name: str) -> bytes:
    return read_bytes(segments_folder(root) / name)
