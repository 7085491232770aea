"""`hessweep run`, `snakemake` and `make` are killed while they compute, and started again."""

import os
import random
import signal
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path

import pytest

from faults.processes import (
    HESSWEEP,
    MAKE,
    PATIENCE,
    SNAKEMAKE,
    STUDY,
    compute,
    finish,
    kill_somewhere,
    segments,
    started,
    wait_until,
    workflow_folder,
)
from faults.stored import Content, contents, times_stored
from hessweep.running import verify

RUN = (*HESSWEEP, "run", "study.yaml", "--workers", "2")


def check(folder: Path, undisturbed: Content, twice: int = 0) -> None:
    """The store is whole and equal to the undisturbed one; so many points are in it twice."""
    root = folder / "results" / "demo"
    assert contents(root) == undisturbed
    assert sum(times_stored(root).values()) - len(undisturbed) <= twice
    problems = verify(root, sample=3).problems
    assert not problems


@pytest.mark.faults
@pytest.mark.parametrize(("victim", "kills"), [("group", 8), ("driver", 8), ("worker", 4)])
def test_kills_of_a_run(victim: str, kills: int, tmp_path: Path, undisturbed: Content) -> None:
    """Each run stores something before it is killed; together they and the last store all."""
    (tmp_path / "study.yaml").write_text(STUDY)
    moments = random.Random(victim)
    for _ in range(kills):
        before = segments(tmp_path)
        assert kill_somewhere(RUN, tmp_path, victim, moments.uniform(0, 0.8))
        assert before <= segments(tmp_path)
        contents(tmp_path / "results" / "demo")
        if victim == "worker":
            break_off(tmp_path)
    counts = compute(tmp_path)
    assert (counts["requested"], counts["failed"]) == (360, 0)
    # A worker may be killed after its commit and before it has said so: those are done again.
    check(tmp_path, undisturbed, twice=kills * 60 if victim == "worker" else 0)


