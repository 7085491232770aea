"""A real SLURM on this machine: two nodes, installed and started by the fixture."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.measured import SECONDS

RUN = (sys.executable, "-m", "hessweep", "run", "study.yaml", "--json")

SLURM = """
cluster:
  kind: slurm
  jobs: 2
  memory: 1GB
  queue: main
  walltime: "00:10:00"
  interface: lo
"""
"""The section of a study whose workers are jobs of this SLURM."""

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=26817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0,batch_sched_delay=0
KillWait=5
SlurmdTimeout=30
SlurmdParameters=config_overrides
NodeName=node1 NodeAddr=127.0.0.1 NodeHostname={host} Port=26818 CPUs=2 RealMemory=6000
NodeName=node2 NodeAddr=127.0.0.1 NodeHostname={host} Port=26819 CPUs=2 RealMemory=6000
PartitionName=main Nodes=node1,node2 Default=YES MaxTime=INFINITE State=UP
"""

PACKAGES = {
    "slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client", "munged": "munge",
    "ip": "iproute2", "ceph-mon": "ceph-mon", "ceph-osd": "ceph-osd", "radosgw": "radosgw",
}  # fmt: skip
"""Of each command that the tests call, the Debian package that has it."""

PLACE = Path("/etc/slurm/slurm.conf")
"""The variable SLURM_CONF does not reach the jobs."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured, under the tests."""
    for what, seconds in SECONDS.items():
        terminalreporter.write_line(f"{seconds:7.1f} s  {what}")


def slurm(*command: str) -> str:
    """Run one of SLURM's commands and return what it prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def jobs() -> list[str]:
    """Return the ids of the jobs that run."""
    return slurm("squeue", "--noheader", "--states=running", "--format=%i").split()


@pytest.fixture(scope="session", autouse=True)
def installed() -> None:
    """What is missing is installed; where it can not be had, the tests fail."""
    missing = [package for command, package in PACKAGES.items() if shutil.which(command) is None]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.fail("these tests install SLURM: run them as root on Debian, as in a container")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        # Another apt may be at work: wait for its lock. One failed download is tried again.
        options = ["-qq", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"]
        done = subprocess.run(
            ["apt-get", *options, *arguments], env=quiet, timeout=600, check=False,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode != 0:
            pytest.fail(f"apt-get {arguments[0]}: {done.stdout}{done.stderr}")


def start_munge(pid_file: Path) -> None:
    run, key = Path("/run/munge"), Path("/etc/munge/munge.key")
    run.mkdir(exist_ok=True)
    shutil.chown(run, "munge", "munge")
    assert key.exists(), "munge's package makes its key"
    munged = ["runuser", "-u", "munge", "--", "/usr/sbin/munged", f"--pid-file={pid_file}"]
    subprocess.run(munged, check=True, timeout=60)


@pytest.fixture(scope="session")
def slurm_cluster(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A SLURM with the partition main and two nodes of 2 cores; gives the folder of its logs."""
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool/node1", "spool/node2"):
        (folder / name).mkdir(parents=True)
    before = PLACE.read_text() if PLACE.exists() else None
    PLACE.parent.mkdir(exist_ok=True)
    host = socket.gethostname().partition(".")[0]
    PLACE.write_text(CONFIGURATION.format(host=host, folder=folder))
    munge = Path("/run/munge/test.pid")
    try:
        start_munge(munge)
        subprocess.run(["slurmctld"], check=True, timeout=60)
        for node in ("node1", "node2"):
            subprocess.run(["slurmd", "-N", node], check=True, timeout=60)
        wait_for_nodes(folder)
        yield folder
        slurm("scancel", "--partition=main")
        time.sleep(1)
    finally:
        for pid_file in (*folder.glob("*.pid"), munge):
            stop(pid_file)
        if before is None:
            PLACE.unlink()
        else:
            PLACE.write_text(before)


def wait_for_nodes(folder: Path, idle: int = 2) -> None:
    """Wait until that many nodes take jobs."""
    deadline = time.monotonic() + 60
    states: list[str] = []
    while time.monotonic() < deadline:
        info = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--format=%T"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        states = info.stdout.split()
        if sum(state in ("idle", "mixed", "allocated") for state in states) >= idle:
            return
        time.sleep(0.2)
    log = folder / "slurmctld.log"
    pytest.fail(f"SLURM does not start: {states}\n{log.read_text() if log.exists() else ''}")


def stop(pid_file: Path) -> None:
    if pid_file.exists():
        try:
            os.kill(int(pid_file.read_text()), signal.SIGTERM)
        except ProcessLookupError:
            return
