"""A sweep: one grid of points, and what a study writes for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from pydantic import ConfigDict, model_validator

from hessweep.kinds import KINDS
from hessweep.networks import InputLaw, StoredArrays, teachers_layout, weights_text
from hessweep.points import Points
from hessweep.setup import AXES, Setup
from hessweep.study.grid import MAX_POINTS
from hessweep.study.input_laws import NamedLaw
from hessweep.study.section import Section
from hessweep.study.seeds_until import SeedsUntil
from hessweep.study.sweep_fields import (
    EXACT_OR_SAMPLED,
    KIND_SCHEMA,
    Activations,
    Biases,
    Error,
    InputLaws,
    Kind,
    Pairs,
    Samples,
    Seeds,
    Sizes,
    Students,
    Teachers,
    Weights,
    Widths,
)
from hessweep.study.trainings import Trainings
from hessweep.widths import axes_of_widths

ASKED_ERROR = next(axis.default for axis in AXES if axis.field == "asked_error")

ALL = f"0..{MAX_POINTS - 1}"
"""The seeds that stand for all networks of a file of teachers."""

GO_WITH_TEACHERS = (
    "activation", "teachers", "seeds", "inputs", "samples", "kind", "training", "asked_error",
)  # fmt: skip
"""The keys that a sweep of teachers of one's own may have."""

GO_WITH_WIDTHS = (
    "activation", "widths", "seeds", "weights", "biases", "inputs", "kind", "asked_error",
)  # fmt: skip
"""The keys that a sweep of deep networks may have."""


def _add_older_name(schema: dict[str, Any]) -> None:
    """Let the JSON schema of a sweep take `spectrum` for `kind`, and teachers without seeds."""
    schema["required"].remove("seeds")
    schema["anyOf"] = [{"required": ["seeds"]}, {"required": ["teachers"]}]
    schema["properties"]["spectrum"] = {
        **KIND_SCHEMA,
        "description": "an older name of kind",
        "deprecated": True,
    }


