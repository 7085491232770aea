"""What worker processes find in their environment."""

import os
import platform
import subprocess

import dask
import pytest
import threadpoolctl

from hessweep.running import worker_environment
from hessweep.running.clusters import cluster_client
from hessweep.running.clusters.dask_settings import PRELOAD
from hessweep.running.clusters.slurm import slurm_arguments
from hessweep.running.worker_environment import MALLOC, OPENBLAS, faster_kernel
from hessweep.study import LocalCluster, SlurmCluster

CPUINFO = """\
processor\t: 0
vendor_id\t: {vendor}
cpu family\t: {family}
model name\t: a processor
flags\t\t: fpu sse2 avx2 {flags}

processor\t: 1
vendor_id\t: {vendor}
"""


@pytest.mark.parametrize(
    ("vendor", "family", "flags", "expected"),
    [
        ("AuthenticAMD", 26, "avx512f avx512_bf16", "SkylakeX"),
        ("AuthenticAMD", 26, "", None),  # a virtual machine may hide what a kernel needs
        ("AuthenticAMD", 25, "avx512f", None),
        ("GenuineIntel", 26, "avx512f", None),
    ],
)
def test_the_kernel_of_a_processor(vendor, family, flags, expected) -> None:
    assert faster_kernel(CPUINFO.format(vendor=vendor, family=family, flags=flags)) == expected


def test_a_processor_that_says_nothing_of_itself_is_left_to_openblas() -> None:
    assert faster_kernel("") is None
    assert faster_kernel("Hardware\t: BCM2835\n") is None


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the kernels named are of x86-64")
@pytest.mark.parametrize(("named", "used"), [(None, "Nehalem"), ("Sandybridge", "Sandybridge")])
def test_workers_use_it_unless_the_user_names_another(monkeypatch, named, used) -> None:
    monkeypatch.setattr(worker_environment, "faster_kernel", lambda cpuinfo: "Nehalem")
    monkeypatch.delenv(OPENBLAS, raising=False)
    if named:
        monkeypatch.setenv(OPENBLAS, named)
    with cluster_client(LocalCluster(workers=1)) as client:
        found = client.submit(_architectures).result()
    assert found == {used}


def test_workers_keep_memory_that_the_next_stack_needs(monkeypatch) -> None:
    for name in MALLOC:
        monkeypatch.delenv(name, raising=False)
    mine = next(iter(MALLOC))
    monkeypatch.setenv(mine, "70000")
    with cluster_client(LocalCluster(workers=1)) as client:
        found = client.submit(lambda: {name: os.environ.get(name) for name in MALLOC}).result()
    assert found == MALLOC | {mine: "70000"}


def test_what_an_earlier_cluster_left_is_not_the_user_s() -> None:
    left = worker_environment.worker_environment({"MALLOC_TRIM_THRESHOLD_": "65536"})
    assert left["MALLOC_TRIM_THRESHOLD_"] == MALLOC["MALLOC_TRIM_THRESHOLD_"]


def test_the_environment_of_this_process_is_left_as_it_was() -> None:
    before = dict(os.environ)
    with cluster_client(LocalCluster(workers=1)):
        pass
    assert dict(os.environ) == before


def _architectures() -> set[str]:
    import scipy.linalg  # noqa: F401  # which loads its own OpenBLAS, beside numpy's

    return {info["architecture"] for info in threadpoolctl.threadpool_info()}


def test_slurm_jobs_load_it_beside_what_the_user_loads(tmp_path) -> None:
    with dask.config.set({PRELOAD: "mine"}):
        lines = slurm_arguments(SlurmCluster(jobs=1, memory="1GB"), tmp_path, tmp_path)[
            "job_script_prologue"
        ]
    script = "\n".join([*lines, "env -0"])
    printed = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    variables = dict(line.split("=", 1) for line in printed.stdout.split("\0") if line)
    with dask.config.set(dask.config.collect_env(variables)):
        assert dask.config.get(PRELOAD) == ["mine", "hessweep.running.worker_environment"]
