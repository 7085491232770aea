"""Whether a results folder still holds what was computed: its bytes, and a sample of numbers.

Results may come from anybody, so no code is run that they name. A point whose activation is
defined by a file is computed again only with the activation that the caller passes, from a study
that the user trusts.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from hessweep.activations import Activation, activation, is_of_file
from hessweep.address import Root, root_of
from hessweep.errors import NO_MEMORY
from hessweep.kinds import KINDS
from hessweep.networks import StoredArrays
from hessweep.running.cost import blas_threads, needed_memory
from hessweep.setup import KIND, Point, Setup
from hessweep.store.provenance import provenance
from hessweep.store.schema import identity_json
from hessweep.store.segments import columns_of_row, read_columns, segments_folder
from hessweep.store.verification import Problem, inspect, segment_path

if TYPE_CHECKING:
    import pandas as pd

NEEDS_STUDY = "a file defines their activation; give the study that names it, with --study STUDY"
NEEDS_FILE = "they need a file of arrays; give the study that names it, with --study STUDY"
UNKNOWN_ACTIVATION = "this version does not know their activation"
UNKNOWN_KIND = "this version does not know their kind of measurement"
OTHER_KERNEL = "another version of the mathematics computed them"
TOO_LARGE = "they need more memory than this machine has"


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
    """Points of the sample that were not."""
    problems: tuple[Problem, ...]
    skipped_because: Mapping[str, int] = field(default_factory=dict)
    """Why points were skipped, in words, each with their number."""

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


def verify(
    root: str | Root,
    sample: int = 20,
    seed: int = 0,
    activations: Iterable[Activation] = (),
    files: Iterable[StoredArrays] = (),
) -> Verification:
    """Read every byte of a results folder, check it, and compute a sample of its points again.

    Nothing is changed but the index's cache. See `hessweep.store.inspect` for what is checked
    without computing.

    Args:
        root: The results root.
        sample: How many points to compute again, drawn at random; all if there are fewer.
        seed: Of that draw.
        activations: Activations of your own, such as those of a study. Points of other activations
            that a file defines are skipped, because results must not choose which code is run.
        files: Files of arrays that points need, such as those of a study. Points that need others
            are skipped.

    Raises:
        StoreAccessError: If the folder can not be read.
    """
    root = root_of(root)
    found = inspect(root)
    drawn = found.done.sample(min(sample, len(found.done)), random_state=seed)
    outcome = recompute(root, drawn, activations, files)
    differences = tuple(
        Problem("different result", segment_path(segment), message)
        for segment, message in outcome.differences
    )
    return Verification(
        segments=found.segments,
        points=found.points,
        bytes=found.bytes,
        recomputed=outcome.recomputed,
        skipped=sum(outcome.skipped_because.values()),
        problems=(*found.problems, *differences),
        skipped_because=outcome.skipped_because,
    )


@dataclass(frozen=True)
class Recomputation:
    """How a sample of stored points compares with the same points computed now."""

    recomputed: int
    skipped_because: Mapping[str, int]
    """Why points were skipped, in words, each with their number."""
    differences: tuple[tuple[str, str], ...]
    """(segment, what differs)"""


def recompute(
    root: Root,
    points: "pd.DataFrame",
    activations: Iterable[Activation] = (),
    files: Iterable[StoredArrays] = (),
) -> Recomputation:
    """Compute these rows of the index again and compare.

    Where processor and libraries are those that computed the point, every column but the times
    must agree to the bit. Elsewhere the eigenvalues must agree within the sum of both error
    bounds.

    Args:
        root: The results root.
        points: The rows.
        activations: Activations of your own; no other code of a file is run.
        files: Files of arrays that points need.

    Raises:
        DamagedStoreError: If a segment can not be read.
        StoreAccessError: If a segment can not be read.
    """
    own = {identity_json(one): one for one in activations}
    arrays_at_hand = tuple(files)
    recomputed, skipped, differences = 0, Counter[str](), []
    for row in points.to_dict("records"):
        setup = _setup_of_row(row, own, arrays_at_hand)
        if isinstance(setup, str):
            skipped[setup] += 1
            continue
        point = setup.point(row["seed"])
        arrays, attrs = read_columns(segments_folder(root) / row["segment"])
        same_machine = _is_same_machine(attrs["computed_with"])
        try:
            what = _difference(point, columns_of_row(arrays, row["row"]), same_machine)
        except MemoryError:
            skipped[TOO_LARGE] += 1
            continue
        recomputed += 1
        if what:
            differences.append((row["segment"], f"{point}: computed again, {what}"))
    return Recomputation(recomputed, dict(skipped), tuple(differences))


def _setup_of_row(
    row: Mapping[Any, Any], own: Mapping[str, Activation], files: Sequence[StoredArrays] = ()
) -> Setup | str:
    """Return the setup of a row, or why its point can not be computed again."""
    spec = json.loads(row["activation_spec"])
    function = own.get(row["activation_spec"])
    if function is None and is_of_file(spec):
        return NEEDS_STUDY
    if row[KIND] not in KINDS:
        return UNKNOWN_KIND
    try:
        setup = Setup.from_columns(function or activation(**spec), row, files)
        if row["kernel_version"] != setup.kernel_version:
            return OTHER_KERNEL
        if not setup.has_files:
            return NEEDS_FILE
        needed = needed_memory(setup)
    except NO_MEMORY:
        raise
    # A foreign spec may hold any parameters.
    except Exception:
        return UNKNOWN_ACTIVATION
    return TOO_LARGE if needed > _memory_limit() else setup


def _memory_limit() -> int:
    """Return how many bytes this process may use."""
    from distributed.system import MEMORY_LIMIT

    return int(MEMORY_LIMIT)


def _difference(point: Point, stored: dict[str, Any], same_machine: bool) -> str:
    """Return in words how the point computed now differs from the stored one, or nothing."""
    try:
        # As many threads as in the sweep, because the order of a sum decides its last bits.
        with threadpool_limits(blas_threads(point.setup)):
            result = point.compute()
    except NO_MEMORY:
        raise
    except Exception as error:
        return f"it fails: {type(error).__name__}: {error}"
    kind = point.setup.measurement
    compare = kind.differences if same_machine else kind.deviations
    names = ", ".join(compare(result.values, stored))
    return f"{names} differ" if names else ""


def _is_same_machine(computed_with: str) -> bool:
    """Return whether this processor with these libraries gives the same bits."""
    return _decisive_parts(json.loads(computed_with)) == _decisive_parts(provenance())


def _decisive_parts(machine: Mapping[str, Any]) -> list[Any]:
    libraries = [machine["versions"].get(name) for name in ("numpy", "scipy", "python-flint")]
    return [machine.get("processor"), machine.get("blas"), libraries]
