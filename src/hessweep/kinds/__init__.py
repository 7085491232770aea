"""What is computed of a point: the kinds of measurement, one file each."""

from hessweep.columns import Column, Ragged
from hessweep.kinds.columns import SPECTRUM
from hessweep.kinds.density import Density
from hessweep.kinds.exact import Exact
from hessweep.kinds.kind import Cost, Kind
from hessweep.kinds.result import PointResult, ResultTable
from hessweep.kinds.sampled import Sampled
from hessweep.kinds.training import TrainingKind

_ALL = (Exact(), Density(), TrainingKind(), Sampled())

KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
"""Every kind by its name; the first is the default of a sweep."""

SCALARS: tuple[Column, ...] = tuple(
    dict.fromkeys(column for kind in KINDS.values() for column in kind.columns)
)
"""The scalar columns of all kinds."""

RAGGED: tuple[Ragged, ...] = tuple(
    dict.fromkeys(ragged for kind in KINDS.values() for ragged in kind.ragged)
)
"""The ragged arrays of all kinds."""

TIMES = tuple(column.name for column in SCALARS if column.is_wall_time)
"""The columns that differ between two computations of one point; all others are bit-identical."""

RANKED = tuple(name for name, kind in KINDS.items() if any(c.name == "rank" for c in kind.columns))
"""Names of the kinds that store the rank at the optimum."""

FULL_SPECTRUM = tuple(name for name, kind in KINDS.items() if kind.has_full_spectrum)
"""Names of the kinds that store all P eigenvalues."""

__all__ = [
    "FULL_SPECTRUM",
    "KINDS",
    "RAGGED",
    "RANKED",
    "SCALARS",
    "SPECTRUM",
    "TIMES",
    "Cost",
    "Kind",
    "PointResult",
    "ResultTable",
]
