"""How many BLAS threads compute a point, whatever the process was started with."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from faulty_activations import CountingThreads, blas_threads_in_use
from threadpoolctl import threadpool_limits

import hessweep
from hessweep.activations import activation
from hessweep.errors import ClusterInputError, StoreAccessError
from hessweep.kinds import plain
from hessweep.running import cost, run, task, verify
from hessweep.running.clusters import cluster_client
from hessweep.running.code_version import code_version
from hessweep.setup import Setup
from hessweep.store import publish, stored_points, write_segment
from hessweep.study import LocalCluster

ERF = activation("erf")


def test_a_worker_of_two_threads_computes_with_one(tmp_path, monkeypatch):
    """As a cluster that was started apart from this package may have it."""
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "2")
    with cluster_client(LocalCluster(workers=1)) as client:
        assert client.submit(blas_threads_in_use).result() == {2}
        summary = run([Setup(CountingThreads(), 3, 3).point(0)], tmp_path, client)
    assert [failure.error for failure in summary.failures] == ["ValueError: threads: [1]"]


def test_a_worker_with_other_code_computes_nothing(tmp_path):
    points = [Setup(ERF, 3, 3).point(0)]
    outcome = task.compute_batch(points, tmp_path, "0.0.9 with files 0123456789ab")
    assert isinstance(outcome, ClusterInputError)
    assert f"has hessweep {code_version()}, and the driver has 0.0.9 with" in str(outcome)
    assert not stored_points(tmp_path)
    task.compute_batch(points, tmp_path, code_version())
    assert len(stored_points(tmp_path)) == 1


def test_the_version_of_the_code_is_that_of_its_files(tmp_path):
    """In each process; a file that changes, or has another name, makes it another."""
    source = Path(hessweep.__file__).parent
    ask = "from hessweep.running.code_version import code_version; print(code_version())"

    def version_of(folder):
        return subprocess.run(
            [sys.executable, "-c", ask], env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip

    shutil.copytree(source, tmp_path / "hessweep")
    assert version_of(tmp_path) == code_version()
    (tmp_path / "hessweep" / "units.py").open("a").write("#\n")
    changed = version_of(tmp_path)
    (tmp_path / "hessweep" / "units.py").rename(tmp_path / "hessweep" / "unit.py")
    shutil.copy(source / "units.py", tmp_path / "hessweep")
    assert len({code_version(), changed, version_of(tmp_path)}) == 3


def test_a_session_of_two_threads_computes_with_one_and_keeps_two(tmp_path):
    with threadpool_limits(2, user_api="blas"):
        _, errors = task.compute_batch([Setup(CountingThreads(), 3, 3).point(0)], tmp_path)
        assert blas_threads_in_use() == {2}
    assert errors == {0: "ValueError: threads: [1]"}


def test_a_point_of_much_memory_gets_its_threads(tmp_path, monkeypatch):
    setup = Setup(CountingThreads(), 3, 3)
    monkeypatch.setattr(cost, "BYTES_PER_CORE", setup.cost.peak_bytes)
    with threadpool_limits(1, user_api="blas"):
        _, errors = task.compute_batch([setup.point(0)], tmp_path)
    assert errors == {0: "ValueError: threads: [2]"}


@pytest.mark.parametrize("threads", [1, 2])
def test_a_point_is_verified_with_the_threads_that_computed_it(tmp_path, monkeypatch, threads):
    setup = Setup(ERF, 3, 3)
    write_segment(tmp_path, setup.compute([0]))
    publish(tmp_path)
    if threads == 2:
        monkeypatch.setattr(cost, "BYTES_PER_CORE", setup.cost.peak_bytes)
    seen = []
    original = Setup.compute

    def watching(*arguments):
        seen.append(blas_threads_in_use())
        return original(*arguments)

    monkeypatch.setattr(Setup, "compute", watching)
    with threadpool_limits(3 - threads, user_api="blas"):
        assert verify(tmp_path).recomputed == 1
    assert seen == [{threads}]


def test_the_time_of_a_stack_is_shared_by_its_points(monkeypatch):
    """With a clock that goes on by 1 s whenever it is read."""
    clock = iter(range(1000))
    monkeypatch.setattr(plain, "perf_counter", lambda: float(next(clock)))
    results = Setup(ERF, 2, 2).compute(range(4))
    assert [result.scalars["spectrum_time"] for result in results] == [0.25] * 4
    assert [result.scalars["rank_time"] for result in results] == [0.25] * 4
    assert np.sum([result.scalars["spectrum_time"] for result in results]) == 1


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_point_that_fails_leaves_those_beside_it(tmp_path, monkeypatch, count):
    """However few there are: each of them is stored, with its own numbers or its own error."""
    setup, original = Setup(ERF, 2, 2), Setup.compute

    def failing(self, seeds):
        if count - 1 in seeds:
            raise ValueError("no luck")
        return original(self, seeds)

    monkeypatch.setattr(Setup, "compute", failing)
    points = setup.points(range(count))
    _, errors = task.compute_batch(points, tmp_path)
    assert errors == {count - 1: "ValueError: no luck"}
    stored = stored_points(tmp_path)
    assert stored == {
        point.key: "failed" if point.seed == count - 1 else "done" for point in points
    }


def test_the_text_of_an_error_is_cut():
    assert task.error_text(ValueError("long " * 1000)) == f"ValueError: {'long ' * 1000}"[:2000]


def test_an_error_whose_text_fails_is_told_all_the_same():
    class Wordless(ValueError):
        def __str__(self):
            raise KeyError("no words")

    assert task.error_text(Wordless()) == "Wordless: (its text raises KeyError)"
    assert task.error_text(ValueError("half \udc80")) == "ValueError: half \\udc80"


def test_errors_are_told_by_the_place_of_the_point_in_the_whole_batch(tmp_path, monkeypatch):
    """Of several setups, of which the first and the last have a point that fails."""
    original = Setup.compute

    def failing(self, seeds):
        if (self.N_h, 1) in [(1, seed) for seed in seeds] + [(3, seed - 1) for seed in seeds]:
            raise ValueError(f"no luck with {self.N_h}")
        return original(self, seeds)

    monkeypatch.setattr(Setup, "compute", failing)
    points = [point for N_h in (1, 2, 3) for point in Setup(ERF, 2, N_h).points(range(3))]
    _, errors = task.compute_batch(points, tmp_path)
    assert errors == {1: "ValueError: no luck with 1", 8: "ValueError: no luck with 3"}
    stored = stored_points(tmp_path)
    assert [stored[point.key] for point in points] == [
        "failed" if place in errors else "done" for place in range(9)
    ]


def test_what_can_not_be_stored_is_an_answer(tmp_path):
    """Raised, its class would be lost on the way to the driver."""
    (tmp_path / "segments").write_text("no folder")
    outcome = task.compute_batch([Setup(ERF, 2, 2).point(0)], tmp_path)
    assert isinstance(outcome, StoreAccessError)
    assert "can not store points in" in str(outcome)
