"""Processes that store and publish without a pause, to be killed."""

import os
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from hessweep.activations import activation
from hessweep.kinds import PointResult
from hessweep.setup import Setup
from hessweep.store import publish, stored_points, write_segment

FORK = get_context("forkserver")
"""Forks a process that has imported what takes long: a kill costs milliseconds, not seconds."""
# Only what is installed: the fork server does not know the folder of the tests.
FORK.set_forkserver_preload(
    ["hessweep.store", "hessweep.rank", "pyarrow.feather", "zarr", "xarray"]
)

COMPUTED = [
    Setup(function, N_i, N_h).point(0).compute()
    for function in (activation("erf"), activation("quadratic"))
    for N_i, N_h in ((2, 2), (3, 1))
]


def batch(seed: int) -> list[PointResult]:
    """Points of that seed, with the numbers of seed 0: quick to make, easy to check."""
    return [replace(result, point=replace(result.point, seed=seed)) for result in COMPUTED]


def store_and_publish(root: Path, seed: int, journal: Path) -> None:
    """Store batches and publish, for ever; the journal has the seeds whose commit returned."""
    descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    while True:
        write_segment(root, batch(seed))
        os.write(descriptor, f"{seed}\n".encode())
        stored_points(root)
        if seed % 3 == 0:
            publish(root)
        seed += 1
