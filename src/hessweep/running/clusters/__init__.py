"""Where points are computed: on this machine, on a running cluster, or on one that others start.

Each kind of cluster is one module of this package, of the name that `cluster.kind` has in a
study. It defines the two functions of `ClusterKind`. A Dask scheduler runs any code that reaches
it. So each that is started here uses TLS with credentials made for the run, and dashboards listen
on loopback only.
"""

import logging
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hessweep.errors import ClusterError
from hessweep.running.capacity import Capacity
from hessweep.running.clusters.dask_settings import dask_settings
from hessweep.running.clusters.kind import ClusterKind
from hessweep.study import AddressCluster, ClusterConfig, FileCluster, LocalCluster

if TYPE_CHECKING:
    from distributed import Client

    from hessweep.setup import Point

VARIABLES = ("HESSWEEP_CLUSTER", "DASK_SCHEDULER_ADDRESS")
"""Environment variables that name the cluster; the command line goes before them, and they go
before the study."""

_SILENCED = ("distributed", "distributed.client", "tornado.application")
"""Loggers that say of lost connections what the run itself reports. Dask gives the second a level
of its own; the third logs what an interrupt in Dask's waiting leaves behind."""

_HOST_AND_PORT = re.compile(r"[^\s/]+:[0-9]+")


def choose_cluster(
    study: ClusterConfig, asked: str | None = None, environment: Mapping[str, str] = os.environ
) -> ClusterConfig:
    """Return where to run: what was asked, otherwise what the environment or the study says.

    Args:
        study: The study's `cluster` section.
        asked: `local`, the address of a scheduler, or the path of a scheduler file.
        environment: Where `VARIABLES` are looked up.

    Raises:
        ClusterError: If what was asked is none of these.
    """
    if asked:
        return _read(asked, study, asked)
    for name in VARIABLES:
        if text := environment.get(name):
            return _read(text, study, f"{text} (from the environment variable {name})")
    return study


def _read(text: str, study: ClusterConfig, name: str) -> ClusterConfig:
    """Return the cluster that a text names; messages name the text as `name`."""
    if text == "local":
        return study if isinstance(study, LocalCluster) else LocalCluster()
    if "://" not in text and not _HOST_AND_PORT.fullmatch(text):
        return FileCluster(path=Path(text))
    try:
        return AddressCluster(address=text if "://" in text else f"tcp://{text}")
    except ValueError:
        raise ClusterError(
            f"{name}: expected local, an address such as tcp://10.0.0.1:8786, or the path of a "
            "scheduler file"
        ) from None


def cluster_kind(config: ClusterConfig) -> ClusterKind:
    """Return the module of a kind of cluster.

    Raises:
        ClusterError: If this package has no module for the kind.
    """
    name = f"{__name__}.{config.kind.replace('-', '_')}"
    try:
        return cast(ClusterKind, import_module(name))
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ClusterError(f"cluster.kind: no kind of cluster is named {config.kind!r}") from None


def planned(
    config: ClusterConfig, points: Collection["Point"] = (), cores: int | None = None
) -> Capacity | None:
    """Return the workers that a cluster will have, or None if only the cluster can say.

    Args:
        config: Where to run.
        points: What is to be computed. On this machine, where the study does not give the number
            of workers, large points get fewer workers with more memory and threads.
        cores: How many cores of this machine may be used; all if None.
    """
    return cluster_kind(config).plan(config, points, cores)


@contextmanager
def cluster_client(
    config: ClusterConfig, shared: Path | None = None, capacity: Capacity | None = None
) -> Iterator["Client"]:
    """Start or join a cluster, and stop or leave it when the block ends.

    Args:
        config: Where to run.
        shared: A folder that driver and workers share, for what SLURM jobs write; the current
            folder if None.
        capacity: What `planned` returned; planned without points if None.

    Raises:
        ClusterError: If the cluster can not be reached or started, or has no worker.
    """
    import dask
    import distributed  # noqa: F401  # adds its defaults now: later they would replace our settings

    # At the end of a run, Dask logs connections that are lost and closed as errors. The run itself
    # reports the others.
    with dask.config.set(dask_settings()), ExitStack() as stack:
        for logger in map(logging.getLogger, _SILENCED):
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        from hessweep.running.clusters.handed_variables import hand_over, variables_to_hand

        handed = variables_to_hand(config)  # Before anything is started, if one is missing.
        kind = cluster_kind(config)
        folder = Path(shared or ".").absolute()
        try:
            client = stack.enter_context(kind.open_client(config, capacity, folder))
        except ClusterError as error:
            raise type(error)(f"{error}{_naming_variable(config)}") from error.__cause__
        hand_over(client, handed)
        yield client


def _naming_variable(config: ClusterConfig) -> str:
    """Return the end of a message: which environment variable names this cluster, if one does."""
    for name in VARIABLES:
        text = os.environ.get(name)
        if text and _read(text, config, text) == config:
            return f"; the environment variable {name} names this cluster"
    return ""
