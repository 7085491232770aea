"""Published groups of which something is missing or in the way: readers say so, repair helps."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from hessweep.errors import DamagedStoreError, StoreAccessError
from hessweep.running import verify
from hessweep.store import (
    open_results,
    publish,
    published_digests,
    publishing,
    repair,
    stored_points,
    table,
    write_segment,
)
from hessweep.store.opening import open_groups

MEND = {"publish": publish, "repair": repair}


@pytest.mark.parametrize("read", [open_results, open_groups])
@pytest.mark.parametrize("lost", ["erf.zarr", "erf.zarr/zarr.json"])
def test_readers_name_a_group_that_was_published_and_is_not_there(root, read, lost):
    path = root / "published" / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    for place in (root, root / "published"):
        with pytest.raises(DamagedStoreError, match=r"erf\.zarr"):
            read(place)


def test_readers_name_a_group_without_metadata_in_a_copy_without_the_list(root):
    (root / "published" / ".state.json").unlink()
    assert len(open_results(root).children) == 3
    (root / "published" / "erf.zarr" / "zarr.json").unlink()
    for place in (root, root / "published" / "erf.zarr"):
        with pytest.raises(DamagedStoreError, match=r"erf\.zarr: .* no zarr\.json"):
            open_results(place)


def test_a_group_that_is_being_published_for_the_first_time_is_not_missed(root, computed):
    (root / "published" / "new.zarr" / "key").mkdir(parents=True)
    assert len(table(open_results(root))) == len(computed)


def interrupt(*_):
    raise KeyboardInterrupt


def test_a_group_whose_last_point_is_gone_is_not_missed(small, computed):
    """At no moment of its removal, also where the rest of the publish never comes."""
    name = write_segment(small, [computed[1]])
    publish(small)
    (small / "segments" / name).unlink()
    original, calls = publishing._remove, []

    def die(path):
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        original(path)

    for moment in ("state", "removal"):
        with pytest.MonkeyPatch.context() as patch:
            if moment == "removal":
                patch.setattr(publishing, "_remove", die)
            else:
                patch.setattr(Path, "rename", interrupt)
            with pytest.raises(KeyboardInterrupt):
                publish(small)
        assert set(table(open_results(small))["activation"]) <= {"erf", "linear"}
    assert len(table(open_results(small))) == 3
    assert not (small / "published" / "linear.zarr").exists()
    publish(small)
    assert verify(small, sample=0).ok


@pytest.mark.parametrize("mend", MEND)
@pytest.mark.parametrize(
    "name",
    ["erf.zarr", "erf.zarr/zarr.json", "erf.zarr/seed", "erf.zarr/seed/zarr.json",
     "erf.zarr/seed/c", ".state.json", ".building"],
)  # fmt: skip
def test_what_stands_in_the_way_is_moved_aside(root, computed, mend, name):
    """A folder in place of a file, or a file in place of a folder."""
    path = root / "published" / name
    was_file = path.is_file()
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if was_file:
        path.mkdir()
        (path / "mine").write_text("mine")
    else:
        path.write_text("mine")
    write_segment(root, computed[:1])
    MEND[mend](root)
    repair(root)
    assert len(table(open_results(root))) == len(computed)
    # A file that nothing needs the place of is foreign, and stays until its place is needed.
    publish(root, force=True)
    assert verify(root, sample=0).ok


NEEDS = {
    ".": (publish, repair, verify),
    "segments": (publish, repair, verify, stored_points),
    "published": (publish, repair, verify, open_results, published_digests),
}
"""What must list which folder."""


@pytest.mark.parametrize(
    "work", [publish, repair, open_results, stored_points, published_digests, verify]
)
@pytest.mark.parametrize("folder", [".", "segments", "published"])
def test_a_folder_that_can_not_be_listed_is_an_error_of_access(root, work, folder, monkeypatch):
    broken = (root / folder).resolve()

    def failing(original):
        def listing(path="."):
            if os.path.realpath(path) == str(broken):
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
            return original(path)

        return listing

    monkeypatch.setattr(os, "listdir", failing(os.listdir))
    monkeypatch.setattr(os, "scandir", failing(os.scandir))
    if work in NEEDS[folder]:
        with pytest.raises(StoreAccessError, match=f"{root}.*Input/output error"):
            work(root)
    else:
        work(root)
