"""Many points, kept as setups with seeds: ten million of them take no more memory than a few."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby, pairwise
from typing import Any, overload

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from hessweep.setup import Point, Setup

Part = tuple[Setup, Sequence[int]]
"""A setup, and seeds of it, each once."""


class Points(Sequence[Point]):
    """Points, each once, in the order in which they were first given.

    Each is made anew when it is asked for, since setups and seeds say all about them.
    """

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts: list[Part] = []
        given: dict[tuple[str, str], list[Sequence[int]]] = {}
        for setup, seeds in parts:
            before = given.setdefault(setup.identity_texts, [])
            if before:
                known = {seed for earlier in before for seed in earlier}
                seeds = [seed for seed in seeds if seed not in known]
            before.append(seeds)
            if seeds:
                self.parts.append((setup, seeds))
        self._ends = list(accumulate(len(seeds) for _, seeds in self.parts))

    @classmethod
    def of(cls, points: Iterable[Point]) -> "Points":
        """Return these points, those that are given twice once."""
        if isinstance(points, Points):
            return points
        groups = groupby(points, key=lambda point: point.setup)
        seeds = ((setup, [point.seed for point in group]) for setup, group in groups)
        return cls((setup, list(dict.fromkeys(given))) for setup, given in seeds)

    @classmethod
    def union(cls, several: "Iterable[Points]") -> "Points":
        """Return the points of all of these, each once."""
        return cls(part for points in several for part in points.parts)

    def count_setups(self) -> "Counter[Setup]":
        """Return how many points each setup has."""
        counts: Counter[Setup] = Counter()
        for setup, seeds in self.parts:
            counts[setup] += len(seeds)
        return counts

    def __len__(self) -> int:
        """Return how many points there are."""
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Point]:
        """Yield the points in order."""
        for setup, seeds in self.parts:
            yield from setup.points(seeds)

    @overload
    def __getitem__(self, place: int) -> Point: ...
    @overload
    def __getitem__(self, place: slice) -> list[Point]: ...
    def __getitem__(self, place: int | slice) -> Point | list[Point]:
        """Return the point at a place, or a list of those of a slice."""
        places = range(len(self))[place]
        if isinstance(places, range):
            if places.step == 1:
                return list(self.between(places.start, places.stop))
            return [self._at(one) for one in places]
        return self._at(places)

    def between(self, first: int, last: int) -> "Points":
        """Return the points from one place up to another; none of them is made."""
        return Points(self._parts_between(first, last))

    def at(self, places: Int[ndarray, " n"]) -> "Points":
        """Return the points at these places, ascending within each setup; none of them is made."""
        if not len(places):
            return Points([])
        starts = [0, *(np.flatnonzero(np.diff(places) != 1) + 1).tolist(), len(places)]
        runs = [(int(places[start]), int(places[end - 1]) + 1) for start, end in pairwise(starts)]
        return Points(part for run in runs for part in self._parts_between(*run))

    def _parts_between(self, first: int, last: int) -> Iterator[Part]:
        part = bisect_right(self._ends, first)
        while first < last:
            setup, seeds = self.parts[part]
            start = self._ends[part] - len(seeds)
            yield setup, seeds[first - start : last - start]
            first = self._ends[part]
            part += 1

    def _at(self, place: int) -> Point:
        part = bisect_right(self._ends, place)
        setup, seeds = self.parts[part]
        return setup.point(seeds[place - self._ends[part]])  # Counted from the end of the part.

    def __eq__(self, other: Any) -> bool:
        """Return whether the other sequence has the same points in the same order."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(
            mine == its for mine, its in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]


def count_setups(points: Iterable[Point]) -> "Counter[Setup]":
    """Return how many of the points each setup has."""
    if isinstance(points, Points):
        return points.count_setups()
    return Counter(point.setup for point in points)
