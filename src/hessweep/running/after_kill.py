"""Clears what a killed Snakemake leaves behind, where that is safe.

Snakemake locks a folder by files that it removes at its end; killed, it leaves them, and the next
run asks for `--unlock`. Here every run also holds a lock of the operating system, which ends with
its process. A run that gets this lock exclusively knows that the files are stale.
"""

import fcntl
import shutil
from base64 import urlsafe_b64decode
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

ALIVE = "alive.lock"

_held: list[BinaryIO] = []


def clear_after_kill(state: Path) -> bool:
    """Remove stale locks and half-written outputs, unless another run is alive in the folder.

    An output whose job did not finish is removed, as Snakemake does when a job fails, so that it
    is made again. This process counts as alive from here until its end.

    Args:
        state: Snakemake's own folder, `.snakemake`.

    Returns:
        Whether no other run was alive.
    """
    try:
        state.mkdir(exist_ok=True)
        file = (state / ALIVE).open("ab")
    except OSError:
        return False  # Snakemake can not work here either, and reports it
    _held.append(file)  # closing the file would release the lock
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        alone = False
    else:
        alone = True
        shutil.rmtree(state / "locks", ignore_errors=True)
        _remove_unfinished(state / "incomplete")
    # Where the system has no locks, Snakemake's own files decide.
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_SH)
    return alone


def _remove_unfinished(marks: Path) -> None:
    """Remove the outputs that Snakemake marked before their job, and did not unmark after it."""
    for mark in [path for path in marks.rglob("*") if path.is_file()]:
        # Long names are cut into folders, each but the last with an @ in front.
        *folders, last = mark.relative_to(marks).parts
        name = "".join(folder.removeprefix("@") for folder in folders) + last
        with suppress(ValueError, OSError):
            Path(urlsafe_b64decode(name).decode()).unlink(missing_ok=True)
        mark.unlink(missing_ok=True)
