"""How stored values are described: a column for each scalar, ragged arrays for the rest."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy import ndarray

STRING = np.dtypes.StringDType()


@dataclass(frozen=True)
class Column:
    """A named quantity with its type, and how the store describes it."""

    name: str
    dtype: Literal["int64", "float64", "str"]
    long_name: str
    units: str = "1"
    missing: Any = None
    """The value that stands for no value, where it is not the usual one of the type."""

    @property
    def is_wall_time(self) -> bool:
        """Whether it is the time that a computation took, which differs from run to run."""
        return self.units == "s"

    @property
    def numpy_dtype(self) -> Any:
        """The type that the column has in memory."""
        return STRING if self.dtype == "str" else np.dtype(self.dtype)

    @property
    def missing_value(self) -> Any:
        """The value that stands for no value: of a failed point, or in an older segment."""
        if self.missing is not None:
            return self.missing
        return {"int64": -1, "float64": float("nan"), "str": ""}[self.dtype]


@dataclass(frozen=True)
class Ragged:
    """Arrays along one dimension, of which each point has its own number of entries.

    They are stored as contiguous ragged arrays of the CF conventions.
    """

    dimension: str
    size: Column
    """The column along `point` that holds the number of entries of each point."""
    columns: tuple[Column, ...]


def repeated(value: Any, count: int, dtype: Any) -> ndarray:
    """Return an array of as many equal values, read-only, in the memory of one of them."""
    return np.broadcast_to(np.array(value, dtype), (count,))


def is_repeated(values: ndarray) -> bool:
    """Whether an array comes from `repeated`, so that its first value is all of them."""
    return values.ndim == 1 and values.strides == (0,) and values.size > 0
