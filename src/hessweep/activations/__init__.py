"""Activations by name, each with its dual kernel and the facts that are proved about it."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from hessweep.activations.ball_functions import BallFunctions
from hessweep.activations.erf import Erf
from hessweep.activations.exponential import Exp
from hessweep.activations.facts import Facts
from hessweep.activations.from_functions import activation_of_session
from hessweep.activations.gaussian import Gaussian
from hessweep.activations.gelu import Gelu
from hessweep.activations.kernel import Activation, DualKernel
from hessweep.activations.numeric import Numeric
from hessweep.activations.own import Own, load_activation
from hessweep.activations.polynomial import (
    Polynomial,
    cubic,
    linear,
    polynomial,
    power,
    quadratic,
)
from hessweep.activations.relu import Relu
from hessweep.activations.sigmoid import Sigmoid, Softplus, silu, swish
from hessweep.activations.tanh import Tanh
from hessweep.activations.theory import Theory
from hessweep.activations.trigonometric import Cos, Sin
from hessweep.errors import ActivationError, did_you_mean

ACTIVATIONS: dict[str, Callable[..., Activation]] = {
    "linear": linear,
    "quadratic": quadratic,
    "cubic": cubic,
    "power": power,
    "polynomial": polynomial,
    "erf": lambda: Erf(),
    "relu": lambda: Relu(),
    "gelu": lambda: Gelu(),
    "sin": lambda: Sin(),
    "cos": lambda: Cos(),
    "exp": lambda: Exp(),
    "gaussian": lambda: Gaussian(),
    "tanh": lambda: Tanh(),
    "sigmoid": lambda: Sigmoid(),
    "softplus": lambda: Softplus(),
    "silu": silu,
    "swish": swish,
}
"""The names that a study may use, each with the function that makes the activation."""


def activation(name: str | Activation | Callable[..., Any], **parameters: Any) -> Activation:
    """Return the activation with this name, or the one that a function computes.

    Args:
        name: A key of `ACTIVATIONS`; or an `Activation`, which is returned as it is; or a function
            of a numpy array, such as `np.arctan`, for use in this session. Its results can not be
            stored: a study names a file.
        **parameters: The parameters of the activation: `epsilon` for quadratic, `coefficients`
            for polynomial, `degree` for power, `beta` for swish. If `file` is given, the name is
            looked up in that Python file instead (see `load_activation`). For a function these
            are its own, besides `derivative` (a function) and `kinks` (where the derivative
            jumps, other than at 0).

    Raises:
        ActivationError: If the name is unknown, or if the activation does not take these
            parameters.
    """
    if isinstance(name, Activation):
        if parameters:
            raise ActivationError(f"{name} is already an activation and takes no parameters")
        return name
    if callable(name):
        return activation_of_session(name, **parameters)
    if "file" in parameters:
        return load_activation(name=name, **parameters)
    if name not in ACTIVATIONS:
        raise ActivationError(
            f"unknown activation {name!r}{did_you_mean(name, ACTIVATIONS)}; known are "
            f"{', '.join(sorted(ACTIVATIONS))}; for an activation of your own, give "
            "`file: your_file.py` beside its name"
        )
    make = ACTIVATIONS[name]
    taken = inspect.signature(make).parameters
    unknown = sorted(set(parameters) - set(taken))
    missing = [
        key
        for key, value in taken.items()
        if value.default is value.empty and key not in parameters
    ]
    if unknown or missing:
        raise ActivationError(
            f"{name} takes {', '.join(taken) or 'no parameters'}"
            + (f"; unknown: {', '.join(unknown)}" if unknown else "")
            + (f"; missing: {', '.join(missing)}" if missing else "")
        )
    return make(**parameters)


def is_of_file(spec: Mapping[str, Any]) -> bool:
    """Return whether a stored `spec` is of an activation that a user's file defines.

    `activation` would read and run that file, but results must not choose which code is run.
    """
    return bool(spec.keys() & {"file", "sha256"})


def activation_of_package(spec: Mapping[str, Any]) -> Activation | None:
    """Return the activation that a stored `spec` describes, None if a user's file defines it.

    Raises:
        ActivationError: If there is no such activation.
    """
    return None if is_of_file(spec) else activation(**spec)


__all__ = [
    "ACTIVATIONS",
    "Activation",
    "BallFunctions",
    "DualKernel",
    "Erf",
    "Facts",
    "Numeric",
    "Own",
    "Polynomial",
    "Theory",
    "activation",
    "activation_of_package",
    "is_of_file",
    "load_activation",
]
