"""Two users of a group share a results folder; others can neither write there nor use their runs.

Real users, by their numbers; they need no names. Only root can start their processes.
"""

import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from faults.processes import HESSWEEP, PATIENCE, started, wait_until
from faults.processes import STUDY as LONG
from hessweep.running import verify

GROUP, FIRST, SECOND, STRANGER = 40_000, 40_001, 40_002, 40_003

STUDY = "name: demo\nsweeps:\n  one: {activation: erf, N: [2, 3], seeds: 3}\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the group, as an administrator makes it: setgid, nothing for others."""
    if os.geteuid() != 0:
        pytest.fail("this test starts processes of other users: run it as root, as in a container")
    path = Path(tempfile.mkdtemp(prefix="hessweep-group-"))
    os.chown(path, 0, GROUP)
    path.chmod(0o2770)
    (path / "study.yaml").write_text(STUDY)
    (path / "more.yaml").write_text(STUDY.replace("seeds: 3", "seeds: 5"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def as_user(user: int, *command: str) -> list[str]:
    """Return the command as that user runs it, with the umask that shared folders need.

    The project may lie below a folder of root, so that the user may read everything; what may be
    written is as usual.
    """
    groups = "--clear-groups" if user == STRANGER else f"--groups={GROUP}"
    return [
        "setpriv", f"--reuid={user}", f"--regid={user}", groups,
        "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
        "sh", "-c", 'umask 002; exec "$@"', "sh", *command,
    ]  # fmt: skip


def hessweep(user: int, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(
        as_user(user, *HESSWEEP, *arguments), cwd=folder, env=environment,
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def run(user: int, folder: Path, study: str) -> dict[str, int]:
    done = hessweep(user, folder, "run", study, "--workers", "1", "--json")
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


@pytest.mark.faults
def test_two_users_of_a_group_share_a_results_folder(folder: Path) -> None:
    run(FIRST, folder, "study.yaml")
    counts = {"requested": 10, "computed": 4, "reused": 6, "failed": 0}
    assert run(SECOND, folder, "more.yaml") == counts
    root = folder / "results" / "demo"
    assert {path.stat().st_uid for path in root.rglob("*")} == {FIRST, SECOND}
    for path in root.rglob("*"):
        assert path.stat().st_gid == GROUP, path
        assert path.stat().st_mode & stat.S_IWGRP, path
    # What one has stored and something has damaged, the other can repair; then the first goes on.
    segment = next(path for path in root.glob("segments/*.zip") if path.stat().st_uid == FIRST)
    segment.write_bytes(b"damaged")
    assert "1 segment moved aside" in hessweep(SECOND, folder, "repair", "results/demo").stdout
    assert run(FIRST, folder, "more.yaml")["computed"] == 6
    assert verify(root).ok
    # Somebody who is not in the group can read what is open to all, but not add to it.
    folder.chmod(0o2775)
    assert run(STRANGER, folder, "more.yaml")["reused"] == 10
    next(root.glob("segments/*.zip")).unlink()
    refused = hessweep(STRANGER, folder, "run", "more.yaml", "--workers", "1")
    assert refused.returncode == 1
    assert "claims.lock: Permission denied; get permission to write there" in refused.stderr


@pytest.mark.faults
def test_another_user_can_not_read_the_credentials_of_a_local_run(folder: Path) -> None:
    """They are in the memory of processes that only their owner can look into."""
    (folder / "study.yaml").write_text(LONG)
    command = as_user(FIRST, *HESSWEEP, "run", "study.yaml", "--workers", "1")
    with started(command, folder) as driver:
        wait_until(lambda: list(folder.glob("results/*/segments/*.zip")), "a segment")
        family = [psutil.Process(driver.pid), *psutil.Process(driver.pid).children(recursive=True)]
        assert {process.uids().real for process in family} == {FIRST}
        for process in family:
            for place in ("environ", "mem", "maps", "fd/1"):
                look = ["head", "-c", "1", f"/proc/{process.pid}/{place}"]
                user = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]
                refused = subprocess.run(
                    [*user, *look], capture_output=True, text=True, check=False
                )
                assert refused.stdout == "", (process, place)
                assert "Permission denied" in refused.stderr, (process, place)
            # What everybody may see of a process.
            assert "PRIVATE KEY" not in " ".join(process.cmdline())
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert not any(b"PRIVATE KEY" in path.read_bytes() for path in files)
