"""The tiny study on a real SLURM: by Snakemake's jobs, and by Dask workers that are jobs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.processes import ROOT, compute, finish, started, wait_until
from faults.processes import segments as stored_segments
from faults.stored import Content, contents, times_stored

from cluster.conftest import jobs, slurm, wait_for_nodes
from hessweep.store import verify

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

LARGE = """
name: large
sweeps:
  large: {activation: [erf, quadratic], N: [24, 28], seeds: 100}
cluster:
  kind: slurm
  jobs: 2
  memory: 1GB
  queue: main
  walltime: "00:10:00"
  interface: lo
"""

RUN = (sys.executable, "-m", "hessweep", "run", "study.yaml", "--json")


@pytest.fixture(scope="session")
def tiny() -> str:
    return (ROOT / "config" / "tiny.yaml").read_text()


@pytest.fixture(autouse=True)
def nothing_left(slurm_cluster: Path) -> Iterator[None]:
    """Each test starts with an idle SLURM."""
    yield
    slurm("scancel", "--partition=main")
    wait_until(lambda: not slurm("squeue", "--noheader"), "SLURM to be idle", 60)
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
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    shutil.copy(ROOT / "Snakefile", tmp_path)
    (tmp_path / "study.yaml").write_text(tiny)
    profile = "workflow/profiles/slurm"
    command = [
        sys.executable, "-m", "snakemake", "tables", "--workflow-profile", profile,
        # What a cluster user edits in the profile; this SLURM has two cores a node.
        "--cores", "2", "--default-resources", "slurm_partition=main", "mem_mb=2000",
        "runtime=10", "--config", "study=study.yaml",
        # Nor does it keep accounts.
        "--slurm-status-command", "squeue",
    ]  # fmt: skip
    done = finish(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("has been submitted with SLURM jobid") == 2 + 1 + 1
    root = tmp_path / "results" / "tiny"
    assert contents(root) == locally["tiny"]
    assert verify(root, sample=3).ok


def test_workers_that_are_jobs_are_replaced_when_cancelled(
    tmp_path: Path, locally: dict[str, Content]
) -> None:
    (tmp_path / "study.yaml").write_text(LARGE)
    with started(RUN, tmp_path) as driver:
        wait_until(lambda: stored_segments(tmp_path), "a segment", 110)
        [victim, *_] = jobs()
        slurm("scancel", victim)
        wait_until(lambda: victim not in jobs(), "the job to leave")
        check_outcome(driver, tmp_path, locally["large"])
    assert len(list((tmp_path / "results/large/slurm").glob("*.out"))) >= 2


def test_a_node_that_goes_down_with_its_jobs(
    slurm_cluster: Path, tmp_path: Path, locally: dict[str, Content]
) -> None:
    """Its workers are gone at once; the other node computes what they had."""
    (tmp_path / "study.yaml").write_text(LARGE)
    with started(RUN, tmp_path) as driver:
        wait_until(lambda: stored_segments(tmp_path), "a segment", 110)
        node = busy_nodes()[0]
        slurm("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
        try:
            wait_until(lambda: node not in busy_nodes(), "the node's jobs to leave")
            check_outcome(driver, tmp_path, locally["large"])
        finally:
            slurm("scontrol", "update", f"nodename={node}", "state=resume")


def test_jobs_of_a_killed_driver_end_by_themselves(tmp_path: Path) -> None:
    """Nobody has to scancel: a worker that finds no scheduler ends, and its job with it."""
    (tmp_path / "study.yaml").write_text(LARGE)
    with started(RUN, tmp_path) as driver:
        wait_until(lambda: stored_segments(tmp_path), "a segment", 110)
        driver.kill()
        driver.wait()
        wait_until(lambda: not jobs(), "the jobs to end", 240)
    contents(tmp_path / "results" / "large")


def test_the_scheduler_takes_only_clients_with_its_credentials(tmp_path: Path) -> None:
    """TLS with a certificate of this run; without it, neither a plain nor a TLS client gets in."""
    (tmp_path / "study.yaml").write_text(LARGE)
    with started(RUN, tmp_path):
        wait_until(jobs, "a worker job")
        script = slurm("scontrol", "write", "batch_script", jobs()[0], "-")
        [address] = [word for word in script.split() if word.startswith("tls://")]
        without = finish([*RUN, "--cluster", address], tmp_path, env={**os.environ, "DASK_X": "1"})
        plain = finish([*RUN, "--cluster", address.replace("tls://", "tcp://")], tmp_path)
    for refused in (without, plain):
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr
        assert "no Dask scheduler answers there" in refused.stderr


def busy_nodes() -> list[str]:
    return slurm("squeue", "--noheader", "--states=running", "--format=%N").split()


def check_outcome(driver: subprocess.Popen[bytes], folder: Path, expected: Content) -> None:
    assert driver.wait(240) == 0, (folder / "log").read_text()
    root = folder / "results" / "large"
    assert contents(root) == expected
    # What a job had committed and not yet reported when it was ended is done twice.
    assert sum(times_stored(root).values()) - len(expected) <= 60
    assert {problem.kind for problem in verify(root, sample=3).problems} <= {
        "stale temporary file"
    }
