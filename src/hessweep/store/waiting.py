"""Waiting for a lock that another process holds, and saying so."""

import fcntl
import time
import warnings
from pathlib import Path
from typing import IO, Any

PATIENCE_SECONDS = 1.0
"""How long a process waits before it says that it does."""

_POLL_SECONDS = 0.05


class WaitingWarning(UserWarning):
    """Another process holds what this one wants."""


def warn_of_waiting(message: str) -> None:
    """Say that this process waits, and for what."""
    warnings.warn(message, WaitingWarning, stacklevel=3)


def publishing_message(folder: Path) -> str:
    """Return what to say while another process publishes in the folder."""
    return f"another process is publishing in {folder}; waiting until it ends"


def lock(file: IO[Any], message: str) -> None:
    """Take the lock of a file; warn with the message if that takes longer than a second.

    The operating system releases the lock when the file is closed or the process ends.

    Raises:
        OSError: If the file system has no locks.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not take_lock(file):
        if time.monotonic() >= deadline:
            warn_of_waiting(message)
            fcntl.flock(file, fcntl.LOCK_EX)
            return
        time.sleep(_POLL_SECONDS)


def take_lock(file: IO[Any]) -> bool:
    """Take the lock of a file if no other process holds it, and return whether that is so.

    Raises:
        OSError: If the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
