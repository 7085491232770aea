"""What the driver sends to a cluster, with one that answers at once."""

from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import pytest
from distributed import KilledWorker
from distributed.client import FutureCancelledError

from hessweep.activations import activation
from hessweep.address import Address
from hessweep.errors import (
    NO_CREDENTIALS,
    AddressError,
    ClusterError,
    HessweepError,
    StoreAccessError,
)
from hessweep.running import Summary, driver, run, sweep
from hessweep.running.code_version import code_version
from hessweep.running.driver import WINDOW, Batch, Driver, Progress
from hessweep.setup import Setup
from hessweep.store import stored_points, write_segment
from hessweep.study import AddressCluster

POINTS = Setup(activation("erf"), 2, 2).points(range(60))


class AtOnce:
    """A client whose tasks are done as soon as they are sent, all with the same segment.

    If it is `slow`, one of them is done whenever the driver asks for the workers.
    """

    status = "running"

    def __init__(self, threads: int, segment: str, errors: dict[int, str]) -> None:
        self.threads, self.outcome = threads, (segment, errors)
        self.sent: list[tuple] = []
        self.gathered: list[int] = []
        self.driver: Driver
        self.most = 0
        self.killer = None
        self.slow = False
        self.running: list = []

    def nthreads(self) -> dict[str, int]:
        if self.running:
            self.running.pop(0)()
        return {"one": self.threads - 1, "other": 1}

    def submit(self, _function, points, _root, code, *, key, pure):
        assert (pure, code) == (False, code_version())
        self.sent.append(points)
        self.most = max(self.most, len(self.driver.in_flight) + 1)
        status = "error" if self.killer in points else "finished"
        future = SimpleNamespace(key=key, status=status, result=lambda: self.result_of(points))
        future.add_done_callback = lambda call: self.when_done(partial(call, future))
        return future

    def when_done(self, call):
        if self.slow:
            self.running.append(call)
        else:
            call()

    def result_of(self, points):
        if self.killer in points:
            raise KilledWorker("task", None, 1)
        return self.outcome

    def gather(self, futures):
        self.gathered.append(len(futures))
        return [future.result() for future in futures]

    def cancel(self, *_, **__) -> None:
        pass


def driven(tmp_path, batches, errors=None, threads=3, killer=None, slow=False):
    """Return the driver, its client and the reported states after these batches."""
    segment = write_segment(tmp_path, POINTS[0].setup.compute([0]))
    client = AtOnce(threads, segment, errors or {})
    client.killer, client.slow = killer, slow
    total = sum(len(batch.points) for batch in batches)
    seconds = sum(sum(batch.seconds) for batch in batches)
    states = []
    client.driver = Driver(
        client,
        tmp_path,
        Progress(total, seconds=seconds),
        lambda state: states.append((state.done, state.failed, state.seconds_done)),
    )
    client.driver.run(iter(batches))
    return client.driver, client, states


def test_no_more_tasks_are_in_flight_than_the_window_holds(tmp_path):
    batches = [Batch((point,), (1.0,)) for point in POINTS]
    _, client, _ = driven(tmp_path, batches)
    assert client.sent == [batch.points for batch in batches]
    assert client.most == WINDOW * 3 < len(batches)
    # What has finished meanwhile is asked for together.
    assert client.gathered[0] == WINDOW * 3
    assert sum(client.gathered) == len(batches)


def test_a_task_is_sent_for_each_that_has_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "HEARTBEAT_SECONDS", 0.001)
    batches = [Batch((point,), (1.0,)) for point in POINTS]
    _, client, _ = driven(tmp_path, batches, slow=True)
    assert client.sent == [batch.points for batch in batches]
    assert client.most == WINDOW * 3 < len(batches)


def test_progress_counts_points_and_their_predicted_times(tmp_path):
    batches = [Batch(tuple(POINTS[i : i + 3]), (0.5, 1.0, 2.0)) for i in range(0, 30, 3)]
    driver, _, states = driven(tmp_path, batches, errors={1: "ValueError: no"})
    assert states[0] == (0, 0, 0)
    assert states[-1] == (20, 10, pytest.approx(driver.state.seconds))
    assert [failure.point for failure in driver.failures] == POINTS[1:30:3]
    assert driver.state.workers == 3


