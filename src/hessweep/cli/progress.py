"""How far a sweep is: a bar on a terminal, a line every few seconds in a log."""

import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from hessweep.cli.output import tell
from hessweep.units import show_count, show_seconds

if TYPE_CHECKING:
    from hessweep.running.driver import Progress

LOG_SECONDS = 5.0


class ProgressDisplay:
    """Called with the `Progress` of a sweep; writes to the error stream."""

    def __init__(self, name: str = "") -> None:
        """Take the name of what is computed, which every line begins with."""
        self.name = name
        self.start = self.last_line = time.monotonic()
        self.has_told = False
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Self:
        """Show nothing until there is something to compute."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, progress: "Progress") -> None:
        """Show how far the sweep is."""
        if progress.dashboard and not self.has_told:
            self.has_told = True
            tell(f"Dask's dashboard: {progress.dashboard}")
        if sys.stderr.isatty():
            self._show_bar(progress)
        elif time.monotonic() - self.last_line >= LOG_SECONDS:
            self.last_line = time.monotonic()
            # A log on a full disk is no reason to end a run.
            with suppress(OSError):
                sys.stderr.write(self._describe(progress, self.last_line) + "\n")
                sys.stderr.flush()

    def _show_bar(self, progress: "Progress") -> None:
        if self.bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            self.bar = Bar(
                BarColumn(), TextColumn("{task.description}"), console=Console(stderr=True)
            )
            self.task = self.bar.add_task("", total=max(progress.seconds, 1e-9))
            self.bar.start()
        self.bar.update(
            self.task,
            completed=progress.seconds_done,
            description=self._describe(progress, time.monotonic()),
        )

    def _describe(self, progress: "Progress", now: float) -> str:
        told = describe(progress, now - self.start)
        return f"{self.name}: {told}" if self.name else told


def describe(progress: "Progress", elapsed: float) -> str:
    """Return how far it is, in one line."""
    least = "at least " if progress.grows else ""
    parts = [f"{progress.done + progress.failed:,} of {least}{progress.total:,} points"]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    parts.append(
        show_count(progress.workers, "worker") if progress.workers else "waiting for workers"
    )
    if progress.seconds_done:
        left = max(elapsed * (progress.seconds / progress.seconds_done - 1), 0.0)
        parts.append(f"{least or 'about '}{show_seconds(left)} left")
    return ", ".join(parts)
