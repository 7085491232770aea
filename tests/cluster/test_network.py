"""The network between scheduler and workers is gone for 30 s: real network namespaces."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.processes import PATIENCE, compute, started, wait_until
from faults.processes import segments as stored_segments
from faults.stored import contents, times_stored

pytestmark = pytest.mark.cluster

CUT_SECONDS = 30

STUDY = """
name: demo
sweeps:
  large: {activation: erf, N: [24, 28], seeds: 150}
"""

NEAR, FAR = "hessweep-near", "hessweep-far"


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=60)


@pytest.fixture
def network() -> Iterator[None]:
    """Two namespaces joined by a cable: 10.99.0.1 in the near one, 10.99.0.2 in the far one."""
    if os.geteuid() != 0:
        pytest.fail("these tests make network namespaces: run them as root, as in a container")
    for name in (NEAR, FAR):
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
    try:
        for name in (NEAR, FAR):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("link", "add", "cable0", "netns", NEAR, "type", "veth", "peer", "cable1", "netns", FAR)
        for name, device, address in ((NEAR, "cable0", 1), (FAR, "cable1", 2)):
            ip("-n", name, "address", "add", f"10.99.0.{address}/24", "dev", device)
            ip("-n", name, "link", "set", device, "up")
        yield
    finally:
        for name in (NEAR, FAR):
            subprocess.run(["ip", "netns", "delete", name], check=False)


def inside(namespace: str, *command: str) -> list[str]:
    return ["ip", "netns", "exec", namespace, "env", *TIMEOUTS, sys.executable, "-m", *command]


TIMEOUTS = [
    # docs/cluster.md says that a scheduler of one's own is to be started with these.
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP=120s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT=60s",
]


def test_a_cut_of_30_seconds_is_survived(network: None, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    compute(tmp_path)
    root = tmp_path / "results" / "demo"
    expected = contents(root)
    root.rename(tmp_path / "undisturbed")

    scheduler = inside(
        NEAR, "distributed.cli.dask_scheduler", "--host", "10.99.0.1", "--port", "8786",
        "--dashboard-address", "127.0.0.1:0",
    )  # fmt: skip
    worker = inside(
        FAR, "distributed.cli.dask_worker", "tcp://10.99.0.1:8786", "--host", "10.99.0.2",
        "--nworkers", "2", "--nthreads", "1", "--dashboard-address", "127.0.0.1:0",
        "--local-directory", str(tmp_path / "scratch"),
    )  # fmt: skip
    run = inside(
        NEAR, "hessweep", "run", "study.yaml", "--json", "--cluster", "tcp://10.99.0.1:8786"
    )
    with started(scheduler, tmp_path), started(worker, tmp_path):
        wait_until(lambda: b"Registered to" in (tmp_path / "log").read_bytes(), "a worker")
        with started(run, tmp_path) as driver:
            wait_until(lambda: len(stored_segments(tmp_path)) > 2, "segments")
            ip("-n", NEAR, "link", "set", "cable0", "down")
            time.sleep(CUT_SECONDS)
            assert driver.poll() is None, "the run was over before the cut was"
            ip("-n", NEAR, "link", "set", "cable0", "up")
            assert driver.wait(PATIENCE) == 0, (tmp_path / "log").read_text()
    log = (tmp_path / "log").read_text()
    assert re.findall(r'"requested": 300, "computed": 300, .*"failed": 0', log), log
    assert contents(root) == expected
    assert set(times_stored(root).values()) == {1}
