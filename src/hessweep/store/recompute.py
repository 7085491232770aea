"""Stored points computed again, and compared with what is stored."""

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
from hessweep.point import COLUMNS, KERNEL_VERSION, TIMES, Point, PointResult, compute
from hessweep.store.schema import EIGENVALUES, numpy_dtype
from hessweep.store.segments import provenance, read_columns, segments_folder


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
        point = Point(function, row["N_i"], row["N_h"], row["seed"], row["weights"])
        arrays, attrs = read_columns(segments_folder(root) / row["segment"])
        # One thread, as in the sweep: the order of a sum is part of the result's bits.
        with threadpool_limits(1):
            result = compute(point)
        recomputed += 1
        compare = _different if _same_machine(attrs["computed_with"]) else _too_far
        what = ", ".join(compare(result, _stored(arrays, row["row"])))
        if what:
            message = f"{function}, N_i = {point.N_i}, N_h = {point.N_h}, seed = {point.seed}"
            differences.append((row["segment"], f"{message}: computed again, {what} differ"))
    return Recomputation(recomputed, skipped, tuple(differences))


def _stored(arrays: dict[str, ndarray], row: int) -> dict[str, Any]:
    end = int(arrays["row_size"][: row + 1].sum())
    start = end - int(arrays["row_size"][row])
    stored = {column.name: arrays[column.name][row] for column in COLUMNS if column.name in arrays}
    return {**stored, EIGENVALUES.name: arrays[EIGENVALUES.name][start:end]}


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
    if result.eigenvalues.tobytes() != stored[EIGENVALUES.name].tobytes():
        yield EIGENVALUES.name


def _too_far(result: PointResult, stored: dict[str, Any]) -> Iterator[str]:
    eigenvalues = stored[EIGENVALUES.name]
    allowed = result.scalars["eigenvalue_error"] + stored["eigenvalue_error"]
    if (
        eigenvalues.shape != result.eigenvalues.shape
        or not (np.abs(eigenvalues - result.eigenvalues) <= allowed).all()
    ):
        yield EIGENVALUES.name
