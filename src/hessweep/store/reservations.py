"""Reservations of points, so that two runs do not do the same work twice.

`objects/reservations.py` has those on an object store. In a results folder, the operating system
holds a reservation for a process and releases it when the process ends, however it ends, so a
killed run leaves none behind. Correctness does not depend on reservations. Where a file system has
no locks, two runs at once compute some points twice and store the same numbers twice.
"""

import errno
import fcntl
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from hessweep.address import Address, Root
from hessweep.points import count_setups
from hessweep.setup import Point, Setup
from hessweep.store.files import accessing, make_folder
from hessweep.store.waiting import warn_of_waiting

FILE = "claims.lock"

MAX_LOCKS = 500
"""Setups of one activation that are locked one by one; if there are more, all of them together."""

SPAN = 2**32
"""Bytes of each activation, one for each setup; the file itself stays empty."""

_TAKEN = (errno.EAGAIN, errno.EACCES)


@contextmanager
def reserve(root: Root, points: Iterable[Point]) -> Iterator[Callable[[], None]]:
    """Let no other run compute points of these setups meanwhile.

    In a folder each setup has a byte of one file. The bytes are locked in ascending order, so that
    two runs never wait for each other. If another run holds one, a `WaitingWarning` says so and
    this run waits.

    Yields:
        A function that raises a StoreAccessError if another run has taken over, because this one
        was suspended; that can only be on an object store.

    Raises:
        StoreAccessError: If the folder can not be written.
    """
    ranges = _ranges(count_setups(points))
    waiting = f"another run is computing points of this study in {root}; waiting until it ends"
    if isinstance(root, Address):
        from hessweep.store.objects.reservations import reserve_ranges

        with reserve_ranges(root, ranges, waiting) as check:
            yield check
        return
    with accessing(root, "store points in"):
        make_folder(root)
    # The file may belong to another user although the folder can be written.
    with accessing(root / FILE, "reserve points in"):
        file = (root / FILE).open("ab")
    with file:
        # Some cluster file systems have no locks.
        with suppress(OSError):
            for start, length in ranges:
                _lock(file, start, length, waiting)
        yield lambda: None


def _lock(file: BinaryIO, start: int, length: int, waiting: str) -> None:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        warn_of_waiting(waiting)
        fcntl.lockf(file, fcntl.LOCK_EX, length, start)


def _ranges(setups: Iterable[Setup]) -> list[tuple[int, int]]:
    """Return the start and length of each range of bytes to lock, ascending."""
    groups: defaultdict[int, set[int]] = defaultdict(set)
    for setup in setups:
        start = _hash(setup.activation.identity) % 2**30 * SPAN
        groups[start].add(start + _hash(setup.columns) % SPAN)
    ranges = []
    for start, places in groups.items():
        # The kernel's time grows with the square of the number of locks: 2 s for 10^4 of them.
        if len(places) > MAX_LOCKS:
            ranges.append((start, SPAN))
        else:
            ranges += [(place, 1) for place in places]
    return sorted(ranges)


def _hash(value: Any) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest())
