"""How many workers a cluster has, how much memory each of them has, and what limits them."""

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


def address_space_note() -> str:
    """Return the end of a message: that this process has little address space, if that is so."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return ""
    return (
        f"; this process and its workers may use {show_bytes(limit)} of address space each, and "
        "libraries and threads need some gigabytes: raise the limit with `ulimit -v unlimited`"
    )


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
