"""What all jobs of the workflow do: keep a log of what they print, and end with a message."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FunctionType
from typing import Any, TextIO

from hessweep.errors import HessweepError
from hessweep.running.capacity import fit_address_space
from hessweep.running.preloading import hand_over
from hessweep.running.signals import ignore_further_signals
from hessweep.store.files import accessing


class Doubled:
    """The error stream, everything that is written to it being written to a log as well."""

    def __init__(self, stream: TextIO, log: TextIO) -> None:
        self._stream, self._log = stream, log

    def write(self, text: str) -> int:
        """Write to both; a log on a full disk is no reason to end a job."""
        with suppress(OSError):
            self._log.write(text)
            self._log.flush()
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        """Be the stream in everything else, such as whether it is a terminal."""
        return getattr(self._stream, name)


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Write what the block prints to the error stream to a file as well."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        log = path.open("w", encoding="utf-8", errors="backslashreplace")
    except OSError:
        yield  # what the job itself can not write, it says better
        return
    stream = sys.stderr
    sys.stderr = Doubled(stream, log)
    try:
        yield
    finally:
        sys.stderr = stream
        with suppress(OSError):  # What the log still holds may not fit on the disk.
            log.close()


@contextmanager
def refusals_in_words() -> Iterator[None]:
    """Turn what the system refuses into an error in words: scripts write their outputs themselves.

    Raises:
        StoreAccessError: In place of any `OSError`.
    """
    try:
        yield
    except HessweepError:
        raise
    except OSError as error:
        name = error.filename
        with accessing(Path(os.fsdecode(name) if name else "the outputs"), "make"):
            raise


def run_job(main: FunctionType, job: Any) -> None:
    """Run the main function of a script with Snakemake's object, and write the job's log.

    Where a process has the job's imports done, the script runs there (`preloading`), and so it
    imports within its main function all that takes long to import.

    The exit code is 1 if it fails. A message ends it where a user can do something about it,
    and a traceback where that is a fault of the program.
    """
    if (status := hand_over(main.__globals__["__file__"], job)) is not None:
        sys.exit(status)
    with logged(Path(job.log[0])):
        try:
            with refusals_in_words():
                fit_address_space()
                main(job)
        except KeyboardInterrupt:
            ignore_further_signals()
            message = "stopped; what was computed is stored, run again to compute the rest"
        except HessweepError as error:
            message = str(error)
        except Exception:
            traceback.print_exc()
            sys.exit(1)
        else:
            return
        sys.stderr.write(f"hessweep: {message}\n")
        sys.exit(1)
