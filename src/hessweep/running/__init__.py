"""Running a study: missing points -> workers -> segments.

The driver sends batches of points and gets back which of them failed; the worker that computed
a batch commits it. So results never pass through the driver, and what a worker has committed is
safe from whatever happens to the driver.
"""

from typing import TYPE_CHECKING

from hessweep.lazy import import_when_used

if TYPE_CHECKING:
    from hessweep.running.sweep import BATCH_SECONDS, Summary, Work, find_work, run
    from hessweep.running.verification import Verification, verify

_HOMES = {
    "BATCH_SECONDS": "sweep",
    "Summary": "sweep",
    "Verification": "verification",
    "Work": "sweep",
    "find_work": "sweep",
    "run": "sweep",
    "verify": "verification",
}
"""Public name -> the module that holds it."""

__all__ = ["BATCH_SECONDS", "Summary", "Verification", "Work", "find_work", "run", "verify"]

# A worker needs `running.task` alone, and neither studies nor the index.
import_when_used(__name__, _HOMES)
