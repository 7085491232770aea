"""What points are predicted to cost before they are computed: time, memory, storage.

Each kind of measurement predicts the cost of one point, with coefficients that were measured on
one core of a laptop-class machine; `running.calibration` compares them with the time that stored
points took. Only the order of work and the size of batches depend on them, never a result.
"""

from collections.abc import Iterable
from dataclasses import replace
from math import ceil

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.errors import TooLargeError
from hessweep.points import Points, count_setups
from hessweep.setup import Point, Setup
from hessweep.units import show_bytes

OVERHEAD_SECONDS = 1e-4
"""Time for the teacher, the bookkeeping and the storage of a point."""

WORKER_BYTES = 350_000_000
"""What a worker process holds before it computes anything: the interpreter and libraries."""

BYTES_PER_CORE = 4 * 2**30
"""Memory per core of usual machines.

A point that needs more keeps other points from running beside it, so it may use their cores.
"""

USABLE = 0.9
"""Share of its memory limit that a worker may fill; Dask ends a worker at 0.95."""

STORED_BYTES_PER_POINT = 150


def predicted_seconds(point: Point) -> float:
    """Return how long one core is predicted to take for the point, its storage included."""
    return seconds_of_each(point.setup)


def seconds_of_each(setup: Setup) -> float:
    """Return what `predicted_seconds` does of each point of a setup."""
    return OVERHEAD_SECONDS + setup.cost.seconds


def predicted_times(points: Points) -> Float[ndarray, " points"]:
    """Return how long one core is predicted to take for each of the points, in seconds."""
    each = np.array([seconds_of_each(setup) for setup, _ in points.parts], float)
    return np.repeat(each, [len(seeds) for _, seeds in points.parts])


def needed_memory(setup: Setup) -> int:
    """Return the memory limit, libraries included, below which a worker refuses a point."""
    return ceil((setup.cost.peak_bytes + WORKER_BYTES) / USABLE)


def blas_threads(setup: Setup) -> int:
    """Return how many threads share the matrix products of a point.

    They run on the cores that the point's memory keeps from other points. Their number depends on
    the setup alone, not on the machine, because the order of a sum decides its last bits.
    """
    return 1 + setup.cost.peak_bytes // BYTES_PER_CORE


def stored_bytes(setup: Setup) -> int:
    """Return about how much storage the segment and the published copy of a point take."""
    # The mantissas of eigenvalues look random, so compression gains almost nothing.
    return 2 * (8 * setup.cost.stored_values + STORED_BYTES_PER_POINT)


def check_fits(points: Iterable[Point], memory_limit: int | None) -> None:
    """Refuse points that would kill the worker that computes them.

    Args:
        points: What is to be computed.
        memory_limit: Bytes that one worker may use, libraries included; None means no limit.

    Raises:
        TooLargeError: If the predicted memory of a point is above that; names the largest.
    """
    if memory_limit is None:
        return
    counts = count_setups(points)
    large = {setup: n for setup, n in counts.items() if needed_memory(setup) > memory_limit}
    if not large:
        return
    worst = max(large, key=lambda setup: setup.cost.peak_bytes)
    lighter = worst.measurement.lighter
    other_kind = (
        f"ask for a lighter kind of measurement with `kind: {lighter}` in the sweep, "
        if lighter and needed_memory(replace(worst, kind=lighter)) <= memory_limit
        else ""
    )
    room = int(USABLE * memory_limit) - WORKER_BYTES
    raise TooLargeError(
        f"{worst} (P={worst.P:,}) needs about {show_bytes(worst.cost.peak_bytes)} of memory, and "
        f"a worker of {show_bytes(memory_limit)} has {show_bytes(max(room, 0))} to spare; "
        f"{sum(large.values()):,} of the points do not fit. Give workers more memory each (fewer "
        f"of them, or cluster.memory), {other_kind}or take these sizes out of the study; nothing "
        "was computed"
    )
