"""Processes that store and publish are killed at random moments: hundreds of times."""

import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import xarray as xr

from faults.processes import wait_until
from faults.stored import contents, times_stored
from faults.writer import FORK, batch, store_and_publish
from hessweep.running import verify
from hessweep.store import publish, write_segment
from hessweep.store.published import published_groups

WRITERS = 2
ROUNDS = 10
APART = 10_000
"""Seeds between two processes: more than one lives to use."""


@contextmanager
def writers(root: Path, journal: Path, first_seed: int = 0) -> Iterator[None]:
    """Writers on one folder that have begun to store; they are killed at the end."""
    before = journal.stat().st_size if journal.exists() else 0
    processes = [
        FORK.Process(target=store_and_publish, args=(root, first_seed + n * APART, journal))
        for n in range(WRITERS)
    ]
    for process in processes:
        process.start()
    try:
        wait_until(lambda: journal.exists() and journal.stat().st_size > before, "a commit")
        yield
        assert all(process.is_alive() for process in processes)
    finally:
        for process in processes:
            process.kill()
            process.join()
    assert [process.exitcode for process in processes] == [-signal.SIGKILL] * WRITERS


@pytest.fixture(scope="module")
def cycle(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds that writers take from one publish to the next, as fast as this machine is now."""
    folder = tmp_path_factory.mktemp("cycle")
    with writers(folder / "results", folder / "journal"):
        start = time.monotonic()
        wait_until(lambda: len((folder / "journal").read_text().split()) > 12, "commits")
        return (time.monotonic() - start) / 2


def check_readable(root: Path, promised: list[int]) -> None:
    """Everything whose commit returned is stored, readers read, and nothing is stored twice."""
    counts = times_stored(root)
    assert set(counts.values()) == {1}
    for seed in promised:
        assert all(result.point.key in counts for result in batch(seed))
    for folder in published_groups(root).values():
        if (folder / "zarr.json").exists():
            with xr.open_zarr(folder) as group:
                group.load()
                assert set(group["key"].values) <= counts.keys()


def kill_repeatedly(root: Path, journal: Path, cycle: float, seed: int = 0) -> None:
    moments = random.Random(seed)
    for number in range(ROUNDS):
        with writers(root, journal, number * WRITERS * APART):
            time.sleep(moments.uniform(0, cycle))
        check_readable(root, [int(line) for line in journal.read_text().split()][-20:])


def check_whole(root: Path, journal: Path, tmp_path: Path) -> None:
    """After the last kill, one publish: all is well, and equal to an undisturbed store."""
    publish(root)
    problems = verify(root, sample=0).problems
    assert not problems
    stored = contents(root)
    seeds = {int(line) for line in journal.read_text().split()}
    # At most one commit of each killed process was done without having said so.
    for seed in seeds:
        write_segment(tmp_path / "undisturbed", batch(seed))
    undisturbed = contents(tmp_path / "undisturbed")
    assert undisturbed.items() <= stored.items()
    assert len(list(root.glob("published/*.zarr"))) == 2


def test_kills_while_storing_and_publishing(tmp_path: Path, cycle: float) -> None:
    root, journal = tmp_path / "results", tmp_path / "journal"
    kill_repeatedly(root, journal, cycle)
    check_whole(root, journal, tmp_path)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(1, 21))
def test_hundreds_of_kills_while_storing_and_publishing(
    seed: int, tmp_path: Path, cycle: float
) -> None:
    """20 folders, 10 rounds each, two processes a round: 400 kills."""
    root, journal = tmp_path / "results", tmp_path / "journal"
    kill_repeatedly(root, journal, cycle, seed)
    check_whole(root, journal, tmp_path)
