"""A Dask scheduler that runs already, by the scheduler file that it wrote."""

import json
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from hessweep.errors import ClusterError
from hessweep.running.capacity import Capacity
from hessweep.running.clusters.address import join
from hessweep.study import FileCluster

if TYPE_CHECKING:
    from distributed import Client

    from hessweep.setup import Point


def plan(config: FileCluster, points: Collection["Point"], cores: int | None) -> Capacity | None:
    """Return None: only the cluster knows its workers."""
    return None


def open_client(
    config: FileCluster, capacity: Capacity | None, shared: Path
) -> "AbstractContextManager[Client]":
    """Join the scheduler that the file names; see `ClusterKind`."""
    return join(_read_address(config.path), str(config.path))


def _read_address(path: Path) -> str:
    # Dask's Client would wait for ever for a scheduler file that does not exist.
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["address"])
    except OSError as error:
        raise ClusterError(
            f"{path}: can not read the scheduler file: {error.strerror}; it is what "
            "`dask scheduler --scheduler-file` writes"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise ClusterError(
            f"{path}: expected a scheduler file, JSON with the key address, as "
            "`dask scheduler --scheduler-file` writes it"
        ) from None
