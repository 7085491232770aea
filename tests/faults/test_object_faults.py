"""Runs with results on an object store that fails, and runs that are killed.

Each is started as a user starts it, and compared with an undisturbed run in a folder.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from object_stores import KEY, SECRET, Proxy, new_bucket, proxying, serving, variables

from faults.processes import (
    HESSWEEP,
    PATIENCE,
    STUDY,
    finish,
    is_running,
    started,
    wait_until,
    workers,
)
from faults.stored import Content, contents, times_stored
from hessweep.address import Address
from hessweep.running import verify
from hessweep.store import open_results, publish
from hessweep.store.segments import list_segments

RUN = (*HESSWEEP, "run", "study.yaml", "--workers", "2")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def proxy(endpoint: str, tmp_path: Path) -> Iterator[Proxy]:
    with proxying(endpoint, tmp_path) as found:
        yield found


@pytest.fixture
def root(endpoint: str, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Address:
    """Where the study in `tmp_path` has its results, by way of the proxy."""
    for name, value in variables(proxy.endpoint, seconds=20).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HESSWEEP_LEASE_SECONDS", "5")
    address = Address(new_bucket(endpoint)) / "demo"
    (tmp_path / "study.yaml").write_text(f"results: {address}\n{STUDY}")
    return address


def check(root: Address, undisturbed: Content, twice: int = 0) -> None:
    """The store is whole and equal to the undisturbed run in a folder."""
    assert contents(root) == undisturbed
    assert sum(times_stored(root).values()) - len(undisturbed) <= twice
    problems = verify(root, sample=3).problems
    assert not problems
    published = open_results(root)
    points = sum(node.sizes["point"] for node in published.leaves)
    assert points == len(undisturbed)


def kill_one(
    root: Address, before: set[str], folder: Path, victim: str, moments: random.Random
) -> None:
    """Start a run, and kill one or all of its processes some time after its first new segment."""
    with started(RUN, folder) as process:
        wait_until(
            lambda: set(list_segments(root)) - before or process.poll() is not None, "a segment"
        )
        time.sleep(moments.uniform(0, 0.6))
        family = workers(process)
        if victim == "worker":
            for worker in family[:1]:
                worker.kill()
            assert process.wait(PATIENCE) == 0
        elif victim == "group":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
        wait_until(lambda: not any(map(is_running, family)), "workers to end", 60)


def counts_of(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


@pytest.mark.faults
def test_kills_of_a_run_on_an_object_store(
    root: Address, tmp_path: Path, undisturbed: Content
) -> None:
    """The group, the driver alone, and workers are killed in turn; the last run completes it."""
    moments = random.Random(22)
    for victim in ("group", "driver", "group", "driver", "worker"):
        before = set(list_segments(root))
        kill_one(root, before, tmp_path, victim, moments)
        assert before <= set(list_segments(root))
        contents(root)
    counts = counts_of(finish([*RUN, "--json"], tmp_path))
    assert (counts["requested"], counts["failed"]) == (360, 0)
    # A worker may have stored a task's points when the driver that knew of it was killed, and a
    # killed worker's task may be done once more.
    check(root, undisturbed, twice=60)


@pytest.mark.faults
@pytest.mark.parametrize("fault", ["503 5", "lose 7"])
def test_a_run_on_a_store_that_fails_now_and_then(
    root: Address, proxy: Proxy, tmp_path: Path, undisturbed: Content, fault: str
) -> None:
    proxy.make(fault)
    counts = counts_of(finish([*RUN, "--json"], tmp_path))
    assert counts == {"requested": 360, "computed": 360, "reused": 0, "failed": 0}
    proxy.make("none")
    check(root, undisturbed)


@pytest.mark.faults
def test_two_runs_at_once_on_one_address(
    root: Address, tmp_path: Path, undisturbed: Content
) -> None:
    with started(RUN, tmp_path) as first:
        wait_until(lambda: list_segments(root), "a segment")
        second = finish([*RUN, "--json"], tmp_path)
        assert first.wait(PATIENCE) == 0
    assert second.stderr.count("another run is computing points of this study") == 1
    assert counts_of(second)["computed"] == 0
    check(root, undisturbed)


@pytest.mark.faults
def test_a_waiting_run_takes_over_on_an_object_store(
    root: Address, tmp_path: Path, undisturbed: Content
) -> None:
    with started(RUN, tmp_path) as first:
        wait_until(lambda: list_segments(root), "a segment")
        with started(RUN, tmp_path) as second:
            wait_until(
                lambda: b"another run is computing" in (tmp_path / "log").read_bytes(), "a warning"
            )
            os.killpg(first.pid, signal.SIGKILL)
            assert second.wait(PATIENCE) == 0
    check(root, undisturbed)


@pytest.mark.faults
def test_a_suspended_run_ends_when_another_has_taken_over(
    root: Address, tmp_path: Path, undisturbed: Content
) -> None:
    with started(RUN, tmp_path) as first:
        wait_until(lambda: list_segments(root), "a segment")
        first.send_signal(signal.SIGSTOP)
        second = finish([*RUN, "--json"], tmp_path)
        assert counts_of(second)["requested"] == 360
        first.send_signal(signal.SIGCONT)
        assert first.wait(PATIENCE) == 1
    assert "another one has taken over; nothing is lost, run again" in read(tmp_path / "log")
    # What its workers had in hand they may have stored after the other run published.
    publish(root)
    check(root, undisturbed, twice=8 * 60)


def read(path: Path) -> str:
    return path.read_text()


REFUSALS = {
    "put403 ExpiredToken": (2, "the credentials have expired (ExpiredToken); get new ones"),
    "503 1": (1, "try again later, nothing is lost"),
}


@pytest.mark.faults
@pytest.mark.parametrize("fault", REFUSALS)
def test_a_store_that_refuses_in_the_middle_of_a_run(
    root: Address,
    proxy: Proxy,
    tmp_path: Path,
    undisturbed: Content,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    """One message says what to do; what was stored stays, and the next run completes it."""
    monkeypatch.setenv("HESSWEEP_STORE_SECONDS", "3")
    code, words = REFUSALS[fault]
    with started(RUN, tmp_path) as process:
        wait_until(lambda: list_segments(root), "a segment")
        proxy.make(fault)
        assert process.wait(PATIENCE) == code
    proxy.make("none")
    log = read(tmp_path / "log")
    assert words in log
    assert "Traceback" not in log
    assert KEY not in log
    assert SECRET not in log
    assert 0 < len(contents(root)) < 360
    monkeypatch.setenv("HESSWEEP_STORE_SECONDS", "20")
    counts = counts_of(finish([*RUN, "--json"], tmp_path))
    assert (counts["requested"], counts["failed"]) == (360, 0)
    assert counts["reused"] > 0
    check(root, undisturbed, twice=8 * 60)


@pytest.mark.faults
def test_an_address_that_can_not_be_used(root: Address, tmp_path: Path, proxy: Proxy) -> None:
    """Exit code 2 and one line, for every command, before anything is computed."""
    absent = "s3://absent-bucket/demo"
    (tmp_path / "absent.yaml").write_text(f"results: {absent}\n{STUDY}")
    wrong = os.environ | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "HESSWEEP_STORE_SECONDS": "1"}
    unknown = {k: v for k, v in os.environ.items() if not k.startswith("AWS_SECRET")}
    unknown.pop("AWS_ACCESS_KEY_ID")
    cases: list[tuple[list[str], dict[str, str], int, str]] = [
        (["run", "absent.yaml"], dict(os.environ), 2, "there is no bucket s3://absent-bucket"),
        (["plan", "absent.yaml"], dict(os.environ), 2, "there is no bucket s3://absent-bucket"),
        (["query", absent], dict(os.environ), 2, "there is no bucket s3://absent-bucket"),
        (["verify", absent], dict(os.environ), 2, "there is no bucket s3://absent-bucket"),
        (["query", str(root)], dict(os.environ), 2, "found nothing published"),
        (["repair", str(root)], dict(os.environ), 2, "found no segments there"),
        (["status", "study.yaml"], wrong, 1, "check AWS_ENDPOINT_URL and the network"),
        (["run", "study.yaml"], unknown, 2, "no credentials in the environment"),
    ]
    for arguments, environment, code, words in cases:
        done = finish([*HESSWEEP, *arguments], tmp_path, env=environment)
        assert done.returncode == code, (arguments, done.stderr)
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert SECRET not in done.stderr
    assert not (tmp_path / "results").exists()


ELSEWHERE = """
import os, sys
os.environ["AWS_ENDPOINT_URL"] = sys.argv[1]
from distributed import LocalCluster
if __name__ == "__main__":
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)
    print(cluster.scheduler_address, flush=True)
    sys.stdin.read()
