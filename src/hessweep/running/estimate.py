"""How long what is missing will take, in words, before it is computed."""

from collections.abc import Iterable

from hessweep.address import Root
from hessweep.running.clusters import planned
from hessweep.running.sweep import Request, find_work
from hessweep.setup import Point
from hessweep.study import ClusterConfig
from hessweep.units import show_count, show_seconds


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
