"""Keeps the workers busy with a sliding window of batches, and deals with workers that die."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import inf
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any
from uuid import uuid4

import numpy as np
from distributed import Client, Future, KilledWorker
from distributed.client import FutureCancelledError
from jaxtyping import Float
from numpy import ndarray

from hessweep.address import Address, Root
from hessweep.errors import NO_CREDENTIALS, AddressError, ClusterError, HessweepError
from hessweep.kinds import PointResult
from hessweep.points import Points
from hessweep.running.code_version import code_version
from hessweep.running.task import compute_batch
from hessweep.setup import Point
from hessweep.store import write_segment
from hessweep.store.segments import has_segment, list_segments

MAX_BATCH = 4000
"""The largest number of points in a task."""

WINDOW = 4
"""Tasks in flight for each thread of the workers: enough that no thread waits for the driver."""

MAX_GATHERED = 256
"""The largest number of results that are asked for at once."""

HEARTBEAT_SECONDS = 2.0


@dataclass(frozen=True)
class Batch:
    """The points of one task."""

    points: Sequence[Point]
    seconds: tuple[float, ...]
    """The predicted time of each point on one core."""

    def single_points(self) -> "Iterator[Batch]":
        """Yield a batch for each of the points."""
        for point, seconds in zip(self.points, self.seconds, strict=True):
            yield Batch((point,), (seconds,))


@dataclass(frozen=True)
class Failure:
    """A point without a result, and the reason."""

    point: Point
    error: str


@dataclass
class Progress:
    """How far a sweep has come."""

    total: int
    """Number of points to compute."""
    done: int = 0
    failed: int = 0
    workers: int = 0
    """Number of threads that compute; 0 while no worker has joined."""
    seconds: float = 0.0
    """The predicted time of all points on one core."""
    seconds_done: float = 0.0
    """The predicted time of the points that are done or failed."""
    grows: bool = False
    """Whether more points may follow when these are computed."""
    dashboard: str = ""
    """The address of Dask's dashboard, if it is wanted."""


def batches(
    points: Sequence[Point], seconds: Float[ndarray, " points"], longest: float
) -> Iterator[Batch]:
    """Yield the points in batches, those with the longest predicted time first.

    Long points come first so that at the end no worker waits long for another's last task.

    Args:
        points: The points, in any order.
        seconds: The predicted time of each point.
        longest: The largest predicted time of a batch of more than one point.
    """
    points = Points.of(points)
    start, total = 0, 0.0
    # Arrays, and numbers of Python a batch at a time: there may be ten million points.
    seconds = np.asarray(seconds, float)
    order = np.argsort(-seconds, kind="stable")
    end = 0
    for one in order:
        time = float(seconds[one])
        full = total + time > longest or end - start == MAX_BATCH
        if end > start and full:
            yield _batch(points, seconds, order[start:end])
            start, total = end, 0.0
        total += time
        end += 1
    if end:
        yield _batch(points, seconds, order[start:])


def _batch(points: Points, seconds: ndarray, places: ndarray) -> Batch:
    return Batch(points.at(places), tuple(seconds[places].tolist()))


