"""What the page shows, as plain values for its template."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hessweep.report.table import group_digits
from hessweep.units import show_count, show_seconds
from hessweep.watching.charts import charts
from hessweep.watching.progress import Counts, Pace, StudyProgress, SweepState
from hessweep.watching.stored import Stored, grouped

SHOWN_ERRORS, SHOWN_POINTS = 20, 5
"""Different errors that are listed, and points of each."""


@dataclass(frozen=True)
class Tile:
    """One number at the top."""

    heading: str
    number: str
    note: str
    state: str = "neutral"


def view(stored: Stored, progress: StudyProgress | None, now: datetime) -> dict[str, Any]:
    """Return the variables of the template.

    Args:
        stored: What has been read.
        progress: What the study asks for; None where results alone are watched.
        now: The time.
    """
    errors = grouped(list(_standing_errors(stored)))
    shown: dict[str, Any] = {
        "root": str(stored.root),
        "time": f"{now:%Y-%m-%d %H:%M:%S} UTC",
        "charts": charts(stored.seen),
        "more_charts": max(0, sum(bool(one.eigenvalues) for one in stored.seen.values()) - 12),
        "ranks": [
            (label, [*map(group_digits, (one.points, one.proved, one.compared, one.differing))])
            for label, one in sorted(stored.seen.items())
        ],
        "errors": [
            (error, show_count(len(points), "point"), _some(points))
            for error, points in errors[:SHOWN_ERRORS]
        ],
        "more_errors": max(0, len(errors) - SHOWN_ERRORS),
        "damaged": sorted(stored.unreadable.items())[:SHOWN_ERRORS],
        "damaged_count": show_count(len(stored.unreadable), "segment"),
        "reading": _reading(stored),
        "sweeps": [],
    }
    if progress is None:
        done = sum(status == "done" for status in stored.status.values())
        counts = Counts(len(stored.status), done, len(stored.status) - done)
        pace = None
        lead = f"{group_digits(done)} points stored"
    else:
        sweeps, counts, missing = progress.sweeps()
        pace = progress.pace(missing, now)
        shown["sweeps"] = [_sweep(state) for state in sweeps]
        lead = _lead(counts, progress.grows)
    return shown | {
        "counts": counts,
        "lead": lead,
        "state": _state(stored, counts, pace, now),
        "tiles": _tiles(stored, counts, pace, progress),
    }


def _standing_errors(stored: Stored) -> Sequence[tuple[str, str]]:
    """Return the errors of points that have no result by now."""
    return [one for key, one in stored.errors.items() if stored.status.get(key) != "done"]


def _some(points: list[str]) -> list[str]:
    more = len(points) - SHOWN_POINTS
    return points if more <= 0 else [*points[:SHOWN_POINTS], f"and {more:,} more"]


def _lead(counts: Counts, grows: bool) -> str:
    of = "at least " if grows and counts.missing else ""
    return f"{group_digits(counts.done)} of {of}{group_digits(counts.requested)} points computed"


def _reading(stored: Stored) -> str:
    if not stored.waiting:
        return ""
    read = stored.segments - stored.waiting
    return f"read {group_digits(read)} of {group_digits(stored.segments)} segments so far"


def _sweep(state: SweepState) -> dict[str, Any]:
    counts = state.counts
    return {
        "name": state.name,
        "rule": state.rule,
        "numbers": {
            name: group_digits(getattr(counts, name))
            for name in ("requested", "done", "failed", "missing")
        },
        "counts": counts,
    }


def _state(stored: Stored, counts: Counts, pace: Pace | None, now: datetime) -> tuple[str, str]:
    """Return what is going on, as a class of the style and in words."""
    if not stored.segments:
        return "quiet", "No results yet: this page shows them when they come."
    if pace is None:
        return "quiet", "Results without a study: what is missing can not be told."
    if not counts.missing:
        return ("failed" if counts.failed else "done"), (
            "Every point has been computed or has failed."
            if counts.failed
            else "Every point has been computed."
        )
    if pace.latest is None:
        return "quiet", "Reading what is stored."
    seconds = max(round((now - pace.latest).total_seconds()), 1)
    ago = f"{seconds} s" if seconds < 120 else show_seconds(seconds)
    if pace.is_active:
        return "running", f"Running: the latest results are {ago} old."
    return "quiet", (
        f"The latest results are {ago} old: the run has ended or waits; `hessweep run` or `make` "
        "computes what is missing."
    )


def _tiles(
    stored: Stored, counts: Counts, pace: Pace | None, progress: StudyProgress | None
) -> list[Tile]:
    compared = sum(one.compared for one in stored.seen.values())
    differing = sum(one.differing for one in stored.seen.values())
    damaged = len(stored.unreadable)
    grows = progress is not None and progress.grows
    return [
        Tile("Points computed", group_digits(counts.done), _of(counts, progress)),
        *([] if pace is None else [_time_tile(pace, counts, grows)]),
        Tile(
            "Failed",
            group_digits(counts.failed),
            f"{show_count(damaged, 'segment')} can not be read" if damaged else _words(counts),
            "bad" if counts.failed or damaged else "neutral",
        ),
        Tile(
            "Ranks off the formula",
            group_digits(differing),
            f"of {group_digits(compared)} with an exact one",
            "bad" if differing else "neutral",
        ),
    ]


def _words(counts: Counts) -> str:
    return "points, with their errors below" if counts.failed else "no point so far"


def _time_tile(pace: Pace, counts: Counts, grows: bool) -> Tile:
    if not counts.missing:
        return Tile("Time left", "none", "nothing is missing", "good")
    rate = pace.points_per_second
    speed = f"{_rate(rate)} lately" if rate and pace.is_active else "not known yet"
    if pace.seconds_left is None:
        return Tile("Time left", "–", speed if pace.is_active else "no run is going on")
    about = "at least" if grows else "about"
    return Tile("Time left", f"{about} {show_seconds(pace.seconds_left)}", speed)


def _of(counts: Counts, progress: StudyProgress | None) -> str:
    if progress is None:
        return "all that is stored"
    least = "at least " if progress.grows and counts.missing else ""
    return f"of {least}{group_digits(counts.requested)}"


def _rate(points_per_second: float) -> str:
    if points_per_second >= 1:
        return f"{float(f'{points_per_second:.2g}'):,g} points a second"
    return f"{show_seconds(1 / points_per_second)} a point"
