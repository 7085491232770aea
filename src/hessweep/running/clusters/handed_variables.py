"""Variables of this command's environment that workers get which do not inherit it.

The study names them and never holds their values. These go to the workers over the connections of
the cluster, which are encrypted, and are put into the environment of their running processes. They
are in no file, no job script and no log.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from distributed import WorkerPlugin

from hessweep.errors import ClusterInputError
from hessweep.study import ClusterConfig

if TYPE_CHECKING:
    from distributed import Client, Worker


class HandedVariables(WorkerPlugin):
    """Puts variables into the environment of each worker process, later ones too."""

    name = "hessweep-handed-variables"

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = dict(variables)

    def setup(self, worker: "Worker") -> None:  # noqa: ARG002  # Dask passes it by its name.
        """Set the variables; Dask calls this in each worker process."""
        os.environ.update(self._variables)


def variables_to_hand(
    config: ClusterConfig, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the variables that the study names for this cluster, with their values here.

    Raises:
        ClusterInputError: If one of them is not set.
    """
    names = getattr(config, "environment", ())
    if missing := [name for name in names if name not in environment]:
        raise ClusterInputError(
            f"cluster.environment names {', '.join(missing)}, not set in the environment of this "
            "command: set it, or take it out of the list"
        )
    return {name: environment[name] for name in names}


def hand_over(client: "Client", variables: Mapping[str, str]) -> None:
    """Give all workers, later ones too, these variables."""
    if variables:
        client.register_plugin(HandedVariables(variables))
