"""The parameters of an activation from a user's file: names, defaults and values."""

import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from numpy import ndarray

from hessweep.activations.kernel import Activation
from hessweep.errors import ActivationError

RESERVED = {"name", "file", "sha256", "x", "p", "q", "c"}
"""Names that a parameter of a user's activation may not have."""


def bound_parameters(
    module: ModuleType, name: str, file: str, parameters: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the default values of the parameters, and the values of all of them."""
    made = getattr(module, name, None)
    is_class = isinstance(made, type) and issubclass(made, Activation)
    if made is None or not (is_class or inspect.isfunction(made)):
        functions = sorted(key for key, value in vars(module).items() if inspect.isfunction(value))
        raise ActivationError(
            f"{file}: expected a function {name}(x) or a subclass of Activation of that name; "
            f"functions in it: {', '.join(functions) or 'none'}"
        )
    taken = _parameters_of(made, is_class)
    defaults = {
        key: plain_value(name, key, item.default)
        for key, item in taken.items()
        if item.default is not item.empty
    }
    values = {**defaults, **parameters}
    unknown, missing = sorted(set(values) - set(taken)), sorted(set(taken) - set(values))
    reserved = sorted(RESERVED & set(taken))
    if unknown or missing or reserved:
        raise ActivationError(
            f"{name} of {file} takes {', '.join(taken) or 'no parameters'}"
            + (f"; unknown: {', '.join(unknown)}" if unknown else "")
            + (f"; missing: {', '.join(missing)}" if missing else "")
            + (f"; names that are not allowed: {', '.join(reserved)}" if reserved else "")
        )
    return defaults, values


def _parameters_of(made: Callable[..., Any], is_class: bool) -> dict[str, inspect.Parameter]:
    taken = list(inspect.signature(made).parameters.items())
    if not is_class:
        return dict(taken[1:])
    return {key: item for key, item in taken if key not in Activation.__dataclass_fields__}


def plain_value(name: str, key: str, value: Any) -> Any:
    """Return a number or a tuple of numbers, which can be hashed and written as JSON."""
    try:
        if isinstance(value, list | tuple | ndarray):
            return tuple(float(item) for item in value)
        if isinstance(value, bool | int):
            return value
        return float(value)
    except (TypeError, ValueError) as error:
        raise ActivationError(
            f"{name}: {key}: expected a number or a list of numbers, got {value!r}"
        ) from error
