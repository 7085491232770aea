"""The name of `hessweep.running` in version 0.1, kept for scripts that import from it."""

from hessweep.running import Summary, Work, find_work, run

__all__ = ["Summary", "Work", "find_work", "run"]
