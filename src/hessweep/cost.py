"""What a point will cost, before it is computed: time, memory, storage.

The coefficients were measured on one core of a laptop-class machine. Only the order of work and
the size of batches depend on them, never a result.
"""

from collections.abc import Iterable
from dataclasses import replace
from math import ceil

from hessweep.density import density_plan
from hessweep.errors import TooLargeError
from hessweep.point import Point
from hessweep.spectrum import route

OVERHEAD_SECONDS = 5e-4
"""Teacher, dual kernel, rank, bookkeeping and storage of the smallest point."""

SECONDS_PER_CUBE = 1.3e-10
"""Of an n x n eigenproblem, its assembly included, divided by n³."""

SECONDS_PER_FLOP = 1.1e-11
"""Of a product with H: the rate of matrix products, in float32 mostly."""

SECONDS_PER_BYTE = 1.2e-10
"""Of a Lanczos basis that is read: the rate of memory."""

WORKER_BYTES = 350_000_000
"""What a worker process holds before it computes anything: the interpreter and libraries."""

BYTES_PER_CORE = 4 * 2**30
"""What machines have. A point that needs more keeps other points out, and so gets their cores."""

USABLE = 0.9
"""Part of its limit that a worker may fill; Dask ends a worker at 0.95."""

STORED_BYTES_PER_POINT = 150


def predicted_seconds(point: Point) -> float:
    """Return about how long one core takes for the point.

    A rank that float64 leaves open can take longer: which points those are shows only when
    they are computed.
    """
    if point.spectrum == "density":
        work = density_plan(point.activation, point.N_i, point.N_h)
        read = SECONDS_PER_BYTE * work.basis_bytes
        return OVERHEAD_SECONDS + SECONDS_PER_FLOP * work.product_flops + read
    plan = route(point.activation, point.N_i, point.N_h)
    cubes = sum(count * float(size) ** 3 for size, count in plan.eigenproblems)
    return OVERHEAD_SECONDS + SECONDS_PER_CUBE * cubes


def predicted_bytes(point: Point) -> int:
    """Return the peak memory of computing the point, beyond `WORKER_BYTES`."""
    plan = density_plan if point.spectrum == "density" else route
    return plan(point.activation, point.N_i, point.N_h).peak_bytes


def needed_memory(point: Point) -> int:
    """Return the memory limit, libraries included, below which a worker refuses the point."""
    return ceil((predicted_bytes(point) + WORKER_BYTES) / USABLE)


def blas_threads(point: Point) -> int:
    """Return how many threads share the point's matrix products: those of the cores it displaces.

    It depends on the point alone, not on the machine: the order of a sum is part of its bits.
    """
    return 1 + predicted_bytes(point) // BYTES_PER_CORE


def stored_bytes(point: Point) -> int:
    """Return about how much storage the point's segment and published copy take."""
    values = point.P
    if point.spectrum == "density":
        values = density_plan(point.activation, point.N_i, point.N_h).stored_values
    # Mantissas of eigenvalues look random: compression gains almost nothing.
    return 2 * (8 * values + STORED_BYTES_PER_POINT)


def check_fits(points: Iterable[Point], memory_limit: int | None) -> None:
    """Refuse points that would kill the worker that computes them.

    Args:
        points: What is to be computed.
        memory_limit: Bytes that one worker may use, libraries included; None: no limit.

    Raises:
        TooLargeError: If the predicted memory of a point is above that; names the largest.
    """
    if memory_limit is None:
        return
    room = int(USABLE * memory_limit) - WORKER_BYTES
    large = [point for point in points if predicted_bytes(point) > room]
    if not large:
        return
    worst = max(large, key=predicted_bytes)
    way_out = (
        ""
        if worst.spectrum == "density" or not _fits_as_density(worst, room)
        else ("ask for their densities with `spectrum: density` in the sweep, ")
    )
    raise TooLargeError(
        f"{worst.activation} with N_i={worst.N_i}, N_h={worst.N_h} (P={worst.P:,}) needs about "
        f"{show_bytes(predicted_bytes(worst))} of memory, and a worker of "
        f"{show_bytes(memory_limit)} has {show_bytes(max(room, 0))} to spare; "
        f"{len(large):,} of the points do not fit. Give workers more memory each (fewer of them, "
        f"or cluster.memory), {way_out}or take these sizes out of the study; nothing was computed"
    )


def _fits_as_density(point: Point, room: int) -> bool:
    return predicted_bytes(replace(point, spectrum="density")) <= room


def show_bytes(size: float) -> str:
    """Return a size for people, such as `1.4 GB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.0f} PB"


def show_seconds(seconds: float) -> str:
    """Return a duration for people, such as `4 min`."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
