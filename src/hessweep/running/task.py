"""What runs on a worker: compute a batch of points, and commit it."""

import gc
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from itertools import groupby
from multiprocessing import parent_process
from pathlib import Path

from threadpoolctl import threadpool_limits

from hessweep.errors import StoreError
from hessweep.kinds import compute_stack
from hessweep.running.cost import blas_threads
from hessweep.setup import Point, PointResult
from hessweep.store import write_segment

LONGEST_ERROR = 2000


def compute_batch(points: Sequence[Point], root: Path) -> tuple[str, dict[int, str]] | StoreError:
    """Compute the points and commit them as one segment.

    A point that raises is committed with its error and does not stop the others.

    Returns:
        The segment's name, and the errors of the points that failed, by their place in the
        batch; or why the segment can not be written. Where all goes well that is next to nothing:
        Dask takes a list apart and sends each of its elements by itself.
    """
    results: list[PointResult] = []
    for _, group in groupby(points, key=_but_for_the_seed):
        together = list(group)
        with _for_points_alone(blas_threads(together[0])):
            results += _attempt(together)
    try:
        segment = write_segment(root, results)
    except StoreError as error:  # returned: raised, its class would be lost on the way
        return error
    return segment, {place: result.error for place, result in enumerate(results) if result.error}


def _but_for_the_seed(point: Point) -> tuple[object, ...]:
    return point.activation, point.N_i, point.N_h, point.weights, point.spectrum


def _attempt(points: list[Point]) -> list[PointResult]:
    """Compute points that differ in their seeds: together, or one by one to find who fails."""
    try:
        return compute_stack(points)
    # SystemExit: a user's activation may call sys.exit; that must not end the worker.
    except (Exception, SystemExit) as error:
        if len(points) > 1:
            return [result for point in points for result in _attempt([point])]
        return [PointResult(points[0], error=_told(error))]


def _told(error: BaseException) -> str:
    """Return what an error says, whatever a user's exception makes of that, as storable text."""
    try:
        text = str(error)
    except Exception as second:
        text = f"(its text raises {type(second).__name__})"
    message = f"{type(error).__name__}: {text}"[:LONGEST_ERROR]
    return message.encode(errors="backslashreplace").decode()


def _for_points_alone(threads: int) -> AbstractContextManager[object]:
    """Set BLAS's threads; in a worker's process for good, in a user's for this once."""
    # The last bits of a product depend on how many threads share it, so that the point decides;
    # a cluster that was there before may have workers with any number.
    if parent_process() is None:
        return threadpool_limits(threads, user_api="blas")
    _forget_imports()
    _limit_blas(threads)
    return nullcontext()


@lru_cache(maxsize=1)  # Once a process.
def _forget_imports() -> None:
    # Python else looks again and again through the objects of all libraries for garbage: 50 ms
    # each time, a tenth of what small points take.
    gc.collect()
    gc.freeze()


@lru_cache(maxsize=1)  # To set the number that is set already would cost more than small points.
def _limit_blas(threads: int) -> None:
    threadpool_limits(threads, user_api="blas")
