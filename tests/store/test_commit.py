"""In which order a file comes to disk: what a crash of the machine leaves is whole."""

import os
from pathlib import Path

import pytest

from hessweep.store.files import TEMPORARY, commit_file


@pytest.fixture
def steps(monkeypatch):
    """What is written, brought to disk and renamed, in order."""
    done = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(descriptor):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        content = path.read_bytes() if path.is_file() else None
        done.append(("fsync", path.name.startswith(TEMPORARY), content))
        fsync(descriptor)

    def watched_replace(path, target):
        done.append(("rename", path.name.startswith(TEMPORARY), target.name))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    return done


def test_content_is_on_disk_before_the_name_and_the_name_before_the_return(tmp_path, steps):
    commit_file(tmp_path / "file", b"content")
    assert steps == [("fsync", True, b"content"), ("rename", True, "file"), ("fsync", False, None)]
    assert (tmp_path / "file").read_bytes() == b"content"
