"""How many threads of BLAS a call is worth, and functions of LAPACK with that many.

On a core that does something else the threads of one small product wait for one another: up to
200 times longer than one thread takes for it alone, where two would gain a third at most.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache, wraps
from importlib import import_module
from inspect import signature
from math import isqrt, prod
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy import ndarray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadpoolctl import LibController

SEVERAL_THREADS = 1000
"""Rows of a square matrix, or neurons or inputs of a network, from which on a call uses the
threads that BLAS is set to. Below it uses one."""

_BLOCK = 64
"""Columns that LAPACK factors at a time."""

Function = TypeVar("Function", bound=Callable[..., Any])


def threads_for(size: int) -> AbstractContextManager[None]:
    """Let BLAS use one thread in the block if the size is below `SEVERAL_THREADS`.

    The number holds for the whole process, so that calls of other Python threads use it too.
    """
    if size >= SEVERAL_THREADS:
        return nullcontext()
    several = [library for library in _libraries() if library.get_num_threads() > 1]
    return _one_thread(several) if several else nullcontext()


def with_threads_for(size: Callable[..., int]) -> Callable[[Function], Function]:
    """Return a decorator that lets a function run with `threads_for` the size of its arguments.

    Args:
        size: Returns the size, given the first argument of a call.
    """

    def decorate(function: Function) -> Function:
        name = next(iter(signature(function).parameters))

        @wraps(function)
        def limited(*others: Any, **named: Any) -> Any:
            first = others[0] if others else named[name]
            with threads_for(size(first)):
                return function(*others, **named)

        return cast(Function, limited)

    return decorate


@contextmanager
def _one_thread(libraries: "list[LibController]") -> "Iterator[None]":
    before = [library.get_num_threads() for library in libraries]
    for library in libraries:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, number in zip(libraries, before, strict=True):
            library.set_num_threads(number)


@lru_cache(maxsize=1)
def _libraries() -> "list[LibController]":
    """Return NumPy's BLAS and SciPy's, which is another and has to be loaded by now."""
    import_module("scipy.linalg")
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def _rows(matrix: Any) -> int:
    """Return the rows of a square matrix with as many entries."""
    return isqrt(prod(np.shape(matrix)[-2:]))


_by_rows = with_threads_for(_rows)


def _of_numpy(function: Function) -> Function:
    """Return a function of `numpy.linalg` with threads by the size of its matrix."""

    @wraps(function)
    def found(*args: Any, **named: Any) -> Any:
        return getattr(np.linalg, function.__name__)(*args, **named)

    return _by_rows(cast(Function, found))


eigh = _of_numpy(np.linalg.eigh)
eigvals = _of_numpy(np.linalg.eigvals)
eigvalsh = _of_numpy(np.linalg.eigvalsh)
inv = _of_numpy(np.linalg.inv)
qr = _of_numpy(np.linalg.qr)
svd = _of_numpy(np.linalg.svd)


@_by_rows
def scipy_eigh(matrix: ndarray, *others: Any, **named: Any) -> Any:
    """Return what `scipy.linalg.eigh` returns; it has other drivers than NumPy's."""
    from scipy import linalg

    return linalg.eigh(matrix, *others, **named)


@_by_rows
def symmetric_factors(matrix: ndarray) -> tuple[ndarray, ndarray]:
    """Return what LAPACK's `zsytrf` makes of a complex symmetric matrix: L with D, and pivots."""
    from scipy.linalg import lapack

    factors, pivots, _ = lapack.zsytrf(matrix, lower=1, lwork=_BLOCK * len(matrix))
    return factors, pivots


@_by_rows
def pivoted_qr(matrix: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    """Return Q, R and the order of the columns, largest pivots first: `matrix[:, order] = Q R`."""
    from scipy import linalg

    Q, R, order = linalg.qr(matrix, mode="economic", pivoting=True)
    return Q, R, order
