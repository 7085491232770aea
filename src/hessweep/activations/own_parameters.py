"""The parameters of an activation from a user's file: names, defaults and values."""

import inspect
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from numbers import Real
from types import ModuleType
from typing import Any

import numpy as np
from numpy import ndarray

from hessweep.activations.kernel import Activation
from hessweep.errors import ActivationError, shortened

RESERVED = {"name", "file", "sha256", "x", "p", "q", "c"}
"""Names that a parameter of a user's activation may not have."""


def bound_parameters(
    module: ModuleType, name: str, file: str, parameters: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the default values of the parameters, and the values of all of them."""
    made = getattr(module, name, None)
    is_class = isinstance(made, type) and issubclass(made, Activation)
    if made is None or not (is_class or (callable(made) and not isinstance(made, type))):
        functions = sorted(key for key, value in vars(module).items() if inspect.isfunction(value))
        raise ActivationError(
            f"{file}: expected a function {name}(x) or a subclass of Activation of that name; "
            f"functions in it: {', '.join(functions) or 'none'}"
        )
    taken = parameters_of(made, is_class)
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


def parameters_of(
    made: Callable[..., Any], is_class: bool = False
) -> dict[str, inspect.Parameter]:
    """Return the parameters besides x that a function, or a class of an activation, takes by name.

    A ufunc, a partial and the like have none: what they take besides x are options of numpy.
    """
    if is_class:
        taken = inspect.signature(made).parameters.items()
        return {key: item for key, item in taken if key not in Activation.__dataclass_fields__}
    if not inspect.isfunction(inspect.unwrap(made)):
        return {}
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    others = list(inspect.signature(made).parameters.values())[1:]
    return {item.name: item for item in others if item.kind not in variable}


def identifier(name: str) -> str:
    """Return a name as Python keeps it: `def ϕ(x)` defines φ, another letter that looks alike."""
    return unicodedata.normalize("NFKC", name)


def plain_kinks(kinks: Any, what: str) -> tuple[float, ...]:
    """Return kinks as a file may state them: a number, several numbers, or None.

    Raises:
        ActivationError: If they are anything else. The message begins with `what`.
    """
    if kinks is None:
        return ()
    alone = isinstance(kinks, Real) or (isinstance(kinks, ndarray) and kinks.ndim == 0)
    places = [kinks] if alone else kinks
    try:
        if isinstance(places, str) or not isinstance(places, Iterable):
            raise TypeError
        found = tuple(sorted(float(place) for place in np.ravel(list(places))))
        if not all(map(isfinite, found)):
            raise ValueError
    except (TypeError, ValueError):
        raise ActivationError(
            f"{what}: expected the places where the derivative jumps, a finite number or several, "
            f"such as (-1.0, 1.0); got {shortened(repr(kinks))}"
        ) from None
    return found


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
