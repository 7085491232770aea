"""A folder for the key files of one run, which workers on other machines read.

Only this user can enter it (mode 0700). The run removes it at its end. If the run is killed, the
next run on the same shared folder does so: the run held a lock, which ended with its process.
Where a file system has no locks, nobody can tell, and the folder stays until it is removed by
hand.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from hessweep.store.waiting import take_lock

PREFIX = ".keys-"
LOCK = "alive.lock"


@contextmanager
def key_folder(shared: Path) -> Iterator[Path]:
    """Make a new folder in this one, and remove it at the end of the block.

    Raises:
        OSError: If the folder can not be made.
    """
    remove_left(shared)
    folder = Path(mkdtemp(prefix=PREFIX, dir=shared))
    try:
        # It gets its name once it is held: a lock that is not held is that of a dead run.
        unfinished = folder / f"{LOCK}.new"
        with unfinished.open("xb") as lock:
            with suppress(OSError):
                take_lock(lock)
            unfinished.rename(folder / LOCK)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_left(shared: Path) -> None:
    """Remove the folders of runs that were killed."""
    for folder in shared.glob(f"{PREFIX}*"):
        with suppress(OSError), (folder / LOCK).open("rb") as lock:
            if take_lock(lock):
                shutil.rmtree(folder, ignore_errors=True)
