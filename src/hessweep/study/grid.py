"""What a study may write for sizes, seeds, activations and weights, and what it means.

Every function takes the value as YAML gave it and raises `ValueError` with what was expected and
what came; the key that it stands under is added by `hessweep.study.messages`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from hessweep.activations import ACTIVATIONS, Activation, activation
from hessweep.errors import did_you_mean
from hessweep.networks import BIASES, MAX_SEED, WEIGHTS, Student
from hessweep.study.messages import quote
from hessweep.study.paths import expand
from hessweep.study.seeds_until import SeedsUntil, read_seeds_until
from hessweep.widths import axes_of_widths

MAX_POINTS = 10_000_000
"""More points than this in one study are a mistake: the keys alone would fill a laptop."""

MAX_SIZE = 1_000_000
"""The largest N_i or N_h; the memory of a point is checked apart from this."""

T = TypeVar("T")

_RANGE = re.compile(r"\s*([0-9]{1,19})\s*\.\.\s*([0-9]{1,19})\s*")


def read_sizes(value: Any) -> Sequence[int]:
    """Return the sizes that a number, a list of numbers or `"1..10"` stands for."""
    expected = f'a whole number from 1 to {MAX_SIZE}, a list of them, or "1..10"'
    if isinstance(value, list | tuple | range):
        return _list_of(value, lambda item: _whole(item, 1, MAX_SIZE, expected), expected)
    if isinstance(value, str):
        return _range_of(value, 1, MAX_SIZE, expected)
    return (_whole(value, 1, MAX_SIZE, expected),)


def read_seeds(value: Any) -> Sequence[int]:
    """Return the seeds that a count (from 0), a list, `"100..199"` or a rule stands for."""
    expected = (
        f'a count from 1 to {MAX_POINTS}, a list of seeds from 0, "100..199", or a mapping such '
        "as {until: {relative_error: 0.01, of: lambda_min}, at_most: 5000}"
    )
    if isinstance(value, SeedsUntil):
        return value
    if isinstance(value, Mapping):
        return read_seeds_until(value)
    if isinstance(value, list | tuple | range):
        return _list_of(value, lambda item: _whole(item, 0, MAX_SEED, expected), expected)
    if isinstance(value, str):
        return _range_of(value, 0, MAX_SEED, expected)
    return range(_whole(value, 1, MAX_POINTS, expected))


def read_pairs(value: Any) -> Sequence[tuple[int, int]]:
    """Return the `(N_i, N_h)` that a list such as `[[10, 20], [30, 10]]` stands for."""
    expected = f"a list of pairs [N_i, N_h], each from 1 to {MAX_SIZE}"

    def pair(item: Any) -> tuple[int, int]:
        if not isinstance(item, list | tuple) or len(item) != 2:
            raise ValueError(f"expected {expected}, got {quote(item)}")
        N_i, N_h = (_whole(size, 1, MAX_SIZE, expected) for size in item)
        return N_i, N_h

    return _list_of(value, pair, expected)


def read_widths(value: Any) -> Sequence[tuple[int, ...]]:
    """Return the widths that a list such as `[[3, 4, 4, 1], [5, 5, 5, 1]]` stands for."""
    expected = (
        "a list of widths, each a list of inputs, hidden layers and outputs such as [3, 4, 4, 1]"
    )

    def one(item: Any) -> tuple[int, ...]:
        if not isinstance(item, list | tuple):
            raise ValueError(f"expected {expected}, got {quote(item)}")
        axes_of_widths(item)
        return tuple(item)

    return _list_of(value, one, expected)


def read_error(value: Any) -> float:
    """Return the relative error, between 0 and 1, that is asked of sampled eigenvalues."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < 1:
        raise ValueError(f"expected a number between 0 and 1, got {quote(value)}")
    return float(value)


def read_activations(value: Any, folder: Path = Path()) -> Sequence[Activation]:
    """Return the activations of a name, of `{name: quadratic, epsilon: 0.5}`, or of a list.

    The `file` of an own activation is looked for from `folder` on, that of the study.
    """
    if isinstance(value, list | tuple):
        return _list_of(
            value, lambda item: read_activation(item, folder), "at least one activation"
        )
    return (read_activation(value, folder),)


