"""What a result depends on: a setup, and the points that seeds make of it.

`Setup` is the one place of identity. Keys, columns and their order, the index, what is published
and verified, which points are computed together, and how messages name a point all derive from its
fields. To add an axis, add a field to `Axes` and a key to the schema of a sweep.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hessweep.axes import AXES, Axes
from hessweep.columns import Column
from hessweep.keys import digest, identity_text
from hessweep.kinds import KINDS, Cost, Kind, PointResult

FIRST_VERSION = 5
"""The version of the mathematics from which the revisions of kinds and activations count."""


@dataclass(frozen=True)
class Setup(Axes):
    """A point without its seed: axes, the kind of measurement, and the keys of points."""

    @cached_property
    def measurement(self) -> Kind:
        """The kind of measurement that is made of each teacher."""
        return KINDS[self.kind]

    @cached_property
    def cost(self) -> Cost:
        """What one point is predicted to cost."""
        return self.measurement.cost(self)

    @property
    def kernel_version(self) -> int:
        """The version of the mathematics behind the stored numbers; part of every key.

        It rises when the kind of measurement or the activation gets a new revision, so that a fix
        makes only those points compute anew whose numbers it changes.
        """
        kind = self.measurement
        if self.is_deep:
            of_networks = kind.deep_revision
        elif self.samples:
            of_networks = kind.samples_revision
        else:
            of_networks = 0 if self.is_plain else kind.general_revision
        return FIRST_VERSION + kind.revision + of_networks + self.activation.revision

    @cached_property
    def identity_texts(self) -> tuple[str, str]:
        """What a key is the hash of, before and after the seed. Equal texts mean equal keys."""
        identity = self.activation.identity
        text = identity_text(AXES, identity, "*", self.kernel_version, self.columns)
        before, after = text.split('"seed": "*"')
        return f'{before}"seed": ', after

    @property
    def key_for_any_seed(self) -> str:
        """A stable hash of the setup alone, made as the keys of its points are."""
        before, after = self.identity_texts
        return digest(f'{before}"*"{after}')

    def key(self, seed: int) -> str:
        """Return the key of the point with this seed: 32 hexadecimal digits."""
        before, after = self.identity_texts
        return digest(f"{before}{seed}{after}")

    def keys(self, seeds: Iterable[int]) -> list[str]:
        """Return the key of the point with each of these seeds."""
        before, after = self.identity_texts
        return [digest(f"{before}{seed}{after}") for seed in seeds]

    def point(self, seed: int) -> "Point":
        """Return the point with this seed."""
        [point] = self.points([seed])
        return point

    def points(self, seeds: Iterable[int]) -> "list[Point]":
        """Return a point for each seed; three times faster than one by one."""
        points = []
        seeds = list(seeds)
        for seed, key in zip(seeds, self.keys(seeds), strict=True):
            point = object.__new__(Point)
            vars(point).update(setup=self, seed=seed, key=key)
            points.append(point)
        return points

    def network(self, seed: int) -> Any:
        """Return the teacher of this seed."""
        [teacher] = self.networks([seed])
        return teacher

    def compute(self, seeds: Sequence[int]) -> Sequence[PointResult]:
        """Compute the points of these seeds, without input or output.

        Each result is the same to the bit whichever seeds are computed together. Exceptions of the
        mathematics or of a user's activation are passed on; a sweep records them.
        """
        return self.measurement.compute(self, seeds)

    def describe(self, seed: int | str = "") -> str:
        """Return the setup as messages name it, with a seed if one is given."""
        always = [axis for axis in AXES if not axis.has_default]
        others = [
            axis
            for axis in AXES
            if axis not in always and getattr(self, axis.field) != axis.default
        ]
        named = [f"{axis.column.name}={getattr(self, axis.field)}" for axis in (*always, *others)]
        if seed != "":
            named.insert(len(always), f"seed={seed}")
        return " ".join([str(self.activation), *named])

    def __str__(self) -> str:
        """Return what `describe` does."""
        return self.describe()


IDENTITY: tuple[Column, ...] = (
    Column("key", "str", "stable hash of everything that the result depends on"),
    Column("activation", "str", "label of the activation"),
    *(axis.column for axis in AXES if not axis.has_default),
    Column("seed", "int64", "seed of the teacher's weights"),
    *(axis.column for axis in AXES if axis.has_default),
)
"""The columns that say which point it is."""

TEACHER = (
    "activation",
    *(axis.column.name for axis in AXES if axis.is_of_teacher),
)
"""The columns that, with the seed, tell one teacher from another."""

TEACHER_DEFAULTS: dict[str, Any] = {
    axis.column.name: axis.default if axis.has_default else None
    for axis in AXES
    if axis.is_of_teacher
}
"""The columns of the axes of a teacher, each with its default; None where it has none."""

KIND = next(axis.column.name for axis in AXES if axis.field == "kind")
"""The column that holds the kind of measurement."""


@dataclass(frozen=True)
class Point:
    """One random teacher at its optimum: a setup with a seed."""

    setup: Setup
    seed: int

    @cached_property
    def key(self) -> str:
        """A stable hash of everything that the result depends on: 32 hexadecimal digits."""
        return self.setup.key(self.seed)

    def network(self) -> Any:
        """Return the teacher, a `Network` or a `DeepNetwork`."""
        return self.setup.network(self.seed)

    def compute(self) -> PointResult:
        """Compute the point, without input or output."""
        [result] = self.setup.compute([self.seed])
        return result

    def __str__(self) -> str:
        """Return the point as messages name it."""
        return self.setup.describe(self.seed)


def key_of_row(row: Mapping[str, Any]) -> str:
    """Return the key that a stored row must have, from its other columns as plain data.

    Args:
        row: Values by column: the axes, `activation_spec` (JSON), `seed` and `kernel_version`. An
            axis that an older store lacks counts with its default.

    Raises:
        ValueError: If `activation_spec` is not JSON.
    """
    stored = {axis.column.name: row.get(axis.column.name, axis.default) for axis in AXES}
    spec = json.loads(row["activation_spec"])
    return digest(identity_text(AXES, spec, row["seed"], row["kernel_version"], stored))


__all__ = [
    "AXES",
    "FIRST_VERSION",
    "IDENTITY",
    "KIND",
    "TEACHER",
    "TEACHER_DEFAULTS",
    "Point",
    "Setup",
    "key_of_row",
]
