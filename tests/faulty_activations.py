"""Activations that fail in every way that a user's own can; workers import them by name."""

import importlib
import os
import sys
import time
from dataclasses import dataclass

import numpy as np
import threadpoolctl

from hessweep.activations import Erf
from hessweep.activations.kernel import DualKernel


@dataclass(frozen=True)
class Raising(Erf):
    name: str = "raising"

    def dual(self, *_) -> DualKernel:
        raise ValueError("no kernel for you")


@dataclass(frozen=True)
class Exiting(Erf):
    name: str = "exiting"

    def dual(self, *_) -> DualKernel:
        sys.exit("I am out")


class _Silent(Exception):
    def __str__(self) -> str:
        raise TypeError


@dataclass(frozen=True)
class Unspeakable(Erf):
    """Its error has no text."""

    name: str = "unspeakable"

    def dual(self, *_) -> DualKernel:
        raise _Silent


@dataclass(frozen=True)
class Surrogate(Erf):
    """The text of its error can not be encoded."""

    name: str = "surrogate"

    def dual(self, *_) -> DualKernel:
        raise ValueError("half a \ud800 character")


@dataclass(frozen=True)
class Deadly(Erf):
    """Takes its process with it, as a crash in a C library or the kernel's OOM killer does."""

    name: str = "deadly"

    def dual(self, *_) -> DualKernel:
        os._exit(1)


@dataclass(frozen=True)
class Unloadable(Erf):
    """Can be sent but not received, as if the workers had other versions installed."""

    name: str = "unloadable"

    def __reduce__(self):
        return importlib.import_module, ("a_module_that_only_the_driver_has",)


@dataclass(frozen=True)
class NotANumber(Erf):
    name: str = "notanumber"

    def dual(self, *arguments) -> DualKernel:
        parts = super().dual(*arguments)
        return DualKernel(*(np.full_like(part, np.nan) for part in parts))


@dataclass(frozen=True)
class Greedy(Erf):
    """Needs more memory than its worker has, whatever was predicted."""

    name: str = "greedy"

    def dual(self, *_) -> DualKernel:
        hoard = []
        while True:
            hoard.append(b"x" * 50_000_000)
            time.sleep(0.05)


@dataclass(frozen=True)
class CountingThreads(Erf):
    """Fails with the number of BLAS threads that its process uses."""

    name: str = "counting threads"

    def dual(self, *_) -> DualKernel:
        import scipy.linalg  # noqa: F401  # which loads its own BLAS, beside numpy's

        raise ValueError(f"threads: {sorted(blas_threads_in_use())}")


def blas_threads_in_use() -> set[int]:
    """Return the numbers of threads of all BLAS libraries in this process."""
    libraries = threadpoolctl.threadpool_info()
    return {library["num_threads"] for library in libraries if library["user_api"] == "blas"}
