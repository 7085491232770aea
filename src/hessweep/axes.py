"""The axes: what a result depends on except its seed, and the teachers that they describe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from hessweep.axis import axes_of, axis_field
from hessweep.columns import Column
from hessweep.errors import InputError
from hessweep.widths import axes_of_widths, check_axes, read_widths

if TYPE_CHECKING:
    from hessweep.activations import Activation
    from hessweep.networks import Inputs, Layout, StoredArrays


@dataclass(frozen=True)
class Axes:
    """Everything that a result depends on except the seed, with what follows for the teacher."""

    activation: "Activation"
    N_i: int = axis_field(Column("N_i", "int64", "number of inputs"), in_every_key=True)
    N_h: int = axis_field(Column("N_h", "int64", "number of hidden neurons"), in_every_key=True)
    weights: str = axis_field(
        Column("weights", "str", "distribution of the teacher's weights, or a file's hash"),
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
    samples: int = axis_field(
        Column("batch", "int64", "number of inputs of H; 0: the population", missing=0),
        default=0,
    )
    widths: str = axis_field(
        Column(
            "widths",
            "str",
            "sizes of all layers of a deep network, such as 3-4-4-1; empty for two layers",
            missing="",
        ),
        default="",
    )
    student: str = axis_field(
        Column(
            "student",
            "str",
            "neurons of the student beyond the teacher's, such as split=2; teacher: none",
            missing="teacher",
        ),
        default="teacher",
    )
    kind: str = axis_field(
        Column(
            "spectrum",
            "str",
            "exact: all eigenvalues; density: the largest and a density; training: along "
            "training; sampled: estimated",
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
    asked_error: float = axis_field(
        Column("asked_error", "float64", "relative error asked of kind sampled", missing=0.2),
        default=0.2,
        is_of_teacher=False,
    )
    files: "tuple[StoredArrays, ...]" = field(default=(), compare=False, repr=False)
    """What the axes name by the hash of its content; it goes with the setup to the workers."""

    def __post_init__(self) -> None:
        """Check that the other axes of a deep network go with its widths.

        Raises:
            ShapeError: If the other sizes are not those that the widths make.
            InputError: If the student has more neurons than its teacher.
        """
        if self.widths:
            check_axes(self.widths, self.N_i, self.N_h, self.N_o)
            if self.is_wide:
                raise InputError(f"student: deep networks take teacher, got {self.student}")
            if self.samples:
                raise InputError("samples: expected networks of two layers, got widths")

    @classmethod
    def of_widths(cls, activation: "Activation", sizes: Sequence[int], **axes: Any) -> Self:
        """Return the axes of a network with these widths: inputs, hidden layers, outputs.

        Two layers are described by `N_i`, `N_h` and `N_o` alone, so that a point has one key
        however its sizes are given.

        Raises:
            ShapeError: If they are not at least three whole numbers of at least 1.
        """
        return cls(activation, **axes_of_widths(sizes), **axes)

    @classmethod
    def from_columns(
        cls,
        activation: "Activation",
        row: Mapping[Any, Any],
        files: "Sequence[StoredArrays]" = (),
    ) -> Self:
        """Return the axes of a stored row.

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
        """The sizes of a two-layer network and the order of its parameters."""
        from hessweep.networks import Layout

        hidden, output = self.biases in ("hidden", "both"), self.biases in ("output", "both")
        N_h = self.N_h + self.extra_neurons
        return Layout(self.N_i, N_h, self.N_o, hidden, output)

    @property
    def is_wide(self) -> bool:
        """Whether the student has neurons beyond those of its teacher."""
        return self.student != "teacher"

    @property
    def extra_neurons(self) -> int:
        """The number of these neurons."""
        from hessweep.networks import Student

        return Student.parse(self.student).extra_neurons if self.is_wide else 0

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The widths `d_0, ..., d_L`: inputs, hidden layers, outputs."""
        return read_widths(self.widths) if self.widths else (self.N_i, self.N_h, self.N_o)

    @property
    def is_deep(self) -> bool:
        """Whether the network has more than two layers."""
        return bool(self.widths)

    @property
    def depth(self) -> int:
        """Number of layers, L."""
        return len(self.sizes) - 1

    @property
    def P(self) -> int:
        """Number of parameters."""
        from hessweep.networks import biased_layers, parameter_count

        if not self.widths:
            return self.layout.P
        return parameter_count(self.sizes, biased_layers(self.biases, self.depth))

    @property
    def is_plain(self) -> bool:
        """Whether it is one of the paper: two layers, no biases, one output, standard inputs."""
        usual = self.biases == "none" and self.N_o == 1 and self.inputs == "standard"
        return usual and not self.widths and not self.samples

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
        from hessweep.networks import InputLaw, weights_hash

        named = {*InputLaw.parse(self.inputs).hashes, weights_hash(self.weights)} - {None}
        return named <= {file.sha256 for file in self.files}

    def networks(self, seeds: Sequence[int]) -> Sequence[Any]:
        """Return the teacher of each seed: a `Network`, or a `DeepNetwork` if it has widths.

        For a student with more neurons than its teacher it is the student's optimum.
        """
        from hessweep.networks import (
            Student,
            own_teachers,
            sample_deep_teacher,
            sample_teachers,
            weights_hash,
        )

        if weights_hash(self.weights):
            return list(
                own_teachers(self.activation, self.weights, seeds, self.files, self.input_law)
            )

        if self.widths:
            choice = self.weights, self.biases, self.input_law
            return [
                sample_deep_teacher(self.activation, self.sizes, seed, *choice) for seed in seeds
            ]

        teachers = sample_teachers(
            self.activation,
            self.N_i,
            self.N_h,
            seeds,
            self.weights,
            self.biases,
            self.N_o,
            self.input_law,
        )
        if not self.is_wide:
            return teachers
        student = Student.parse(self.student)
        return [
            student.optimum(teacher, seed) for teacher, seed in zip(teachers, seeds, strict=True)
        ]


AXES = axes_of(Axes)
"""How the fields are stored, all but the activation, which has columns of its own."""
