"""A cluster that the Dask operator of a Kubernetes starts for this run (dask-kubernetes).

Each worker is a pod, and so is the scheduler. Pods need not share a folder with the driver.
"""

import logging
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from hessweep.errors import ClusterInputError, shortened
from hessweep.running.capacity import Capacity
from hessweep.running.clusters.dask_settings import dask_variables
from hessweep.running.clusters.first_worker import wait_for_worker
from hessweep.running.signals import postpone_stop
from hessweep.study import KubernetesCluster

if TYPE_CHECKING:
    from dask_kubernetes.operator import KubeCluster
    from distributed import Client

    from hessweep.setup import Point

IDLE_SECONDS = 600
"""After how many seconds without work the operator removes a cluster whose driver was lost."""


def plan(config: KubernetesCluster, points: Collection["Point"], cores: int | None) -> Capacity:
    """Return the workers that the study asks for."""
    return Capacity(workers=config.workers, memory=config.memory)


@contextmanager
def open_client(
    config: KubernetesCluster, capacity: Capacity | None, shared: Path
) -> Iterator["Client"]:
    """Have the operator start a cluster, and remove it at the end; see `ClusterKind`."""
    from distributed import Client

    with ExitStack() as stack:
        # A signal that comes while the cluster starts takes effect when this block ends: from
        # then on, the stack removes the cluster.
        with postpone_stop():
            cluster = stack.enter_context(_start(config))
        client = stack.enter_context(Client(cluster, set_as_default=False))
        wait_for_worker(
            client,
            config.patience,
            "`kubectl get pods` says why: there may be no room for workers of cluster.memory and "
            "cluster.cores, or cluster.image can not be pulled. cluster.patience says how many "
            "seconds to wait",
        )
        yield client


def _start(config: KubernetesCluster) -> "KubeCluster":
    try:
        from dask_kubernetes.operator import KubeCluster
    except ImportError as error:
        raise ClusterInputError(
            f"cluster.kind is kubernetes, which needs dask-kubernetes ({error}): "
            "pip install 'hessweep[kubernetes]'"
        ) from None
    logging.getLogger("kr8s").setLevel(logging.CRITICAL)
    try:
        return KubeCluster(
            custom_cluster_spec=cluster_resource(config, f"hessweep-{uuid4().hex[:12]}"),
            namespace=config.namespace,
            resource_timeout=config.patience,
            shutdown_on_close=True,
            quiet=True,
        )
    # What the many libraries below raise has no common base.
    except Exception as error:
        words = shortened(" ".join(str(error).split()), 300)
        raise ClusterInputError(
            "Kubernetes can not start a cluster "
            f"({type(error).__name__}{': ' * bool(words)}{words}): does `kubectl get pods` work "
            "here, is the Dask operator installed there, and may you use the namespace?"
        ) from error


def cluster_resource(config: KubernetesCluster, name: str) -> dict[str, Any]:
    """Return the `DaskCluster` resource that the operator turns into pods.

    It is that of dask-kubernetes, with the commands of today's Dask, one thread in each worker,
    the worker's memory as its limit, and the Secret's entries in the workers' environment.
    """
    from dask_kubernetes.operator import make_cluster_spec

    size = {"cpu": str(config.cores), "memory": str(config.memory)}
    resource: dict[str, Any] = make_cluster_spec(
        name=name,
        image=config.image,
        n_workers=config.workers,
        resources={"requests": size, "limits": size},
        env=dask_variables(),
        worker_command=["dask", "worker", "--nthreads", "1", "--memory-limit", str(config.memory)],
        idle_timeout=IDLE_SECONDS,
    )
    [scheduler] = resource["spec"]["scheduler"]["spec"]["containers"]
    [worker] = resource["spec"]["worker"]["spec"]["containers"]
    # Dask has no command of the name that the resource starts the scheduler with any more.
    scheduler["args"] = ["dask", "scheduler", *scheduler["args"][1:]]
    # Workers need the memory and the cores, the scheduler needs little of both.
    scheduler["resources"] = {"requests": {"cpu": "1", "memory": "2G"}}
    if config.secret:
        worker["envFrom"] = [{"secretRef": {"name": config.secret}}]
    return resource
