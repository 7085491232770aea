"""What Snakemake shows on the terminal in a run of hessweep: a line for each job, and errors.

Snakemake finds this package by its name, and the profiles in `workflow/profiles` choose it with
`logger: hessweep`. Why each job runs, its files and the rest go to Snakemake's own log file.
"""

import sys
from logging import ERROR, WARNING, LogRecord

from snakemake.common import NOTHING_TO_BE_DONE_MSG
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

NOT_COUNTED = ("total", "all", "tables", "figures")
"""What Snakemake's table of jobs holds besides jobs with a message: a sum, and rules that collect
the files of others."""


class LogHandler(LogHandlerBase):
    """Writes the message of each job that starts, each job that fails, warnings and errors."""

    def __post_init__(self) -> None:
        """Start to count."""
        self.started = 0
        self.total = 0
        self.messages: dict[int | None, str] = {}

    def emit(self, record: LogRecord) -> None:
        """Write what a person wants to know of the record, if anything."""
        line = self._line(record)
        if line:
            try:
                sys.stderr.write(line + "\n")
                sys.stderr.flush()
            except OSError:
                pass  # a closed or full terminal is no reason to end a run

    def _line(self, record: LogRecord) -> str:
        match getattr(record, "event", None):
            case LogEvent.RUN_INFO:
                stats = getattr(record, "stats", None) or {}
                counts = {rule: int(n) for rule, n in stats.items() if rule not in NOT_COUNTED}
                self.total = sum(counts.values()) or self.total
            case LogEvent.JOB_INFO:
                message = getattr(record, "rule_msg", None)
                reason = f" ({_reason(record)})" if self.common_settings.dryrun else ""
                if not message:
                    return ""  # a rule without a message only collects files
                self.started += 1
                self.messages[getattr(record, "jobid", None)] = str(message)
                return f"[{self.started}/{self.total}] {message}{reason}"
            case LogEvent.JOB_ERROR:
                named = self.messages.get(getattr(record, "jobid", None))
                what = named or getattr(record, "rule_name", "a job")
                logs = ", ".join(getattr(record, "log", None) or ())
                return f"Failed: {what}" + (f" (log: {logs})" if logs else "")
            case None | LogEvent.ERROR | LogEvent.GROUP_ERROR if record.levelno >= ERROR:
                return record.getMessage()
            case None if record.getMessage() == NOTHING_TO_BE_DONE_MSG:
                return _nothing_done()
            case None if record.levelno >= WARNING or self.common_settings.verbose:
                return record.getMessage()
        return ""

    @property
    def writes_to_stream(self) -> bool:
        """This takes the place of Snakemake's own lines on the terminal."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Snakemake's own log file is written besides."""
        return False

    @property
    def has_filter(self) -> bool:
        """What is shown is chosen here."""
        return True

    @property
    def has_formatter(self) -> bool:
        """How it is shown is decided here."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """No graph is shown."""
        return False


def _nothing_done() -> str:
    # The study's own code, which is slow to load and always loaded where there is a study.
    from hessweep.running.closing import nothing_done

    return nothing_done()


def _reason(record: LogRecord) -> str:
    """Return why a job would run, cut to the first reason and 60 letters."""
    reason = str(getattr(record, "reason", "")).split(";")[0]
    return reason if len(reason) <= 60 else reason[:57] + "..."
