"""What is wrong with a study, in one message that names the key and what it takes."""

from itertools import zip_longest
from pathlib import Path
from reprlib import Repr
from typing import Any

from pydantic import ValidationError

MOST = 8
"""Mistakes that one message lists; with more than these the file is not a study."""

_EXPECTED = {
    "bool_type": "expected true or false",
    "dict_type": "expected a mapping",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "list_type": "expected a list",
    "mapping_type": "expected a mapping",
    "model_attributes_type": "expected a mapping",
    "model_type": "expected a mapping",
    "string_type": "expected a text",
    "too_short": "expected at least one entry",
    "tuple_type": "expected a list",
}
"""What a study's author reads in place of pydantic's words, by the type of its error."""

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def quote(value: Any) -> str:
    """Return a value for an error message, cut to a readable length."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # more digits than Python writes
        return "a number of thousands of digits"


def explain(path: Path, error: ValidationError) -> str:
    """Return the mistakes in a study file, one a line, each with its key and what it takes."""
    mistakes = [
        mistake
        for detail in error.errors(include_url=False)
        if detail["type"] != "default_factory_not_called"  # its cause is listed already
        for mistake in _mistakes(dict(detail))
    ]
    if len(mistakes) == 1:
        return f"{path}: {mistakes[0]}"
    more = len(mistakes) - MOST
    lines = mistakes[:MOST] + ([f"and {more} more"] if more > 0 else [])
    return "\n  ".join([f"{path}: {len(mistakes)} mistakes", *lines])


def _mistakes(detail: dict[str, Any]) -> list[str]:
    """Return what one of pydantic's errors stands for: one mistake, or several unknown keys."""
    context = detail.get("ctx", {})
    key = ".".join(str(part) for part in _key(detail["loc"]))
    if detail["type"] == "unknown_key":
        return [
            f"{key}{'.' if key else ''}{unknown}: unknown key{hint}; {detail['msg']}"
            for unknown, hint in zip_longest(context["keys"], context["hints"], fillvalue="")
        ]
    if detail["type"] == "value_error":
        what = str(context["error"])
    elif detail["type"] == "missing":
        what = "missing; this key is required"
    elif detail["type"].startswith("union_tag"):
        key = f"{key}.kind"
        known = context.get("expected_tags", "local, address, file, slurm").replace("'", "")
        what = f"expected one of {known}, got {context.get('tag', 'nothing')!r}"
    else:
        said = detail["msg"].replace("Input should be", "expected")
        what = f"{_EXPECTED.get(detail['type'], said)}, got {quote(detail['input'])}"
    return [f"{key}: {what}" if key else what]


def _key(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    # pydantic puts the kind of cluster, and a mark where a mapping's key is wrong, into the path.
    if loc[:1] == ("cluster",) and len(loc) > 1:
        loc = (loc[0], *loc[2:])
    return tuple(part for part in loc if part != "[key]")
