"""A study of which some points are stored, some failed, and one segment is damaged."""

import re
import subprocess
import sys
from contextlib import contextmanager

import pytest

from hessweep.kinds import PointResult
from hessweep.store import write_segment
from hessweep.store.segments import segments_folder

HOSTILE = '"><img src=x onerror=alert(1)></script><script>alert(2)</script>'

STUDY = """
name: demo
sweeps:
  small: {activation: [erf, linear, quadratic], N: [2, 4], seeds: 20}
  until: {activation: relu, N: 3, seeds: {until: {relative_error: 0.05, of: trace}, at_most: 200}}
"""


def store(study, points):
    """Compute these points and commit them as one segment."""
    return write_segment(study.results, [point.compute() for point in points])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the study file and nothing else, which is the current one."""
    (tmp_path / "study.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fill(study):
    """Store half of the points of the first sweep; 3 of them failed and 2 can not be read."""
    points = study.sweeps["small"].points()
    failed = [PointResult(point, error=f"ArithmeticError: {HOSTILE}") for point in points[:3]]
    write_segment(study.results, failed)
    store(study, points[3:30])
    store(study, points[30:58])
    damaged = segments_folder(study.results) / store(study, points[58:60])
    damaged.write_bytes(damaged.read_bytes()[:-1])


@contextmanager
def watching(folder, *options):
    """A process of `hessweep watch study.yaml`, with the address that it says."""
    command = [sys.executable, "-m", "hessweep", "watch", *(options or ("study.yaml",))]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", address), process.stderr.read()
        yield process, address
    finally:
        process.kill()
        process.wait()
