"""A copy of results on an object store in a temporary folder, from which they are passed on."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from hessweep.address import Address
from hessweep.sharing.study_files import FOLDER as STUDY
from hessweep.store.files import accessing
from hessweep.store.objects.storage import ObjectStorage
from hessweep.store.segments import commit_segment, list_segments, read_bytes, segments_folder
from hessweep.store.storage import each, storage_of


@contextmanager
def fetched(root: Address) -> Iterator[Path]:
    """Copy the segments and the study at an address into a folder for a while.

    The bytes of each segment are checked.

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
        _copy_study(root, Path(folder))
        yield Path(folder)


def _copy_study(root: Address, folder: Path) -> None:
    storage = ObjectStorage(root)
    for name, size in storage.walk(STUDY).items():
        if not {"", ".", ".."} & set(name.split("/")):  # It would lead out of the folder.
            path = folder / STUDY / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(storage.get(f"{STUDY}/{name}", size))


def _read(root: Address, name: str) -> bytes:
    return read_bytes(segments_folder(root) / name)
