"""Temporary files of living writers stay, whatever the clocks say; and waiting is said."""

import errno
import fcntl
import os
import time
import warnings

import pytest

from hessweep.errors import StoreAccessError
from hessweep.store import (
    files,
    publish,
    publishing,
    reservations,
    turns,
    waiting,
    write_segment,
)
from hessweep.store.files import TEMPORARY, commit_file, remove_stale, stale_files
from hessweep.store.objects import reservations as object_reservations
from hessweep.store.waiting import WaitingWarning

from .conftest import with_seed
from .memory_store import memory_place

DAYS = 2 * 86400


def test_a_clock_that_is_days_ahead_removes_no_file_of_a_living_writer(tmp_path, monkeypatch):
    left = tmp_path / f"{TEMPORARY}1"
    left.write_text("half")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + DAYS)
    remove_stale(tmp_path)
    assert list(tmp_path.iterdir()) == [left]


@pytest.mark.parametrize("has_locks", [True, False])
def test_a_file_that_seems_old_stays_while_its_writer_has_the_lock(
    tmp_path, monkeypatch, has_locks
):
    """A writer whose machine dates files two days back."""
    seen = []
    original = os.fsync

    def look(descriptor):
        for path in tmp_path.glob(f"{TEMPORARY}*"):
            os.utime(path, (time.time() - DAYS,) * 2)
        seen.append(len(stale_files(tmp_path)))
        original(descriptor)

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(os, "fsync", look)
    if not has_locks:
        monkeypatch.setattr(fcntl, "flock", refuse)
    commit_file(tmp_path / "file", b"whole")
    assert seen[0] == (0 if has_locks else 1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_writer_left_is_removed_a_day_later(tmp_path):
    left = tmp_path / f"{TEMPORARY}1"
    left.write_text("half")
    os.utime(left, (time.time() - DAYS,) * 2)
    assert stale_files(tmp_path) == [left]
    remove_stale(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_new_folder_and_every_renamed_file_is_on_disk_before_the_commit(
    tmp_path, computed, monkeypatch
):
    synced = []
    original = files.sync
    for module in (files, publishing):
        monkeypatch.setattr(module, "sync", lambda path: synced.append(path) or original(path))
    root = tmp_path / "new" / "results"
    write_segment(root, computed[:1])
    assert {tmp_path, tmp_path / "new", root, root / "segments"} <= set(synced)
    synced.clear()
    publish(root)
    group = root / "published" / "erf.zarr"
    written = {path.parent for path in group.rglob("*") if path.is_file()}
    assert written | {root, root / "published"} <= set(synced)
    assert synced.index(group) > max(synced.index(path) for path in written - {group})


def test_a_publish_that_waits_says_so(small, computed, monkeypatch):
    write_segment(small, [with_seed(computed[0], 3)])
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.0)
    with (small / "published" / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        def release(message, *_, **__):
            fcntl.flock(file, fcntl.LOCK_UN)
            told.append(message)

        told = []
        monkeypatch.setattr(warnings, "warn", release)
        assert publish(small)
    folder = small / "published"
    assert told[0] == f"another process is publishing in {folder}; waiting until it ends"


def test_a_publish_that_does_not_wait_says_nothing(small, computed):
    write_segment(small, [with_seed(computed[0], 3)])
    with warnings.catch_warnings():
        warnings.simplefilter("error", WaitingWarning)
        assert publish(small)


def test_a_lock_file_of_another_user_is_named(tmp_path, computed, monkeypatch):
    (tmp_path / reservations.FILE).touch()
    original = type(tmp_path).open

    def refuse(path, *arguments, **options):
        if path.name == reservations.FILE:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return original(path, *arguments, **options)

    monkeypatch.setattr(type(tmp_path), "open", refuse)
    with (
        pytest.raises(StoreAccessError, match=r"reserve points in .*claims\.lock: Permission"),
        reservations.reserve(tmp_path, [computed[0].point]),
    ):
        pass


def test_a_folder_that_can_not_be_written_has_the_time_of_this_machine(tmp_path, monkeypatch):
    old = tmp_path / f"{files.TEMPORARY}old"
    old.touch()

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "open", refuse)
    monkeypatch.setattr(files.time, "time", lambda: old.stat().st_mtime + files.STALE_SECONDS + 1)
    assert files.stale_files(tmp_path) == [old]
    monkeypatch.setattr(files.time, "time", lambda: old.stat().st_mtime + files.STALE_SECONDS - 1)
    assert files.stale_files(tmp_path) == []


def test_a_temporary_file_that_is_gone_is_not_stale(tmp_path):
    assert files._modification_time(tmp_path / "gone") == float("inf")


class Clock:
    """A clock that stands still but for the pauses of those who wait."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(waiting.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(waiting.time, "sleep", self.sleep)

    def sleep(self, seconds):
        self.now += seconds


@pytest.mark.parametrize(("held", "says"), [(0.0, False), (0.9, False), (2.5, True)])
def test_who_waits_says_so_after_a_second_and_not_before(tmp_path, monkeypatch, held, says):
    """For a lock, for a turn where there are no locks, and for points on an object store."""
    clock = Clock(monkeypatch)
    end, blocked = clock.now + held, []
    monkeypatch.setattr(waiting, "take_lock", lambda _: clock.now >= end)
    monkeypatch.setattr(waiting.fcntl, "flock", lambda file, how: blocked.append(how))

    def turn_passes(path, token):
        return clock.now >= end

    monkeypatch.setattr(turns, "_create", turn_passes)
    place = Held(memory_place(monkeypatch).root, [(0, 1)], clock, end)
    for wait in (
        lambda: waiting.lock(None, "they are at work"),
        lambda: enter(tmp_path / "turn"),
        lambda: place.take("they are at work"),
    ):
        clock.now = end - held
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            wait()
        assert [str(one.message) for one in told] == ["they are at work"] * says
    assert blocked == [fcntl.LOCK_EX] * says


def enter(path):
    with turns.turn(path, "they are at work"):
        pass


class Held(object_reservations._Reservation):
    """A reservation on an object store where another run holds the same until the end."""

    def __init__(self, root, ranges, clock, end):
        super().__init__(root, ranges)
        self.clock, self.end = clock, end

    def _living(self, _):
        other = {"ranges": [[0, 1]]}
        return {} if self.clock.now >= self.end else {"other": other}


@pytest.mark.parametrize(
    ("code", "waits"), [(errno.EAGAIN, True), (errno.EACCES, True), (errno.ENOLCK, False)]
)
def test_without_locks_a_run_does_not_wait(tmp_path, computed, monkeypatch, code, waits):
    """Where the system says that another holds a lock it waits; any other error means no locks."""
    asked = []

    def lockf(file, how, *_):
        asked.append(how)
        if how & fcntl.LOCK_NB:
            raise OSError(code, "no")

    monkeypatch.setattr(reservations.fcntl, "lockf", lockf)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with reservations.reserve(tmp_path, [computed[0].point]):
            pass
    assert asked == [fcntl.LOCK_EX | fcntl.LOCK_NB] + [fcntl.LOCK_EX] * waits
    assert [one.category for one in told] == [WaitingWarning] * waits
