"""What every part of a study file shares: plain names, and no key that is not known."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from hessweep.errors import did_you_mean, shortened
from hessweep.study.messages import MOST, quote

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _plain_name(value: str) -> str:
    # Names become folders and files; a path, a space or a leading dot has no business there.
    if not _NAME.fullmatch(value):
        raise ValueError(
            "expected a plain name of at most 100 letters, digits, '.', '_' and '-' that begins "
            f"with a letter or digit, got {quote(value)}"
        )
    return value


OTHER_NAMES = {
    "partition": "queue",
    "time": "walltime",
    "mem": "memory",
    "nodes": "jobs",
    "cpus": "cores",
    "activations": "activation",
    "distribution": "weights",
}
"""What other programs call what a key here stands for, where the letters do not tell."""


def _hint(key: str, allowed: list[str]) -> str:
    """Return which key was meant, or nothing where none is likely."""
    other = OTHER_NAMES.get(key.lower().replace("-", "_"))
    return f" (did you mean {other!r}?)" if other in allowed else did_you_mean(key, allowed)


Name = Annotated[str, AfterValidator(_plain_name)]


class Section(BaseModel):
    """A part of a study: immutable, and any key that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        allowed = [field.alias or name for name, field in cls.model_fields.items()]
        if isinstance(data, cls):
            return data
        if not isinstance(data, Mapping):
            raise ValueError(f"expected a mapping of {', '.join(allowed)}, got {quote(data)}")
        unknown = [str(key) for key in data if key not in allowed]
        if unknown:
            raise PydanticCustomError(
                "unknown_key",
                "allowed are {allowed}",
                {
                    "keys": [shortened(key) for key in unknown],
                    # A message lists no more, and to look for what was meant takes long.
                    "hints": [_hint(key, allowed) for key in unknown[:MOST]],
                    "allowed": ", ".join(allowed),
                },
            )
        return data
