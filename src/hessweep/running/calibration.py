"""How accurate predictions of time have been for stored points, and predictions corrected by that.

A size that was measured predicts itself and the sizes near it, since machine, load and BLAS differ
from those on which the coefficients of the predictions were measured.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hessweep.activations import Activation
from hessweep.address import Root
from hessweep.errors import QueryError
from hessweep.kinds import TIMES
from hessweep.points import count_setups
from hessweep.running.cost import OVERHEAD_SECONDS, blas_threads
from hessweep.setup import AXES, KIND, Point, Setup
from hessweep.store import open_results
from hessweep.store.rows import read_stored
from hessweep.store.schema import identity_json

if TYPE_CHECKING:
    import xarray as xr

NEIGHBOURS = 5
"""Number of sizes whose measured times correct another: those of nearest predicted time."""

ALIKE = ["activation_spec", KIND]
"""The columns that points of one activation and kind share, whose times grow alike."""

SIZE = [*ALIKE, *(axis.column.name for axis in AXES if axis.changes_cost and axis.field != "kind")]
"""The columns that decide how long a point takes."""

MOST_OF_ACTIVATION = 100_000
"""Points of each activation that are looked at, at most."""

COLUMNS = [*SIZE, "status", *TIMES]


@dataclass(frozen=True)
class Deviation:
    """Predicted over measured time of stored points, each predicted without its own size."""

    points: int
    total: float
    """Of all of them together."""
    low: float
    high: float
    """Between these are 90 % of the points."""

    def __str__(self) -> str:
        """Say it in a sentence."""
        return (
            f"For {self.points:,} stored points, the predicted time is "
            f"{self.total:.2g} times the measured time in total, and between {self.low:.2g} and "
            f"{self.high:.2g} times for nine points in ten."
        )


class Calibration:
    """Predicted times, corrected by measured ones where there are any."""

    def __init__(self, points: pd.DataFrame, activations: Iterable[Activation]) -> None:
        """Take the table of points (`COLUMNS`), and the activations that may be asked for."""
        known = {identity_json(activation): activation for activation in activations}
        done = points[(points["status"] == "done") & points["activation_spec"].isin(list(known))]
        self.points = done.assign(seconds=done.reindex(columns=list(TIMES)).sum(axis=1))
        self.sizes = self.points.groupby(SIZE)["seconds"].mean().reset_index()
        setups = [
            Setup.from_columns(known[row["activation_spec"]], row)
            for row in self.sizes[SIZE].to_dict("records")
        ]
        self.sizes["predicted"] = [setup.cost.seconds for setup in setups]
        self.sizes["threads"] = [blas_threads(setup) for setup in setups]
        # What is stored is the time of all threads together.
        self.sizes["seconds"] *= self.sizes["threads"]
        self.measured = self.sizes.set_index(SIZE)["seconds"].to_dict()
        self.alike: dict[Any, Any] = {
            kind: (sizes["predicted"].to_numpy(), sizes["seconds"].to_numpy())
            for kind, sizes in self.sizes.groupby(ALIKE)
        }

    def seconds(self, points: Iterable[Point]) -> float:
        """Return about how long one core takes for the points, their storage included."""
        return sum(
            count * (OVERHEAD_SECONDS + self._seconds_of_one(setup))
            for setup, count in count_setups(points).items()
        )

    def worker_seconds(self, points: Iterable[Point]) -> float:
        """Return about how long one worker takes, whose threads share each of the points."""
        return sum(
            count * (OVERHEAD_SECONDS + self._seconds_of_one(setup) / blas_threads(setup))
            for setup, count in count_setups(points).items()
        )

    def deviation(self) -> Deviation | None:
        """Return how far off this has been, or None where too little is stored to tell."""
        if len(self.sizes) < 2:
            return None
        expected = np.empty(len(self.sizes))
        for rows in self.sizes.groupby(ALIKE).indices.values():
            sizes = self.sizes.iloc[rows]
            predicted, measured = sizes["predicted"].to_numpy(), sizes["seconds"].to_numpy()
            for position, time in enumerate(predicted):
                others = np.delete(predicted, position), np.delete(measured, position)
                expected[rows[position]] = time * _factor(time, *others)
        expected /= self.sizes["threads"].to_numpy()
        points = self.points.merge(self.sizes[SIZE].assign(expected=expected), on=SIZE)
        ratios = points["expected"] / points["seconds"]
        low, high = ratios.quantile([0.05, 0.95])
        total = points["expected"].sum() / points["seconds"].sum()
        return Deviation(len(points), float(total), float(low), float(high))

    def _seconds_of_one(self, setup: Setup) -> float:
        """Return one core's time without storage: measured, or predicted and corrected."""
        columns = {"activation_spec": identity_json(setup.activation), **setup.columns}
        if (measured := self.measured.get(tuple(columns[name] for name in SIZE))) is not None:
            return float(measured)
        predicted = setup.cost.seconds
        if (alike := tuple(columns[name] for name in ALIKE)) in self.alike:
            return predicted * _factor(predicted, *self.alike[alike])
        return predicted * _factor(predicted, self.sizes["predicted"], self.sizes["seconds"])


def _factor(time: float, predicted: Any, measured: Any) -> float:
    """Return measured over predicted time of the sizes whose prediction is nearest; 1 of none."""
    predicted, measured = np.asarray(predicted, float), np.asarray(measured, float)
    if not predicted.size:
        return 1.0
    near = np.argsort(np.abs(np.log(predicted / time)), kind="stable")[:NEIGHBOURS]
    return float(np.median(measured[near] / predicted[near]))


def calibrate(root: Root, activations: Iterable[Activation]) -> Calibration:
    """Return the calibration by the points that are published below a results root, if any."""
    try:
        groups = [leaf.dataset for leaf in open_results(root).leaves]
    except QueryError:
        groups = []
    parts = [pd.DataFrame({name: _sample(group, name) for name in COLUMNS}) for group in groups]
    points = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    return Calibration(points, activations)


def _sample(group: "xr.Dataset", column: str) -> Any:
    """Return the values of a column at evenly spaced points, all if there are not too many."""
    count = group["seed"].shape[0]
    # A slice, even of all: a whole column would stay in memory.
    return read_stored(group, column, slice(0, None, 1 + count // MOST_OF_ACTIVATION))
