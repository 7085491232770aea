"""The store: segments (the truth), the published groups made from them, and queries.

Everything here is imported when it is first used: a worker, which only commits segments, and a
run with nothing to do need neither xarray nor zarr.
"""

from typing import TYPE_CHECKING

from hessweep.lazy import import_when_used

if TYPE_CHECKING:
    from hessweep.store.index import DamagedSegmentWarning
    from hessweep.store.opening import open_results
    from hessweep.store.published import published_digests
    from hessweep.store.publishing import publish
    from hessweep.store.query import (
        each_of,
        eigenvalue_blocks,
        points,
        pooled_eigenvalues,
        restrict,
        spectra,
        table,
    )
    from hessweep.store.schema import FIRST_COLUMNS, TABLE_COLUMNS
    from hessweep.store.segments import read_segment, write_segment
    from hessweep.store.statuses import StoredPoints, stored_points
    from hessweep.store.verification import Inspection, Problem, Repair, inspect, repair

_HOMES = {
    "FIRST_COLUMNS": "schema",
    "TABLE_COLUMNS": "schema",
    "DamagedSegmentWarning": "index",
    "Problem": "verification",
    "Repair": "verification",
    "StoredPoints": "statuses",
    "Inspection": "verification",
    "each_of": "query",
    "eigenvalue_blocks": "query",
    "open_results": "opening",
    "points": "query",
    "pooled_eigenvalues": "query",
    "publish": "publishing",
    "published_digests": "published",
    "read_segment": "segments",
    "repair": "verification",
    "restrict": "query",
    "spectra": "query",
    "stored_points": "statuses",
    "table": "query",
    "inspect": "verification",
    "write_segment": "segments",
}
"""Public name -> the module that holds it."""

__all__ = [
    "FIRST_COLUMNS",
    "TABLE_COLUMNS",
    "DamagedSegmentWarning",
    "Problem",
    "Repair",
    "StoredPoints",
    "Inspection",
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
    "inspect",
    "write_segment",
]

import_when_used(__name__, _HOMES)