def break_off(folder: Path) -> None:
    """Take most of the segments away, so that there is work again for longer than a kill takes."""
    names = sorted(segments(folder))
    for name in names[: 3 * len(names) // 4]:
        next(folder.glob(f"results/*/segments/{name}")).unlink()


@pytest.mark.faults
@pytest.mark.parametrize(
    ("victim", "command"), [("group", MAKE), ("driver", SNAKEMAKE)], ids=["group", "driver"]
)
def test_kills_of_snakemake(
    victim: str, command: Sequence[str], tmp_path: Path, undisturbed: Content
) -> None:
    """Plain `make` or `snakemake` goes on without --unlock; a job left alone ends by itself."""
    workflow_folder(tmp_path, STUDY)
    moments = random.Random(victim)
    for _ in range(4):
        assert kill_somewhere(command, tmp_path, victim, moments.uniform(0, 1))
        assert list(tmp_path.glob(".snakemake/locks/*"))
        contents(tmp_path / "results" / "demo")
    last = finish(command, tmp_path)
    assert last.returncode == 0, last.stderr
    assert (tmp_path / "results" / "demo" / "published.json").exists()
    check(tmp_path, undisturbed)


@pytest.mark.faults
def test_two_workflows_at_once(tmp_path: Path) -> None:
    """The second says that the first is at work, and takes nothing away from it."""
    workflow_folder(tmp_path, STUDY)
    with started(SNAKEMAKE, tmp_path) as first:
        wait_until(lambda: segments(tmp_path), "a segment")
        second = finish(SNAKEMAKE, tmp_path)
        assert second.returncode == 1
        assert "Directory cannot be locked" in second.stderr
        assert "Traceback" not in second.stderr
        assert first.wait(PATIENCE) == 0


@pytest.mark.faults
def test_two_runs_at_once_share_the_work(tmp_path: Path, undisturbed: Content) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    with started(RUN, tmp_path) as first:
        wait_until(lambda: segments(tmp_path), "a segment")
        second = finish([*RUN, "--json"], tmp_path)
        assert first.wait(PATIENCE) == 0
    assert second.returncode == 0, second.stderr
    assert second.stderr.count("another run is computing points of this study") == 1
    assert '"computed": 0, "reused": 360' in second.stdout
    check(tmp_path, undisturbed)


@pytest.mark.faults
def test_a_run_that_waits_takes_over_from_one_that_is_killed(
    tmp_path: Path, undisturbed: Content
) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    with started(RUN, tmp_path) as first:
        wait_until(lambda: segments(tmp_path), "a segment")
        with started(RUN, tmp_path) as second:
            wait_until(
                lambda: b"another run is computing" in (tmp_path / "log").read_bytes(), "a warning"
            )
            os.killpg(first.pid, signal.SIGKILL)
            assert second.wait(PATIENCE) == 0
    check(tmp_path, undisturbed)


WITHOUT_LOCKS = """
import fcntl, sys, errno
def refuse(*_):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.lockf = fcntl.flock = refuse
from hessweep.cli import main
main()
"""


@pytest.mark.faults
def test_two_runs_at_once_where_there_are_no_locks(tmp_path: Path, undisturbed: Content) -> None:
    """As on some cluster file systems: points may be stored twice, and are the same twice."""
    (tmp_path / "study.yaml").write_text(STUDY)
    command = [sys.executable, "-c", WITHOUT_LOCKS, *RUN[1:]]
    with started(command, tmp_path) as first, started(command, tmp_path) as second:
        assert first.wait(PATIENCE) == 0
        assert second.wait(PATIENCE) == 0
    check(tmp_path, undisturbed, twice=360)


CLEAR = """
import sys, time
from pathlib import Path
from hessweep.running.after_kill import clear_after_kill
print(clear_after_kill(Path(sys.argv[1])), flush=True)
time.sleep(float(sys.argv[2]))
"""


def test_nothing_is_cleared_while_a_run_is_alive(tmp_path: Path) -> None:
    """A lock and a half-written output stay until their run is dead; then both go."""
    state, output, whole = tmp_path / ".snakemake", tmp_path / "half.csv", tmp_path / "whole.csv"
    command = [sys.executable, "-c", CLEAR, str(state)]
    with subprocess.Popen([*command, "600"], stdout=subprocess.PIPE, text=True) as alive:
        assert alive.stdout.readline() == "True\n"
        lock = state / "locks" / "0.output.lock"
        # Snakemake cuts a long name into folders.
        name = urlsafe_b64encode(str(output).encode()).decode()
        mark = state / "incomplete" / f"@{name[:9]}" / name[9:]
        for path in (lock, mark, output, whole):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("half of")
        try:
            assert finish([*command, "0"], tmp_path).stdout == "False\n"
            assert all(path.exists() for path in (lock, mark, output, whole))
        finally:
            alive.kill()
    assert finish([*command, "0"], tmp_path).stdout == "True\n"
    assert not any(path.exists() for path in (lock, mark, output))
    assert whole.exists()


@pytest.mark.faults
def test_kills_of_a_run_that_takes_seeds_until_a_mean_is_known(tmp_path: Path) -> None:
    """Each setup takes as many seeds as without kills, and no point is computed twice."""
    study = """
name: demo
sweeps:
  until:
    activation: quadratic
    N: [8, 12]
    seeds: {until: {relative_error: 0.03, of: lambda_max}, at_most: 600}
"""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
        (folder / "study.yaml").write_text(study)
    counts = compute(whole)
    moments = random.Random(5)
    for _ in range(2):
        if not kill_somewhere(RUN, killed, "group", moments.uniform(0, 0.4)):
            break
    assert compute(killed)["requested"] == counts["requested"] > 2 * 30
    check(killed, contents(whole / "results" / "demo"))
    taken = [
        finish((*HESSWEEP, "status", "study.yaml", "--json"), f).stdout for f in (whole, killed)
    ]
    assert taken[0] == taken[1]
    assert '"state": "reached the error"' in taken[0]
