"""How stored values are described: a column for each scalar, ragged arrays for the rest."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

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
