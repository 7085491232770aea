"""What the computation of a point yields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy import ndarray

if TYPE_CHECKING:
    from hessweep.setup import Point


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
