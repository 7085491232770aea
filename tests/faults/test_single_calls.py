"""Each system call that storing, indexing, publishing, repairing and receipts make fails once.

`interposed.c` stands between Python and the C library. A part of the calls is tried, always the
same; all of them with `HESSWEEP_EVERY_CALL=1`, which takes hours.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from faults.processes import HESSWEEP, ROOT, finish
from faults.single_calls import SCENARIOS, TAKE_ROOM

SOURCE = Path(__file__).parent / "interposed.c"

WORDS = {"ENOSPC": "No space left on device", "EIO": "Input/output error"}

STRIDES = {
    "store": 3,
    "first": 4,
    "publish": 127,
    "publish without locks": 211,
    "repair": 499,
    "receipts": 311,
}
"""Of how many calls one is tried: publishing makes two thousand, most of them alike."""

EXPECTED = {
    "store": {"lockf", "write", "fsync", "rename", "create", "mkdir", "flock", "opendir"},
    "publish": {"openat", "unlink", "unlinkat", "rmdir", "link", "close", "read"},
}
"""Calls that a scenario makes, so that the library is known to stand between."""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interposed library, compiled."""
    path = tmp_path_factory.mktemp("interposed") / "interposed.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-o", path, SOURCE, "-ldl"]
    subprocess.run(command, check=True)
    return path


def outcomes(library: Path, scenario: str, folder: Path, stride: int) -> list[dict[str, Any]]:
    environment = {
        **os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT / "tests"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "faults.single_calls", scenario, str(folder), str(stride)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.faults
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_fault_at_a_single_call_loses_and_mixes_nothing(
    scenario: str, library: Path, tmp_path: Path
) -> None:
    stride = 1 if os.environ.get("HESSWEEP_EVERY_CALL") else STRIDES[scenario]
    clean, *faults = outcomes(library, scenario, tmp_path / "folder", stride)
    assert EXPECTED.get(scenario, set()) <= set(clean["names"])
    assert {fault["at"] for fault in faults} == set(range(1, clean["calls"] + 1, stride))
    for fault in faults:
        assert not fault["wrong"], fault
        if fault["fault"] == "death":
            assert fault["code"] == -9, fault
            continue
        assert fault["code"] in (0, 1), fault
        assert "Traceback" not in fault["said"], fault
        if fault["code"]:
            message = fault["said"].splitlines()[-1]
            assert message.startswith("hessweep: can not "), fault
            assert WORDS[fault["fault"]] in message, fault
        # A writer that lives leaves no temporary file, unless it can not remove it.
        assert not fault["left"] or fault["call"] == "unlink", fault
    assert {fault["code"] for fault in faults} == {0, 1, -9}
    assert TAKE_ROOM & {fault["call"] for fault in faults if fault["fault"] == "ENOSPC"}


@pytest.mark.faults
@pytest.mark.parametrize(("at", "number"), [(4, 28), (9, 5), (12, 28), (13, 5)])
def test_a_fault_at_a_call_of_a_worker_is_told(
    at: int, number: int, library: Path, tmp_path: Path
) -> None:
    """The command, as users start it: driver and workers each fail at their own call."""
    (tmp_path / "study.yaml").write_text(
        "name: demo\nsweeps:\n  one: {activation: erf, N: [2, 3], seeds: 3}\n"
    )
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "INTERPOSE_FOLDER": str(tmp_path / "results" / "demo" / "segments"),
        "INTERPOSE_AT": str(at),
        "INTERPOSE_WITH": str(number),
    }
    command = [*HESSWEEP, "run", "study.yaml", "--workers", "1", "--json"]
    failed = finish(command, tmp_path, env=environment)
    assert "Traceback" not in failed.stderr
    if failed.returncode:
        last = failed.stderr.splitlines()[-1]
        assert last.startswith("hessweep: can not "), failed.stderr
        assert os.strerror(number) in last
    again = finish(command, tmp_path)
    assert again.returncode == 0, again.stderr
    counts = json.loads(again.stdout)
    assert counts["computed"] + counts["reused"] == 6
