"""An axis: one thing that a result depends on, with the column that stores it."""

from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from hessweep.columns import Column


@dataclass(frozen=True)
class Axis:
    """How one field of a setup is stored."""

    field: str
    column: Column
    default: Any = MISSING
    in_every_key: bool = False
    """Whether keys contain the field even at its default: true for the oldest fields only."""
    is_of_teacher: bool = True
    """Whether another value means another teacher, not another measurement of the same one."""
    changes_cost: bool = True

    @property
    def has_default(self) -> bool:
        """Whether the field may be left out."""
        return self.default is not MISSING

    def is_in_key(self, value: Any) -> bool:
        """Return whether keys contain this value of the field."""
        return self.in_every_key or value != self.default


def axis_field(column: Column, default: Any = MISSING, **facts: bool) -> Any:
    """Declare a field of a dataclass that is an axis.

    Args:
        column: The column that stores the field.
        default: The value that the field has when it is left out, if it may be left out.
        facts: What else `Axis` says of it, by name.
    """
    return field(default=default, metadata={"column": column, "facts": facts})


def axes_of(of: type) -> tuple[Axis, ...]:
    """Return the axes among the fields of a dataclass, in their order."""
    return tuple(
        Axis(one.name, one.metadata["column"], one.default, **one.metadata["facts"])
        for one in fields(of)
        if "column" in one.metadata
    )
