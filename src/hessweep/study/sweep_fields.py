"""The types of a sweep's keys: how each is read, written again and described in the schema."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema

from hessweep.activations import ACTIVATIONS, Activation
from hessweep.kinds import KINDS
from hessweep.networks import BIASES, WEIGHTS, StoredArrays, Student
from hessweep.study.grid import (
    read_activations,
    read_biases,
    read_error,
    read_pairs,
    read_seeds,
    read_sizes,
    read_students,
    read_weights,
    read_widths,
)
from hessweep.study.input_laws import SCHEMA as INPUTS_SCHEMA
from hessweep.study.input_laws import NamedLaw, read_input_laws
from hessweep.study.messages import quote
from hessweep.study.own_teachers import (
    SAMPLES_SCHEMA,
    TEACHERS_SCHEMA,
    read_samples,
    read_teachers,
)
from hessweep.study.seeds_until import SCHEMA as UNTIL_SCHEMA
from hessweep.study.seeds_until import SeedsUntil

EXACT_OR_SAMPLED = "exact-or-sampled"
"""Exact where there is an exact route, otherwise sampled: the default of sweeps with widths."""

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


def _plain_seeds(seeds: Sequence[int]) -> Any:
    """Return seeds as a study writes them."""
    return seeds.written if isinstance(seeds, SeedsUntil) else _plain_numbers(seeds)


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
    PlainSerializer(_plain_seeds),
    WithJsonSchema({"anyOf": [*_NUMBERS["anyOf"], UNTIL_SCHEMA]}),
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


Widths = Annotated[
    Sequence[tuple[int, ...]],
    PlainValidator(read_widths),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "array", "items": {"type": "integer"}, "minItems": 3},
        }
    ),
]
Error = Annotated[
    float,
    PlainValidator(read_error),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
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


_COUNT = {"type": "integer", "minimum": 0}
_STUDENT = {
    "anyOf": [
        {"const": "teacher"},
        {
            "type": "object",
            "properties": {field.name: _COUNT for field in fields(Student)},
            "minProperties": 1,
            "additionalProperties": False,
        },
    ]
}
Students = Annotated[
    Sequence[str],
    PlainValidator(read_students),
    WithJsonSchema({"anyOf": [*_STUDENT["anyOf"], {"type": "array", "items": _STUDENT}]}),
]


def _input_laws(value: Any, info: ValidationInfo) -> Sequence[NamedLaw]:
    return read_input_laws(value, (info.context or {}).get("folder", Path()))


InputLaws = Annotated[
    Sequence[NamedLaw],
    PlainValidator(_input_laws),
    PlainSerializer(lambda laws: [named.written() for named in laws]),
    WithJsonSchema(INPUTS_SCHEMA),
]


def _teachers(value: Any, info: ValidationInfo) -> Sequence[StoredArrays]:
    return read_teachers(value, (info.context or {}).get("folder", Path()))


Teachers = Annotated[
    Sequence[StoredArrays],
    PlainValidator(_teachers),
    PlainSerializer(lambda files: [file.file for file in files]),
    WithJsonSchema(TEACHERS_SCHEMA),
]
Samples = Annotated[
    Sequence[int],
    PlainValidator(read_samples),
    PlainSerializer(lambda numbers: [number or "population" for number in numbers]),
    WithJsonSchema(SAMPLES_SCHEMA),
]


def _kind(value: Any) -> str:
    known = (*KINDS, EXACT_OR_SAMPLED)
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"expected one of {', '.join(known)}, got {quote(value)}")
    return value


KIND_SCHEMA = {"type": "string", "enum": [*KINDS, EXACT_OR_SAMPLED]}
Kind = Annotated[str, PlainValidator(_kind), WithJsonSchema(KIND_SCHEMA)]
