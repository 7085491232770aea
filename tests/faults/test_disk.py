"""A disk that is full, a read-only file system, a folder without permission: real ones."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.processes import HESSWEEP, SNAKEMAKE, finish, workflow_folder
from faults.stored import contents
from hessweep.outputs import load_study
from hessweep.running import verify
from hessweep.store import publish, stored_points, write_segment

STUDY = """
name: demo
results: disk/demo
sweeps:
  large: {activation: [erf, quadratic], N: [20, 24], seeds: 60}
"""

RUN = (*HESSWEEP, "run", "study.yaml", "--json", "--workers", "1")


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, 300 kB large."""
    if os.geteuid() != 0:
        pytest.fail("these tests mount file systems: run them as root, as in a container")
    (tmp_path / "study.yaml").write_text(STUDY)
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def told(process: subprocess.CompletedProcess[str]) -> str:
    """Return the one message of a command that could not do its work."""
    assert process.returncode == 1
    assert process.stdout == ""
    *progress, message = process.stderr.splitlines()
    assert all(" of 240 points" in line for line in progress), process.stderr
    assert message.startswith("hessweep: can not ")
    return message


@pytest.mark.faults
def test_a_full_disk(disk: Path) -> None:
    """The run ends with a message and whole segments; with more room it goes on."""
    message = told(finish(RUN, disk.parent))
    assert "No space left on device; make room, or name another results folder" in message
    root = disk / "demo"
    stored = stored_points(root)
    assert 0 < len(stored) < 240
    assert not list(root.rglob(".tmp-*"))
    kinds = {problem.kind for problem in verify(root, sample=3).problems}
    assert kinds <= {"stale published"}

    mount("-o", "remount,size=20m", str(disk))
    again = finish(RUN, disk.parent)
    assert again.returncode == 0, again.stderr
    counts = json.loads(again.stdout)
    assert counts == {
        "requested": 240, "computed": 240 - len(stored), "reused": len(stored), "failed": 0,
    }  # fmt: skip
    assert verify(root, sample=3).ok
    assert len(contents(root)) == 240


@pytest.mark.faults
def test_a_disk_that_fills_while_publishing(disk: Path) -> None:
    """Readers keep the version that they have; publishing goes on once there is room."""
    mount("-o", "remount,size=20m", str(disk))
    (disk.parent / "study.yaml").write_text(STUDY.replace("seeds: 60", "seeds: 2"))
    assert finish(RUN, disk.parent).returncode == 0
    root = disk / "demo"
    (disk.parent / "study.yaml").write_text(STUDY.replace("seeds: 60", "seeds: 4"))
    write_segment(root, [p.compute() for p in load_study(disk.parent / "study.yaml").points()])
    ballast = disk / "ballast"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    ballast.write_bytes(bytes(free - 8192))
    message = told(finish([*HESSWEEP, "publish", "disk/demo"], disk.parent))
    assert "No space left on device" in message
    assert {problem.kind for problem in verify(root, sample=0).problems} <= {"stale published"}
    ballast.unlink()
    assert publish(root)
    assert verify(root).ok


@pytest.mark.faults
def test_a_read_only_file_system(disk: Path) -> None:
    mount("-o", "remount,size=20m", str(disk))
    (disk.parent / "study.yaml").write_text(STUDY.replace("60", "2"))
    assert finish(RUN, disk.parent).returncode == 0
    (disk.parent / "study.yaml").write_text(STUDY.replace("60", "3"))
    mount("-o", "remount,ro", str(disk))
    assert "Read-only file system; get permission to write there" in told(finish(RUN, disk.parent))
    # What is stored can still be read.
    assert finish([*HESSWEEP, "verify", "disk/demo"], disk.parent).returncode == 0
    rows = finish([*HESSWEEP, "query", "disk/demo", "--columns", "rank"], disk.parent)
    assert len(rows.stdout.split()) == 1 + 8
    mount("-o", "remount,rw", str(disk))
    again = finish(RUN, disk.parent)
    assert json.loads(again.stdout)["computed"] == 4


@pytest.mark.faults
def test_a_disk_that_fills_in_the_workflow(disk: Path) -> None:
    """The scripts that make tables, figures and the report say so; later all is made."""
    mount("-o", "remount,size=40m", str(disk))
    outputs = "tables: {ranks: {kind: ranks}}\nfigures: {grid: {kind: rank-grid, options: {}}}\n"
    study = STUDY.replace("seeds: 60", "seeds: 2") + outputs.replace("{}", "{activation: erf}")
    workflow_folder(disk.parent, study)
    assert finish([*SNAKEMAKE, "--until", "publish"], disk.parent).returncode == 0
    ballast = disk / "ballast"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    ballast.write_bytes(bytes(free - 8192))
    failed = finish([*SNAKEMAKE, "--keep-going"], disk.parent)
    assert failed.returncode != 0
    assert "No space left on device; make room" in failed.stderr
    assert "Traceback" not in failed.stderr, failed.stderr
    ballast.unlink()
    again = finish(SNAKEMAKE, disk.parent)
    assert again.returncode == 0, again.stderr
    assert (disk / "demo" / "complete.json").exists()


def test_a_folder_without_permission(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    (tmp_path / "disk").mkdir(mode=0o555)
    command: list[str] = list(RUN)
    if os.geteuid() == 0:  # root may write anywhere, unless it gives that right away
        command = ["setpriv", "--bounding-set=-dac_override", *command]
    message = told(finish(command, tmp_path))
    assert "Permission denied; get permission to write there" in message
    assert list((tmp_path / "disk").iterdir()) == []
