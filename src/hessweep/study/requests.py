"""The figures and tables that a study asks for."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

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


class TableRequest(Request):
    """A table, keyed by the name of its file."""
