"""Whether a results folder still holds what was computed: its bytes, and a sample of numbers."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from hessweep.activations import activation
from hessweep.errors import ActivationError
from hessweep.running.cost import blas_threads
from hessweep.setup import Point, Setup
from hessweep.store.segments import columns_of_row, provenance, read_columns, segments_folder
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
        setup = None if function is None else Setup.from_columns(function, row)
        if setup is None or row["kernel_version"] != setup.kernel_version:
            skipped += 1
            continue
        point = setup.point(row["seed"])
        arrays, attrs = read_columns(segments_folder(root) / row["segment"])
        recomputed += 1
        same_machine = _is_same_machine(attrs["computed_with"])
        what = _difference(point, columns_of_row(arrays, row["row"]), same_machine)
        if what:
            differences.append((row["segment"], f"{point}: computed again, {what}"))
    return Recomputation(recomputed, skipped, tuple(differences))


def _difference(point: Point, stored: dict[str, Any], same_machine: bool) -> str:
    """Return in words how the point computed now differs from the stored one, or nothing."""
    try:
        # As many threads as in the sweep, because the order of a sum decides its last bits.
        with threadpool_limits(blas_threads(point.setup)):
            result = point.compute()
    except Exception as error:
        return f"it fails: {type(error).__name__}: {error}"
    kind = point.setup.measurement
    compare = kind.differences if same_machine else kind.deviations
    names = ", ".join(compare(result, stored))
    return f"{names} differ" if names else ""


def _is_same_machine(computed_with: str) -> bool:
    """Return whether this processor with these libraries gives the same bits."""
    return _decisive_parts(json.loads(computed_with)) == _decisive_parts(provenance())


def _decisive_parts(machine: dict[str, Any]) -> list[Any]:
    libraries = [machine["versions"].get(name) for name in ("numpy", "scipy", "python-flint")]
    return [machine["processor"], machine["blas"], libraries]
