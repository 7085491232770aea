"""Keeps the workers busy: a sliding window of batches, and what happens to those that die."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from math import inf
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from uuid import uuid4

from distributed import Client, Future, KilledWorker
from distributed.client import FutureCancelledError

from hessweep.errors import ClusterError, StoreError
from hessweep.kinds import PointResult
from hessweep.running.cost import predicted_seconds
from hessweep.running.task import compute_batch
from hessweep.setup import Point
from hessweep.store import write_segment
from hessweep.store.segments import segments_folder

Batch = Sequence[Point]

MAX_BATCH = 4000
"""Points in a task at most."""

WINDOW = 4
"""Tasks in flight for each thread of the workers: enough that none waits for the driver."""

HEARTBEAT_SECONDS = 2.0


@dataclass(frozen=True)
class Failure:
    """A point without a result, and why."""

    point: Point
    error: str


@dataclass
class Progress:
    """How far a sweep is."""

    total: int
    """Points to compute."""
    done: int = 0
    failed: int = 0
    workers: int = 0
    """Threads that compute; 0 while none has joined."""
    seconds: float = 0.0
    """Predicted for all points on one core."""
    seconds_done: float = 0.0
    """Of these, for the points that are done or failed."""


def batches(points: Iterable[Point], seconds: float) -> Iterator[Batch]:
    """Yield the points in tasks of about that many predicted seconds, the longest work first.

    Long points first, so that at the end no worker waits long for another's last task.
    """
    batch: list[Point] = []
    cost = 0.0
    for point in sorted(points, key=predicted_seconds, reverse=True):
        next_cost = predicted_seconds(point)
        if batch and (cost + next_cost > seconds or len(batch) == MAX_BATCH):
            yield tuple(batch)
            batch, cost = [], 0.0
        batch.append(point)
        cost += next_cost
    if batch:
        yield tuple(batch)


class Driver:
    """Sends batches to the workers of one client until all are settled."""

    def __init__(
        self, client: Client, root: Path, state: Progress, report: Callable[[Progress], None]
    ) -> None:
        self.client = client
        self.root = root
        self.state = state
        self.report = report
        self.failures: list[Failure] = []
        self.suspects: list[Point] = []
        self.in_flight: dict[str, Batch] = {}
        self.futures: dict[str, Future] = {}
        self.finished: SimpleQueue[Future] = SimpleQueue()
        self.looked = -inf

    def run(self, work: Iterable[Batch]) -> list[Failure]:
        """Compute all batches; return the points that failed.

        Raises:
            ClusterError: If the cluster is lost or can not run tasks.
            StoreError: If a worker can not commit.
        """
        try:
            self._heartbeat()
            self._stream(work)
            # A dead worker takes innocent tasks down with it. One point at a time on the whole
            # cluster, the one that kills again is the culprit.
            for point in self.suspects:
                self._stream([(point,)], alone=True)
        finally:
            with suppress(Exception):
                self.client.cancel(list(self.futures.values()), force=True)
        return self.failures

    def _stream(self, work: Iterable[Batch], *, alone: bool = False) -> None:
        waiting = iter(work)
        while True:
            room = WINDOW * max(self.state.workers, 1) - len(self.in_flight)
            for batch in islice(waiting, max(room, 0)):
                self._submit(batch)
            if not self.in_flight:
                return
            self._settle(self._next_finished(), alone)

    def _submit(self, batch: Batch) -> None:
        key = f"compute_batch-{uuid4().hex}"
        future = self.client.submit(compute_batch, batch, self.root, key=key, pure=False)
        self.in_flight[key], self.futures[key] = batch, future
        future.add_done_callback(self.finished.put)

    def _next_finished(self) -> Future:
        # By the clock, however fast results come: workers may join at any time.
        if monotonic() - self.looked >= HEARTBEAT_SECONDS:
            self._heartbeat()
        while True:
            try:
                return self.finished.get(timeout=HEARTBEAT_SECONDS)
            except Empty:
                self._heartbeat()

    def _heartbeat(self) -> None:
        self.looked = monotonic()
        if self.client.status in ("closing", "closed"):
            raise ClusterError(_LOST)
        with suppress(OSError):  # while the connection is cut: Dask reconnects, or gives up
            self.state.workers = sum(self.client.nthreads().values())
        self.report(self.state)

    def _settle(self, future: Future, alone: bool) -> None:
        batch = self.in_flight.pop(str(future.key))
        try:
            outcome = future.result()
        except KilledWorker:
            if not alone:
                self.suspects.extend(batch)
                return
            outcome = self._record_killer(batch[0])
        except FutureCancelledError:
            raise ClusterError(_LOST) from None
        except Exception as error:
            raise ClusterError(
                "the cluster can not run tasks of hessweep; are the same versions of it and its "
                "dependencies installed on scheduler and workers? "
                f"{type(error).__name__}: {' '.join(str(error).split())}"
            ) from error
        finally:
            del self.futures[str(future.key)]
        if isinstance(outcome, StoreError):
            raise outcome
        segment, errors = outcome
        if not (segments_folder(self.root) / segment).is_file():
            raise ClusterError(
                f"a worker has stored {segment} in {segments_folder(self.root)}, and it is not "
                "there for the driver: results need a folder that all workers share with it; "
                "name another in the study"
            )
        self._count(batch, errors)

    def _record_killer(self, point: Point) -> tuple[str, dict[int, str]]:
        error = "WorkerDied: the process that computed this point was killed or exited"
        return write_segment(self.root, [PointResult(point, error=error)]), {0: error}

    def _count(self, batch: Batch, errors: Mapping[int, str]) -> None:
        failed = [Failure(batch[place], error) for place, error in errors.items()]
        self.failures += failed
        self.state.failed += len(failed)
        self.state.done += len(batch) - len(failed)
        self.state.seconds_done += sum(map(predicted_seconds, batch))
        self.report(self.state)


_LOST = (
    "the connection to the Dask scheduler is lost; what was computed is stored, run again to "
    "compute the rest"
)
