"""The tiny study on a real SLURM: by Snakemake's jobs, and by Dask workers that are jobs."""

import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from faults.processes import (
    PATIENCE,
    ROOT,
    SNAKEMAKE,
    compute,
    finish,
    is_running,
    started,
    wait_until,
    workflow_folder,
)
from faults.processes import segments as stored_segments
from faults.stored import Content, contents, times_stored

from cluster.conftest import RUN, SLURM, jobs, slurm, wait_for_nodes
from cluster.measured import SECONDS, measured
from hessweep.running import verify

pytestmark = pytest.mark.cluster

LARGE = f"""
name: large
sweeps:
  large: {{activation: [erf, quadratic], N: [24, 28], seeds: 100}}
{SLURM}"""


@pytest.fixture(scope="session")
def tiny() -> str:
    return (ROOT / "config" / "tiny.yaml").read_text()


@pytest.fixture(autouse=True)
def nothing_left(slurm_cluster: Path) -> Iterator[None]:
    """Each test starts with an idle SLURM."""
    yield
    slurm("scancel", "--partition=main")
    wait_until(lambda: not slurm("squeue", "--noheader"), "SLURM to be idle")
    wait_for_nodes(slurm_cluster)


@pytest.fixture(scope="session")
def locally(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Content]:
    """The same studies computed on this machine without SLURM."""
    found = {}
    for name, text in (
        ("tiny", (ROOT / "config" / "tiny.yaml").read_text()),
        ("large", LARGE.partition("cluster:")[0]),
    ):
        folder = tmp_path_factory.mktemp(name)
        (folder / "study.yaml").write_text(text)
        compute(folder)
        found[name] = contents(folder / "results" / name)
    return found


def test_snakemake_with_the_slurm_profile(
    slurm_cluster: Path, tmp_path: Path, tiny: str, locally: dict[str, Content]
) -> None:
    """Every rule is a job of its own; the numbers are those of a local run."""
    workflow_folder(tmp_path, tiny)
    profile = "workflow/profiles/slurm"
    command = [
        sys.executable, "-m", "snakemake", "tables", "--workflow-profile", profile,
        # What a cluster user edits in the profile; this SLURM has two cores a node.
        "--cores", "2", "--default-resources", "slurm_partition=main", "mem_mb=2000",
        "runtime=10", "--config", "study=study.yaml",
        # Nor does it keep accounts.
        "--slurm-status-command", "squeue",
    ]  # fmt: skip
    with measured("the tiny study's tables by Snakemake's SLURM jobs"):
        done = finish(command, tmp_path)
    assert done.returncode == 0, done.stderr
    [log] = (tmp_path / ".snakemake" / "log").glob("*.log")
    assert log.read_text().count("has been submitted with SLURM jobid") == 2 + 1 + 1
    root = tmp_path / "results" / "tiny"
    assert contents(root) == locally["tiny"]
    assert verify(root, sample=3).ok

    here = workflow_folder(tmp_path / "here", tiny)
    with measured("the same on this machine, without SLURM"):
        assert finish([*SNAKEMAKE[:3], "tables", *SNAKEMAKE[3:]], here).returncode == 0
    by_jobs, by_hand = list(SECONDS.values())[-2:]
    # The sweeps side by side, publish, table: one after the other.
    SECONDS["a job that Snakemake submits, beyond its work"] = (by_jobs - by_hand) / 3


def test_workers_that_are_jobs_are_replaced_when_cancelled(
    tmp_path: Path, locally: dict[str, Content]
) -> None:
    """All are: without others in their place, the run would not end."""
    (tmp_path / "study.yaml").write_text(LARGE)
    with started(RUN, tmp_path) as driver:
        with measured("a driver's start, until its SLURM workers have stored something"):
            wait_until(lambda: stored_segments(tmp_path), "a segment")
        victims = jobs()
        with measured("workers cancelled, until others have stored something"):
            lose_workers(tmp_path, victims, "scancel", *victims)
        check_outcome(driver, tmp_path, locally["large"])

    submitted = list((tmp_path / "results/large/slurm").glob("*.out"))
    assert len(submitted) > len(victims)
    with measured("a run that finds nothing missing"):
        assert compute(tmp_path)["computed"] == 0
    assert list((tmp_path / "results/large/slurm").glob("*.out")) == submitted


def test_a_node_that_goes_down_with_its_jobs(
    slurm_cluster: Path, tmp_path: Path, locally: dict[str, Content]
) -> None:
    """All workers are on it: the other node computes what they had."""
    (tmp_path / "study.yaml").write_text(LARGE)
    with started(RUN, tmp_path) as driver:
        wait_until(lambda: stored_segments(tmp_path), "a segment")
        [node] = set(busy_nodes())
        down = ["scontrol", "update", f"nodename={node}", "state=down", "reason=test"]
        try:
            with measured("a node down with all workers, until others have stored something"):
                lose_workers(tmp_path, jobs(), *down)
            check_outcome(driver, tmp_path, locally["large"])
        finally:
            # It may have come back by itself: then there is nothing to resume.
            resume = ["scontrol", "update", f"nodename={node}", "state=resume"]
            subprocess.run(resume, check=False, timeout=60)


