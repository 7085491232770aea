"""Missing points -> workers -> segments.

The driver sends batches of points and gets back which of them failed; the worker that computed
a batch commits it. So results never pass through the driver, and what a worker has committed is
safe from whatever happens to the driver.
"""

from typing import TYPE_CHECKING

from hessweep.lazy import import_when_used

if TYPE_CHECKING:
    from hessweep.sweep.running import BATCH_SECONDS, Summary, Work, find_work, run

__all__ = ["BATCH_SECONDS", "Summary", "Work", "find_work", "run"]

# A worker needs `hessweep.sweep.task` alone, and neither studies nor the index.
import_when_used(__name__, dict.fromkeys(__all__, "running"))