"""


@pytest.mark.faults
def test_workers_that_write_to_another_store(
    root: Address, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with serving(tmp_path_factory.mktemp("other")) as other:
        bucket = str(root).split("/")[2]
        urllib.request.urlopen(urllib.request.Request(f"{other}/{bucket}", method="PUT")).close()
        (tmp_path / "cluster.py").write_text(ELSEWHERE)
        command = [sys.executable, "cluster.py", other]
        with subprocess.Popen(
            command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as cluster:
            assert cluster.stdout is not None
            address = cluster.stdout.readline().strip()
            done = finish([*HESSWEEP, "run", "study.yaml", "--cluster", address], tmp_path)
            cluster.kill()
    assert done.returncode == 1
    assert "workers need the same AWS_ENDPOINT_URL and credentials as the driver" in done.stderr
    assert "Traceback" not in done.stderr


def _no_secret_in(folder: Path, is_left_out: Callable[[Path], bool]) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and not is_left_out(path):
            content = path.read_bytes()
            assert SECRET.encode() not in content, path
            assert KEY.encode() not in content, path


@pytest.mark.faults
def test_the_workflow_with_results_on_an_object_store(
    root: Address, tmp_path: Path, proxy: Proxy
) -> None:
    """Points are at the address, everything else is in the folder, and again nothing is to do."""
    tiny = (Path(__file__).parents[2] / "config" / "tiny.yaml").read_text()
    (tmp_path / "tiny.yaml").write_text(f"{tiny}\nresults: {root}\n")
    done = finish([*HESSWEEP, "make", "tiny.yaml", "--", "--cores", "2"], tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "results" / "tiny"
    assert not (folder / "segments").exists()
    assert not (folder / "published").exists()
    made = {path.name for path in folder.iterdir()}
    assert {"figures", "tables", "report.html", "receipts", "complete.json"} <= made
    _no_secret_in(tmp_path, lambda path: path == proxy.file)
    again = finish([*HESSWEEP, "make", "tiny.yaml", "--", "--cores", "2"], tmp_path)
    assert again.returncode == 0, again.stderr
    assert "Nothing to do: all is up to date." in again.stderr
    (tmp_path / "folder.yaml").write_text(tiny)
    here = finish([*HESSWEEP, "run", "folder.yaml"], tmp_path)
    assert here.returncode == 0, here.stderr
    assert contents(root) == contents(folder)
    same = finish([*HESSWEEP, "diff", str(root), "results/tiny", "--exactly"], tmp_path)
    assert same.returncode == 0, same.stdout
