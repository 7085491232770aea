"""A run: find which points are missing, have them computed, and sum up what came of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hessweep.running.capacity import Capacity, connected_memory
from hessweep.running.clusters import cluster_client, planned
from hessweep.running.main_guard import check_main_guard
from hessweep.setup import Point
from hessweep.store import stored_points
from hessweep.store.reservations import reserve
from hessweep.store.segments import list_segments
from hessweep.study import ClusterConfig, LocalCluster
from hessweep.study.section import Section

if TYPE_CHECKING:
    from distributed import Client

    from hessweep.running.driver import Failure, Progress

BATCH_SECONDS = 1.0
"""Predicted time of one task: a hundred times what it takes to send it and commit its segment."""

TASKS = 64
"""Number of tasks into which a short sweep is cut, so that no core waits long at the end."""


@dataclass(frozen=True)
class Summary:
    """Numbers of points of a finished run; `requested = computed + reused + failed`."""

    requested: int
    computed: int
    """Computed in this run."""
    reused: int
    """Computed before, and found in the store."""
    failed: int
    """Points without a result: those that failed in this run, and those that failed before and
    were not tried again."""
    failures: "tuple[Failure, ...]" = ()
    """The points that failed in this run."""


@dataclass(frozen=True)
class Work:
    """Requested points minus stored points."""

    missing: Sequence[Point]
    done: int
    failed: int
    """Number of points that are stored as failed and are not to be tried again."""

    @property
    def requested(self) -> int:
        """Number of points asked for, each counted once."""
        return len(self.missing) + self.done + self.failed


def find_work(points: Iterable[Point], root: str | Path, *, retry_failed: bool = False) -> Work:
    """Return which points are to be computed, without computing or writing anything.

    Raises:
        StoreError: If the stored results can not be read.
    """
    return _find_work({point.key: point for point in points}, Path(root), retry_failed)


def _find_work(points: Mapping[str, Point], root: Path, retry_failed: bool) -> Work:
    stored = stored_points(root)
    missing: list[Point] = []
    done = failed = 0
    for key, point in points.items():
        status = stored.get(key)
        if status == "done":
            done += 1
        elif status is None or retry_failed:
            missing.append(point)
        else:
            failed += 1
    return Work(missing, done, failed)


def run(
    points: Iterable[Point],
    root: str | Path,
    cluster: "ClusterConfig | Client | None" = None,
    *,
    progress: "Callable[[Progress], None]" = lambda _: None,
    retry_failed: bool = False,
    batch_seconds: float = BATCH_SECONDS,
    cores: int | None = None,
) -> Summary:
    """Compute the points that the store below `root` lacks, and commit them to it.

    Numbers do not depend on the number of workers, on batches, or on the order of points.

    Args:
        points: The points that are wanted; a point that is given twice counts once.
        root: The results folder, on storage that driver and workers share.
        cluster: Where to compute. A study's `cluster` section is started only if a point is
            missing; a connected client is left open. This machine's cores if None.
        progress: Called with the same, updated object after every batch and heartbeat.
        retry_failed: Whether to compute points again that are stored as failed.
        batch_seconds: The longest predicted time of one task, unless it has one point only. Tasks
            of a short sweep are shorter, down to a tenth of this.
        cores: How many cores of this machine to use, for a local cluster whose number of workers
            is not given; all if None.

    Raises:
        TooLargeError: If a missing point does not fit into a worker; nothing is computed.
        ClusterError: If the cluster can not be used, or is lost. A script that calls
            this without a main guard gets this error.
        StoreError: If results can not be read or written.
    """
    check_main_guard()
    root = Path(root).absolute()
    where = LocalCluster() if cluster is None else cluster
    keyed = {point.key: point for point in points}
    segments = list_segments(root)
    work = _find_work(keyed, root, retry_failed)
    failures: list[Failure] = []
    if work.missing:
        # Imported here, so that a run with nothing to do need not wait for it.
        from hessweep.running.cost import check_fits

        capacity = None
        if isinstance(where, Section):
            capacity = planned(where, work.missing, cores)
            check_fits(work.missing, capacity.memory if capacity else None)
        else:
            check_fits(work.missing, connected_memory(where))
        with reserve(root, work.missing):
            # Another run may have stored some of them while this one waited for its turn.
            if list_segments(root) != segments:
                work = _find_work(keyed, root, retry_failed)
            if work.missing:
                failures = _compute(work.missing, root, where, capacity, progress, batch_seconds)
    return Summary(
        requested=work.requested,
        computed=len(work.missing) - len(failures),
        reused=work.done,
        failed=len(failures) + work.failed,
        failures=tuple(failures),
    )


def _compute(
    missing: Sequence[Point],
    root: Path,
    cluster: "ClusterConfig | Client",
    capacity: Capacity | None,
    progress: "Callable[[Progress], None]",
    batch_seconds: float,
) -> "list[Failure]":
    connection: AbstractContextManager[Client] = (
        cluster_client(cluster, root, capacity)
        if isinstance(cluster, Section)
        else nullcontext(cluster)
    )
    from hessweep.running.cost import check_fits, predicted_seconds
    from hessweep.running.driver import Driver, Progress, batches

    with connection as client:
        check_fits(missing, connected_memory(client))
        seconds = [predicted_seconds(point) for point in missing]
        state = Progress(len(missing), seconds=sum(seconds))
        longest = min(batch_seconds, max(state.seconds / TASKS, batch_seconds / 10))
        return Driver(client, root, state, progress).run(batches(missing, seconds, longest))
