"""How many workers a cluster has, and how much memory each: as planned, and as found."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from hessweep.study import ClusterConfig, LocalCluster, SlurmCluster

if TYPE_CHECKING:
    from distributed import Client

    from hessweep.setup import Point


def fitted(
    config: ClusterConfig, points: Collection["Point"], cores: int | None = None
) -> ClusterConfig:
    """Return where to run, with fewer workers on this machine if the largest point asks for it.

    Where a study says nothing of workers there is one worker a core, less so many that each has
    the threads of the largest point, and the memory that the study gives a worker or else that
    of the largest point.

    Args:
        config: What the study says.
        points: What is to be computed.
        cores: How many cores may be used; all if None.
    """
    if not points or not isinstance(config, LocalCluster) or config.workers:
        return config
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    from hessweep.running.cost import blas_threads, needed_memory

    largest = max((point.setup for point in points), key=lambda setup: setup.cost.peak_bytes)
    fitting = int(MEMORY_LIMIT) // (config.memory or needed_memory(largest))
    workers = max(1, min((cores or int(CPU_COUNT)) // blas_threads(largest), fitting))
    return config.model_copy(update={"workers": workers})


def planned_workers(config: ClusterConfig) -> int | None:
    """Return how many workers there will be, or None if only the cluster can say."""
    if isinstance(config, SlurmCluster):
        return config.jobs * config.cores
    if isinstance(config, LocalCluster):
        from dask.system import CPU_COUNT

        return config.workers or int(CPU_COUNT)
    return None


def planned_memory(config: ClusterConfig) -> int | None:
    """Return the bytes that one worker will have, or None if only the cluster can say."""
    if isinstance(config, SlurmCluster):
        return config.memory // config.cores
    if isinstance(config, LocalCluster):
        from distributed.system import MEMORY_LIMIT

        return config.memory or int(MEMORY_LIMIT) // (planned_workers(config) or 1)
    return None


def connected_memory(client: "Client") -> int | None:
    """Return the bytes that each thread of the smallest worker has; None without a limit."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    limits = [
        int(worker["memory_limit"]) // worker["nthreads"]
        for worker in workers
        if worker["memory_limit"]
    ]
    return min(limits, default=None)
