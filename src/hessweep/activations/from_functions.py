"""Activations that are given by functions: those of a user's file, and those of a session."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy import ndarray

from hessweep.activations.differences import differentiate, one_sided_slope
from hessweep.activations.kernel import CoarserDuals, DualKernel
from hessweep.activations.numeric import Numeric
from hessweep.activations.own_checks import check
from hessweep.activations.own_parameters import parameters_of, plain_kinks, plain_value
from hessweep.errors import ActivationError

SMALLEST_JUMP = 1e-7
"""A smaller jump of g' may be an error of the differences from which it is computed."""

JUMP_STEP = 2.0**-20
"""Distance from 0, on both sides, at which a jump of g' is looked for."""


@dataclass(frozen=True)
class FromFunctions(Numeric):
    """An activation that a file defines by functions."""

    module: ModuleType = field(default_factory=lambda: ModuleType("none"), compare=False)

    def _part(self, suffix: str) -> Any:
        return getattr(self.module, f"{self.name}{suffix}", None)

    @property
    def kinks(self) -> tuple[float, ...]:
        """The places where, according to the file, g' jumps."""
        stated = self._part("_kinks")
        if callable(stated):  # of the parameters
            stated = stated(**dict(self.parameters))
        return plain_kinks(stated, f"{self.name}_kinks")

    @property
    def all_kinks(self) -> tuple[float, ...]:
        """The kinks of the file, and 0 if g' jumps there, which a file need not state."""
        near = np.array([-JUMP_STEP, 0.0, JUMP_STEP])
        bend = np.diff(self(near), n=2)
        jumps = np.abs(bend) > 1e-3 * JUMP_STEP * np.ptp(self(np.linspace(-1, 1, 9)))
        return (*self.kinks, 0.0) if jumps.all() else self.kinks

    @cached_property
    def jumps(self) -> tuple[tuple[float, float], ...]:
        """The kinks, and 0 if g' jumps there, each with the jump of g'."""
        places = sorted(set(self.all_kinks))
        found = [
            (place, one_sided_slope(self, place, 1) - one_sided_slope(self, place, -1))
            for place in places
        ]
        return tuple((place, jump) for place, jump in found if abs(jump) > SMALLEST_JUMP)

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return as_numpy(self._part("")(x, **dict(self.parameters)))

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x) as the file defines it, or by differences."""
        own = self._part("_derivative")
        if own:
            return as_numpy(own(x, **dict(self.parameters)))
        return differentiate(self, x, kinks=self.all_kinks)

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x) by differences."""
        if self._part("_derivative"):
            return differentiate(self.derivative, x, kinks=self.all_kinks)
        return differentiate(self, x, order=2, kinks=self.all_kinks)

    def dual(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return the dual kernel that the file defines, or the numeric one."""
        own = self._part("_dual")
        if own is None:
            return super().dual(p, q, c)
        shape = np.broadcast_shapes(np.shape(p), np.shape(q), np.shape(c))
        kernel = own(p, q, c, **dict(self.parameters))
        return DualKernel(*(np.broadcast_to(part, shape) for part in kernel))

    def coarser_duals(  # type: ignore[override]
        self, p: ndarray, q: ndarray, c: ndarray
    ) -> CoarserDuals | None:
        """Return less accurate numeric kernels; None if the file defines the dual kernel."""
        return None if self._part("_dual") else super().coarser_duals(p, q, c)

    @property
    def is_numeric(self) -> bool:
        """Whether the file defines no dual kernel."""
        return not self._part("_dual")


@dataclass(frozen=True)
class OfSession(FromFunctions):
    """A function of this session as an activation. It can not be stored, since it has no text."""

    function: Callable[..., Any] = np.tanh
    slope: Callable[..., Any] | None = None
    bent_at: tuple[float, ...] = ()

    def _part(self, suffix: str) -> Any:
        parts = {"": self.function, "_derivative": self.slope, "_kinks": self.bent_at}
        return parts.get(suffix)

    @property
    def identity(self) -> dict[str, Any]:
        """What a stored point would depend on: nothing that could be written down.

        Raises:
            ActivationError: Always.
        """
        raise ActivationError(
            f"{self.name}: a function of this session can not be stored with results; put it into "
            f"a Python file and use activation({self.name!r}, file='that_file.py')"
        )


def activation_of_session(
    function: Callable[..., Any],
    derivative: Callable[..., Any] | None = None,
    kinks: Any = None,
    **parameters: Any,
) -> OfSession:
    """Return a function of a numpy array as an activation, after the checks of a user's file.

    Args:
        function: g, called as `function(x, **parameters)`.
        derivative: g', called likewise; by differences if None.
        kinks: Where g' jumps, besides 0: a number or several.
        **parameters: Numbers or lists of numbers.

    Raises:
        ActivationError: If g is not elementwise, finite, continuous or float64, if its derivative
            is wrong, or if it does not take the parameters.
    """
    name = getattr(function, "__name__", type(function).__name__)
    taken = parameters_of(function)
    values = {
        **{key: item.default for key, item in taken.items() if item.default is not item.empty},
        **parameters,
    }
    if set(values) != set(taken):
        missing = sorted(set(taken) - set(values))
        raise ActivationError(
            f"{name} takes {', '.join(taken) or 'no parameters'} besides x, got "
            f"{', '.join(sorted(parameters)) or 'none'}"
            + (f"; missing: {', '.join(missing)}" if missing else "")
        )
    made = OfSession(
        name,
        tuple(sorted((key, plain_value(name, key, value)) for key, value in values.items())),
        function=function,
        slope=derivative,
        bent_at=plain_kinks(kinks, f"{name}: kinks"),
    )
    check(made, f"activation {name!r}")
    return made


def as_numpy(values: Any) -> Any:
    """Return an array of another library, such as JAX, as a numpy array; the rest as it is."""
    return np.asarray(values) if hasattr(values, "__array__") else values
