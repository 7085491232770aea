"""A run: which points are missing, and what becomes of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hessweep.running.capacity import connected_memory, fitted, planned_memory
from hessweep.running.clusters import cluster_client
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
"""Predicted work in a task: a hundred times what sending it and committing its segment cost."""

TASKS = 64
"""In how many tasks a short sweep is cut, so that no core waits long at the end."""


@dataclass(frozen=True)
class Summary:
    """What a sweep came to; `requested = computed + reused + failed`."""

    requested: int
    computed: int
    """Done in this run."""
    reused: int
    """Done before, taken from the store."""
    failed: int
    """Without a result: failed in this run, or before and not tried again."""
    failures: "tuple[Failure, ...]" = ()
    """Those of this run."""


@dataclass(frozen=True)
class Work:
    """Requested points minus stored points."""

    missing: Sequence[Point]
    done: int
    failed: int
    """Stored as failed, and not to be tried again."""

    @property
    def requested(self) -> int:
        """Number of points asked for, each counted once."""
        return len(self.missing) + self.done + self.failed


def find_work(points: Iterable[Point], root: str | Path, *, retry_failed: bool = False) -> Work:
    """Return which points are to be computed; computes and writes nothing.

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
        points: What is wanted; a point given twice counts once.
        root: The results folder, on storage that driver and workers share.
        cluster: Where to compute: a study's `cluster` section, started only if a point is
            missing; or a connected client, left open. This machine's cores if None.
        progress: Called with the same object, updated, after every batch and heartbeat.
        retry_failed: Compute points again that are stored as failed.
        batch_seconds: Predicted work in one task, at most; a tenth of it at least.
        cores: Of this machine, for a local cluster whose workers are not given; all if None.

    Raises:
        TooLargeError: If a missing point does not fit into a worker; nothing is computed.
        ClusterError: If the cluster can not be used, or is lost.
        StoreError: If results can not be read or written.
    """
    root = Path(root).absolute()
    where = LocalCluster() if cluster is None else cluster
    keyed = {point.key: point for point in points}
    segments = list_segments(root)
    work = _find_work(keyed, root, retry_failed)
    failures: list[Failure] = []
    if work.missing:
        # Here and not above: a run with nothing to do is over before any of it is imported.
        from hessweep.running.cost import check_fits

        if isinstance(where, Section):
            where = fitted(where, work.missing, cores)
        check_fits(work.missing, _memory(where))
        with reserve(root, work.missing):
            # Another run may have stored some of them meanwhile.
            if list_segments(root) != segments:
                work = _find_work(keyed, root, retry_failed)
            if work.missing:
                failures = _compute(work.missing, root, where, progress, batch_seconds)
    return Summary(
        requested=work.requested,
        computed=len(work.missing) - len(failures),
        reused=work.done,
        failed=len(failures) + work.failed,
        failures=tuple(failures),
    )


def _memory(cluster: "ClusterConfig | Client") -> int | None:
    if isinstance(cluster, Section):
        return planned_memory(cluster)
    return connected_memory(cluster)


def _compute(
    missing: Sequence[Point],
    root: Path,
    cluster: "ClusterConfig | Client",
    progress: "Callable[[Progress], None]",
    batch_seconds: float,
) -> "list[Failure]":
    connection: AbstractContextManager[Client] = (
        cluster_client(cluster, shared=root)
        if isinstance(cluster, Section)
        else nullcontext(cluster)
    )
    from hessweep.running.cost import check_fits, predicted_seconds
    from hessweep.running.driver import Driver, Progress, batches

    with connection as client:
        check_fits(missing, connected_memory(client))
        state = Progress(len(missing), seconds=sum(map(predicted_seconds, missing)))
        seconds = min(batch_seconds, max(state.seconds / TASKS, batch_seconds / 10))
        return Driver(client, root, state, progress).run(batches(missing, seconds))
