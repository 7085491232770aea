"""Options that several commands on a study file have, and what they choose."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hessweep.study import ClusterConfig

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="The study file.")]
Where = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="WHERE",
        help="Where to run, instead of what the study says: local, the address of a Dask "
        "scheduler, or a scheduler file.",
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=1, max=10_000, help="Worker processes on this machine.")
]


def where_to_run(
    config: "ClusterConfig", asked: str | None, workers: int | None
) -> "ClusterConfig":
    """Return where to run: what the options say, otherwise what the study says.

    Raises:
        ClusterError: If the options do not fit the cluster.
    """
    from hessweep.errors import ClusterError
    from hessweep.running.clusters import choose_cluster
    from hessweep.study import LocalCluster

    chosen = choose_cluster(config, asked)
    if workers is None:
        return chosen
    if not isinstance(chosen, LocalCluster):
        raise ClusterError(f"--workers is for a local cluster, this one is {chosen.kind}")
    return chosen.model_copy(update={"workers": workers})
