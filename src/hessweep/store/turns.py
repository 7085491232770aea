"""One process at a time, where the file system has no locks: by a file that its owner touches."""

import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hessweep.errors import StoreAccessError
from hessweep.store.waiting import PATIENCE_SECONDS, warn_of_waiting

TOUCH_SECONDS = 2.0

STALE_SECONDS = 60.0
"""An owner that has not touched its file for so long was killed; clocks are not compared."""


@dataclass(frozen=True)
class Turn:
    """The turn of this process; another one may end it if this process is suspended."""

    path: Path
    token: str
    """What this process wrote into the file, and no other process would."""

    def is_mine(self) -> bool:
        """Return whether this process still has the turn.

        Raises:
            OSError: If the file can not be read.
        """
        try:
            return self.path.read_bytes() == self.token.encode()
        except FileNotFoundError:
            return False

    def check(self) -> None:
        """Go on only if this process still has the turn.

        Raises:
            StoreAccessError: If another process has taken over.
            OSError: If that can not be told.
        """
        if not self.is_mine():
            raise StoreAccessError(
                f"{self.path}: this process was suspended and another one has taken over; "
                "nothing is lost, publish again"
            )


@contextmanager
def turn(path: Path, waiting: str = "") -> Iterator[Turn]:
    """Wait until no other process is inside, and keep the others out until the end.

    Args:
        path: The file that says whose turn it is.
        waiting: What to say if another process is inside for longer than a second; nothing if
            empty.
    """
    token = secrets.token_hex(16)
    start = since = time.monotonic()
    seen = None
    while not _create(path, token):
        state = _state(path)
        if state != seen:
            seen, since = state, time.monotonic()
        elif time.monotonic() - since > STALE_SECONDS:
            _end(path, seen)
        if waiting and time.monotonic() - start > PATIENCE_SECONDS:
            warn_of_waiting(waiting)
            waiting = ""
        time.sleep(TOUCH_SECONDS / 20)
    mine = Turn(path, token)
    done = threading.Event()
    touching = threading.Thread(target=_touch, args=(mine, done), daemon=True)
    touching.start()
    try:
        yield mine
    finally:
        done.set()
        touching.join()
        with suppress(OSError):  # Others take over once the file has not been touched for long.
            if mine.is_mine():
                path.unlink(missing_ok=True)


def _end(path: Path, seen: tuple[int, int] | None) -> None:
    """End the turn of an owner that was killed, but not that of another which has come since.

    Otherwise the second of two that wait would remove the file that the first has just made.
    """
    with turn(path.with_name(f"{path.name}.end")):
        if _state(path) == seen:
            path.unlink(missing_ok=True)


def _create(path: Path, token: str) -> bool:
    """Create the file; False if it is there. This is the one step that only one process can do."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        file.write(token)
    return True


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _touch(mine: Turn, done: threading.Event) -> None:
    while not done.wait(TOUCH_SECONDS):
        with suppress(OSError):
            if mine.is_mine():
                os.utime(mine.path)
