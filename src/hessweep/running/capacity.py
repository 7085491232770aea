"""How many workers a cluster has, and how much memory each of them has."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hessweep.running.cgroups import cgroup_memory_limit

if TYPE_CHECKING:
    from distributed import Client


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