def read_activation(value: Any, folder: Path = Path()) -> Activation:
    """Return one activation, given as a name or as a mapping of its name and parameters."""
    if isinstance(value, Activation):
        return value
    spec = {"name": value} if isinstance(value, str) else value
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        raise ValueError(
            "expected the name of an activation, {name: quadratic, epsilon: 0.5}, or a list of "
            f"these, got {quote(value)}; known are {', '.join(sorted(ACTIVATIONS))}"
        )
    name = spec["name"]
    texts = {key: item for key, item in spec.items() if key in ("file", "sha256")}
    parameters = {
        key: _parameter(key, item) for key, item in spec.items() if key not in ("name", *texts)
    }
    if "file" in texts:
        if not isinstance(texts["file"], str):
            raise ValueError(
                f"file: expected the path of a Python file, got {quote(texts['file'])}"
            )
        file = str(folder / expand(texts["file"]))
        return activation(name, **{**texts, "file": file}, **parameters)
    if name not in ACTIVATIONS:
        raise ValueError(
            f"unknown activation {quote(name)}{did_you_mean(name, ACTIVATIONS)}; "
            f"known are {', '.join(sorted(ACTIVATIONS))}; one of your own needs "
            "`file: your_file.py`"
        )
    try:
        return activation(name, **parameters)
    except OverflowError:
        raise ValueError(f"{name}: a parameter is too large for a float") from None


def read_biases(value: Any) -> Sequence[str]:
    """Return which biases are trained: one of `BIASES`, or each of a list of them."""
    items = value if isinstance(value, list | tuple) else [value]
    return _list_of(items, _biases, f"one of {', '.join(BIASES)}")


def read_students(value: Any) -> Sequence[str]:
    """Return the students of `teacher`, of `{split: 2}`, or of a list of these, as texts."""
    expected = "teacher, a mapping such as {zero_output: 3}, or a list of these"

    def student(item: Any) -> str:
        if isinstance(item, str):
            return str(Student.parse(item))
        known = [field.name for field in fields(Student)]
        if not isinstance(item, Mapping) or not item:
            raise ValueError(f"expected {expected}, got {quote(item)}")
        for name in item:
            if name not in known:
                raise ValueError(
                    f"unknown kind of neurons {quote(name)}{did_you_mean(name, known)}; "
                    f"known are {', '.join(known)}"
                )
        return str(Student(**item))

    return _list_of(value if isinstance(value, list | tuple) else [value], student, expected)


def _biases(value: Any) -> str:
    if not isinstance(value, str) or value not in BIASES:
        raise ValueError(f"expected one of {', '.join(BIASES)}, got {quote(value)}")
    return value


def read_weights(value: Any) -> Sequence[str]:
    """Return the weight distributions of a name or a list of names."""
    return _list_of(value if isinstance(value, list | tuple) else [value], _weights, "a name")


def _weights(value: Any) -> str:
    if not isinstance(value, str) or value not in WEIGHTS:
        raise ValueError(
            f"unknown weight distribution {quote(value)}{did_you_mean(value, WEIGHTS)}; "
            f"known are {', '.join(WEIGHTS)}"
        )
    return value


def _parameter(key: Any, value: Any) -> Any:
    items = value if isinstance(value, list) else [value]
    if not isinstance(key, str) or any(
        isinstance(item, bool) or not isinstance(item, int | float) for item in items
    ):
        raise ValueError(
            f"parameter {key}: expected a number or a list of numbers, got {quote(value)}"
        )
    return value


def _whole(value: Any, least: int, most: int, expected: str) -> int:
    # bool is an int to Python, but `N: yes` is a mistake.
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"expected {expected}, got {quote(value)}")
    return value


def _range_of(text: str, least: int, most: int, expected: str) -> range:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f"expected {expected}, got {quote(text)}")
    first, last = (_whole(int(end), least, most, expected) for end in match.groups())
    if last < first:
        raise ValueError(f"expected first..last with first <= last, got {quote(text)}")
    if last - first >= MAX_POINTS:
        raise ValueError(f"expected at most {MAX_POINTS:,} numbers, got {quote(text)}")
    return range(first, last + 1)


def _list_of(value: Any, read: Callable[[Any], T], expected: str) -> tuple[T, ...]:
    if not isinstance(value, list | tuple | range) or not value:
        raise ValueError(f"expected {expected}, got {quote(value)}")
    return tuple(read(item) for item in value)
