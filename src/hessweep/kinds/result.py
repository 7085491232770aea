"""What the computation of a point yields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy import ndarray

if TYPE_CHECKING:
    from hessweep.setup import Point, Setup


@dataclass(frozen=True, eq=False)
class PointResult:
    """The numbers of a computed point, or the error that stopped it."""

    point: "Point"
    scalars: Mapping[str, Any] = field(default_factory=dict)
    """A value for every column of the point's kind; empty if the point failed."""
    flat: Mapping[str, ndarray] = field(default_factory=dict)
    """The point's entries in every ragged array of its kind; empty if the point failed."""
    error: str = ""
    """Empty, or what went wrong."""

    @property
    def values(self) -> dict[str, Any]:
        """Scalars and flat arrays together, by column."""
        return {**self.scalars, **self.flat}

    @property
    def status(self) -> Literal["done", "failed"]:
        """Whether the point has a result."""
        return "failed" if self.error else "done"

    @property
    def eigenvalues(self) -> ndarray:
        """The stored eigenvalues, ascending, of shape `(k,)`; empty if there are none."""
        return self.flat.get("eigenvalues", np.empty(0))


@dataclass(frozen=True, eq=False)
class ResultTable(Sequence[PointResult]):
    """Results of several seeds of one setup column by column, as they are computed and stored.

    Each `PointResult` is made anew when it is asked for.
    """

    setup: "Setup"
    seeds: Sequence[int]
    scalars: Mapping[str, Any]
    """For every column of the kind an array with a value for each seed, or one value for all."""
    flat: Mapping[str, ndarray]
    """For every ragged array of the kind the entries of all seeds, with a row for each."""

    def __len__(self) -> int:
        """Return the number of seeds."""
        return len(self.seeds)

    @overload
    def __getitem__(self, place: int) -> PointResult: ...
    @overload
    def __getitem__(self, place: slice) -> list[PointResult]: ...
    def __getitem__(self, place: int | slice) -> PointResult | list[PointResult]:
        """Return the result of the seed at a place, or a list of those of a slice."""
        if isinstance(place, slice):
            return [self[one] for one in range(len(self))[place]]
        scalars = {
            name: values[place] if isinstance(values, ndarray) else values
            for name, values in self.scalars.items()
        }
        flat = {name: rows[place] for name, rows in self.flat.items()}
        return PointResult(self.setup.point(self.seeds[place]), scalars, flat)
