"""Claims on a results folder, so that two runs do not do the same work twice.

The operating system holds a claim for a process and lets go when it ends, however it ends: a
killed run leaves none behind. Correctness does not rest on them. Where a file system has no locks,
two runs at once compute some points twice and store the same numbers twice.
"""

import errno
import fcntl
import hashlib
import json
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from hessweep.activations import Activation
from hessweep.setup import Point
from hessweep.store.files import accessing

CLAIMS = "claims.lock"

MAX_LOCKS = 500
"""Sizes of one activation that are locked one by one; beyond it, all its sizes together."""

SPAN = 2**32
"""Bytes of an activation with its weights, one for each size; the file itself stays empty."""

_TAKEN = (errno.EAGAIN, errno.EACCES)


class WaitingWarning(UserWarning):
    """Another run is computing points that this one wants."""


@contextmanager
def claim(root: Path, points: Iterable[Point]) -> Iterator[None]:
    """Let no other run compute points of these activations, weights and sizes meanwhile.

    Each of these has a byte of one file. They are locked in ascending order, so that two runs
    never wait for each other. If another run holds one, a `WaitingWarning` says so and this one
    waits.

    Raises:
        StoreAccessError: If the folder can not be written.
    """
    ranges = _ranges(points)
    with accessing(root, "store points in"):
        root.mkdir(parents=True, exist_ok=True)
        file = (root / CLAIMS).open("ab")
    with file:
        # Some cluster file systems have no locks.
        with suppress(OSError):
            for start, length in ranges:
                _lock(file, start, length, root)
        yield


def _lock(file: BinaryIO, start: int, length: int, root: Path) -> None:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        warnings.warn(
            f"another run is computing points of this study in {root}; waiting until it ends",
            WaitingWarning,
            stacklevel=4,
        )
        fcntl.lockf(file, fcntl.LOCK_EX, length, start)


def _ranges(points: Iterable[Point]) -> list[tuple[int, int]]:
    """Return (start, length) of the bytes to lock, ascending."""
    sizes: defaultdict[tuple[Activation, str], set[tuple[int, int]]] = defaultdict(set)
    for point in points:
        sizes[point.activation, point.weights].add((point.N_i, point.N_h))
    ranges = []
    for (activation, weights), group in sizes.items():
        start = _hash(activation.identity, weights) % 2**30 * SPAN
        # The kernel's time grows with the square of the number of locks: 2 s for 10^4 of them.
        if len(group) > MAX_LOCKS:
            ranges.append((start, SPAN))
        else:
            ranges += [(start + _hash(N_i, N_h) % SPAN, 1) for N_i, N_h in group]
    return sorted(ranges)


def _hash(*parts: Any) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest())
