"""Whether a results folder still holds what was computed: its bytes, and a sample of numbers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy import ndarray
from threadpoolctl import threadpool_limits

from hessweep.activations import activation
from hessweep.errors import ActivationError
from hessweep.kinds import compute
from hessweep.running.cost import blas_threads
from hessweep.setup import COLUMNS, KERNEL_VERSION, TIMES, Point, PointResult
from hessweep.store.schema import EIGENVALUES, RAGGED, flat_values, numpy_dtype
from hessweep.store.segments import provenance, read_columns, segments_folder
from hessweep.store.verification import Problem, inspect, segment_path


@dataclass(frozen=True)
class Verification:
    """What `verify` read and computed again, and what it found."""

    segments: int
    points: int
    """Points in the segments that could be read, repetitions included."""
    bytes: int
    """Size of all segments."""
    recomputed: int
    """Points of the sample that were computed again."""
    skipped: int
    """Points of the sample that could not be: their activation or maths is not this package's."""
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


def verify(root: Path, sample: int = 20, seed: int = 0) -> Verification:
    """Read every byte of a results folder, check it, and compute a sample of its points again.

    Nothing is changed but the index's cache. See `hessweep.store.inspect` for what is checked
    without computing.

    Args:
        root: The results root.
        sample: How many points to compute again, drawn at random; all if there are fewer.
        seed: Of that draw.

    Raises:
        StoreAccessError: If the folder can not be read.
    """
    found = inspect(root)
    drawn = found.done.sample(min(sample, len(found.done)), random_state=seed)
    outcome = recompute(root, drawn)
    differences = tuple(
        Problem("different result", segment_path(segment), message)
        for segment, message in outcome.differences
    )
    return Verification(
        segments=found.segments,
        points=found.points,
        bytes=found.bytes,
        recomputed=outcome.recomputed,
        skipped=outcome.skipped,
        problems=(*found.problems, *differences),
    )


@dataclass(frozen=True)
class Recomputation:
    """How a sample of stored points compares with the same points computed now."""

    recomputed: int
    skipped: int
    """Points of another kernel version, or of an activation that is not registered."""
    differences: tuple[tuple[str, str], ...]
    """(segment, what differs)"""


def recompute(root: Path, points: pd.DataFrame) -> Recomputation:
    """Compute these rows of the index again and compare.

    Where processor and libraries are those that computed the point, every column but the times
    must agree to the bit. Elsewhere the eigenvalues must agree within the sum of both error
    bounds.

    Raises:
        DamagedStoreError: If a segment can not be read.
        StoreAccessError: If a segment can not be read.
    """
    recomputed, skipped, differences = 0, 0, []
    for row in points.to_dict("records"):
        try:
            function = activation(**json.loads(row["activation_spec"]))
        except ActivationError:
            function = None
        if function is None or row["kernel_version"] != KERNEL_VERSION:
            skipped += 1
            continue
        place = (row[name] for name in ("N_i", "N_h", "seed", "weights", "spectrum"))
        point = Point(function, *place)
        arrays, attrs = read_columns(segments_folder(root) / row["segment"])
        recomputed += 1
        same_machine = _same_machine(attrs["computed_with"])
        what = _what_differs(point, _stored(arrays, row["row"]), same_machine)
        if what:
            message = f"{function}, N_i = {point.N_i}, N_h = {point.N_h}, seed = {point.seed}"
            differences.append((row["segment"], f"{message}: computed again, {what}"))
    return Recomputation(recomputed, skipped, tuple(differences))


def _what_differs(point: Point, stored: dict[str, Any], same_machine: bool) -> str:
    try:
        # As many threads as in the sweep: the order of a sum is part of the result's bits.
        with threadpool_limits(blas_threads(point)):
            result = compute(point)
    except Exception as error:
        return f"it fails: {type(error).__name__}: {error}"
    names = ", ".join((_different if same_machine else _too_far)(result, stored))
    return f"{names} differ" if names else ""


def _stored(arrays: dict[str, ndarray], row: int) -> dict[str, Any]:
    stored = {column.name: arrays[column.name][row] for column in COLUMNS if column.name in arrays}
    for ragged in RAGGED:
        # A segment of an earlier version has no densities.
        if ragged.size in arrays:
            end = int(arrays[ragged.size][: row + 1].sum())
            own = slice(end - int(arrays[ragged.size][row]), end)
            stored |= {column.name: arrays[column.name][own] for column in ragged.columns}
    return stored


def _same_machine(computed_with: str) -> bool:
    return _decisive(json.loads(computed_with)) == _decisive(provenance())


def _decisive(machine: dict[str, Any]) -> list[Any]:
    libraries = [machine["versions"].get(name) for name in ("numpy", "scipy", "python-flint")]
    return [machine["processor"], machine["blas"], libraries]


def _different(result: PointResult, stored: dict[str, Any]) -> Iterator[str]:
    for column in COLUMNS:
        if column.name in TIMES or column.name not in stored:
            continue
        value = np.array(result.scalars[column.name], dtype=numpy_dtype(column))[()]
        same = (
            value == stored[column.name]
            if column.dtype == "str"
            else value.tobytes() == stored[column.name].tobytes()
        )
        if not same:
            yield column.name
    for name, values in flat_values(result).items():
        if name in stored and values.tobytes() != stored[name].tobytes():
            yield name


def _too_far(result: PointResult, stored: dict[str, Any]) -> Iterator[str]:
    eigenvalues = stored[EIGENVALUES.name]
    computed = result.eigenvalues
    if result.point.spectrum == "density":
        # How many of the largest are found to the tolerance is a matter of rounding too.
        common = min(len(eigenvalues), len(computed))
        eigenvalues, computed = eigenvalues[-common:], computed[-common:]
    allowed = result.scalars["eigenvalue_error"] + stored["eigenvalue_error"]
    if (
        eigenvalues.shape != computed.shape
        or not (np.abs(eigenvalues - computed) <= allowed).all()
    ):
        yield EIGENVALUES.name
