"""Reservations of points on an object store: one small object that lists who computes what.

Each run that computes has an entry with what it reserves and a number that it raises every few
seconds, its heartbeat. All changes are conditional writes of the whole object, so that two runs
never hold the same points. Clocks of different machines are not compared: a run takes over from
another only after it has seen, by its own clock that only goes forwards, that the number of the
other stayed the same for a whole lease. A run that was suspended for so long finds at its next
heartbeat that its entry is gone, and ends. What both computed meanwhile is stored twice with the
same numbers.
"""

import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from hessweep.address import Address
from hessweep.errors import DamagedStoreError, InputError, StoreAccessError
from hessweep.store.objects.conditions import Version
from hessweep.store.objects.storage import ObjectStorage
from hessweep.store.waiting import PATIENCE_SECONDS, warn_of_waiting

OBJECT = "reservations.json"

LEASE = "HESSWEEP_LEASE_SECONDS"
"""The environment variable that says after how long without a heartbeat a run counts as dead."""

_DEFAULT_LEASE = 60.0
_BEATS = 6
"""Heartbeats in a lease."""
_POLL_SECONDS = 1.0
_MAX_BYTES = 2**26

Range = tuple[int, int]
"""Start and length of what is reserved."""

Entries = dict[str, dict[str, Any]]
"""By the token of each run: its `beat`, its `lease` in seconds, and its `ranges`."""


class _Reservation:
    """The entry of this run."""

    def __init__(self, root: Address, ranges: Sequence[Range]) -> None:
        self.root = root
        self.storage = ObjectStorage(root)
        self.token = secrets.token_hex(16)
        self.ranges = [list(one) for one in ranges]
        self.lease = _lease()
        self.beat = 0
        self.lost = False
        self.seen: dict[str, tuple[int, float]] = {}
        """The heartbeat of each other run, and since when it is that number by our clock."""

    def take(self, waiting: str) -> None:
        """Wait until nobody alive has reserved the same, and reserve it."""
        begin = time.monotonic()
        while True:
            entries, version = self._read()
            if self.token in entries:
                return  # The answer to an earlier try was lost on the way.
            living = self._living(entries)
            if not any(_overlap(self.ranges, other["ranges"]) for other in living.values()):
                if self._write(living | {self.token: self._entry()}, version):
                    return
                continue
            if waiting and time.monotonic() - begin > PATIENCE_SECONDS:
                warn_of_waiting(waiting)
                waiting = ""
            time.sleep(min(_POLL_SECONDS, self.lease / _BEATS))

    def keep(self, done: threading.Event) -> None:
        """Raise the heartbeat until this run is done, or another has taken over."""
        while not done.wait(self.lease / _BEATS) and not self.lost:
            with suppress(StoreAccessError, DamagedStoreError):  # The next beat may come through.
                self._change(lambda entries: entries | {self.token: self._entry()})

    def end(self) -> None:
        """Remove the entry; if that fails, others take over once the lease is over."""
        with suppress(StoreAccessError, DamagedStoreError):
            self._change(lambda entries: {k: v for k, v in entries.items() if k != self.token})

    def check(self) -> None:
        """Go on only if this run still holds its reservation."""
        if self.lost:
            raise StoreAccessError(
                f"{self.root}: this run was suspended, or could not reach the store, for more "
                f"than {self.lease:g} s, and another one has taken over; nothing is lost, run "
                "again"
            )

    def _change(self, change: Callable[[Entries], Entries]) -> None:
        """Change the entries while ours is among them."""
        while not self.lost:
            entries, version = self._read()
            self.lost = self.token not in entries
            self.beat += 1
            if not self.lost and self._write(change(self._living(entries)), version):
                return

    def _living(self, entries: Entries) -> Entries:
        """Return the entries whose heartbeat we have not seen stand still for their lease."""
        now = time.monotonic()
        for token, entry in entries.items():
            if self.seen.get(token, (None,))[0] != entry["beat"]:
                self.seen[token] = entry["beat"], now
        return {
            token: entry
            for token, entry in entries.items()
            if token == self.token or now - self.seen[token][1] <= entry["lease"]
        }

    def _entry(self) -> dict[str, Any]:
        return {"beat": self.beat, "lease": self.lease, "ranges": self.ranges}

    def _read(self) -> tuple[Entries, Version | None]:
        try:
            content, version = self.storage.get_version(OBJECT, _MAX_BYTES)
        except FileNotFoundError:
            return {}, None
        return _decode(content, str(self.root / OBJECT)), version

    def _write(self, entries: Entries, expected: Version | None) -> bool:
        said = {"runs": entries, "written": secrets.token_hex(16)}
        return self.storage.swap(OBJECT, json.dumps(said).encode(), expected) is not None


@contextmanager
def reserve_ranges(
    root: Address, ranges: Sequence[Range], waiting: str
) -> Iterator[Callable[[], None]]:
    """Reserve ranges of numbers for this run, each of which stands for setups.

    Args:
        root: The results.
        ranges: What to reserve.
        waiting: What to say if another run holds a part of it for longer than a second.

    Yields:
        A function that raises a StoreAccessError if another run has taken over.

    Raises:
        StoreAccessError: If the store can not be reached or refuses.
        DamagedStoreError: If the list of reservations can not be understood.
    """
    reservation = _Reservation(root, ranges)
    reservation.take(waiting)
    done = threading.Event()
    beating = threading.Thread(target=reservation.keep, args=(done,), daemon=True)
    beating.start()
    try:
        yield reservation.check
    finally:
        done.set()
        beating.join()
        reservation.end()


def _overlap(these: Sequence[Sequence[int]], others: Sequence[Sequence[int]]) -> bool:
    """Return whether two lists of ranges have a common number."""
    merged = sorted(
        [(start, start + length, 0) for start, length in these]
        + [(start, start + length, 1) for start, length in others]
    )
    ends = [-1, -1]
    for start, stop, side in merged:
        if start < ends[1 - side]:
            return True
        ends[side] = max(ends[side], stop)
    return False


def _decode(content: bytes, where: str) -> Entries:
    try:
        entries = json.loads(content)["runs"]
        return {
            str(token): {
                "beat": int(entry["beat"]),
                "lease": float(entry["lease"]),
                "ranges": [[int(start), int(length)] for start, length in entry["ranges"]],
            }
            for token, entry in entries.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedStoreError(
            f"{where}: it does not say who computes what: {error}; remove it if no run is alive"
        ) from error


def _lease() -> float:
    text = os.environ.get(LEASE, "")
    try:
        seconds = float(text or _DEFAULT_LEASE)
    except ValueError:
        seconds = -1.0
    if not 1 <= seconds <= 3600:
        raise InputError(f"{LEASE}: expected seconds from 1 to 3600, got {text[:100]!r}")
    return seconds
