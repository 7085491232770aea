"""The exception tree: every error that a user can cause, each also a built-in.

HessweepError
├── InputError (ValueError)           something the user wrote is wrong: exit code 2
│   ├── ShapeError                    array shapes or sizes that do not fit together
│   ├── ActivationError               an unknown activation or a wrong parameter of one
│   ├── StudyError                    a study file that does not follow the schema
│   ├── QueryError                    a query that names what is not there
│   └── TooLargeError (MemoryError)   points that can not fit into the workers' memory
├── PrecisionError (ArithmeticError)  a number can not be had to the accuracy that was asked for
├── StoreError (RuntimeError)         results that can not be read or written
│   ├── StoreAccessError (OSError)    no room, no permission, a read-only folder
│   │   └── AddressError (InputError) an address, or credentials, that an object store refuses
│   └── DamagedStoreError             checksums, keys or files that do not fit
└── ClusterError (RuntimeError)       the Dask cluster can not be reached or can not run the points
    └── ClusterInputError (InputError)  it can not be had as it was asked for: exit code 2
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


def did_you_mean(word: Any, known: Iterable[str]) -> str:
    """Return ` (did you mean 'seeds'?)` where a known word is close, or nothing."""
    close = get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


class HessweepError(Exception):
    """Any error that hessweep raises on purpose; the message says what to do."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers send errors to the driver. Dask pickles exceptions by tblib, which makes those
        # without a method of their own by `__new__` of the first base: that fails for
        # StoreAccessError, whose memory is laid out as OSError's.
        return type(self), self.args, self.__dict__ or None


class InputError(HessweepError, ValueError):
    """Something the user wrote is wrong."""


class ShapeError(InputError):
    """Array shapes or sizes that do not fit together."""


class ActivationError(InputError):
    """An unknown activation, or a parameter that it does not take."""


class StudyError(InputError):
    """A study file that does not follow the schema."""


class QueryError(InputError):
    """A query that names what is not there, or that can not be parsed."""


class TooLargeError(InputError, MemoryError):
    """Points whose predicted memory is above what a worker has."""


class PrecisionError(HessweepError, ArithmeticError):
    """A number can not be had to the accuracy that was asked for."""


class StoreError(HessweepError, RuntimeError):
    """Results that can not be read or written."""


class StoreAccessError(StoreError, OSError):
    """The results folder can not be used: no room, no permission, read-only."""


class AddressError(StoreAccessError, InputError):
    """An object store refuses an address or credentials: trying again as it is would not help."""


class DamagedStoreError(StoreError):
    """Stored bytes that do not fit their checksum, or files that do not belong."""


class ClusterError(HessweepError, RuntimeError):
    """The Dask cluster can not be reached, or can not run the points."""


class ClusterInputError(ClusterError, InputError):
    """A cluster that can not be had as it is asked for: a wrong address, password or option."""


NO_MEMORY = (MemoryError, ImportError)
"""What Python raises where a process has too little memory, libraries that can not be loaded among
it. It says nothing about the data that were being read."""


NO_CREDENTIALS = "there are no credentials in the environment"
"""What an `AddressError` says where an object store wants credentials and there are none."""


def shortened(text: str, most: int = 500) -> str:
    """Return a text that a user wrote as a message quotes it: not by the page."""
    return text if len(text) <= most else f"{text[:most]}…"
