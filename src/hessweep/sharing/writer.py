"""Writes a bundle: files and their digests, each as it is, into one zip."""

import hashlib
import io
import os
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from hessweep.errors import InputError
from hessweep.store.archive import MANIFEST, MAX_MEMBERS, name_problem

Part = bytes | Path | IO[bytes]
"""The content of a file of a bundle: itself, a file on disk, or an open file."""

_BLOCK = 2**20
_READABLE = 0o100644 << 16
"""The permissions that `unzip` gives files: everybody may read them."""


class BundleWriter:
    """Writes files into a zip; the last one lists the SHA-256 of all others."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        self._digests: dict[str, str] = {}

    def add(self, name: str, part: Part) -> None:
        """Write a file of the bundle.

        Raises:
            InputError: If a bundle can not hold that many files, or a file of that name.
            OSError: If the content can not be read, or the bundle not be written.
        """
        if len(self._digests) == MAX_MEMBERS:
            raise InputError(
                f"a bundle has at most {MAX_MEMBERS:,} files; leave out the segments, or pass on "
                "the results folder itself"
            )
        if problem := name_problem(name):
            raise InputError(f"{name!r}: {problem}; rename the file")
        if isinstance(part, Path):
            with part.open("rb") as source:
                self._copy(name, source, os.fstat(source.fileno()).st_size)
        elif isinstance(part, bytes):
            self._copy(name, io.BytesIO(part), len(part))
        else:
            part.seek(0)
            self._copy(name, part, length_of(part))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write the list of digests and the end of the zip, unless something went wrong before."""
        if kind is None:
            lines = [f"{digest}  {name}\n" for name, digest in self._digests.items()]
            self.add(MANIFEST, "".join(lines).encode())
            self._zip.close()
            return
        # Otherwise Python would try to end the zip when it is no longer used, and print an error.
        with suppress(Exception):
            self._zip.close()

    @property
    def files(self) -> int:
        """How many files there are."""
        return len(self._digests)

    def _copy(self, name: str, source: IO[bytes], length: int) -> None:
        info = zipfile.ZipInfo(name)
        info.file_size = length  # A long file needs a longer header.
        info.external_attr = _READABLE
        found = hashlib.sha256()
        with self._zip.open(info, "w") as target:
            while block := source.read(_BLOCK):
                found.update(block)
                target.write(block)
        self._digests[name] = found.hexdigest()


def length_of(part: Part) -> int:
    """Return how many bytes a part has."""
    if isinstance(part, bytes):
        return len(part)
    return part.stat().st_size if isinstance(part, Path) else os.fstat(part.fileno()).st_size
