"""What a study may write for `training`: how students are trained, with how many random starts."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from hessweep.errors import InputError
from hessweep.kinds.training_options import METHODS, SPACINGS, Training
from hessweep.study.messages import quote

MAX_DRAWS = 100_000


def read_trainings(value: Any) -> Sequence[str]:
    """Return the texts of one training or of a list of them, each draw by itself.

    A training may have `draws`, a number of random starts of each network, instead of `draw`.
    """
    items = value if isinstance(value, list | tuple) else [value]
    if not items:
        raise ValueError(f"expected how students are trained, or a list of it, got {quote(value)}")
    return tuple(dict.fromkeys(text for item in items for text in _texts(item)))


def _texts(value: Any) -> Iterator[str]:
    if value == "":
        yield value
        return
    draws = 1
    if isinstance(value, Mapping) and "draws" in value:
        if "draw" in value:
            raise ValueError("expected `draws`, their number, or `draw`, one of them, got both")
        draws = value["draws"]
        if isinstance(draws, bool) or not isinstance(draws, int) or not 1 <= draws <= MAX_DRAWS:
            raise ValueError(
                f"draws: expected a whole number from 1 to {MAX_DRAWS}, got {quote(draws)}"
            )
        value = {key: item for key, item in value.items() if key != "draws"}
        for draw in range(draws):
            yield _text({**value, "draw": draw})
        return
    yield _text(value)


def _text(value: Any) -> str:
    try:
        return Training.from_mapping(value).text
    except InputError as error:
        # The message of a study begins with its key.
        raise ValueError(str(error).removeprefix("training: ")) from None


def _plain(texts: Sequence[str]) -> list[Any]:
    return [json.loads(text) if text else {} for text in texts]


_POSITIVE = {"type": "number", "exclusiveMinimum": 0}
_TRAINING = {
    "type": "object",
    "properties": {
        "start": {
            "anyOf": [
                {"const": "random"},
                {
                    "type": "object",
                    "properties": {"noise": _POSITIVE},
                    "required": ["noise"],
                    "additionalProperties": False,
                },
            ]
        },
        "method": {"type": "string", "enum": list(METHODS)},
        "learning_rate": _POSITIVE,
        "batch": {"type": "integer", "minimum": 1},
        "stop": {
            "type": "object",
            "properties": dict.fromkeys(("loss", "gradient", "time"), _POSITIVE),
            "additionalProperties": False,
        },
        "times": {"type": "integer", "minimum": 1},
        "first": _POSITIVE,
        "spacing": {"type": "string", "enum": list(SPACINGS)},
        "losses": {"type": "array", "items": _POSITIVE},
        "spectra": {"type": "boolean"},
        "draw": {"type": "integer", "minimum": 0},
        "draws": {"type": "integer", "minimum": 1, "maximum": MAX_DRAWS},
    },
    "additionalProperties": False,
}

Trainings = Annotated[
    Sequence[str],
    PlainValidator(read_trainings),
    PlainSerializer(_plain),
    WithJsonSchema({"anyOf": [_TRAINING, {"type": "array", "items": _TRAINING}]}),
]
