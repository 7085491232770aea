"""How a file is written, whole or not at all, and the errors of file systems in words."""

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import BinaryIO

from hessweep.address import Address
from hessweep.errors import StoreAccessError
from hessweep.store.waiting import take_lock

TEMPORARY = ".tmp-"
"""How the name of a file that is being written starts."""

STALE_SECONDS = 86400
"""A temporary file older than this belongs to a writer that was killed, unless it is locked."""

_REMEDIES = {
    "make room, or name another results folder in the study": (
        errno.ENOSPC,
        errno.EDQUOT,
    ),
    "raise the limit of the size of files, `ulimit -f unlimited`": (errno.EFBIG,),
    "get permission to write there, or name another results folder in the study": (
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
    ),
}


@contextmanager
def accessing(path: PurePath | Address, purpose: str) -> Iterator[None]:
    """Turn what the operating system refuses into an error that says what to do.

    Raises:
        StoreAccessError: In place of any `OSError`.
    """
    try:
        yield
    except StoreAccessError:
        raise
    except OSError as error:
        remedy = next(
            (text for text, codes in _REMEDIES.items() if error.errno in codes),
            "check that the folder exists and that its disk is well",
        )
        reason = error.strerror or str(error)
        raise StoreAccessError(f"can not {purpose} {path}: {reason}; {remedy}") from error


def commit_file(path: Path, content: bytes) -> None:
    """Write a file with that content in one step that is never half done."""
    with committing(path) as file:
        file.write(content)


@contextmanager
def committing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write, and put it in its place in one step that is never half done.

    The content is on disk before the rename, and the rename before the return; killed at any
    moment, this leaves the file whole or absent, and at worst a temporary file. The writer holds
    the lock of the temporary file, so that nobody takes it for one that was left behind.
    """
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            with suppress(OSError):  # Some cluster file systems have no locks.
                take_lock(file)
            yield file
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until the file, or the folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make the folder and those above it, and wait until they are on disk."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync(path.parent)


def set_aside(path: Path, folder: Path) -> Path:
    """Move a file or folder into another folder, under a name that is free there."""
    folder.mkdir(exist_ok=True)
    target = folder / path.name
    number = 0
    while target.exists():
        number += 1
        target = folder / f"{path.name}.{number}"
    return path.rename(target)


def stale_files(folder: Path) -> list[Path]:
    """Return the temporary files in the folder that no living writer can own.

    Raises:
        StoreAccessError: If the folder can not be listed.
    """
    with accessing(folder, "list"):
        if not folder.is_dir():
            return []
        found = [p for p in folder.iterdir() if p.name.startswith(TEMPORARY) and p.is_file()]
    if not found:
        return []
    oldest = _now(folder) - STALE_SECONDS
    return [path for path in found if _modification_time(path) < oldest and not _is_locked(path)]


def remove_stale(folder: Path) -> None:
    """Remove `stale_files`, where that is allowed."""
    for path in stale_files(folder):
        with suppress(OSError):
            path.unlink()


def _now(folder: Path) -> float:
    """Return the time by the clock that dates the files of this folder.

    That may be the clock of another machine, which can be days off.
    """
    probe = folder / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        with probe.open("xb"):
            return probe.stat().st_mtime
    except OSError:  # The folder can be read but not written.
        return time.time()
    finally:
        with suppress(OSError):
            probe.unlink()


def _modification_time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")


def _is_locked(path: Path) -> bool:
    """Return whether a writer holds the lock of the file."""
    try:
        with path.open("rb") as file:
            return not take_lock(file)
    except OSError:
        return False
