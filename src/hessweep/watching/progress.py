"""How far a study is, by sweep, and how long the rest will take, from what is stored."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

from hessweep.activations import Activation
from hessweep.running.cost import predicted_seconds
from hessweep.running.requested import cells, requested_of
from hessweep.setup import Point
from hessweep.study import Study
from hessweep.study.seeds_until import SeedsUntil
from hessweep.watching.stored import Stored

PATIENCE_SECONDS = 120.0
"""After so long without a new segment no run is taken to be going on; or after four times the
predicted time of the longest point that is missing."""

WINDOW_SECONDS = 900.0
"""The speed of a run is that of the last quarter of an hour."""


@dataclass(frozen=True)
class Counts:
    """Numbers of points."""

    requested: int
    done: int
    failed: int

    @property
    def missing(self) -> int:
        """Points that are asked for and not stored."""
        return self.requested - self.done - self.failed


@dataclass(frozen=True)
class SweepState:
    """One sweep of the study."""

    name: str
    counts: Counts
    rule: str = ""
    """What became of the setups of a sweep that takes seeds until a mean is known, in words."""


@dataclass(frozen=True)
class Pace:
    """Whether a run is going on, and how fast."""

    latest: datetime | None
    """When something was stored last."""
    is_active: bool
    points_per_second: float
    """0 where too little has been stored to tell."""
    seconds_left: float | None
    """None where that can not be told, and while no run is going on."""


Asked = tuple[list[SweepState], Counts, Sequence[Point]]
"""Each sweep, all of them together, and the points that are missing."""


class StudyProgress:
    """What a study asks for, against what is stored."""

    def __init__(self, study: Study, stored: Stored) -> None:
        self.study = study
        self.stored = stored
        self._points = {
            # A list, because what computes its points anew would do so at every look.
            name: list(sweep.points())
            for name, sweep in study.sweeps.items()
            if not isinstance(sweep.seeds, SeedsUntil)
        }
        """Of sweeps with a number of seeds, which always ask for the same points."""
        self._seconds: dict[str, float] = {}
        self._known: tuple[object, Asked] | None = None

    @property
    def grows(self) -> bool:
        """Whether more points may be asked for than are now."""
        return len(self._points) < len(self.study.sweeps)

    @cached_property
    def _by_key(self) -> dict[str, Point]:
        return {point.key: point for points in self._points.values() for point in points}

    def sweeps(self) -> Asked:
        """Return each sweep, all of them together, and the points that are missing."""
        revision = self.stored.revision
        if self._known is None or self._known[0] is not revision:
            self._known = revision, self._compare()
        return self._known[1]

    def _compare(self) -> Asked:
        asked = {name: self._asked(name) for name in self.study.sweeps}
        states = [
            SweepState(name, self._count(points), self._rule(name))
            for name, points in asked.items()
        ]
        every = {point.key: point for points in asked.values() for point in points}
        missing = [point for key, point in every.items() if key not in self.stored.status]
        return states, self._count(list(every.values())), missing

    def pace(self, missing: Collection[Point], now: datetime) -> Pace:
        """Return how fast points have been stored lately, and how long the missing ones take."""
        costs = [self._cost(point) for point in missing]
        patience = max(PATIENCE_SECONDS, 4 * max(costs, default=0.0))
        recent = _latest_stretch(self.stored.commits, patience)
        if not recent:
            return Pace(None, False, 0.0, None)
        (first, _), (latest, _) = recent[0], recent[-1]
        is_active = bool(missing) and (now - latest).total_seconds() < patience
        pace = Pace(latest, is_active, 0.0, None)
        elapsed = (latest - first).total_seconds()
        keys = [key for _, keys in recent[1:] for key in keys]
        if elapsed <= 0 or not keys:
            return pace
        known = [self._by_key[key] for key in keys if key in self._by_key]
        # Points of rules, or of other studies, count as the missing ones do on average.
        usual = sum(costs) / len(costs) if costs else 0.0
        done = sum(map(self._cost, known)) + usual * (len(keys) - len(known))
        left = elapsed * sum(costs) / done if is_active and done else None
        return replace(pace, points_per_second=len(keys) / elapsed, seconds_left=left)

    def _asked(self, name: str) -> Sequence[Point]:
        if name in self._points:
            return self._points[name]
        return requested_of([self.study.sweeps[name]], self._values)

    def _values(self, _: Collection[Activation], column: str) -> Mapping[str, float]:
        return self.stored.values[column]

    def _rule(self, name: str) -> str:
        found = cells(self.study.sweeps[name], self._values)
        if not found:
            return ""
        ended = sum(bool(cell.end) for cell in found)
        reached = sum(cell.end == "error reached" for cell in found)
        told = f"{ended} of {len(found)} setups finished, {reached} reached the error"
        return f"{self.study.sweeps[name].seeds}: {told}"

    def _count(self, points: Sequence[Point]) -> Counts:
        found = [self.stored.status.get(point.key) for point in points]
        return Counts(len(points), found.count("done"), found.count("failed"))

    def _cost(self, point: Point) -> float:
        if point.key not in self._seconds:
            self._seconds[point.key] = predicted_seconds(point)
        return self._seconds[point.key]


def columns_of_rules(study: Study) -> set[str]:
    """Return the columns whose values decide how many seeds a study takes."""
    rules = [sweep.seeds for sweep in study.sweeps.values()]
    return {rule.of for rule in rules if isinstance(rule, SeedsUntil)}


def _latest_stretch(
    commits: Mapping[str, tuple[datetime, tuple[str, ...]]], patience: float
) -> list[tuple[datetime, tuple[str, ...]]]:
    """Return the segments of the run that went on last, in the order of time.

    It begins after a gap, or where the window does.
    """
    ordered = sorted(commits.values(), reverse=True)
    stretch: list[tuple[datetime, tuple[str, ...]]] = []
    for time, keys in ordered:
        if stretch:
            is_gap = stretch[-1][0] - time > timedelta(seconds=patience)
            if is_gap or stretch[0][0] - time > timedelta(seconds=WINDOW_SECONDS):
                break
        stretch.append((time, keys))
    return stretch[::-1]


def now() -> datetime:
    """Return the time, as segments say it."""
    return datetime.now(UTC)
