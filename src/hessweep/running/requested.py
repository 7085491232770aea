"""Which points a study asks for, where that depends on what is stored.

A sweep with a number of seeds asks for all its points. One with `seeds: {until: …}` asks, for each
setup of its grid, for the seeds that its rule has taken by the values that are stored: first for
`at_least` of them, then for a block more, and so on until the rule ends. What it asks for is a
function of what is stored alone. It grows with every block, and is the same again later.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import nan
from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.address import Root
from hessweep.points import Points
from hessweep.running.sweep import Request
from hessweep.setup import Point, Setup
from hessweep.store.index import read_index
from hessweep.store.schema import column_named, identity_json
from hessweep.store.segments import read_columns, segments_folder
from hessweep.study import Study, Sweep
from hessweep.study.seeds_until import End, Look, SeedsUntil, look_at

if TYPE_CHECKING:
    import xarray as xr

Values = Callable[[Collection[Activation], str], Mapping[str, float]]
"""Returns the value of each stored point of these activations in a column, by key: nan if the
point has none, because it failed or by the mathematics. Points of others may be there, too."""


@dataclass(frozen=True)
class Cell:
    """How far a rule has come with one setup."""

    setup: Setup
    points: Sequence[Point]
    """Those that are asked for now, in the order of seeds."""
    missing: int
    """How many of them are not stored."""
    look: Look
    """At those that are stored."""
    further: int
    """How many points more it may ask for, at most."""
    end: End


def cells(sweep: Sweep, values: Values) -> list[Cell]:
    """Return how far the rule of a sweep has come with each setup, in the order of the study.

    Args:
        sweep: A sweep with `seeds: {until: …}`; of any other there are no cells.
        values: What is stored.
    """
    rule = sweep.seeds
    if not isinstance(rule, SeedsUntil):
        return []
    stored = values(sweep.activation, rule.of)
    return [_cell(setup, rule, stored) for setup in sweep.setups()]


def _cell(setup: Setup, rule: SeedsUntil, stored: Mapping[str, float]) -> Cell:
    points: list[Point] = []
    known: list[float] = []
    for number in rule.numbers():
        block = setup.points(rule[len(points) : number])
        points += block
        known += [stored[point.key] for point in block if point.key in stored]
        look = look_at(known)
        # Values of later seeds do not count while one of an earlier seed is missing.
        end: End = "" if len(known) < len(points) else rule.end(look)
        if end or len(known) < len(points):
            break
    further = 0 if end else rule.at_most - len(points)
    return Cell(setup, points, len(points) - len(known), look, further, end)


def requested_points(sweep: Sweep, values: Values) -> Points:
    """Return the points that a sweep asks for by what is stored now, in the order of the study."""
    if not isinstance(sweep.seeds, SeedsUntil):
        return sweep.points()
    return Points.union(Points.of(cell.points) for cell in cells(sweep, values))


def requested_by_sweep(study: Study, values: Values) -> dict[str, Points]:
    """Return the points that each sweep of a study asks for by what is stored now."""
    return {name: requested_points(sweep, values) for name, sweep in study.sweeps.items()}


def requested_of(sweeps: Iterable[Sweep], values: Values) -> Points:
    """Return the points that these sweeps ask for by what is stored now, each once."""
    return Points.union(requested_points(sweep, values) for sweep in sweeps)


def request(sweeps: Collection[Sweep], root: Root) -> Points | Request:
    """Return what `run` is to compute of these sweeps: points, or a function that returns them."""
    if any(isinstance(sweep.seeds, SeedsUntil) for sweep in sweeps):
        return partial(requested_of, sweeps, SegmentValues(root))
    return requested_of(sweeps, SegmentValues(root))


class SegmentValues:
    """The values of stored points, published or not; each segment is read once."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self._read: dict[tuple[str, str], ndarray] = {}
        """The values of all points of a segment, by segment and column."""

    def __call__(self, activations: Collection[Activation], column: str) -> dict[str, float]:
        """Return the value of each stored point in a column, by key.

        Of a point that is stored more than once it is the value that is published: of a result
        that is done rather than of one that failed, and of the segment whose name is last.

        Raises:
            StoreError: If a segment can not be read.
        """
        table = read_index(self.root).table
        names = ("segment", "row", "key", "status", "activation_spec")
        rows = zip(*(table[name].to_pylist() for name in names), strict=True)
        specs = {identity_json(activation) for activation in activations}
        done: dict[str, float] = {}
        failed: dict[str, float] = {}
        for segment, row, key, status, _ in sorted(row for row in rows if row[-1] in specs):
            if status == "done":
                done[key] = float(self._values(segment, column)[row])
            else:
                failed[key] = nan
        return failed | done

    def _values(self, segment: str, column: str) -> ndarray:
        if (segment, column) not in self._read:
            arrays, _ = read_columns(segments_folder(self.root) / segment, ["key", column])
            # A segment of an older version may lack the column.
            absent = np.full(len(arrays["key"]), nan)
            self._read[segment, column] = _usable(arrays.get(column, absent), column)
        return self._read[segment, column]


class PublishedValues:
    """The values of published points, which tables, figures and the report show."""

    def __init__(self, results: "xr.DataTree") -> None:
        self.results = results

    def __call__(self, _: Collection[Activation], column: str) -> dict[str, float]:
        """Return the value of each stored point in a column, by key.

        Raises:
            StoreError: If the results can not be read.
        """
        from hessweep.store import table

        rows = table(self.results, columns=list(dict.fromkeys(["key", "status", column])))
        values = np.where(rows["status"] == "done", _usable(rows[column].to_numpy(), column), nan)
        return dict(zip(rows["key"].tolist(), values.tolist(), strict=True))


def _usable(values: ndarray, column: str) -> ndarray:
    """Return the values as floats, nan in place of what stands for no value."""
    found = np.asarray(values, float)
    return np.where(found == column_named(column).missing_value, nan, found)
