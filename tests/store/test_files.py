"""Temporary files of living writers stay, whatever the clocks say; and waiting is said."""

import errno
import fcntl
import os
import time
import warnings

import pytest

from hessweep.errors import StoreAccessError
from hessweep.store import files, publish, publishing, reservations, waiting, write_segment
from hessweep.store.files import TEMPORARY, commit_file, remove_stale, stale_files
from hessweep.store.waiting import WaitingWarning

from .conftest import with_seed

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
