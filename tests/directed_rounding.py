"""Computations in which all roundings go in one direction: the worst case of a bound."""

import ctypes
import ctypes.util
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

MODES = {
    "x86_64": {"nearest": 0, "up": 0x800, "down": 0x400},
    "aarch64": {"nearest": 0, "up": 0x400000, "down": 0x800000},
}
"""Values of the C library's rounding modes, by processor."""


@contextmanager
def rounding(direction: str) -> Iterator[None]:
    """Round all results of this thread in one direction."""
    if platform.machine() not in MODES or (found := ctypes.util.find_library("m")) is None:
        pytest.skip("the values of rounding modes are known for Linux on x86-64 and aarch64 only")
    library, modes = ctypes.CDLL(found), MODES[platform.machine()]
    assert library.fesetround(modes[direction]) == 0
    try:
        yield
    finally:
        library.fesetround(modes["nearest"])


def spread(compute: Callable[[], np.ndarray]) -> float:
    """Return how far apart results are that are rounded up and down.

    For matrices this is the spectral norm of their difference, for other arrays the largest
    difference of two of their entries in the same place.
    """
    results = []
    for direction in ("up", "down"):
        with rounding(direction):
            results.append(np.asarray(compute()))
    difference = results[0] - results[1]
    if difference.ndim == 2:
        return float(np.linalg.norm(difference, 2))
    return float(np.abs(difference).max())


def check_bound(compute: Callable[[], np.ndarray], bound: float, most: float) -> None:
    """Compare a bound on rounding errors with the worst case.

    Rounded in one direction, each operation is off by up to `eps`, twice as much as otherwise, so
    that results rounded up and down are at most four bounds apart. Where all terms have one sign
    they are nearly that far apart, and `most` says how many times larger the bound may be: fewer
    times than the sums of the case are long, so that a bound that forgets one of them fails.
    """
    off = spread(compute)
    assert 0 < off <= 4 * bound
    assert bound <= most * off
