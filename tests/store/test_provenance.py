"""The commit that results are computed with, against what git itself says."""

import json
import subprocess
from pathlib import Path

import pytest

from hessweep.store import provenance, read_segment, write_segment


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    told = subprocess.run(
        ["git", "-C", folder, *identity, *arguments], capture_output=True, text=True, check=True
    )
    return told.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "code.py").write_text("x = 1\n")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-q", "-m", "first")
    git(tmp_path, "tag", "-a", "v1", "-m", "a tag that describe would name instead")
    return tmp_path


def test_commit_of_a_clone_and_whether_it_was_edited(clone: Path) -> None:
    head = git(clone, "rev-parse", "HEAD")
    assert provenance._commit_of_clone(clone) == head
    (clone / "untracked.txt").write_text("of no importance")
    assert provenance._commit_of_clone(clone) == head
    (clone / "code.py").write_text("x = 2\n")
    assert provenance._commit_of_clone(clone) == f"{head}-dirty"


def test_no_commit_where_there_is_no_clone_or_no_git(clone: Path, monkeypatch) -> None:
    """A folder inside another repository is not a clone of its own."""
    (clone / "site-packages").mkdir()
    assert provenance._commit_of_clone(clone / "site-packages") == ""
    monkeypatch.setenv("PATH", "")
    assert provenance._commit_of_clone(clone) == ""


def test_segments_say_the_commit(tmp_path, computed, monkeypatch) -> None:
    said = {**provenance.provenance(), "commit": "0" * 40}
    monkeypatch.setattr("hessweep.store.segments.provenance", lambda: said)
    name = write_segment(tmp_path, computed[:1])
    stored = read_segment(tmp_path / "segments" / name).attrs["computed_with"]
    assert json.loads(stored)["commit"] == "0" * 40