class Driver:
    """Sends batches to the workers of one client until each is done or has failed."""

    def __init__(
        self, client: Client, root: Root, state: Progress, report: Callable[[Progress], None]
    ) -> None:
        self.client = client
        self.root = root
        self.state = state
        self.report = report
        self.failures: list[Failure] = []
        self.suspects: list[Batch] = []
        self.in_flight: dict[str, Batch] = {}
        self.futures: dict[str, Future] = {}
        self.finished: SimpleQueue[Future] = SimpleQueue()
        self.looked = -inf
        self.stored: set[str] = set()
        """The segments that workers have stored."""

    def run(self, work: Iterable[Batch]) -> list[Failure]:
        """Compute all batches; return the points that failed, those of earlier calls among them.

        Raises:
            ClusterError: If the cluster is lost or can not run tasks.
            ClusterInputError: If a worker has another version of the package.
            StoreError: If a worker can not commit.
        """
        try:
            self._heartbeat()
            self._stream(work)
            # A worker that dies takes innocent tasks with it. So each of their points is computed
            # once more, with no other on the cluster: one that kills its worker then is guilty.
            suspects, self.suspects = self.suspects, []
            for batch in suspects:
                for point in batch.single_points():
                    self._stream([point], alone=True)
            self._find_all()
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
            for future, outcome in self._outcomes(self._next_finished()):
                self._settle(future, outcome, alone)

    def _submit(self, batch: Batch) -> None:
        key = f"compute_batch-{uuid4().hex}"
        points = Points.of(batch.points)  # Dask would look into a tuple, point by point.
        what = points, self.root, code_version()
        future = self.client.submit(compute_batch, *what, key=key, pure=False)
        self.in_flight[key], self.futures[key] = batch, future
        future.add_done_callback(self.finished.put)

    def _next_finished(self) -> list[Future]:
        """Wait for a task to finish, and return it with those that have finished meanwhile."""
        # Workers may join at any time, also while results come faster than heartbeats.
        if monotonic() - self.looked >= HEARTBEAT_SECONDS:
            self._heartbeat()
        while True:
            try:
                found = [self.finished.get(timeout=HEARTBEAT_SECONDS)]
            except Empty:
                self._heartbeat()
                continue
            while len(found) < MAX_GATHERED and not self.finished.empty():
                found.append(self.finished.get())
            return found

    def _outcomes(self, futures: list[Future]) -> "Iterator[tuple[Future, Callable[[], Any]]]":
        """Yield each with a function that returns its result, or raises what the task raised.

        To ask for results one by one would take a trip through the network for each of them, and
        so bound the tasks in a second, however many workers there are.
        """
        done = [future for future in futures if future.status == "finished"]
        gathered: dict[str, Any] = {}
        with suppress(Exception):  # Then they are asked for one by one, which tells whose it is.
            gathered = {
                str(future.key): result
                for future, result in zip(done, self.client.gather(done), strict=True)
            }
        for future in futures:
            if str(future.key) in gathered:
                yield future, partial(gathered.get, str(future.key))
            else:
                yield future, future.result

    def _heartbeat(self) -> None:
        self.looked = monotonic()
        if self.client.status in ("closing", "closed"):
            raise ClusterError(_LOST)
        with suppress(OSError):  # the connection is cut, until Dask reconnects or gives up
            self.state.workers = sum(self.client.nthreads().values())
        self.report(self.state)

    def _settle(self, future: Future, result: Callable[[], Any], alone: bool) -> None:
        batch = self.in_flight.pop(str(future.key))
        try:
            outcome = result()
        except KilledWorker:
            if not alone:
                self.suspects.append(batch)
                return
            outcome = self._record_killer(batch.points[0])
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
        if isinstance(outcome, AddressError):
            raise AddressError(f"a worker {outcome}{_hint(str(outcome))}")
        if isinstance(outcome, HessweepError):
            raise outcome
        segment, errors = outcome
        # To look on an object store takes long, so that one segment is looked for, and all of
        # them at the end.
        if not (self.stored and isinstance(self.root, Address)) and not has_segment(
            self.root, segment
        ):
            raise self._not_found(segment)
        self.stored.add(segment)
        self._count(batch, errors)

    def _find_all(self) -> None:
        """Look on an object store for all segments that workers have stored."""
        if isinstance(self.root, Address) and self.stored:
            for segment in sorted(self.stored - list_segments(self.root).keys()):
                raise self._not_found(segment)

    def _not_found(self, segment: str) -> ClusterError:
        remedy = (
            "workers need the same AWS_ENDPOINT_URL and credentials as the driver"
            if isinstance(self.root, Address)
            else "name a results folder in the study that all workers share with the driver, or "
            "an object store, such as results: s3://bucket/name"
        )
        return ClusterError(
            f"a worker has stored the segment {segment} in {self.root}, but the driver does not "
            f"find it there: {remedy}"
        )

    def _record_killer(self, point: Point) -> tuple[str, dict[int, str]]:
        error = "WorkerDied: the process that computed this point was killed or exited"
        return write_segment(self.root, [PointResult(point, error=error)]), {0: error}

    def _count(self, batch: Batch, errors: Mapping[int, str]) -> None:
        failed = [Failure(batch.points[place], error) for place, error in errors.items()]
        self.failures += failed
        self.state.failed += len(failed)
        self.state.done += len(batch.points) - len(failed)
        self.state.seconds_done += sum(batch.seconds)
        self.report(self.state)


def _hint(message: str) -> str:
    """Return what to do besides where a worker lacks credentials that the driver has."""
    return f"; {NOT_HANDED}" if NO_CREDENTIALS in message else ""


NOT_HANDED = (
    "workers of a gateway have no variables of this command but those that the study names, as in "
    "cluster: {environment: [AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION]}"
)

_LOST = (
    "the connection to the Dask scheduler is lost; what was computed is stored, run again to "
    "compute the rest"
)
