"""Processes that store and publish are killed at random moments: hundreds of times."""

import random
import time
from pathlib import Path

import pytest
import xarray as xr

from faults.stored import contents, times_stored
from faults.writer import FORK, batch, store_and_publish
from hessweep.store import publish, verify, write_segment
from hessweep.store.publishing import published_groups

WRITERS = 2
APART = 10_000
"""Seeds between two processes: more than one lives to use."""


def kill_writers(root: Path, journal: Path, first_seed: int, moment: float) -> None:
    """Start writers on one folder, and kill them after that many seconds of storing."""
    started = journal.stat().st_size if journal.exists() else 0
    writers = [
        FORK.Process(target=store_and_publish, args=(root, first_seed + n * APART, journal))
        for n in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    deadline = time.monotonic() + 60
    while not journal.exists() or journal.stat().st_size == started:
        assert time.monotonic() < deadline, "no writer stored anything"
        assert all(writer.is_alive() for writer in writers)
        time.sleep(0.001)
    time.sleep(moment)
    for writer in writers:
        writer.kill()
        writer.join()
        assert writer.exitcode == -9


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


def kill_repeatedly(root: Path, journal: Path, rounds: int) -> None:
    moments = random.Random(rounds)
    for number in range(rounds):
        kill_writers(root, journal, number * WRITERS * APART, moments.uniform(0, 0.15))
        check_readable(root, [int(line) for line in journal.read_text().split()][-20:])


def check_whole(root: Path, journal: Path, tmp_path: Path) -> None:
    """After the last kill, one publish: all is well, and equal to an undisturbed store."""
    publish(root)
    problems = verify(root, sample=0).problems
    assert {problem.kind for problem in problems} <= {"stale temporary file"}
    stored = contents(root)
    seeds = {int(line) for line in journal.read_text().split()}
    # At most one commit of each killed process was done without having said so.
    for seed in seeds:
        write_segment(tmp_path / "undisturbed", batch(seed))
    undisturbed = contents(tmp_path / "undisturbed")
    assert undisturbed.items() <= stored.items()
    assert len(list(root.glob("published/*.zarr"))) == 2


def test_kills_while_storing_and_publishing(tmp_path: Path) -> None:
    root, journal = tmp_path / "results", tmp_path / "journal"
    kill_repeatedly(root, journal, rounds=10)
    check_whole(root, journal, tmp_path)


@pytest.mark.faults
def test_hundreds_of_kills_while_storing_and_publishing(tmp_path: Path) -> None:
    """20 folders, 10 rounds each, two processes a round: 400 kills."""
    for number in range(20):
        folder = tmp_path / str(number)
        folder.mkdir()
        kill_repeatedly(folder / "results", folder / "journal", rounds=10)
        check_whole(folder / "results", folder / "journal", folder)
