"""Waiting for the first worker of a cluster that others start."""

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from hessweep.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

LOOK_SECONDS = 2.0


def wait_for_worker(
    client: "Client", seconds: float, advice: str, check: Callable[[], None] = lambda: None
) -> None:
    """Wait until the cluster has a worker.

    Args:
        client: A client of the cluster.
        seconds: How long that may take.
        advice: What the message says about possible reasons if none comes.
        check: Called again and again while waiting; raises if the cluster can not start workers.

    Raises:
        ClusterError: If no worker comes in that time.
    """
    end = monotonic() + seconds
    while True:
        try:
            client.wait_for_workers(1, timeout=min(LOOK_SECONDS, seconds))
        except TimeoutError:
            check()
        else:
            return
        if monotonic() > end:
            raise ClusterError(f"no worker came within {seconds:.0f} s; {advice}")
