"""How a file appears: whole or not at all; and what is said where it can not."""

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hessweep.errors import StoreAccessError

TEMPORARY = ".tmp-"
"""How the name of a file that is being written starts."""

STALE_SECONDS = 86400
"""A temporary file older than this belongs to a writer that was killed."""

_REMEDIES = {
    "make room, or name another results folder in the study": (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
    ),
    "get permission to write there, or name another results folder in the study": (
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
    ),
}


@contextmanager
def accessing(path: Path, purpose: str) -> Iterator[None]:
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
    """Make the file appear with that content, at once and for good.

    The content is on disk before the rename, and the rename before the return; killed at any
    moment, this leaves the file whole or absent, and at worst a temporary file.
    """
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
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


def stale_files(folder: Path) -> list[Path]:
    """Return the temporary files in the folder that no living writer can own."""
    oldest = time.time() - STALE_SECONDS
    return [
        path for path in folder.glob(f"{TEMPORARY}*") if path.is_file() and _changed(path) < oldest
    ]


def remove_stale(folder: Path) -> None:
    """Remove `stale_files`, where that is allowed."""
    for path in stale_files(folder):
        with suppress(OSError):
            path.unlink()


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