class Sweep(Section):
    """One grid of points: every activation x weights x biases x outputs x inputs x size x seed."""

    model_config = ConfigDict(json_schema_extra=_add_older_name)

    activation: Activations
    N: Sizes | None = None
    """N_i = N_h = N."""
    N_i: Sizes | None = None
    N_h: Sizes | None = None
    sizes: Pairs | None = None
    """(N_i, N_h), where the grid is not a product."""
    widths: Widths | None = None
    """d_0 ... d_L: the numbers of inputs, neurons of each hidden layer, and outputs."""
    seeds: Seeds
    weights: Weights = ("normal",)
    biases: Biases = ("none",)
    """Which biases are trained: none, hidden, output, both, or a list of these."""
    outputs: Sizes = (1,)
    """Numbers of outputs, N_o."""
    inputs: InputLaws = (NamedLaw(InputLaw()),)
    """Laws of the inputs: standard, {mean: 0.5}, {covariance: power-law, exponent: 1.0} …"""
    student: Students = ("teacher",)
    """Neurons of the student beyond the teacher's: teacher, {split: 2}, or a list of these."""
    samples: Samples = (0,)
    """Numbers of inputs of the batch Hessian at the optimum, beside the `population`'s."""
    teachers: Teachers | None = None
    """Files of networks of one's own, instead of sizes, weights, biases and seeds."""
    kind: Kind = "exact"
    """What is computed; `density` is for networks too large for all eigenvalues, `sampled` for
    deep ones without an exact route, and `exact-or-sampled` the default where there are widths."""
    training: Trainings = ("",)
    """How students are trained: start, method, stop and recorded times, or a list of these."""
    asked_error: Error = ASKED_ERROR
    """The relative error that is asked of the eigenvalues of `sampled`."""

    @model_validator(mode="before")
    @classmethod
    def _older_name(cls, data: Any) -> Any:
        """Take `spectrum`, the older name of `kind`; give deep networks their own default."""
        if not isinstance(data, Mapping):
            return data
        if "spectrum" in data:
            if "kind" in data:
                raise ValueError("spectrum: is an older name of kind; give kind alone")
            data = {"kind" if key == "spectrum" else key: value for key, value in data.items()}
        if data.get("teachers") is not None and "seeds" not in data:
            data = {**data, "seeds": ALL}
        if data.get("widths") is not None and "kind" not in data:
            return {**data, "kind": EXACT_OR_SAMPLED}
        return data

    @model_validator(mode="after")
    def _one_grid(self) -> "Sweep":
        names = ("N", "N_i", "N_h", "sizes", "widths")
        given = tuple(name for name in names if getattr(self, name) is not None)
        if self.teachers:
            self._check_teachers()
        elif given not in (("N",), ("N_i", "N_h"), ("sizes",), ("widths",)):
            raise ValueError(
                "expected N (square networks), or both N_i and N_h (their product), or sizes "
                "(pairs [N_i, N_h]), or widths (such as [3, 4, 4, 1], of deep networks), got "
                f"{' and '.join(given) or 'none of them'}"
            )
        if self.widths is not None:
            self._check_widths()
        estimating = [name for name, kind in KINDS.items() if kind.takes_error]
        if self.asked_error != ASKED_ERROR and self.kind not in (*estimating, EXACT_OR_SAMPLED):
            only = " or ".join(estimating)
            raise ValueError(f"asked_error: only kind: {only} takes it, got kind: {self.kind}")
        taking = [name for name, kind in KINDS.items() if kind.takes_training]
        if any(self.training) and self.kind not in taking:
            wanted = " or ".join(taking)
            raise ValueError(f"training: expected with kind: {wanted} only, got {self.kind}")
        if self.cells > MAX_POINTS:
            raise ValueError(f"expected at most {MAX_POINTS:,} points, got {self.cells:,}")
        if any(self.samples) and not (self.kind in KINDS and KINDS[self.kind].takes_samples):
            raise ValueError(f"samples: expected with kind: exact only, got {self.kind}")
        if any(self.samples) and self.student != ("teacher",):
            raise ValueError("samples: does not go with student; leave one of them out")
        self._check_inputs()
        self._check_kind()
        if isinstance(self.seeds, SeedsUntil):
            self.seeds.check_column(self.kind, {setup.measurement for setup in self.setups()})
        return self

    def _check_widths(self) -> None:
        """Refuse keys that say nothing about deep networks."""
        for name, field in type(self).model_fields.items():
            if name not in GO_WITH_WIDTHS and getattr(self, name) != field.default:
                hint = "; the last of the widths says it" if name == "outputs" else ""
                raise ValueError(f"{name}: does not go with widths{hint}, leave one of them out")

    def _check_teachers(self) -> None:
        """Refuse keys that teachers of one's own say themselves, and places without a network."""
        for name, field in type(self).model_fields.items():
            if name not in GO_WITH_TEACHERS and getattr(self, name) != field.default:
                raise ValueError(f"{name}: does not go with teachers, whose file says it")
        shortest = min(len(file["W1"]) for file in self.teachers or ())
        if len(self.seeds) < MAX_POINTS and max(self.seeds) >= shortest:
            raise ValueError(
                f"seeds: expected places in the file of teachers, from 0 to {shortest - 1}, got "
                f"{max(self.seeds)}; leave seeds out to take all"
            )

    def _check_kind(self) -> None:
        """Refuse networks that the kind can not measure."""
        usual = self.widths is None and self.student == ("teacher",)
        if usual and self.kind in KINDS and not KINDS[self.kind].takes_error:
            return
        if self.widths is None and self.kind == EXACT_OR_SAMPLED:
            raise ValueError(f"kind: {EXACT_OR_SAMPLED} is for sweeps with widths; leave it out")
        for setup in self.setups():
            if refusal := setup.measurement.refusal(setup):
                raise ValueError(f"{setup}: {refusal}")

    def _check_inputs(self) -> None:
        sizes = dict.fromkeys(N_i for N_i, _ in self.shapes())
        for named in self.inputs:
            # A law that fits the smallest and the largest number fits all between.
            for N_i in {min(sizes), max(sizes)}:
                try:
                    named.check(N_i)
                except ValueError as error:
                    raise ValueError(f"inputs: {named.law}: {error}") from None

    @property
    def cells(self) -> int:
        """Number of cells of the grid; a point named twice counts twice."""
        alone = self.N or self.sizes or self.widths or ()
        sizes = len(alone) or len(self.N_i or ()) * len(self.N_h or ())
        networks = sizes * len(self.seeds)
        if self.teachers:
            networks = sum(len(self._places(len(file["W1"]))) for file in self.teachers or ())
        others = len(self.weights) * len(self.biases) * len(self.outputs) * len(self.inputs)
        others *= len(self.training) * len(self.student) * len(self.samples)
        return len(self.activation) * others * networks

    def _places(self, count: int) -> Sequence[int]:
        """Return the seeds that there are of a file with that many networks."""
        return range(count) if len(self.seeds) == MAX_POINTS else self.seeds

    @property
    def files(self) -> tuple[StoredArrays, ...]:
        """The files of arrays that the sweep names."""
        return (*(self.teachers or ()), *(file for named in self.inputs for file in named.files))

    def shapes(self) -> Iterator[tuple[int, int]]:
        """Yield the `(N_i, N_h)` of the grid, in the order of the study."""
        if self.teachers:
            layouts = [teachers_layout(file) for file in self.teachers or ()]
            return ((layout.N_i, layout.N_h) for layout in layouts)
        if self.N is not None:
            return ((N, N) for N in self.N)
        if self.sizes is not None:
            return iter(self.sizes)
        if self.widths is not None:
            return ((widths[0], sum(widths[1:-1])) for widths in self.widths)
        return product(self.N_i or (), self.N_h or ())

    def setups(self) -> Iterator[Setup]:
        """Yield the setups of the grid, each once, in the order of the study."""
        for activation, weights, biases, N_o, inputs, student, samples, training, sizes in product(
            dict.fromkeys(self.activation),
            dict.fromkeys(self.weights),
            dict.fromkeys(self.biases),
            dict.fromkeys(self.outputs),
            {str(named.law): named.files for named in self.inputs}.items(),
            dict.fromkeys(self.student),
            dict.fromkeys(self.samples),
            self.training,
            self._sizes(),
        ):
            setup = Setup(
                activation,
                **{"N_o": N_o, "weights": weights, "biases": biases, **sizes},
                inputs=inputs[0],
                student=student,
                samples=samples,
                training=training,
                files=(*(self.teachers or ()), *inputs[1]),
            )
            yield self._measured(setup)

    def _sizes(self) -> list[dict[str, Any]]:
        """Return the sizes of the grid as fields of a setup, each once."""
        if self.teachers:
            return [_axes_of(file) for file in self.teachers or ()]
        if self.widths is not None:
            return [axes_of_widths(widths) for widths in dict.fromkeys(self.widths)]
        return [{"N_i": N_i, "N_h": N_h} for N_i, N_h in dict.fromkeys(self.shapes())]

    def _measured(self, setup: Setup) -> Setup:
        """Return the setup with the kind that is asked for, exact before sampled."""
        if self.kind != EXACT_OR_SAMPLED:
            return replace(setup, kind=self.kind, asked_error=self.asked_error)
        if not setup.measurement.refusal(setup):
            return setup
        return replace(setup, kind="sampled", asked_error=self.asked_error)

    def points(self) -> Points:
        """Return all points that the grid may ask for, each once, in the order of the study.

        Of a sweep with `seeds: {until: …}` these are the points of all seeds up to `at_most`;
        `hessweep.running.requested` says which of them are asked for.
        """
        counts = {weights_text(file): len(file["W1"]) for file in self.teachers or ()}
        if counts:
            return Points(
                (setup, list(dict.fromkeys(self._places(counts[setup.weights]))))
                for setup in self.setups()
            )
        seeds = tuple(dict.fromkeys(self.seeds))
        return Points((setup, seeds) for setup in self.setups())


def _axes_of(file: StoredArrays) -> dict[str, Any]:
    """Return the fields of a setup that a file of teachers says."""
    layout = teachers_layout(file)
    trained = (layout.hidden_biases, layout.output_biases)
    biases = {(False, False): "none", (True, False): "hidden", (False, True): "output"}
    return {
        "N_i": layout.N_i,
        "N_h": layout.N_h,
        "N_o": layout.N_o,
        "weights": weights_text(file),
        "biases": biases.get(trained, "both"),
    }