def test_jobs_of_a_killed_driver_end_by_themselves(
    tmp_path: Path, locally: dict[str, Content]
) -> None:
    """Nobody has to scancel: a worker that finds no scheduler ends, and its job with it."""
    (tmp_path / "study.yaml").write_text(LARGE)
    with started(RUN, tmp_path) as driver:
        wait_until(lambda: stored_segments(tmp_path), "a segment")
        driver.kill()
        driver.wait()
        with measured("a driver killed, until its jobs have ended by themselves"):
            wait_until(lambda: not jobs(), "the jobs to end")
    stored = contents(tmp_path / "results" / "large")
    assert stored
    assert stored.items() <= locally["large"].items()


@pytest.fixture
def interface() -> Iterator[str]:
    """A network beside loopback: 10.98.0.1."""
    name = "hessweep0"
    subprocess.run(["ip", "link", "delete", name], check=False, capture_output=True)
    for command in (
        ["link", "add", name, "type", "veth", "peer", "hessweep1"],
        ["address", "add", "10.98.0.1/24", "dev", name],
        ["link", "set", "hessweep1", "up"],
        ["link", "set", name, "up"],
    ):
        subprocess.run(["ip", *command], check=True, timeout=60)
    yield name
    subprocess.run(["ip", "link", "delete", name], check=True, timeout=60)


def test_only_clients_with_credentials_reach_a_run_on_a_network(
    interface: str, tmp_path: Path
) -> None:
    """All that listens there is TLS with a certificate of this run; dashboards are on loopback."""
    other = tmp_path / "other"
    other.mkdir()
    longer = LARGE.replace("seeds: 100", "seeds: 5000").replace("lo\n", f"{interface}\n")
    for folder in (tmp_path, other):
        (folder / "study.yaml").write_text(longer)
    with started(RUN, tmp_path) as driver:
        wait_until(lambda: stored_segments(tmp_path), "a segment")
        scheduler, network = listening([psutil.Process(driver.pid)])
        assert len(scheduler) == len(network) == 1
        dashboards, comms = listening(processes_of(jobs()))
        assert len(comms) >= 2
        assert all(map(speaks_tls, network | comms))
        assert dashboards
        script = slurm("scontrol", "write", "batch_script", jobs()[0], "-")
        [address] = set(re.findall(r"tls://(10\.98\.0\.1:[0-9]+)", script))
        with ThreadPoolExecutor() as pool:
            clients = [
                pool.submit(finish, [*RUN, "--cluster", f"{protocol}://{address}"], other)
                for protocol in ("tls", "tcp")
            ]
    for refused in (client.result() for client in clients):
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr
        assert "no Dask scheduler answers there" in refused.stderr
    assert not list(other.glob("results/*/segments/*"))


def listening(
    processes: list[psutil.Process],
) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
    """Return where processes listen: on loopback, and on a network."""
    addresses = {
        tuple(connection.laddr)
        for process in processes
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    loopback = {address for address in addresses if address[0] == "127.0.0.1"}
    return loopback, addresses - loopback


def speaks_tls(address: tuple[str, int]) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(address, timeout=30) as connection,
            context.wrap_socket(connection) as tls,
        ):
            return tls.version() is not None
    except ssl.SSLError:
        return False


def lose_workers(folder: Path, victims: list[str], *command: str) -> None:
    """Do what takes these jobs away, and wait until others have stored something."""
    family = processes_of(victims)
    assert len(family) >= len(victims)
    slurm(*command)
    wait_until(lambda: not any(map(is_running, family)), "the workers to end")
    before = stored_segments(folder)
    wait_until(lambda: stored_segments(folder) - before, "other workers' segment")


def processes_of(jobs: list[str]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # gone since, or a process of the kernel
            if process.environ().get("SLURM_JOB_ID") in jobs:
                found.append(process)
    return found


def busy_nodes() -> list[str]:
    return slurm("squeue", "--noheader", "--states=running", "--format=%N").split()


def check_outcome(driver: subprocess.Popen[bytes], folder: Path, expected: Content) -> None:
    assert driver.wait(PATIENCE) == 0, (folder / "log").read_text()
    root = folder / "results" / "large"
    assert contents(root) == expected
    # What a job had committed and not yet reported when it was ended is done twice.
    assert sum(times_stored(root).values()) - len(expected) <= 60
    assert {problem.kind for problem in verify(root, sample=3).problems} <= {
        "stale temporary file"
    }