def test_each_point_of_a_batch_that_killed_its_worker_is_tried_alone(tmp_path):
    """After all others; the one that kills again is stored as failed."""
    batches = [Batch(tuple(POINTS[i : i + 3]), (1.0, 1.0, 1.0)) for i in (0, 3, 6)]
    culprit = POINTS[4]
    driver, client, states = driven(tmp_path, batches, killer=culprit)
    singles = [(point,) for point in POINTS[3:6]]
    assert client.sent == [batch.points for batch in batches] + singles
    assert [failure.point for failure in driver.failures] == [culprit]
    assert states[-1][:2] == (8, 1)
    assert stored_points(tmp_path)[culprit.key] == "failed"


def test_what_another_run_stored_while_this_one_waited_is_not_computed(tmp_path, monkeypatch):
    """Where nothing is left, no cluster is needed."""

    @contextmanager
    def waiting(root, points):
        write_segment(root, [point.compute() for point in points])
        yield

    monkeypatch.setattr(sweep, "reserve", waiting)
    nowhere = AddressCluster(address="tcp://127.0.0.1:9")
    assert run(POINTS[:3], tmp_path, nowhere) == Summary(3, 0, 3, 0)


def failing_with(tmp_path, monkeypatch, outcome):
    """Drive one batch whose task has this outcome."""

    def result_of(*_):
        if isinstance(outcome, Exception) and not isinstance(outcome, HessweepError):
            raise outcome
        return outcome

    monkeypatch.setattr(AtOnce, "result_of", result_of)
    return driven(tmp_path, [Batch((POINTS[0],), (1.0,))])


@pytest.mark.parametrize(
    ("outcome", "kind", "words"),
    [
        (FutureCancelledError("x", "lost"), ClusterError, "the connection to the Dask scheduler"),
        (KeyError("hessweep"), ClusterError, "the cluster can not run tasks of hessweep; are the"),
        (StoreAccessError("the disk is full"), StoreAccessError, "^the disk is full$"),
        (AddressError("can not read it"), AddressError, "^a worker can not read it$"),
        (
            AddressError(f"can not read it: {NO_CREDENTIALS}; set it"),
            AddressError,
            "^a worker can not read it: .*; workers of a gateway have no variables of this comm",
        ),
        (
            ("0" * 32 + ".zarr.zip", {}),
            ClusterError,
            "0{32}.zarr.zip in .* the driver",
        ),
    ],
)
def test_what_ends_a_run_is_told_as_what_it_is(tmp_path, monkeypatch, outcome, kind, words):
    with pytest.raises(kind, match=words) as told:
        failing_with(tmp_path, monkeypatch, outcome)
    assert type(told.value) is kind


def test_a_client_that_is_closed_is_lost(tmp_path, monkeypatch):
    for status in ("closing", "closed"):
        monkeypatch.setattr(AtOnce, "status", status)
        with pytest.raises(ClusterError, match="the connection to the Dask scheduler is lost"):
            driven(tmp_path, [Batch((POINTS[0],), (1.0,))])


def test_on_an_object_store_all_segments_are_looked_for_at_the_end(monkeypatch):
    """One of them at once, since each look takes long; the others together."""
    root, known, looked = Address("s3://bucket/results"), {"a": 1, "b": 1}, []
    found = Driver(SimpleNamespace(), root, Progress(3), lambda _: None)

    def has_segment(_, name):
        looked.append(name)
        return name in known

    monkeypatch.setattr(driver, "has_segment", has_segment)
    monkeypatch.setattr(driver, "list_segments", lambda _: known)
    for name in ("a", "b"):
        settle(found, name)
    found._find_all()
    assert (looked, found.state.done) == (["a"], 2)
    settle(found, "c")
    with pytest.raises(ClusterError, match=r"the segment c in s3://bucket/results, .*AWS_E"):
        found._find_all()


def settle(driver, segment):
    future = SimpleNamespace(key=segment)
    driver.in_flight[segment] = Batch((POINTS[0],), (1.0,))
    driver.futures[segment] = future
    driver._settle(future, lambda: (segment, {}), alone=False)
