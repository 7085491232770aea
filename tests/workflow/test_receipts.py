"""Edits, interrupts and lost records: what the workflow makes again, run as users run it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).parents[2]

FAILING = """
import numpy as np


def brittle(x):
    if np.ndim(x) > 2:  # as in a sweep, but not where an activation is tried first
        raise ArithmeticError("too many dimensions")
    return np.sin(x)
"""

STUDY = {
    "name": "small",
    "sweeps": {
        "grid": {"activation": ["linear", "quadratic"], "N": [2, 3], "seeds": 4},
        "other": {"activation": "erf", "N": 2, "seeds": 2},
    },
    "tables": {"ranks": {"kind": "ranks", "sweeps": "grid"}},
    "figures": {
        "first": {"kind": "rank-grid", "sweeps": "grid", "options": {"activation": "quadratic"}},
        "second": {"kind": "rank-grid", "sweeps": "grid", "options": {"activation": "linear"}},
    },
}


@pytest.fixture
def folder(tmp_path, made):
    """A copy of a finished study with its workflow."""
    return shutil.copytree(made, tmp_path / "study", symlinks=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("receipts")
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    shutil.copy(ROOT / "Snakefile", folder)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    first = run(folder)
    assert first.returncode == 0, first.stderr
    assert shown(folder) == {"ranks": 4, "first": 4, "second": 4}
    return folder


def command(*arguments):
    return [sys.executable, "-m", "snakemake", "--cores", "1", "--config", "study=study.yaml",
            *arguments]  # fmt: skip


def run(folder, *arguments):
    return subprocess.run(
        command(*arguments), cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )


def edit(folder, change):
    study = yaml.safe_load((folder / "study.yaml").read_text())
    change(study)
    (folder / "study.yaml").write_text(yaml.safe_dump(study))


def seeds(number):
    return lambda study: study["sweeps"]["grid"].update(seeds=number)


def shown(folder):
    """How many teachers of each size each output shows."""
    results = folder / "results" / "small"
    columns = {"ranks": pd.read_csv(results / "tables" / "ranks.csv")["teachers"]}
    for figure in ("first", "second"):
        columns[figure] = pd.read_csv(results / "figures" / f"{figure}.csv")["points"]
    assert {column.nunique() for column in columns.values()} == {1}
    return {name: int(column.iloc[0]) for name, column in columns.items()}


def test_an_edit_counts_without_snakemakes_record(folder):
    shutil.rmtree(folder / ".snakemake")
    edit(folder, seeds(6))
    assert run(folder).returncode == 0
    assert shown(folder) == {"ranks": 6, "first": 6, "second": 6}
    # The same in another clone, with the first number again: nothing is computed, all is shown.
    shutil.rmtree(folder / ".snakemake")
    edit(folder, seeds(4))
    assert run(folder).returncode == 0
    assert shown(folder) == {"ranks": 4, "first": 4, "second": 4}


def test_after_an_edit_and_an_interrupt_all_outputs_agree(folder):
    edit(folder, seeds(2))
    figure = folder / "results" / "small" / "figures" / "first.csv"
    before = figure.stat().st_mtime_ns
    process = subprocess.Popen(
        command(), cwd=folder, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while process.poll() is None and figure.exists() and figure.stat().st_mtime_ns == before:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=60)
    again = run(folder)
    assert again.returncode == 0, again.stderr
    assert shown(folder) == {"ranks": 2, "first": 2, "second": 2}


def test_a_folder_copied_in_the_middle_is_completed(folder):
    """An edit, half a run, and a copy that makes all files equally old."""
    edit(folder, seeds(3))
    assert run(folder, "--until", "publish").returncode == 0
    shutil.rmtree(folder / ".snakemake")
    for path in folder.rglob("*"):
        os.utime(path, (1e9, 1e9), follow_symlinks=False)
    assert run(folder).returncode == 0
    assert shown(folder) == {"ranks": 3, "first": 3, "second": 3}


def test_a_changed_request_makes_that_figure_again(folder):
    shutil.rmtree(folder / ".snakemake")
    edit(folder, lambda study: study["figures"]["first"]["options"].update(activation="linear"))
    results = folder / "results" / "small"
    before = (results / "figures" / "second.csv").stat().st_mtime_ns
    assert run(folder).returncode == 0
    csv = (results / "figures" / "first.csv").read_text()
    assert csv == (results / "figures" / "second.csv").read_text()
    assert (results / "figures" / "second.csv").stat().st_mtime_ns == before


def test_a_lost_segment_is_computed_again(folder):
    segments = folder / "results" / "small" / "segments"
    lost = min(segments.glob("*.zip"))
    lost.unlink()
    assert run(folder).returncode == 0
    receipts = folder / "results" / "small" / "receipts"
    for name in ("grid", "other"):
        said = json.loads((receipts / f"{name}.json").read_text())
        assert all((segments / segment).is_file() for segment in said["segments"])
    assert shown(folder) == {"ranks": 4, "first": 4, "second": 4}


def test_failed_points_do_not_keep_the_rest_from_being_shown(folder):
    (folder / "brittle.py").write_text(FAILING)
    brittle = {"activation": {"name": "brittle", "file": "brittle.py"}, "N": 2, "seeds": 3}
    edit(folder, lambda study: study["sweeps"].update(brittle=brittle))
    only = {"kind": "rank-grid", "sweeps": "brittle", "options": {"activation": "brittle"}}
    edit(folder, lambda study: study["figures"].update(brittle=only))
    ended = run(folder)
    assert ended.returncode == 1
    assert "3 of 21 points have no result" in ended.stderr
    assert "figures.brittle could not be made: results: expected computed points" in ended.stderr
    results = folder / "results" / "small"
    assert shown(folder) == {"ranks": 4, "first": 4, "second": 4}
    assert "could not be made" not in (results / "figures" / "first.txt").read_text()
    assert "expected computed points" in (results / "figures" / "brittle.txt").read_text()
    assert "too many dimensions" in (results / "report.html").read_text()
    again = run(folder)
    assert again.returncode == 1
    assert again.stderr.count("Finished jobid") == 0
    ending = again.stderr[again.stderr.index("Report: results/small/report.html") :]
    assert "Not all of the study is done" in ending
    assert "points computed" not in ending
