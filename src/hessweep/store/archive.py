"""Bundles: a results folder in one zip file, which is read where it is.

A bundle may come from anywhere. Nothing that it holds is run, every name is checked before one is
used, and its content can not be longer than the file, because nothing in it is compressed a second
time: segments and chunks already are.
"""

import hashlib
import re
import stat
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hessweep.errors import NO_MEMORY, DamagedStoreError, QueryError, shortened
from hessweep.store.files import accessing

MANIFEST = "manifest-sha256.txt"
"""The file in the bundle that has the SHA-256 of every other, as `sha256sum --check` takes it."""

MAX_MEMBERS = 500_000
"""Files in a bundle at most."""

_MAX_DIRECTORY_BYTES = 2**26
_MAX_MANIFEST_BYTES = 2**27
_BLOCK = 2**20

_END = struct.Struct("<4s4H2LH")
"""The last record of a zip: signature, four counts, length and place of the list of files."""
_END_64, _LOCATOR_64 = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
"""The records before it in a long zip; in the first the length of the list is the last but one."""

_FOREIGN = "expected a bundle that `hessweep export` wrote"
_DAMAGED = "get the file again, or have it exported again"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


@dataclass(frozen=True)
class Archive:
    """A bundle whose list of files has been checked."""

    path: Path
    members: Mapping[str, int]
    """The files in it, each with its length."""

    @contextmanager
    def reading(self) -> Iterator[zipfile.ZipFile]:
        """Open the zip for reading.

        Raises:
            DamagedStoreError: If bytes turn out not to be those that were written.
            StoreAccessError: If the file can not be read.
        """
        try:
            with accessing(self.path, "read"), zipfile.ZipFile(self.path) as opened:
                yield opened
        except (zipfile.BadZipFile, EOFError) as error:
            raise DamagedStoreError(f"{self.path}: {error}; {_DAMAGED}") from error

    def read(self, name: str) -> bytes:
        """Return the content of one of its files.

        Raises:
            DamagedStoreError: If it is not there or damaged.
            StoreAccessError: If the bundle can not be read.
        """
        if name not in self.members:
            raise DamagedStoreError(f"{self.path}: {name} is missing; {_DAMAGED}")
        with self.reading() as opened, opened.open(name) as file:
            return file.read()

    def manifest(self) -> dict[str, str]:
        """Return the SHA-256 that each file had when the bundle was written, by its name.

        Raises:
            DamagedStoreError: If the list is not there or damaged.
            StoreAccessError: If the bundle can not be read.
        """
        if self.members.get(MANIFEST, 0) > _MAX_MANIFEST_BYTES:
            raise DamagedStoreError(f"{self.path}: {MANIFEST} is longer than any; {_DAMAGED}")
        try:
            lines = self.read(MANIFEST).decode().splitlines()
        except UnicodeDecodeError:
            lines = [""]
        found = [_LINE.fullmatch(line) for line in lines]
        if not all(found):
            raise DamagedStoreError(f"{self.path}: {MANIFEST} can not be read; {_DAMAGED}")
        return {line[2]: line[1] for line in found if line}

    def damage(self) -> Iterator[tuple[str, str]]:
        """Yield the files that are not as they were written, each with what is wrong with it.

        Raises:
            DamagedStoreError: If the list of digests is not there or damaged.
            StoreAccessError: If the bundle can not be read.
        """
        expected = self.manifest()
        for name in sorted(self.members.keys() - expected.keys() - {MANIFEST}):
            yield name, f"{MANIFEST} does not name it"
        for name, digest in expected.items():
            if name not in self.members:
                yield name, "missing"
            elif message := self._difference(name, digest):
                yield name, message

    def _difference(self, name: str, digest: str) -> str:
        found = hashlib.sha256()
        try:
            with self.reading() as opened, opened.open(name) as file:
                while block := file.read(_BLOCK):
                    found.update(block)
        except DamagedStoreError as error:
            return str(error)
        return "" if found.hexdigest() == digest else "its bytes are not those that were written"

    def unpack(self, folder: Path, parts: tuple[str, ...]) -> None:
        """Write the files whose names begin with one of these parts into a folder.

        Raises:
            DamagedStoreError: If one of them is damaged.
            StoreAccessError: If the bundle can not be read or the folder not be written.
        """
        with self.reading() as opened, accessing(folder, f"unpack {self.path} in"):
            for name in self.members:
                if name.startswith(parts):
                    target = folder / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with opened.open(name) as source, target.open("xb") as file:
                        _copy(source, file)


