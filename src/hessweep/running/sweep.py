"""A run: find which points are missing, have them computed, and sum up what came of it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hessweep.address import Address, Root, root_of
from hessweep.points import Part, Points
from hessweep.running.capacity import Capacity, connected_memory
from hessweep.running.clusters import cluster_client, planned
from hessweep.running.main_guard import check_main_guard
from hessweep.setup import Point
from hessweep.store import stored_points
from hessweep.store.reservations import reserve
from hessweep.store.segments import list_segments
from hessweep.store.statuses import statuses
from hessweep.study import ClusterConfig, LocalCluster
from hessweep.study.section import Section

if TYPE_CHECKING:
    from distributed import Client

    from hessweep.running.driver import Failure, Progress

BATCH_SECONDS = 1.0
"""Predicted time of one task: a hundred times what it takes to send it and commit its segment."""

TASKS = 64
"""Number of tasks into which a short sweep is cut, so that no core waits long at the end."""


Request = Callable[[], Iterable[Point]]
"""Returns the points that are wanted by what is stored when it is called."""


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

    missing: Points
    done: int
    failed: int
    """Number of points that are stored as failed and are not to be tried again."""

    @property
    def requested(self) -> int:
        """Number of points asked for, each counted once."""
        return len(self.missing) + self.done + self.failed


def find_work(
    points: Iterable[Point] | Request, root: str | Root, *, retry_failed: bool = False
) -> Work:
    """Return which points are to be computed, without computing or writing anything.

    More may be asked for when these are computed, if `points` is a function.

    Raises:
        StoreError: If the stored results can not be read.
    """
    given = Points.of(points() if callable(points) else points)
    return work_of(given, stored_points(root_of(root)), retry_failed=retry_failed)


def work_of(
    points: Points,
    stored: Mapping[str, str],
    *,
    retry_failed: bool = False,
    tried: Collection[str] = (),
) -> Work:
    """Return which points are to be computed.

    Args:
        points: What is asked for.
        stored: The status of each stored point by its key.
        retry_failed: Whether to compute points again that are stored as failed.
        tried: Keys of points that this run has tried: those without a result failed.
    """
    if not stored and not tried:  # The keys need not be computed.
        return Work(points, 0, 0)
    missing: list[Part] = []
    done = failed = 0
    for setup, seeds in points.parts:
        found = []
        points_of_setup = setup.points(seeds)
        known = statuses(stored, [point.key for point in points_of_setup])
        for point, status in zip(points_of_setup, known, strict=True):
            if status == "done":
                done += 1
            elif point.key not in tried and (status is None or retry_failed):
                found.append(point.seed)
            else:
                failed += 1
        # Where all are missing, parts share their seeds.
        missing.append((setup, seeds if len(found) == len(seeds) else found))
    return Work(Points(missing), done, failed)


class _Rounds:
    """The work of a run: what is missing, and then what is asked for by what came of that."""

    def __init__(self, points: Iterable[Point] | Request, root: Root, retry_failed: bool) -> None:
        self.root = root
        self.retry_failed = retry_failed
        self.grows = callable(points)
        """Whether more may be asked for when what is missing now has been computed."""
        given = None if callable(points) else Points.of(points)
        self._request: Request = points if callable(points) else lambda: given or ()
        self.tried: set[str] = set()
        """Keys of the points of the rounds so far, where more than one can be needed."""
        self.attempted = 0
        """Number of points that were tried and are asked for."""
        self.look_again()

    def look_again(self) -> None:
        """Find out what is asked for and what of it is missing, by what is stored now."""
        self.asked = Points.of(self._request())
        self.work = work_of(
            self.asked,
            stored_points(self.root),
            retry_failed=self.retry_failed,
            tried=self.tried,
        )

    def __iter__(self) -> Iterator[Points]:
        """Yield the missing points of each round; they are computed before the next one."""
        while missing := self.work.missing:
            yield missing
            if not self.grows:
                self.attempted = len(missing)
                return
            self.tried |= {point.key for point in missing}
            self.look_again()
            self.attempted = sum(point.key in self.tried for point in self.asked)

    def summary(self, failures: "Sequence[Failure]") -> Summary:
        """Sum up the run after its last round."""
        asked = {point.key for point in self.asked} if self.grows and failures else None
        failed = sum(asked is None or failure.point.key in asked for failure in failures)
        computed = self.attempted - failed
        # The last look was after the last round if more could be asked for, otherwise before it.
        after = self.grows
        return Summary(
            requested=self.work.requested,
            computed=computed,
            reused=self.work.done - computed * after,
            failed=self.work.failed + failed * (not after),
            failures=tuple(failures),
        )


def run(
    points: Iterable[Point] | Request,
    root: str | Root,
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
        points: The points that are wanted; a point that is given twice counts once. Or a function
            that returns them by what is stored when it is called, such as `request`: when all that
            it has returned is computed it is called again, until that asks for nothing new.
        root: The results: a folder that driver and workers share, or the address of a place on an
            object store, which all of them can write to with the credentials of their environment.
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
    root = root_of(root)
    root = root if isinstance(root, Address) else root.absolute()
    where = LocalCluster() if cluster is None else cluster
    segments = list_segments(root)
    rounds = _Rounds(points, root, retry_failed)
    failures: list[Failure] = []
    if missing := rounds.work.missing:
        # Imported here, so that a run with nothing to do need not wait for it.
        from hessweep.running.cost import check_fits

        capacity = None
        if isinstance(where, Section):
            capacity = planned(where, missing, cores)
            check_fits(missing, capacity.memory if capacity else None)
        else:
            check_fits(missing, connected_memory(where))
        # Later rounds compute points of the same setups.
        with reserve(root, missing) as check:

            def report(state: "Progress") -> None:
                check()
                progress(state)

            # Another run may have stored some of them while this one waited for its turn.
            if list_segments(root) != segments:
                rounds.look_again()
            if rounds.work.missing:
                failures = _compute(rounds, root, where, capacity, report, batch_seconds)
    return rounds.summary(failures)


def folder_beside(root: Root) -> Path:
    """Return the folder of what a run writes beside its points, such as the logs of SLURM jobs."""
    return Path("results", root.name).absolute() if isinstance(root, Address) else root


def _compute(
    rounds: _Rounds,
    root: Root,
    cluster: "ClusterConfig | Client",
    capacity: Capacity | None,
    progress: "Callable[[Progress], None]",
    batch_seconds: float,
) -> "list[Failure]":
    connection: AbstractContextManager[Client] = (
        cluster_client(cluster, folder_beside(root), capacity)
        if isinstance(cluster, Section)
        else nullcontext(cluster)
    )
    from hessweep.running.clusters.dask_settings import wants_dashboard
    from hessweep.running.clusters.worker_plugins import send_data_files
    from hessweep.running.cost import check_fits, predicted_times
    from hessweep.running.driver import Driver, Progress, batches

    with connection as client:
        dashboard = client.dashboard_link if wants_dashboard() else ""
        state = Progress(0, grows=rounds.grows, dashboard=dashboard)
        driver = Driver(client, root, state, progress)
        for missing in rounds:
            check_fits(missing, connected_memory(client))
            send_data_files(client, missing)
            seconds = predicted_times(missing)
            state.total += len(missing)
            state.seconds += float(seconds.sum())
            longest = min(batch_seconds, max(float(seconds.sum()) / TASKS, batch_seconds / 10))
            driver.run(batches(missing, seconds, longest))
        return driver.failures
