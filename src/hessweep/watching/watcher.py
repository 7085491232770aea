"""Looks at a results folder now and then, and renders what it sees."""

import time
from pathlib import Path
from threading import Lock

from hessweep.address import Root
from hessweep.errors import HessweepError
from hessweep.study import Study
from hessweep.watching.page import fragment
from hessweep.watching.progress import StudyProgress, columns_of_rules, now
from hessweep.watching.stored import Stored
from hessweep.watching.view import view

LOOK_SECONDS = 1.0
"""One look reads for about so long."""

SHARE = 4.0
"""The pause after a look is at least this many times as long as the look itself. So watching takes
at most a fifth of one core."""


class Watcher:
    """The state of one study or results folder, brought up to date when somebody asks."""

    def __init__(self, target: Study | Root, refresh: float = 3.0) -> None:
        """Read nothing yet.

        Args:
            target: A study, or its results.
            refresh: Seconds between two looks, at least.
        """
        self.study = target if isinstance(target, Study) else None
        self.root = target.results if isinstance(target, Study) else target
        self.name = target.absolute().name if isinstance(target, Path) else target.name
        self.refresh = refresh
        columns = columns_of_rules(self.study) if self.study else ()
        self._stored = Stored(self.root, columns)
        self._progress = StudyProgress(self.study, self._stored) if self.study else None
        self._lock = Lock()
        self._next = 0.0
        self._rendered = ""
        self.is_complete = False
        """Whether nothing was missing at the last look."""

    def now(self) -> str:
        """Return what is known now as HTML; it is as old as `refresh` at most, or a little older.

        Several pages share one look.
        """
        with self._lock:
            start = time.monotonic()
            if start >= self._next:
                self._rendered = self._look()
                end = time.monotonic()
                self._next = end + max(self.refresh, SHARE * (end - start))
            return self._rendered

    def _look(self) -> str:
        try:
            # The values of all points decide what a rule asks for.
            self._stored.look(float("inf") if self._stored.columns else LOOK_SECONDS)
            shown = view(self._stored, self._progress, now())
        except HessweepError as error:
            return fragment(name=self.name, problem=str(error))
        self.is_complete = self.study is not None and not shown["counts"].missing
        return fragment(name=self.name, problem="", **shown)
