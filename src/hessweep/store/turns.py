"""One process at a time, where the file system has no locks: by a file that its owner touches."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TOUCH_SECONDS = 2.0

STALE_SECONDS = 60.0
"""An owner that has not touched its file for so long was killed; clocks are not compared."""


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """Wait until no other process is inside, and keep the others out until the end."""
    seen, since = None, time.monotonic()
    while not _created(path):
        state = _state(path)
        if state != seen:
            seen, since = state, time.monotonic()
        elif time.monotonic() - since > STALE_SECONDS:
            _end(path, seen)
        time.sleep(TOUCH_SECONDS / 20)
    done = threading.Event()
    touching = threading.Thread(target=_touch, args=(path, done), daemon=True)
    touching.start()
    try:
        yield
    finally:
        done.set()
        touching.join()
        path.unlink(missing_ok=True)


def _end(path: Path, seen: tuple[int, int] | None) -> None:
    """End the turn of an owner that was killed; not that of another which has come since.

    Of two that wait, the second would else remove the file that the first has just made.
    """
    with turn(path.with_name(f"{path.name}.end")):
        if _state(path) == seen:
            path.unlink(missing_ok=True)


def _created(path: Path) -> bool:
    """Create the file; False if it is there. The one step that only one process can do."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    return True


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _touch(path: Path, done: threading.Event) -> None:
    while not done.wait(TOUCH_SECONDS):
        with suppress(OSError):
            os.utime(path)
