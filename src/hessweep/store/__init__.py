"""The store: segments (the truth), the published groups made from them, and queries."""

from hessweep.store.index import DamagedSegmentWarning, StoredPoints, stored_points
from hessweep.store.opening import open_results
from hessweep.store.publish import publish, published_digests
from hessweep.store.query import (
    TABLE_COLUMNS,
    each_of,
    eigenvalue_blocks,
    points,
    pooled_eigenvalues,
    restrict,
    spectra,
    table,
)
from hessweep.store.segments import read_segment, write_segment
from hessweep.store.verify import Problem, Repair, Verification, repair, verify

__all__ = [
    "TABLE_COLUMNS",
    "DamagedSegmentWarning",
    "Problem",
    "Repair",
    "StoredPoints",
    "Verification",
    "each_of",
    "eigenvalue_blocks",
    "open_results",
    "points",
    "pooled_eigenvalues",
    "publish",
    "published_digests",
    "read_segment",
    "repair",
    "restrict",
    "spectra",
    "stored_points",
    "table",
    "verify",
    "write_segment",
]
