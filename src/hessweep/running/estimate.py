"""How long what is asked for will take, before it is computed."""

from collections.abc import Iterable

from hessweep.address import Root
from hessweep.running.clusters import choose_cluster, planned
from hessweep.running.cost import seconds_of_each
from hessweep.running.sweep import Request, find_work
from hessweep.setup import Point
from hessweep.study import ClusterConfig, LocalCluster, Study
from hessweep.units import show_count, show_seconds

STARTING_SECONDS = 2.0
"""About how long worker processes take to start."""


def cores_of_job(study: Study, name: str, cores: int) -> int:
    """Return how many of a machine's cores the workflow's job for a sweep takes.

    That is one if a single worker computes the sweep in the time that workers take to start: the
    workers of two such sweeps then start side by side. It is all of them otherwise, and where
    study or environment say where to compute or with how many workers.
    """
    cluster = choose_cluster(study.cluster)
    if not isinstance(cluster, LocalCluster) or cluster.workers:
        return cores
    parts = study.sweeps[name].points().parts
    seconds = sum(len(seeds) * seconds_of_each(setup) for setup, seeds in parts)
    return 1 if seconds < STARTING_SECONDS else cores


def estimate(
    points: Iterable[Point] | Request,
    root: Root,
    cluster: ClusterConfig,
    cores: int | None = None,
) -> str:
    """Return how many of the points are missing and about how long they take, or "" if none is.

    Where points are stored, the prediction is corrected by their measured times.

    Args:
        points: The points that are asked for, or a function that returns them as of now: then
            the text says that it may be more.
        root: The results folder.
        cluster: Where they are to be computed.
        cores: How many cores of this machine a local cluster may use; all if None.
    """
    missing = find_work(points, root).missing
    if not missing:
        return ""
    from hessweep.running.calibration import calibrate

    activations = {setup.activation for setup in missing.count_setups()}
    calibration = calibrate(root, activations)
    more = "at least " if callable(points) else ""
    told = f"{more}{show_count(len(missing), 'point')} to compute, "
    capacity = planned(cluster, missing, cores)
    if capacity is None:
        return f"{told}{_about(calibration.seconds(missing))} on one core"
    seconds = calibration.worker_seconds(missing) / capacity.workers
    return (
        f"{told}{_about(seconds)} with "
        f"{show_count(capacity.workers, 'worker')}, and some seconds to start"
    )


def _about(seconds: float) -> str:
    return "less than a second" if seconds < 1 else f"about {show_seconds(seconds)}"
