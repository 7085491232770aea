"""How many workers a cluster has, and how much memory each of them has."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True)
class Capacity:
    """The workers of a cluster as they are planned, before any of them runs."""

    workers: int
    """Number of worker processes."""
    memory: int
    """Bytes of memory that each worker has."""


def connected_memory(client: "Client") -> int | None:
    """Return the bytes that each thread of the smallest worker has; None without a limit."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    limits = [
        int(worker["memory_limit"]) // worker["nthreads"]
        for worker in workers
        if worker["memory_limit"]
    ]
    return min(limits, default=None)
