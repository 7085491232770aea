"""What runs on a worker: compute a batch of points, and commit it."""

import gc
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import lru_cache
from importlib import import_module
from multiprocessing import parent_process
from socket import gethostname

from threadpoolctl import threadpool_limits

from hessweep.address import Address, Root
from hessweep.errors import ClusterInputError, HessweepError, StoreError
from hessweep.kinds import PointResult, ResultTable
from hessweep.points import Points
from hessweep.running.code_version import code_version
from hessweep.running.cost import blas_threads
from hessweep.setup import Point, Setup
from hessweep.store.segments import commit_segment, encode_segment

LONGEST_ERROR = 2000


def compute_batch(
    points: Sequence[Point], root: Root, code: str | None = None
) -> tuple[str, dict[int, str]] | HessweepError:
    """Compute the points and commit them as one segment.

    A point that raises is committed with its error and does not stop the others. While an object
    store takes the segment, the worker computes its next task; the answer comes once the store has
    acknowledged.

    Args:
        points: What to compute.
        root: The results.
        code: What `code_version` must return here, since other code may compute other numbers;
            None for any.

    Returns:
        The segment's name, and the errors of the points that failed, by their place in the
        batch; or the error if the code is another, or if the segment can not be written. The
        answer is small if all goes well: Dask takes a list apart and sends each of its elements
        by itself.
    """
    if code not in (None, code_version()):
        return ClusterInputError(
            f"the worker on {gethostname()} has hessweep {code_version()}, and the driver has "
            f"{code}: install the same on both, and build the image of containers anew"
        )
    results = [_attempt(setup, seeds) for setup, seeds in Points.of(points).parts]
    segment, content = encode_segment(*results)
    if isinstance(root, Address):
        _leave_room()
    try:
        commit_segment(root, segment, content)
    except StoreError as error:  # returned, because its class would be lost if it were raised
        return error
    return segment, _errors(results)


def _errors(groups: Sequence[Sequence[PointResult]]) -> dict[int, str]:
    """Return the errors of the points that failed, by their place in all groups together."""
    errors: dict[int, str] = {}
    start = 0
    for group in groups:
        if not isinstance(group, ResultTable):  # In a table are results without errors alone.
            errors |= {start + i: one.error for i, one in enumerate(group) if one.error}
        start += len(group)
    return errors


def _leave_room() -> None:
    """Let the worker begin its next task beside this one, which only waits from here on."""
    from distributed import secede

    # Outside of a worker, as where a user's own program computes, there is nothing to leave.
    with suppress(ValueError):
        secede()


def _attempt(setup: Setup, seeds: Sequence[int]) -> Sequence[PointResult]:
    """Compute points that differ in their seeds: together, or one by one to find which one fails.

    Everything that may run a user's activation is inside the guard, the prediction of memory too.
    """
    try:
        with _blas_limited_to(blas_threads(setup)):
            return setup.compute(seeds)
    # SystemExit: a user's activation may call sys.exit, which must not end the worker.
    except (Exception, SystemExit) as error:
        if len(seeds) > 1:
            return [result for seed in seeds for result in _attempt(setup, [seed])]
        return [PointResult(setup.point(seeds[0]), error=error_text(error))]


def error_text(error: BaseException) -> str:
    """Return the message of an error as text that can be stored, even if the error has none."""
    try:
        text = str(error)
    except Exception as second:
        text = f"(its text raises {type(second).__name__})"
    message = f"{type(error).__name__}: {text}"[:LONGEST_ERROR]
    return message.encode(errors="backslashreplace").decode()


def _blas_limited_to(threads: int) -> AbstractContextManager[object]:
    """Set the number of BLAS threads: for good in a worker process, for a while in a user's own.

    The last bits of a product depend on how many threads share it, so the setup decides; a cluster
    that was there before may have workers with any number of threads.
    """
    # SciPy has a BLAS of its own beside NumPy's. The limit holds for libraries that are loaded.
    import_module("scipy.linalg")
    if parent_process() is None:
        return threadpool_limits(threads, user_api="blas")
    _forget_imports()
    _limit_blas(threads)
    return nullcontext()


@lru_cache(maxsize=1)  # Once in each process.
def _forget_imports() -> None:
    # Otherwise Python searches the objects of all libraries for garbage again and again: 50 ms
    # each time, a tenth of the time that small points take.
    gc.collect()
    gc.freeze()


# Setting the number that is set already would take longer than a small point.
@lru_cache(maxsize=1)
def _limit_blas(threads: int) -> None:
    threadpool_limits(threads, user_api="blas")
