"""Worker processes on this machine, for one run.

The scheduler listens on loopback, and takes only those who have the credentials of this run:
other users of the machine can reach loopback, too.
"""

import logging
import os
import signal
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING

from hessweep.errors import ClusterError
from hessweep.points import count_setups
from hessweep.running import worker_environment
from hessweep.running.capacity import (
    Capacity,
    address_space_note,
    allow_open_files,
    machine_memory,
)
from hessweep.running.main_guard import ADVICE
from hessweep.running.signals import postpone_stop
from hessweep.study import LocalCluster

if TYPE_CHECKING:
    from distributed import Client
    from distributed import LocalCluster as DaskLocalCluster

    from hessweep.setup import Point


def plan(config: LocalCluster, points: Collection["Point"], cores: int | None) -> Capacity:
    """Return the number of workers and the memory of each.

    Where the study does not give the number of workers, there is one for each core. There are
    fewer if the largest point needs several threads, or if the machine's memory does not hold
    more workers. Each worker then needs the memory that the study gives, or the memory that the
    largest point needs if the study gives none. No worker gets more than all the memory that there
    is: the machine's, or that of the job or container.
    """
    available = machine_memory()
    workers = config.workers or _fitting_workers(config, points, cores)
    return Capacity(workers, min(config.memory or available // workers, available))


def _fitting_workers(config: LocalCluster, points: Collection["Point"], cores: int | None) -> int:
    from dask.system import CPU_COUNT

    from hessweep.running.cost import blas_threads, needed_memory

    available = cores or int(CPU_COUNT)
    if not points:
        return available
    largest = max(count_setups(points), key=lambda setup: setup.cost.peak_bytes)
    fitting = machine_memory() // (config.memory or needed_memory(largest))
    return max(1, min(available // blas_threads(largest), fitting))


@contextmanager
def open_client(
    config: LocalCluster, capacity: Capacity | None, shared: Path
) -> Iterator["Client"]:
    """Start a scheduler and worker processes on this machine; see `ClusterKind`."""
    from distributed import Client

    with _environment_restored(), ExitStack() as stack:
        # A signal that comes while the cluster starts takes effect when this block ends. From
        # then on the stack closes the cluster.
        with postpone_stop(), _interrupts_kept_from_workers():
            cluster = stack.enter_context(_start(capacity or plan(config, (), None)))
        yield stack.enter_context(Client(cluster))


def _start(capacity: Capacity) -> "DaskLocalCluster":
    from distributed import LocalCluster as DaskLocalCluster

    from hessweep.running.clusters.dask_settings import wants_dashboard
    from hessweep.running.credentials import new_credentials

    allow_open_files(capacity.workers)
    # Each worker is a process with a nanny, so that a point that kills its process costs a
    # restart and not the run. The nanny sets one BLAS thread before numpy is imported.
    try:
        return DaskLocalCluster(
            n_workers=capacity.workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            protocol="tls://",
            security=new_credentials(),
            memory_limit=capacity.memory,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": wants_dashboard()},
            silence_logs=logging.CRITICAL,
        )
    except (OSError, RuntimeError) as error:
        raise ClusterError(
            f"the worker processes on this machine can not start ({error})"
            f"{address_space_note()}; check what Dask's "
            f"configuration sets, such as temporary-directory; {ADVICE}"
        ) from error


@contextmanager
def _environment_restored() -> Iterator[None]:
    """Restore what Dask changes in this process's environment for its workers to inherit."""
    import dask

    dasks = dask.config.get("distributed.nanny.pre-spawn-environ")
    names = {*dasks, "PYTHONHASHSEED", *worker_environment.MALLOC, worker_environment.OPENBLAS}
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _interrupts_kept_from_workers() -> Iterator[None]:
    """Block Ctrl-C for the threads and processes that are started within the block, for good.

    A terminal sends it to the workers, too, but the driver ends them in order. The processes that
    replace a worker inherit this as well, since the thread that starts them is started here.
    """
    # Otherwise the tracker starts with the first worker, and unblocks the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
