"""How many workers a cluster has, how much memory each of them has, and what limits them."""

import ctypes
import os
import resource
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hessweep.errors import ClusterError
from hessweep.running.cgroups import cgroup_memory_limit
from hessweep.units import show_bytes, show_count

if TYPE_CHECKING:
    from distributed import Client


FILES, FILES_PER_WORKER = 30, 12
"""Files and connections that a driver has open, rounded up from 24 + 9.5 for each worker."""

ADDRESS_SPACE = 1_000_000_000
"""Bytes of address space with which every command works on small studies: 750 MB are enough."""

_M_ARENA_MAX = -8
"""The number of this option of glibc's `mallopt`."""


@dataclass(frozen=True)
class Capacity:
    """The workers of a cluster as they are planned, before any of them runs."""

    workers: int
    """Number of worker processes."""
    memory: int
    """Bytes of memory that each worker has."""


def machine_memory() -> int:
    """Return the bytes of memory that this process and its workers may use together.

    This is the smallest of the machine's memory and of the limits that are set for the process,
    such as those of a SLURM job or of a container.
    """
    from distributed.system import MEMORY_LIMIT

    return min(int(MEMORY_LIMIT), cgroup_memory_limit() or int(MEMORY_LIMIT))


def connected_memory(client: "Client") -> int | None:
    """Return the bytes that each thread of the smallest worker has; None without a limit."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    limits = [
        int(worker["memory_limit"]) // worker["nthreads"]
        for worker in workers
        if worker["memory_limit"]
    ]
    return min(limits, default=None)


def is_address_space_limited() -> bool:
    """Return whether this process may use only so much address space, as by `ulimit -v`."""
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def address_space_note() -> str:
    """Return the end of a message: that this process has little address space, if that is so."""
    if not is_address_space_limited():
        return ""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return (
        f"; this process and its workers may use {show_bytes(limit)} of address space each, and "
        "libraries need a gigabyte and points come on top: raise the limit with "
        "`ulimit -v unlimited`"
    )


def fit_address_space() -> None:
    """Make this process and its workers get by with little address space, where it is limited.

    Without this, the memory allocator would reserve some of it for each thread, and OpenBLAS for
    each core. OpenBLAS tries without end where it gets none, so that too little is refused here.

    Raises:
        ClusterError: If the limit is below what the libraries need.
    """
    if not is_address_space_limited():
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit < ADDRESS_SPACE:
        raise ClusterError(f"there is not enough memory{address_space_note()}")
    os.environ["MALLOC_ARENA_MAX"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    c_library = ctypes.CDLL(None)
    if hasattr(c_library, "mallopt"):  # It has read its variable already.
        c_library.mallopt(_M_ARENA_MAX, 1)


def allow_open_files(workers: int) -> None:
    """Raise this process's limit of open files, if it is too low for a driver of these workers.

    Raises:
        ClusterError: If the limit can not be raised that far.
    """
    needed = FILES + FILES_PER_WORKER * workers
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ClusterError(
            f"{show_count(workers, 'worker')} on this machine need up to {needed} "
            f"open files, and this process may open {hard}: raise the limit with "
            f"`ulimit -n {needed}`, or use fewer workers"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
