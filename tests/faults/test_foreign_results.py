"""Results folders from others, at the command line: no traceback, no code run, bounds kept.

Each command is started as users start it, by the console script.
"""

import os
import resource
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from faults import malformed
from faults.processes import HESSWEEP, PATIENCE, ROOT
from hessweep.store import publish, write_segment
from hessweep.study import read_study

STUDY = """
name: demo
sweeps:
  all: {activation: erf, N: 2, seeds: 3}
"""

MEMORY = 1_000_000_000
"""Bytes that a command may have in memory."""

PROCESSOR_SECONDS = 60
"""After so many seconds of processor time the system ends a command: three times what is
promised on an idle machine."""


@dataclass
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str
    peak: int
    """Bytes of memory."""


def call(folder: Path, *arguments: str) -> Outcome:
    """Run the console script to its end."""
    out, err = folder / "out", folder / "err"
    with out.open("wb") as out_file, err.open("wb") as err_file:
        process = subprocess.Popen(
            [*HESSWEEP, *arguments], cwd=folder, stdout=out_file, stderr=err_file,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS,) * 2),
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Outcome(process.returncode, out.read_text(), err.read_text(), usage.ru_maxrss * 1024)


def checked(folder: Path, *arguments: str) -> Outcome:
    outcome = call(folder, *arguments)
    assert "Traceback" not in outcome.err, (arguments, outcome.err)
    assert outcome.code in (0, 1), (arguments, outcome)
    assert outcome.peak < MEMORY, arguments
    return outcome


def filled(folder: Path) -> Path:
    """Store and publish a study of three points below this folder."""
    (folder / "study.yaml").write_text(STUDY)
    root = folder / "results" / "demo"
    points = read_study(folder / "study.yaml").points()
    write_segment(root, [point.compute() for point in points])
    publish(root)
    return root


def go_through_all_commands(folder: Path, root: Path, planted: set[str]) -> None:
    """Nothing that is planted stops any command, and repair sets all of it aside."""
    results = str(root.relative_to(folder))
    assert str(len(planted)) in checked(folder, "status", "study.yaml").err
    assert checked(folder, "publish", results).code == 0
    assert checked(folder, "query", results, "--format", "csv").out.count("\n") == 4
    verified = checked(folder, "verify", results, "--sample", "3")
    assert verified.code == 1
    assert all(f"segments/{name}" in verified.out for name in planted)
    assert checked(folder, "run", "study.yaml", "--workers", "1").code == 0
    repaired = checked(folder, "repair", results)
    assert f"{len(planted)} segments moved aside" in repaired.out
    assert {path.name for path in (root / "segments" / "damaged").iterdir()} == planted
    assert checked(folder, "verify", results, "--sample", "3").code == 0
    assert checked(folder, "status", "study.yaml").code == 0


SAMPLE = ("columns of unequal length", "3e9 texts", "a zstd bomb", "metadata that unfolds",
          "metadata nested deeply", "a spec: a list", "no provenance")  # fmt: skip


def test_malformed_segments_stop_no_command(tmp_path: Path) -> None:
    root = filled(tmp_path)
    planted = {malformed.plant(root, malformed.KINDS[kind]()).name for kind in SAMPLE}
    go_through_all_commands(tmp_path, root, planted)


@pytest.mark.faults
@pytest.mark.timeout(PATIENCE * 4)
def test_no_malformed_segment_of_any_kind_stops_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All kinds, and those that unfold grow to 1.5 GB."""
    monkeypatch.setattr(malformed, "BOMB_BYTES", 1_500_000_000)
    root = filled(tmp_path)
    planted = {malformed.plant(root, make()).name for make in malformed.KINDS.values()}
    big = malformed.deflated_bomb(b"[", b"0,", 1_500_000_000)
    planted.add(malformed.plant(root, big).name)
    assert len(planted) >= 50
    go_through_all_commands(tmp_path, root, planted)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Results with an activation of a user's file, beside the study that names the file."""
    with zipfile.ZipFile(ROOT / "tests/reference/store/kernel5_format2.zip") as archive:
        archive.extractall(tmp_path / "results")
    for name in ("study.yaml", "act.py"):
        (tmp_path / "results" / name).rename(tmp_path / name)
    with (tmp_path / "study.yaml").open("a") as study:
        study.write("\nresults: results\n")
    code = (tmp_path / "act.py").read_text()
    assert "bump" in code
    return tmp_path


def test_verify_runs_an_activation_only_if_a_study_names_it(old: Path) -> None:
    # Own activations have a later revision than these results: their points are computed anew.
    assert call(old, "run", "study.yaml").out.startswith("old: ")
    without = call(old, "verify", "results", "--sample", "100")
    assert without.code == 0, without
    assert "11 computed again, 2 skipped, 0 problems" in without.out
    assert "2 points skipped: a file defines their activation; give the study" in without.out
    beside = call(old, "verify", "results", "--sample", "100", "--study", "study.yaml")
    assert beside.code == 0, beside
    assert "13 computed again, 0 skipped, 0 problems" in beside.out


def test_a_group_that_was_not_copied_is_named(old: Path) -> None:
    (old / "results" / "published" / "erf.zarr" / "zarr.json").unlink()
    asked = call(old, "query", "results")
    assert (asked.code, asked.out) == (1, "")
    assert "erf.zarr: it was published and has no zarr.json now" in asked.err
    assert call(old, "publish", "results").code == 0
    assert call(old, "query", "results", "--format", "csv").out.count("\n") == 15


def test_a_group_whose_metadata_is_a_folder_is_mended(old: Path) -> None:
    metadata = old / "results" / "published" / "erf.zarr" / "zarr.json"
    metadata.unlink()
    metadata.mkdir()
    assert call(old, "query", "results").code == 1
    assert call(old, "repair", "results").code == 0
    assert call(old, "query", "results", "--format", "csv").out.count("\n") == 15
    assert call(old, "verify", "results", "--sample", "0").code == 0


def test_conditions_that_no_column_can_meet(old: Path) -> None:
    found = call(old, "query", "results", "N_i * 4611686018427387904 > 0", "--format", "csv")
    assert found.out.count("\n") == 15
    for condition in ("N_i == 0x" + "7" * 5000, "N_i == " + "7" * 5000, "status == '\udc80'",
                      "status == '\\ud800'"):  # fmt: skip
        wrong = call(old, "query", "results", condition)
        assert wrong.code == 2
        assert wrong.err.startswith("hessweep: ")
        assert "Traceback" not in wrong.err
