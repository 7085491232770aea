"""The memory limit of a job: of its own control group and of all above it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hessweep.running.capacity import machine_memory
from hessweep.running.cgroups import cgroup_memory_limit

MEMORY = Path("/sys/fs/cgroup/memory")
NO_LIMIT = "9223372036854771712"
"""What version 1 says where there is no limit."""

VERSION_1 = "35 31 0:32 {root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
CPU_ONLY = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
VERSION_2 = "24 1 0:21 {root} /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


@pytest.fixture
def limit_of(tmp_path):
    """Plant the files that the kernel shows, and return the limit that is read from them."""

    def read(groups, mounts, files):
        proc = tmp_path / "proc"
        proc.mkdir()
        (proc / "cgroup").write_text(groups)
        (proc / "mountinfo").write_text(f"22 1 0:2 / /proc rw - proc proc rw\n{mounts}")
        for name, text in files.items():
            file = tmp_path / "sys/fs/cgroup" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{text}\n")
        return cgroup_memory_limit(proc, tmp_path)

    return read


@pytest.mark.parametrize(
    ("own", "job", "top", "smallest"),
    [("max", "300", "500", 300), ("200", "300", "500", 200), ("max", "max", "100", 100)],
)
def test_version_2_takes_the_smallest_on_the_path(limit_of, own, job, top, smallest):
    files = {
        "slurm/job_7/step_0/memory.max": own,
        "slurm/job_7/memory.max": job,
        "slurm/memory.max": top,
        "slurm/job_8/memory.max": "5",
    }
    assert limit_of("0::/slurm/job_7/step_0\n", VERSION_2.format(root="/"), files) == smallest


def test_version_2_has_a_limit_above_which_processes_are_slowed_down(limit_of):
    files = {"job/memory.max": "300", "job/memory.high": "250"}
    assert limit_of("0::/job\n", VERSION_2.format(root="/"), files) == 250


@pytest.mark.parametrize(
    ("own", "top", "smallest"), [("200", NO_LIMIT, 200), (NO_LIMIT, "400", 400)]
)
def test_version_1_takes_the_smallest_on_the_path(limit_of, own, top, smallest):
    files = {
        "memory/slurm/uid_0/memory.limit_in_bytes": own,
        "memory/slurm/memory.limit_in_bytes": top,
        "cpu/slurm/memory.limit_in_bytes": "1",
    }
    groups = "5:cpu:/slurm\n4:memory:/slurm/uid_0\n0::/\n"
    assert limit_of(groups, CPU_ONLY + VERSION_1.format(root="/"), files) == smallest


def test_a_container_sees_its_own_part_of_the_tree(limit_of):
    files = {
        "memory/job/memory.limit_in_bytes": "200",
        "memory/memory.limit_in_bytes": "300",
    }
    mounts = VERSION_1.format(root="/docker/abc")
    assert limit_of("4:memory:/docker/abc/job\n", mounts, files) == 200


@pytest.mark.parametrize("group", ["/docker/abc", "/elsewhere", "/../other"])
def test_the_mount_point_is_the_last_resort(limit_of, group):
    files = {"memory/memory.limit_in_bytes": "300"}
    assert limit_of(f"4:memory:{group}\n", VERSION_1.format(root="/docker/abc"), files) == 300


def test_a_mount_point_with_a_space(limit_of):
    mounts = VERSION_2.format(root="/").replace("/sys/fs/cgroup", r"/sys/fs/cgroup/my\040own")
    assert limit_of("0::/job\n", mounts, {"my own/job/memory.max": "300"}) == 300


def test_no_limit(limit_of, tmp_path):
    assert cgroup_memory_limit(tmp_path / "none", tmp_path) is None
    assert limit_of("0::/job\n", VERSION_2.format(root="/"), {"job/memory.max": "max"}) is None


def test_the_limit_is_that_of_all_workers_together(monkeypatch):
    from hessweep.running.clusters import planned
    from hessweep.study import LocalCluster

    monkeypatch.setattr("distributed.system.MEMORY_LIMIT", 8 * 10**9)
    for limit, memory in ((None, 8 * 10**9), (10**18, 8 * 10**9), (2 * 10**9, 2 * 10**9)):
        monkeypatch.setattr(
            "hessweep.running.capacity.cgroup_memory_limit", lambda limit=limit: limit
        )
        assert machine_memory() == memory
    assert planned(LocalCluster(workers=4)).memory == 5 * 10**8
    # A worker can not have more than there is, whatever the study says.
    assert planned(LocalCluster(workers=1, memory="4GB")).memory == 2 * 10**9


@pytest.fixture
def job():
    """Make a group of version 1 with a limit of 320 MiB, as SLURM does for a job."""
    if not os.access(MEMORY / "cgroup.procs", os.W_OK):
        pytest.skip("needs root, and control groups of version 1")
    group = MEMORY / f"hessweep-test-{os.getpid()}"
    step = group / "step"
    step.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text("320M")
    yield step
    step.rmdir()
    group.rmdir()


def test_a_job_refuses_what_its_memory_can_not_hold(job, tmp_path):
    (tmp_path / "study.yaml").write_text(
        "name: job\nsweeps: {s: {activation: erf, N: [60], seeds: 1}}\n"
    )
    command = Path(sys.executable).with_name("hessweep")
    for name in ("plan", "run"):
        script = f'echo $$ > {job}/cgroup.procs; exec "{command}" {name} study.yaml --json'
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2, done.stderr
        assert "a worker of 336 MB has" in done.stderr
    assert not (tmp_path / "results").exists()
    free = subprocess.run(
        [command, "plan", "study.yaml", "--json"], cwd=tmp_path, capture_output=True, check=False
    )
    assert free.returncode == 0
    assert json.loads(free.stdout)["sweeps"]["all"]["missing"] == 1
