"""How far off predictions of time have been, from what stored points took, and what follows.

A size that was measured predicts itself and the sizes near it: machine, load and BLAS differ from
those that the coefficients of `hessweep.running.cost` were measured on.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hessweep.activations import Activation
from hessweep.errors import QueryError
from hessweep.running.cost import OVERHEAD_SECONDS, kernel_seconds
from hessweep.setup import Point
from hessweep.store import open_results, table
from hessweep.store.schema import identity_json

NEIGHBOURS = 5
"""Sizes whose measured times say how long another takes: those of nearest predicted time."""

SIZE = ["activation_spec", "spectrum", "N_i", "N_h"]
COLUMNS = [*SIZE, "status", "spectrum_time", "rank_time"]


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
            f"Over {self.points:,} stored points the predicted time was {self.total:.2g} x the "
            f"measured one, for 90 % of them within {self.low:.2g}–{self.high:.2g} x."
        )


class Calibration:
    """Predicted times, corrected by measured ones where there are any."""

    def __init__(self, points: pd.DataFrame, activations: Iterable[Activation]) -> None:
        """Take the table of points (`COLUMNS`), and the activations that may be asked for."""
        known = {identity_json(activation): activation for activation in activations}
        done = points[(points["status"] == "done") & points["activation_spec"].isin(list(known))]
        self.points = done.assign(seconds=done["spectrum_time"] + done["rank_time"])
        self.sizes = self.points.groupby(SIZE)["seconds"].mean().reset_index()
        self.sizes["predicted"] = [
            kernel_seconds(known[spec], int(N_i), int(N_h), spectrum)
            for spec, spectrum, N_i, N_h in self.sizes[SIZE].itertuples(index=False)
        ]
        self.measured = self.sizes.set_index(SIZE)["seconds"].to_dict()
        self.alike: dict[Any, Any] = {
            kind: (sizes["predicted"].to_numpy(), sizes["seconds"].to_numpy())
            for kind, sizes in self.sizes.groupby(SIZE[:2])
        }

    def seconds(self, points: Iterable[Point]) -> float:
        """Return about how long one core takes for the points, their storage included."""
        kinds = Counter((p.activation, p.spectrum, p.N_i, p.N_h) for p in points)
        return sum(
            count * (OVERHEAD_SECONDS + self._kernel(*kind)) for kind, count in kinds.items()
        )

    def deviation(self) -> Deviation | None:
        """Return how far off this has been, or None where too little is stored to tell."""
        if len(self.sizes) < 2:
            return None
        expected = np.empty(len(self.sizes))
        for rows in self.sizes.groupby(SIZE[:2]).indices.values():
            sizes = self.sizes.iloc[rows]
            predicted, measured = sizes["predicted"].to_numpy(), sizes["seconds"].to_numpy()
            for position, time in enumerate(predicted):
                others = np.delete(predicted, position), np.delete(measured, position)
                expected[rows[position]] = time * _factor(time, *others)
        points = self.points.merge(self.sizes[SIZE].assign(expected=expected), on=SIZE)
        ratios = points["expected"] / points["seconds"]
        low, high = ratios.quantile([0.05, 0.95])
        total = points["expected"].sum() / points["seconds"].sum()
        return Deviation(len(points), float(total), float(low), float(high))

    def _kernel(self, activation: Activation, spectrum: str, N_i: int, N_h: int) -> float:
        kind = (identity_json(activation), spectrum)
        if (measured := self.measured.get((*kind, N_i, N_h))) is not None:
            return float(measured)
        predicted = kernel_seconds(activation, N_i, N_h, spectrum)
        if kind in self.alike:
            return predicted * _factor(predicted, *self.alike[kind])
        return predicted * _factor(predicted, self.sizes["predicted"], self.sizes["seconds"])


def _factor(time: float, predicted: Any, measured: Any) -> float:
    """Return measured over predicted time of the sizes whose prediction is nearest; 1 of none."""
    predicted, measured = np.asarray(predicted, float), np.asarray(measured, float)
    if not predicted.size:
        return 1.0
    near = np.argsort(np.abs(np.log(predicted / time)), kind="stable")[:NEIGHBOURS]
    return float(np.median(measured[near] / predicted[near]))


def calibrate(root: Path, activations: Iterable[Activation]) -> Calibration:
    """Return the calibration by the points that are published below a results root, if any."""
    try:
        points = table(open_results(root), columns=COLUMNS)
    except QueryError:
        points = pd.DataFrame(columns=COLUMNS)
    return Calibration(points, activations)
