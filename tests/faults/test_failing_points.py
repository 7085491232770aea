"""Activations that fail in every way: recorded, told, tried again when asked, in nobody's way."""

import json
import os
import sys
from pathlib import Path

import pytest

from faults.processes import ROOT, finish
from hessweep.store import stored_points

STUDY = """
name: demo
sweeps:
  good: {activation: erf, N: [3, 4], seeds: 10}
  bad: {activation: [raising, exiting, notanumber], N: 3, seeds: 1}
cluster: {kind: local, workers: 2, memory: 600MB}
"""

COMMAND = (sys.executable, "-m", "faults.hessweep_with_faulty")


def hessweep(folder: Path, *arguments: str) -> tuple[int, str, str]:
    path = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    done = finish([*COMMAND, *arguments], folder, env={**os.environ, "PYTHONPATH": path})
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def stored_after_two_tries(folder: Path, reasons: dict[str, str], extra: str = "") -> list[str]:
    """Run the study, whose bad points fail for these reasons, and try them again.

    Returns:
        The sorted statuses of what is stored then.
    """
    (folder / "study.yaml").write_text(STUDY.replace("notanumber]", f"notanumber{extra}]"))
    failed = len(reasons)
    code, out, err = hessweep(folder, "run", "study.yaml", "--json")
    counts = {"requested": 20 + failed, "computed": 20, "reused": 0, "failed": failed}
    assert (code, json.loads(out)) == (1, counts), err
    assert f"{failed} point{'s' if failed > 1 else ''} without a result" in err

    code, out, _ = hessweep(folder, "status", "study.yaml", "--json")
    told = json.loads(out)
    assert code == 1
    assert told["sweeps"]["good"] == {"done": 20, "missing": 0, "failed": 0}
    assert told["sweeps"]["bad"] == {"done": 0, "missing": 0, "failed": failed}
    for name, reason in reasons.items():
        assert reason in told["failures"][f"{name} N_i=3 N_h=3 seed=0"]

    # Not tried again, unless that is asked for.
    code, out, _ = hessweep(folder, "run", "study.yaml", "--json")
    assert (code, json.loads(out)["reused"], json.loads(out)["failed"]) == (1, 20, failed)
    before = len(list(folder.glob("results/demo/segments/*.zip")))
    code, out, _ = hessweep(folder, "run", "study.yaml", "--json", "--retry-failed")
    assert (code, json.loads(out)["failed"]) == (1, failed)
    assert len(list(folder.glob("results/demo/segments/*.zip"))) > before
    return sorted(stored_points(folder / "results" / "demo").values())


REASONS = {
    "raising": "ValueError: no kernel for you",
    "exiting": "SystemExit: I am out",
    "notanumber": "",
}


@pytest.mark.faults
def test_points_that_raise_exit_or_are_no_number(tmp_path: Path) -> None:
    stored = stored_after_two_tries(tmp_path, REASONS)
    assert stored == ["done"] * 20 + ["failed"] * len(REASONS)


@pytest.mark.faults
def test_points_that_kill_their_worker_or_fill_its_memory(tmp_path: Path) -> None:
    died = "WorkerDied: the process that computed this point was killed or exited"
    reasons = {**REASONS, "deadly": died, "greedy": died}
    stored = stored_after_two_tries(tmp_path, reasons, extra=", deadly, greedy")
    assert stored == ["done"] * 20 + ["failed"] * len(reasons)
