"""What a kind of cluster provides."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from distributed import Client

    from hessweep.running.capacity import Capacity
    from hessweep.setup import Point


class ClusterKind(Protocol):
    """The two functions that the module of each kind of cluster defines.

    In both, `config` is the study's `cluster` section of this kind.
    """

    def plan(
        self, config: Any, points: Collection["Point"], cores: int | None
    ) -> "Capacity | None":
        """Return the workers that the cluster will have, or None if only the cluster can say.

        Args:
            config: The study's `cluster` section.
            points: The points that are to be computed.
            cores: How many cores of this machine may be used; all if None.
        """

    def open_client(
        self, config: Any, capacity: "Capacity | None", shared: Path
    ) -> "AbstractContextManager[Client]":
        """Start or join the cluster; it is stopped or left when the block ends.

        Args:
            config: The study's `cluster` section.
            capacity: What `plan` returned.
            shared: A folder that the driver and the workers share.

        Raises:
            ClusterError: If the cluster can not be reached or started, or has no worker.
        """
