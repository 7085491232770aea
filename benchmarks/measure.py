"""Times taken side by side: the contestants take turns, so that a busy machine hits all alike."""

import multiprocessing
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of a table: a case, what hessweep needs, and what it is compared with."""

    case: str
    seconds: float
    """Median for hessweep."""
    other: str = ""
    """What it is compared with."""
    other_seconds: float | None = None
    required: float | None = None
    """Ratio that is to be reached at least."""
    megabytes: float | None = None
    """Peak of a process that does this case alone, imports included."""
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """How many times as long the other takes."""
        return None if self.other_seconds is None else self.other_seconds / self.seconds

    def plain(self) -> dict[str, Any]:
        """Return the row as data for JSON."""
        return {**asdict(self), "ratio": self.ratio}


def turns(contestants: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Return the median seconds of each, after one turn to warm up where there is more than one.

    A contestant that is far slower than the first takes one turn only: its first.
    """
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(repeats):
        for name, run in contestants.items():
            if turn and times[name][0] > 5 and turn > 1:
                continue
            start = perf_counter()
            run()
            times[name].append(perf_counter() - start)
    return {
        name: statistics.median(taken[1:] if len(taken) > 1 else taken)
        for name, taken in times.items()
    }


def peak_megabytes(function: Callable[..., Any], *arguments: Any) -> float:
    """Return the peak resident memory of a fresh process that calls a module-level function."""
    _, megabytes, _ = measured(function, *arguments)
    return megabytes


def measured(function: Callable[..., Any], *arguments: Any) -> tuple[float, float, Any]:
    """Return seconds, peak memory and result of a function called in a fresh process.

    The seconds hold neither the start of the interpreter nor the imports of the module.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_measured, function, arguments).result()


def command_seconds(*arguments: object) -> float:
    """Return what the command `hessweep` takes as a user runs it, interpreter start included."""
    start = perf_counter()
    command = [sys.executable, "-m", "hessweep", *map(str, arguments)]
    subprocess.run(command, capture_output=True, check=True)
    return perf_counter() - start


def _measured(
    function: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[float, float, Any]:
    start = perf_counter()
    result = function(*arguments)
    return perf_counter() - start, _resident_peak(), result


def _resident_peak() -> float:
    """Return the most megabytes that this process held."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    # Not ru_maxrss: on Linux it starts from what the parent held.
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1000
