"""What a result depends on: a setup, and the points that seeds make of it.

`Setup` is the one place of identity. Keys, columns and their order, the index, what is published
and verified, which points are computed together, and how messages name a point all derive from its
fields. To add an axis, add a field here and a key to the schema of a sweep.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hessweep.axis import axes_of, axis_field
from hessweep.columns import Column
from hessweep.kinds import KINDS, Cost, Kind, PointResult

if TYPE_CHECKING:
    from hessweep.activations import Activation
    from hessweep.networks import Inputs, Layout, Network, StoredArrays

FIRST_VERSION = 5
"""The version of the mathematics from which the revisions of kinds and activations count."""


@dataclass(frozen=True)
class Setup:
    """Everything that a result depends on except the seed."""

    activation: "Activation"
    N_i: int = axis_field(Column("N_i", "int64", "number of inputs"), in_every_key=True)
    N_h: int = axis_field(Column("N_h", "int64", "number of hidden neurons"), in_every_key=True)
    weights: str = axis_field(
        Column("weights", "str", "distribution of the teacher's weights"),
        default="normal",
        in_every_key=True,
        changes_cost=False,
    )
    biases: str = axis_field(
        Column(
            "biases",
            "str",
            "which biases are trained: none, hidden, output or both",
            missing="none",
        ),
        default="none",
    )
    N_o: int = axis_field(Column("N_o", "int64", "number of outputs", missing=1), default=1)
    inputs: str = axis_field(
        Column("inputs", "str", "law of the inputs: standard, or its parts", missing="standard"),
        default="standard",
    )
    kind: str = axis_field(
        Column(
            "spectrum",
            "str",
            "exact: all eigenvalues; density: the largest and a density; training: along training",
            missing="exact",
        ),
        default="exact",
        is_of_teacher=False,
    )
    training: str = axis_field(
        Column(
            "training",
            "str",
            "how the student was trained, as JSON; empty: by default, or not at all",
            missing="",
        ),
        default="",
        is_of_teacher=False,
    )
    files: "tuple[StoredArrays, ...]" = field(default=(), compare=False, repr=False)
    """What the axes name by the hash of its content; it goes with the setup to the workers."""

    @classmethod
    def from_columns(
        cls,
        activation: "Activation",
        row: Mapping[Any, Any],
        files: "Sequence[StoredArrays]" = (),
    ) -> "Setup":
        """Return the setup of a stored row.

        Args:
            activation: The activation that the row's `activation_spec` describes.
            row: Values by column; a column that an older store lacks means the default.
            files: The files that the row may name by the hash of their content.
        """
        stored = {axis.field: row[axis.column.name] for axis in AXES if axis.column.name in row}
        return cls(activation, **stored, files=tuple(files))

    @property
    def columns(self) -> dict[str, Any]:
        """The value of each axis by the name of its column."""
        return {axis.column.name: getattr(self, axis.field) for axis in AXES}

    @cached_property
    def layout(self) -> "Layout":
        """The sizes of the network and the order of its parameters."""
        from hessweep.networks import Layout

        hidden, output = self.biases in ("hidden", "both"), self.biases in ("output", "both")
        return Layout(self.N_i, self.N_h, self.N_o, hidden, output)

    @property
    def P(self) -> int:
        """Number of parameters."""
        return self.layout.P

    @property
    def is_plain(self) -> bool:
        """Whether the network is one of the paper: no biases, one output, standard inputs."""
        return self.biases == "none" and self.N_o == 1 and self.inputs == "standard"

    @cached_property
    def input_law(self) -> "Inputs | None":
        """The law of the inputs; None where they are standard normal.

        Raises:
            InputError: If it needs a file that the setup does not have.
        """
        from hessweep.networks import InputLaw

        return InputLaw.parse(self.inputs).inputs(self.N_i, self.files)

    @property
    def has_files(self) -> bool:
        """Whether all files are at hand whose content the axes name."""
        from hessweep.networks import InputLaw

        named = InputLaw.parse(self.inputs).hashes
        return set(named) <= {file.sha256 for file in self.files}

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
        return FIRST_VERSION + self.measurement.revision + self.activation.revision

    @cached_property
    def _key_parts(self) -> tuple[str, str]:
        """The texts before and after the seed in what a key is the hash of."""
        text = _identity_text(self.activation.identity, "*", self.kernel_version, self.columns)
        before, after = text.split('"seed": "*"')
        return f'{before}"seed": ', after

    @property
    def key_for_any_seed(self) -> str:
        """A stable hash of the setup alone, made as the keys of its points are."""
        before, after = self._key_parts
        return _digest(f'{before}"*"{after}')

    def key(self, seed: int) -> str:
        """Return the key of the point with this seed: 32 hexadecimal digits."""
        before, after = self._key_parts
        return _digest(f"{before}{seed}{after}")

    def point(self, seed: int) -> "Point":
        """Return the point with this seed."""
        [point] = self.points([seed])
        return point

    def points(self, seeds: Iterable[int]) -> "list[Point]":
        """Return a point for each seed; three times faster than one by one."""
        before, after = self._key_parts
        points = []
        for seed in seeds:
            point = object.__new__(Point)
            vars(point).update(setup=self, seed=seed, key=_digest(f"{before}{seed}{after}"))
            points.append(point)
        return points

    def networks(self, seeds: Sequence[int]) -> "list[Network]":
        """Return the teacher of each seed."""
        from hessweep.networks import sample_teachers

        return sample_teachers(
            self.activation,
            self.N_i,
            self.N_h,
            seeds,
            self.weights,
            self.biases,
            self.N_o,
            self.input_law,
        )

    def network(self, seed: int) -> "Network":
        """Return the teacher of this seed."""
        [teacher] = self.networks([seed])
        return teacher

    def compute(self, seeds: Sequence[int]) -> list[PointResult]:
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


AXES = axes_of(Setup)
"""How the fields of a setup are stored, all but the activation, which has columns of its own."""

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

    def network(self) -> "Network":
        """Return the teacher."""
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
    return _digest(_identity_text(spec, row["seed"], row["kernel_version"], stored))


def _identity_text(
    activation: Mapping[str, Any], seed: int | str, version: int, columns: Mapping[str, Any]
) -> str:
    """Return what a key is the hash of."""
    kept = {
        axis.column.name: columns[axis.column.name]
        for axis in AXES
        if axis.is_in_key(columns[axis.column.name])
    }
    identity = {"kernel_version": version, "activation": activation, "seed": seed, **kept}
    return json.dumps(identity, sort_keys=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