def open_archive(path: Path) -> Archive:
    """Return a bundle after a look at its list of files.

    Raises:
        QueryError: If it is not a zip, or not one that `hessweep export` writes.
        DamagedStoreError: If it is a zip whose end is missing or whose list is damaged.
        StoreAccessError: If it can not be read.
    """
    with accessing(path, "open"):
        if not stat.S_ISREG(path.stat().st_mode):
            raise QueryError(f"{path}: {_FOREIGN}, found no regular file")
        length = path.stat().st_size
        with path.open("rb") as file:
            _check_end(path, file, length)
        try:
            with zipfile.ZipFile(path) as opened:
                listed = opened.infolist()
        except (OSError, *NO_MEMORY):
            raise
        # Whatever the zip reader raises if it is given something else.
        except Exception as error:
            raise DamagedStoreError(f"{path}: not a zip: {error}; {_DAMAGED}") from error
    for info in listed:
        if problem := _problem(info):
            name = shortened(ascii(info.filename), 100)
            raise QueryError(f"{path}: {_FOREIGN}, found the file {name}, {problem}")
    members = {info.filename: info.file_size for info in listed}
    if len(members) < len(listed):
        raise QueryError(f"{path}: {_FOREIGN}, found two files of one name")
    if sum(members.values()) > length:
        raise QueryError(f"{path}: {_FOREIGN}, found files that are longer than the zip together")
    if MANIFEST not in members:
        raise QueryError(f"{path}: {_FOREIGN}, found a zip without {MANIFEST}")
    return Archive(path, members)


def _check_end(path: Path, file: IO[bytes], length: int) -> None:
    """Look at the end of a zip, which says how long the list of its files is.

    The zip reader would make an object of each file that is listed, and there may be millions.
    """
    begin = file.read(4)
    file.seek(max(length - _END_64.size - _LOCATOR_64.size - _END.size, 0))
    tail = file.read()
    end = tail[-_END.size :]
    if begin != b"PK\x03\x04":
        raise QueryError(f"{path}: {_FOREIGN}, found another kind of file")
    if len(end) < _END.size or not end.startswith(b"PK\x05\x06"):
        raise DamagedStoreError(f"{path}: the end of the zip is missing; {_DAMAGED}")
    directory_bytes = _END.unpack(end)[5]
    locator = tail[-_END.size - _LOCATOR_64.size : -_END.size]
    if locator.startswith(b"PK\x06\x07") and len(tail) > _END_64.size:
        directory_bytes = _END_64.unpack(tail[: _END_64.size])[-2]
    if directory_bytes > _MAX_DIRECTORY_BYTES:
        raise QueryError(f"{path}: {_FOREIGN}, found a list of too many files")


def name_problem(name: str) -> str:
    """Return why a bundle can not hold a file of this name, or nothing."""
    if set(name.split("/")) & {"", ".", ".."} or set(name) & set('\\:<>|"?*'):
        return "a name that could lead out of its folder, or that some systems do not take"
    return "" if name.isprintable() else "a name that can not be printed"


def _problem(info: zipfile.ZipInfo) -> str:
    """Return what is wrong with a listed file, or nothing."""
    if problem := name_problem(info.filename):
        return problem
    if info.flag_bits & 1:
        return "which is encrypted"
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        return "which is compressed; a bundle that was unpacked is opened as a folder"
    return ""


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    while block := source.read(_BLOCK):
        target.write(block)
