"""A Dask scheduler that runs already, by its address."""

import gc
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hessweep.errors import ClusterError
from hessweep.running.capacity import Capacity
from hessweep.study import AddressCluster

if TYPE_CHECKING:
    from distributed import Client

    from hessweep.setup import Point

CONNECT_SECONDS = 20
"""How long a scheduler may take to answer, and its first worker to join."""


def plan(
    config: AddressCluster, points: Collection["Point"], cores: int | None
) -> Capacity | None:
    """Return None: only the cluster knows its workers."""
    return None


def open_client(
    config: AddressCluster, capacity: Capacity | None, shared: Path
) -> "AbstractContextManager[Client]":
    """Join the scheduler; see `ClusterKind`."""
    return join(config.address, config.address)


@contextmanager
def join(address: str, name: str) -> Iterator["Client"]:
    """Connect to the scheduler at an address.

    Args:
        address: The address, such as `tcp://10.0.0.1:8786`.
        name: How messages name the scheduler.

    Raises:
        ClusterError: If no scheduler answers, or it has no worker.
    """
    client = _connect(address, name)
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError:
            raise ClusterError(
                f"{name}: the scheduler has no worker, and none came within {CONNECT_SECONDS} s; "
                f"start one with `dask worker {address}`"
            ) from None
        yield client


def _connect(address: str, name: str) -> "Client":
    from distributed import Client

    try:
        return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}"
    # The unfinished client closes itself when it is collected. If that happened later, in the
    # thread of the next client, the next client would wait for itself.
    gc.collect()
    raise ClusterError(
        f"{name}: no Dask scheduler answers there within {CONNECT_SECONDS} s ({reason}); is "
        "it running, and are its TLS files set in Dask's configuration if it uses TLS?"
    )
