"""The figures and tables that a study asks for."""

import hashlib
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_serializer,
)

from hessweep.study.paths import expand
from hessweep.study.section import Section


class Request(Section):
    """A figure or table that a study asks for; `kind` says which function makes it."""

    kind: str
    sweeps: Annotated[
        tuple[str, ...],
        BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
        WithJsonSchema(
            {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
        ),
    ] = Field(default=(), strict=False)
    """Names of the sweeps that it shows; one may be written without the list."""
    title: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    """What this kind of figure or table takes beyond the sweeps."""


class FigureRequest(Request):
    """A figure, keyed by the name of its file."""

    file: str | None = None
    """A Python file of the user's own that defines this kind of figure."""

    @field_validator("file")
    @classmethod
    def _beside_the_study(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        return str(Path((info.context or {}).get("folder", ".")) / expand(value))

    @model_serializer(mode="wrap")
    def _with_what_the_file_holds(self, default: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a file that is not given, and add the hash of one that is.

        So an edit of the file makes the figure again, and nothing else.
        """
        data: dict[str, Any] = default(self)
        if data.get("file") is None:
            data.pop("file", None)
            return data
        path = Path(data["file"])
        content = path.read_bytes() if path.is_file() else b""
        return {**data, "sha256": hashlib.sha256(content).hexdigest()}


class TableRequest(Request):
    """A table, keyed by the name of its file."""
