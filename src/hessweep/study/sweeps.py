"""A sweep: one grid of points, and what a study writes for it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from hessweep.activations import ACTIVATIONS, Activation
from hessweep.kinds import KINDS
from hessweep.networks import BIASES, WEIGHTS, InputLaw, StoredArrays
from hessweep.setup import Point, Setup
from hessweep.study.grid import (
    MAX_POINTS,
    read_activations,
    read_biases,
    read_pairs,
    read_seeds,
    read_sizes,
    read_weights,
)
from hessweep.study.input_laws import SCHEMA as INPUTS_SCHEMA
from hessweep.study.input_laws import NamedLaw, read_input_laws
from hessweep.study.messages import quote
from hessweep.study.section import Section
from hessweep.study.trainings import Trainings

_NUMBERS = {
    "anyOf": [
        {"type": "integer"},
        {"type": "array", "items": {"type": "integer"}},
        {"type": "string", "pattern": r"^\s*[0-9]+\s*\.\.\s*[0-9]+\s*$"},
    ]
}
_ACTIVATION = {
    "anyOf": [
        {"type": "string", "enum": sorted(ACTIVATIONS)},
        {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    ]
}
_WEIGHTS = {"type": "string", "enum": list(WEIGHTS)}
_BIASES = {"type": "string", "enum": list(BIASES)}


def _plain_numbers(numbers: Sequence[int]) -> str | list[int]:
    """Return numbers as a study writes them, without unfolding a range of millions."""
    if isinstance(numbers, range):
        return f"{numbers[0]}..{numbers[-1]}"
    return list(numbers)


def _activations(value: Any, info: ValidationInfo) -> Sequence[Activation]:
    return read_activations(value, (info.context or {}).get("folder", Path()))


Sizes = Annotated[
    Sequence[int],
    PlainValidator(read_sizes),
    PlainSerializer(_plain_numbers),
    WithJsonSchema(_NUMBERS),
]
Seeds = Annotated[
    Sequence[int],
    PlainValidator(read_seeds),
    PlainSerializer(_plain_numbers),
    WithJsonSchema(_NUMBERS),
]
Pairs = Annotated[
    Sequence[tuple[int, int]],
    PlainValidator(read_pairs),
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "type": "array",
                "items": {"type": "integer"},
                "minItems": 2,
                "maxItems": 2,
            },
        }
    ),
]


Activations = Annotated[
    Sequence[Activation],
    PlainValidator(_activations),
    PlainSerializer(lambda activations: [activation.spec for activation in activations]),
    WithJsonSchema({"anyOf": [*_ACTIVATION["anyOf"], {"type": "array", "items": _ACTIVATION}]}),
]
Weights = Annotated[
    Sequence[str],
    PlainValidator(read_weights),
    WithJsonSchema({"anyOf": [_WEIGHTS, {"type": "array", "items": _WEIGHTS}]}),
]

Biases = Annotated[
    Sequence[str],
    PlainValidator(read_biases),
    WithJsonSchema({"anyOf": [_BIASES, {"type": "array", "items": _BIASES}]}),
]


def _input_laws(value: Any, info: ValidationInfo) -> Sequence[NamedLaw]:
    return read_input_laws(value, (info.context or {}).get("folder", Path()))


InputLaws = Annotated[
    Sequence[NamedLaw],
    PlainValidator(_input_laws),
    PlainSerializer(lambda laws: [str(named.law) for named in laws]),
    WithJsonSchema(INPUTS_SCHEMA),
]


def _kind(value: Any) -> str:
    if not isinstance(value, str) or value not in KINDS:
        raise ValueError(f"expected one of {', '.join(KINDS)}, got {quote(value)}")
    return value


_KIND = {"type": "string", "enum": list(KINDS)}
Kind = Annotated[str, PlainValidator(_kind), WithJsonSchema(_KIND)]


def _add_older_name(schema: dict[str, Any]) -> None:
    """Let the JSON schema of a sweep take `spectrum` for `kind`."""
    schema["properties"]["spectrum"] = {
        **_KIND,
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
    seeds: Seeds
    weights: Weights = ("normal",)
    biases: Biases = ("none",)
    """Which biases are trained: none, hidden, output, both, or a list of these."""
    outputs: Sizes = (1,)
    """Numbers of outputs, N_o."""
    inputs: InputLaws = (NamedLaw(InputLaw()),)
    """Laws of the inputs: standard, {mean: 0.5}, {covariance: power-law, exponent: 1.0} …"""
    kind: Kind = "exact"
    """What is computed; `density` is for networks too large for all eigenvalues."""
    training: Trainings = ("",)
    """How students are trained: start, method, stop and recorded times, or a list of these."""

    @model_validator(mode="before")
    @classmethod
    def _older_name(cls, data: Any) -> Any:
        """Take `spectrum`, the older name of `kind`."""
        if not isinstance(data, Mapping) or "spectrum" not in data:
            return data
        if "kind" in data:
            raise ValueError("spectrum: is an older name of kind; give kind alone")
        return {"kind" if key == "spectrum" else key: value for key, value in data.items()}

    @model_validator(mode="after")
    def _one_grid(self) -> "Sweep":
        given = tuple(
            name for name in ("N", "N_i", "N_h", "sizes") if getattr(self, name) is not None
        )
        if given not in (("N",), ("N_i", "N_h"), ("sizes",)):
            raise ValueError(
                "expected N (square networks), or both N_i and N_h (their product), or sizes "
                f"(pairs [N_i, N_h]), got {' and '.join(given) or 'none of them'}"
            )
        laws = dict.fromkeys(str(named.law) for named in self.inputs)
        plain = (
            set(self.biases) == {"none"} and set(self.outputs) == {1} and set(laws) == {"standard"}
        )
        if KINDS[self.kind].takes_plain_only and not plain:
            raise ValueError(
                f"kind: {self.kind} takes networks without biases, with one output and standard "
                f"inputs, got biases {', '.join(self.biases)}, outputs "
                f"{', '.join(map(str, self.outputs))} and inputs {', '.join(laws)}"
            )
        if any(self.training) and not KINDS[self.kind].takes_training:
            taking = " or ".join(name for name, kind in KINDS.items() if kind.takes_training)
            raise ValueError(f"training: expected with kind: {taking} only, got {self.kind}")
        if self.cells > MAX_POINTS:
            raise ValueError(f"expected at most {MAX_POINTS:,} points, got {self.cells:,}")
        self._check_inputs()
        return self

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
        sizes = len(self.N or self.sizes or ()) or len(self.N_i or ()) * len(self.N_h or ())
        others = len(self.weights) * len(self.biases) * len(self.outputs) * len(self.inputs)
        others *= len(self.training)
        return len(self.activation) * others * sizes * len(self.seeds)

    @property
    def files(self) -> tuple[StoredArrays, ...]:
        """The files of arrays that the sweep names."""
        return tuple(file for named in self.inputs for file in named.files)

    def shapes(self) -> Iterator[tuple[int, int]]:
        """Yield the `(N_i, N_h)` of the grid, in the order of the study."""
        if self.N is not None:
            return ((N, N) for N in self.N)
        if self.sizes is not None:
            return iter(self.sizes)
        return product(self.N_i or (), self.N_h or ())

    def setups(self) -> Iterator[Setup]:
        """Yield the setups of the grid, each once, in the order of the study."""
        for activation, weights, biases, N_o, inputs, training, (N_i, N_h) in product(
            dict.fromkeys(self.activation),
            dict.fromkeys(self.weights),
            dict.fromkeys(self.biases),
            dict.fromkeys(self.outputs),
            {str(named.law): named.files for named in self.inputs}.items(),
            self.training,
            dict.fromkeys(self.shapes()),
        ):
            yield Setup(
                activation,
                N_i,
                N_h,
                weights=weights,
                biases=biases,
                N_o=N_o,
                inputs=inputs[0],
                kind=self.kind,
                training=training,
                files=inputs[1],
            )

    def points(self) -> list[Point]:
        """Return the points of the grid, each once, in the order of the study."""
        seeds = tuple(dict.fromkeys(self.seeds))
        return [point for setup in self.setups() for point in setup.points(seeds)]
