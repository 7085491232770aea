"""A sweep with real worker processes and a real store."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from distributed import Client
from faulty_activations import Deadly, Exiting, Raising, Surrogate, Unloadable, Unspeakable
from threadpoolctl import threadpool_limits

from hessweep.activations import activation
from hessweep.errors import ClusterError, StoreError, TooLargeError
from hessweep.kinds import TIMES
from hessweep.points import Points
from hessweep.running import Summary, driver, find_work, run, sweep
from hessweep.running.clusters import cluster_client
from hessweep.running.cost import predicted_seconds, predicted_times
from hessweep.running.driver import MAX_BATCH, batches
from hessweep.setup import Point, Setup
from hessweep.store import read_segment, stored_points
from hessweep.store.segments import list_segments, segments_folder
from hessweep.study import AddressCluster, LocalCluster

ERF, QUADRATIC = activation("erf"), activation("quadratic")
POINTS = [
    Setup(act, N_i, N_h).point(seed)
    for act in (ERF, QUADRATIC)
    for N_i, N_h in ((2, 3), (7, 4), (9, 9))
    for seed in range(4)
]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with cluster_client(LocalCluster(workers=2)) as client:
        yield client


def contents(root: Path) -> dict[str, tuple]:
    """Everything that is stored of each point, but for times, as bytes."""
    found = {}
    for name in list_segments(root):
        dataset = read_segment(segments_folder(root) / name)
        ends = np.cumsum(dataset["row_size"].values)
        for row, (end, size) in enumerate(zip(ends, dataset["row_size"].values, strict=True)):
            scalars = {
                column: str(dataset[column].values[row])
                for column in dataset.data_vars
                if dataset[column].dims == ("point",) and column not in TIMES
            }
            eigenvalues = dataset["eigenvalues"].values[end - size : end].tobytes()
            found[str(dataset["key"].values[row])] = (scalars, eigenvalues)
    return found


@pytest.fixture(scope="module")
def reference(client: Client, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple]:
    root = tmp_path_factory.mktemp("reference")
    assert run(POINTS, root, client) == Summary(len(POINTS), len(POINTS), 0, 0)
    return contents(root)


def test_stored_is_what_the_point_computes(reference: dict[str, tuple]) -> None:
    with threadpool_limits(1):
        for point in POINTS:
            scalars, eigenvalues = reference[point.key]
            result = point.compute()
            assert eigenvalues == result.eigenvalues.tobytes()
            assert scalars["lambda_max"] == str(result.scalars["lambda_max"])
    assert set(reference) == {point.key for point in POINTS}


def test_bits_do_not_depend_on_order_or_batches(
    client: Client, reference: dict[str, tuple], tmp_path: Path
) -> None:
    run(POINTS[::-1], tmp_path / "reversed", client)
    assert contents(tmp_path / "reversed") == reference
    run(POINTS, tmp_path / "single", client, batch_seconds=0)
    assert contents(tmp_path / "single") == reference
    assert len(list_segments(tmp_path / "single")) == len(POINTS)


def test_bits_do_not_depend_on_the_number_of_workers(
    reference: dict[str, tuple], tmp_path: Path
) -> None:
    run(POINTS, tmp_path, LocalCluster(workers=1), batch_seconds=0.01)
    assert contents(tmp_path) == reference


def test_only_what_is_missing_is_computed(client: Client, tmp_path: Path) -> None:
    run(POINTS[:5], tmp_path, client)
    before = list_segments(tmp_path)
    twice = POINTS[:8] + POINTS[:8]
    assert run(twice, tmp_path, client) == Summary(requested=8, computed=3, reused=5, failed=0)
    added = set(list_segments(tmp_path)) - set(before)
    stored = [read_segment(segments_folder(tmp_path) / name)["key"].values for name in added]
    assert sorted(np.concatenate(stored)) == sorted(point.key for point in POINTS[5:8])


def test_nothing_missing_needs_no_cluster(client: Client, tmp_path: Path) -> None:
    run(POINTS[:2], tmp_path, client)
    nowhere = AddressCluster(address="tcp://127.0.0.1:9")
    assert run(POINTS[:2], tmp_path, nowhere) == Summary(2, 0, 2, 0)
    assert run([], tmp_path / "empty", nowhere) == Summary(0, 0, 0, 0)
    assert not (tmp_path / "empty").exists()


def test_a_failing_point_is_recorded_and_stops_no_other(client: Client, tmp_path: Path) -> None:
    errors = {
        Raising: "ValueError: no kernel for you",
        Exiting: "SystemExit: I am out",
        Unspeakable: "_Silent: (its text raises TypeError)",
        Surrogate: "ValueError: half a \\ud800 character",
    }
    bad = [Setup(make(), 3, 3).point(0) for make in errors]
    points = [*POINTS[:3], *bad, *POINTS[3:6]]
    summary = run(points, tmp_path, client)
    assert (summary.requested, summary.computed, summary.failed) == (10, 6, 4)
    assert {failure.point: failure.error for failure in summary.failures} == dict(
        zip(bad, errors.values(), strict=True)
    )
    status = stored_points(tmp_path)
    assert [status[point.key] for point in bad] == ["failed"] * 4
    assert contents(tmp_path)[bad[0].key][0]["error"] == "ValueError: no kernel for you"

    # Not tried again unless that is asked for.
    assert run(points, tmp_path, None) == Summary(requested=10, computed=0, reused=6, failed=4)
    assert find_work(points, tmp_path, retry_failed=True).missing == bad
    assert run(points, tmp_path, client, retry_failed=True).failed == 4


def test_a_point_that_kills_its_worker_is_found_and_stops_no_other(
    client: Client, tmp_path: Path
) -> None:
    killer = Setup(Deadly(), 3, 3).point(0)
    points = [*POINTS[:4], killer, *POINTS[4:8]]
    summary = run(points, tmp_path, client)
    assert [failure.point for failure in summary.failures] == [killer]
    assert "WorkerDied" in summary.failures[0].error
    assert (summary.computed, summary.failed) == (8, 1)
    status = stored_points(tmp_path)
    assert [point for point in points if status[point.key] != "done"] == [killer]


def test_a_point_too_large_is_refused_before_anything_starts(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def must_not_start(*_: object, **__: object) -> None:
        pytest.fail("a cluster was started")

    monkeypatch.setattr(sweep, "cluster_client", must_not_start)
    points = [*POINTS, Setup(QUADRATIC, 200, 200).point(0), Setup(ERF, 100, 100).point(0)]
    small = LocalCluster(workers=1, memory="1GB")
    with pytest.raises(TooLargeError, match=r"quadratic N_i=200.* GB .*1 GB.*2 of the"):
        run(points, tmp_path / "results", small)
    with pytest.raises(TooLargeError, match="nothing was computed"):
        run([Setup(ERF, 10_000, 10_000).point(0)], tmp_path / "results", client)
    assert not (tmp_path / "results").exists()


def test_workers_that_can_not_store_end_the_run(client: Client, tmp_path: Path) -> None:
    (tmp_path / "segments").write_text("in the way")
    with pytest.raises(StoreError, match="segments"):
        run(POINTS[:2], tmp_path, client)


def test_workers_that_do_not_share_the_folder_end_the_run(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = Path("/proc/self/cwd")  # another folder for each process
    elsewhere = set(client.run(Path.cwd).values())
    assert tmp_path not in elsewhere
    with pytest.raises(ClusterError, match=r"all workers share with the driver, or an object"):
        run(POINTS[:2], own / "unshared", client)
    for folder in elsewhere:
        shutil.rmtree(folder / "unshared", ignore_errors=True)


def test_workers_that_can_not_run_tasks_end_the_run(client: Client, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"same versions of it .*deserialization"):
        run([Setup(Unloadable(), 2, 2).point(0)], tmp_path, client)


def in_batches(points: list[Point], longest: float) -> list[tuple[Point, ...]]:
    seconds = predicted_times(Points.of(points))
    found = list(batches(points, seconds, longest))
    for batch in found:
        assert batch.seconds == tuple(predicted_seconds(point) for point in batch.points)
        assert [single.points for single in batch.single_points()] == [(p,) for p in batch.points]
    return [batch.points for batch in found]


def test_batches_hold_every_point_once_the_longest_work_first() -> None:
    points = [Setup(ERF, N, N).point(seed) for N in (2, 12, 25) for seed in range(1500)]
    tasks = in_batches(points, 0.5)
    assert sorted(point.key for task in tasks for point in task) == sorted(p.key for p in points)
    sizes = [point.setup.N_i for task in tasks for point in task]
    assert sizes == sorted(sizes, reverse=True)
    assert 500 < max(map(len, tasks)) <= MAX_BATCH
    assert all(len(task) > 1 for task in tasks[:-1])
    assert all(sum(predicted_seconds(point) for point in task) <= 0.5 for task in tasks)
    large = Setup(ERF, 60, 60).points(range(3))
    assert [len(task) for task in in_batches(large, 0.5)] == [1, 1, 1]
    assert in_batches([], 0.5) == []
    many = in_batches(Setup(ERF, 1, 1).points(range(MAX_BATCH + 1)), 1e9)
    assert [len(task) for task in many] == [MAX_BATCH, 1]


def test_the_time_of_each_point_is_predicted_once(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Points] = []

    def counted(points: Points) -> np.ndarray:
        seen.append(points)
        return predicted_times(points)

    monkeypatch.setattr("hessweep.running.cost.predicted_times", counted)
    run(POINTS[:6], tmp_path, client)
    assert seen == [POINTS[:6]]


def test_the_times_of_points_are_those_of_each() -> None:
    points = [*POINTS[:3], Setup(activation("quadratic"), 3, 2).point(1), *POINTS[3:5]]
    assert predicted_times(Points.of(points)).tolist() == [
        predicted_seconds(point) for point in points
    ]


def test_short_sweeps_are_cut_finer(client: Client, tmp_path: Path) -> None:
    """So that no worker waits long for another's last task."""
    seconds = 800 * predicted_seconds(Setup(ERF, 12, 12).point(0))
    run(Setup(ERF, 12, 12).points(range(800)), tmp_path, client)
    assert sweep.BATCH_SECONDS / 10 < seconds < sweep.BATCH_SECONDS
    assert len(list_segments(tmp_path)) >= seconds / sweep.BATCH_SECONDS * 10


def test_progress_ends_at_the_total(client: Client, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    run(
        [*POINTS[:4], Setup(Raising(), 2, 2).point(0)],
        tmp_path,
        client,
        progress=lambda state: seen.append((state.done, state.failed)),
        batch_seconds=0,
    )
    assert seen[0] == (0, 0)
    assert seen[-1] == (4, 1)
    assert seen == sorted(seen)


def test_progress_counts_the_rounds_of_a_run_that_grows(client: Client, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    rounds = iter((POINTS[:3], POINTS[:5], POINTS[:5]))
    run(lambda: next(rounds), tmp_path, client, progress=lambda s: seen.append((s.done, s.total)))
    assert (0, 3) in seen
    assert seen[-1] == (5, 5)


def test_workers_that_join_while_results_come_are_counted(monkeypatch, tmp_path) -> None:
    client = SimpleNamespace(status="running", nthreads=lambda: {"first": 1, "later": 1})
    told = driver.Driver(client, tmp_path, driver.Progress(2, workers=1), lambda state: None)
    told.finished.put("a result")
    told.finished.put("one that came meanwhile")
    assert told._next_finished() == ["a result", "one that came meanwhile"]
    assert told.state.workers == 2
