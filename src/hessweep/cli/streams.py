"""The standard streams of the command: closed, full, or in an encoding without our letters."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from hessweep.cli.output import INCOMPLETE, tell

CAN_NOT_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EPIPE}
"""What a write can fail with when the stream was fine before."""


@contextmanager
def standard_streams() -> Iterator[None]:
    """Make the block end with a message and exit code 1 if standard output can not be written."""
    if sys.stderr is None:
        sys.stderr = _nowhere()
    if sys.stdout is None:
        sys.stdout = _nowhere()
        tell("standard output is closed, and this command writes to it; nothing was done")
        sys.exit(INCOMPLETE)
    for stream in (sys.stdout, sys.stderr):
        # A locale such as ISO-8859-1 lacks letters of ours, and of names that users choose.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        # What is done with files says which file it was.
        if error.filename or error.errno not in CAN_NOT_WRITE:
            tell(str(error))
        elif not isinstance(error, BrokenPipeError):
            tell(f"standard output can not be written: {error.strerror}")
        _send_nowhere(sys.stdout)
        sys.exit(INCOMPLETE)


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123


def _send_nowhere(stream: TextIO) -> None:
    """Drop what a stream still holds, which Python would try to write once more at its end."""
    with _nowhere() as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
