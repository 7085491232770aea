"""The store: segments (the truth), the published groups made from them, and queries."""

from hessweep.store.index import DamagedSegmentWarning, StoredPoints, stored_points
from hessweep.store.publish import publish
from hessweep.store.query import (
    TABLE_COLUMNS,
    eigenvalue_blocks,
    open_results,
    points,
    pooled_eigenvalues,
    spectra,
    table,
)
from hessweep.store.segments import read_segment, write_segment

__all__ = [
    "TABLE_COLUMNS",
    "DamagedSegmentWarning",
    "StoredPoints",
    "eigenvalue_blocks",
    "open_results",
    "points",
    "pooled_eigenvalues",
    "publish",
    "read_segment",
    "spectra",
    "stored_points",
    "table",
    "write_segment",
]
