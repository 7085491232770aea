"""Commands started as a user starts them, watched, and killed."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]

PATIENCE = 600
"""Seconds after which a step is taken to hang, on a machine that does much else. No test measures
with it: what is promised within seconds says so."""

STUDY = """
name: demo
sweeps:
  large: {activation: [erf, quadratic], N: [24, 28, 32], seeds: 60}
"""
"""About 18 s of one core, in 36 tasks."""

SCRIPTS = Path(sys.executable).parent
HESSWEEP = (str(SCRIPTS / "hessweep"),)
SNAKEMAKE = (
    str(SCRIPTS / "snakemake"), "--cores", "2", "--config", "study=study.yaml"
)  # fmt: skip

MAKE = (
    # As a user calls it, not a part of the make that runs the tests; the environment that this
    # runs in is taken as set up.
    "env", "-u", "MAKEFLAGS",
    "make", "-o", f"{sys.prefix}/.run", f"VENV={sys.prefix}", "STUDY=study.yaml",
)  # fmt: skip


def workflow_folder(folder: Path, study: str) -> Path:
    """Fill a folder, made if need be, with a copy of the workflow and a study."""
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    shutil.copy(ROOT / "Snakefile", folder)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "study.yaml").write_text(study)
    return folder


def finish(
    command: Sequence[str], folder: Path, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command, cwd=folder, timeout=PATIENCE, capture_output=True, text=True, check=False,
        **options,
    )  # fmt: skip


def compute(folder: Path, *arguments: str, **options: Any) -> dict[str, int]:
    """Run the study to its end without a fault, and return the counts."""
    done = finish([*HESSWEEP, "run", "study.yaml", "--json", *arguments], folder, **options)
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


@contextmanager
def started(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command in a process group of its own; nothing of it is left at the end."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait for something, not for ever, and return it."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
    return result


def segments(folder: Path) -> set[str]:
    """Return the names of all segments below a folder."""
    return {path.name for path in folder.glob("results/*/segments/*.zip")}


def workers(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the processes that compute, for a driver that may be far up their tree."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
        return [child for child in family if "spawn_main" in " ".join(child.cmdline())]
    except psutil.NoSuchProcess:
        return []


def kill_somewhere(command: Sequence[str], folder: Path, victim: str, moment: float) -> bool:
    """Start a command, and kill one or all of its processes while it stores segments.

    Args:
        command: What to start.
        folder: Where.
        victim: group, driver (the process started) or worker (the command then goes on).
        moment: Seconds from the first new segment to the kill.

    Returns:
        Whether there was still something to kill.
    """
    before = segments(folder)
    with started(command, folder) as process:
        wait_until(
            lambda: segments(folder) - before or process.poll() is not None, "a new segment"
        )
        time.sleep(moment)
        family = workers(process)
        if process.poll() is not None:
            assert process.returncode == 0, (folder / "log").read_text()
            return False
        if victim == "worker":
            random.choice(family).kill()
            assert process.wait(PATIENCE) == 0
        elif victim == "driver":
            process.kill()
            process.wait()
        else:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        wait_until(lambda: not any(map(is_running, family)), "workers to end by themselves", 60)
    return True


def is_running(process: psutil.Process) -> bool:
    """Whether a process lives, zombies excepted."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
