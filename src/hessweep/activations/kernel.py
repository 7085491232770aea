"""The interface of all activations: a function, its dual kernel, and the facts about it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations.ball_functions import BallFunctions
from hessweep.activations.facts import Facts
from hessweep.activations.offsets import (
    HIGHEST,
    CoarserOffsetKernels,
    OffsetKernel,
    OffsetMeans,
)
from hessweep.activations.theory import Theory

if TYPE_CHECKING:
    from hessweep.activations.polynomial import Polynomial

Matrix = Float[ndarray, "*stack m n"]


class DualKernel(NamedTuple):
    """The dual kernel `K(p, q, c) = E[g(u) g(v)]` and its partial derivatives.

    `u, v` are jointly normal with variances `p, q` and covariance `c`; the derivatives are
    taken as if the three were independent. By Price's theorem each derivative is again a Gaussian
    mean, which is given below. `K_pq = K_cc / 4` has no field of its own.

    Every field has the broadcast shape of `p, q, c`. If `p` and `q` belong to the same neurons,
    `K_p` and `K_pc` are the transposes of `K_q` and `K_qc`.
    """

    K: Matrix
    """E[g(u) g(v)]"""
    K_c: Matrix
    """E[g'(u) g'(v)]"""
    K_p: Matrix
    """E[g''(u) g(v)] / 2"""
    K_q: Matrix
    """E[g(u) g''(v)] / 2"""
    K_cc: Matrix
    """E[g''(u) g''(v)]"""
    K_pc: Matrix
    """E[g'''(u) g'(v)] / 2"""
    K_qc: Matrix
    """E[g'(u) g'''(v)] / 2"""
    K_pp: Matrix
    """E[g''''(u) g(v)] / 4, which is needed only away from the optimum"""


class CoarserDuals(NamedTuple):
    """A numeric dual kernel, the same with one approximation made coarser, and its rounding."""

    full: DualKernel
    """The kernel that `dual` returns."""
    quarter: DualKernel
    """With a quarter of the terms of the series."""
    half: DualKernel
    """With half of the terms."""
    quadrature: DualKernel
    """With half of the panels of the quadrature."""
    floor: DualKernel
    """With twice the smallest variance that is allowed."""
    rounding: DualKernel
    """Bounds on the errors of the fields that are due to the rounding of the series."""


@dataclass(frozen=True)
class Activation(ABC):
    """An activation function `g`, its first two derivatives and its dual kernel.

    Instances are immutable, hashable and comparable. Equal `name` and `parameters` mean the same
    function, and the key of a stored point depends on both.
    """

    name: str
    parameters: tuple[tuple[str, Any], ...] = ()
    """Sorted (name, value) pairs; values are numbers or tuples of numbers."""
    default_parameters: tuple[tuple[str, Any], ...] = ()
    """The parameters that `label` leaves out, because they have their default values."""

    revision: ClassVar[int] = 0
    """Raised when a change alters the numbers that are stored for this activation."""

    @property
    def spec(self) -> dict[str, Any]:
        """Name and parameters as plain data: `activation(**spec)` gives the activation back."""
        values = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in self.parameters
        }
        return {"name": self.name, **values}

    @property
    def identity(self) -> dict[str, Any]:
        """What the key of a stored point depends on: `spec` without the path of a file."""
        return self.spec

    @property
    def label(self) -> str:
        """The name in tables and stores, such as `erf` or `quadratic(epsilon=0.5)`."""
        stated = self._stated()
        return f"{self.name}({', '.join(stated)})" if stated else self.name

    def __init_subclass__(cls, **options: Any) -> None:
        """Keep `dataclass` from giving each class a representation of its own."""
        super().__init_subclass__(**options)
        if "__repr__" not in vars(cls):
            cls.__repr__ = Activation.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        """Return how the activation is made, such as `activation('quadratic', epsilon=0.5)`."""
        return f"activation({', '.join([repr(self.name), *self._stated()])})"

    def _stated(self) -> list[str]:
        named = [item for item in self.parameters if item not in self.default_parameters]
        return [f"{key}={_plain(value)}" for key, value in named]

    def __str__(self) -> str:
        """Return the label."""
        return self.label

    @abstractmethod
    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""

    @abstractmethod
    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise."""

    @abstractmethod
    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise."""

    @abstractmethod
    def dual(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return the dual kernel and its derivatives.

        Args:
            p: Variances of `u`, broadcastable against `c`.
            q: Variances of `v`, broadcastable against `c`.
            c: Covariances, `c² <= p q`.
        """

    def coarser_duals(
        self,
        p: ndarray,  # noqa: ARG002  used by classes that override this
        q: ndarray,  # noqa: ARG002
        c: ndarray,  # noqa: ARG002
    ) -> CoarserDuals | None:
        """Return `dual(p, q, c)` and less accurate versions of it, from which its error follows.

        Returns:
            The kernels; None, as here, if the kernel has no error but rounding.
        """
        return None

    def _facts(self) -> Facts:
        """Return what is proved about instances of exactly this class; nothing by default.

        A class states facts about itself by defining this method. A class derived from it does
        not inherit them, because it may override any of the functions (see `facts`).
        """
        return Facts()

    @property
    def facts(self) -> Facts:
        """What is proved about this activation.

        Facts hold by exact class: only a `_facts` that the class of the instance itself defines
        counts, never one that it inherits.
        """
        state = vars(type(self)).get("_facts")
        return Facts() if state is None else state(self)

    @property
    def is_closed_form(self) -> bool:
        """Whether the error of the dual kernel is bounded, and not merely estimated."""
        return self.facts.closed_form

    @property
    def is_numeric(self) -> bool:
        """Whether the dual kernel is computed numerically, with an error that is estimated."""
        return type(self).coarser_duals is not Activation.coarser_duals

    @property
    def theory(self) -> Theory | None:
        """What the independence theorem needs to know; None if it is not proved for this g."""
        return self.facts.theory

    @property
    def in_balls(self) -> BallFunctions | None:
        """The activation in ball arithmetic; None if there is none."""
        make = self.facts.in_balls
        return None if make is None else make()

    @property
    def polynomial(self) -> "Polynomial | None":
        """The activation itself if it is a `Polynomial` and of no derived class, else None."""
        return None

    @property
    def is_linear(self) -> bool:
        """Whether `g(x) = a x` is known to hold."""
        return self.polynomial is not None and self.polynomial.support == (1,)

    def self_dual(self, W1: Float[ndarray, "*stack N_h N_i"]) -> DualKernel:
        """Return the dual kernel between all pairs of rows of `W1`, each `(..., N_h, N_h)`."""
        c = W1 @ W1.swapaxes(-1, -2)
        p = np.diagonal(c, axis1=-2, axis2=-1)
        return self.dual(p[..., :, None], p[..., None, :], c)

    def offset_dual(
        self, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray
    ) -> OffsetKernel:
        """Return the means of g and its derivatives at `u + b` and `v + d`.

        Args:
            p: Variances of `u`, broadcastable against `c`.
            q: Variances of `v`, broadcastable against `c`.
            c: Covariances, `c² <= p q`.
            b: Offsets of `u`, shaped like `p`.
            d: Offsets of `v`, shaped like `q`.

        Raises:
            ActivationError: If g is not finite where it is needed.
        """
        return OffsetKernel.of(self.offset_means(p, q, c, b, d))

    def offset_means(
        self, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray, highest: int = HIGHEST
    ) -> OffsetMeans:
        """Return the means that `offset_dual(p, q, c, b, d)` consists of.

        Here they come from a Hermite series with an error of its own, as for all activations
        without a closed form.

        Args:
            p: As for `offset_dual`.
            q: As for `offset_dual`.
            c: As for `offset_dual`.
            b: As for `offset_dual`.
            d: As for `offset_dual`.
            highest: `HIGHEST`, or 2 more for the orders of `FURTHER` besides, by which the
                kernel's derivatives are given. They are NaN where these do not exist or are of no
                use.

        Raises:
            ActivationError: If g is not finite where it is needed.
        """
        from hessweep.activations.offset_series import offset_series  # it needs this module

        return offset_series(self, p, q, c, b, d, highest)

    def coarser_offset_duals(
        self, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray
    ) -> CoarserOffsetKernels | None:
        """Return `offset_dual(p, q, c, b, d)` with less exact versions, which show its error.

        Returns:
            None where the kernel has a closed form and so no error but rounding.
        """
        from hessweep.activations.offset_series import coarser_offset_series

        return coarser_offset_series(self, p, q, c, b, d)

    @property
    def has_offset_series(self) -> bool:
        """Whether the kernel with offsets is a series, with an error that is estimated."""
        return type(self).coarser_offset_duals is Activation.coarser_offset_duals

    @property
    def bends(self) -> tuple[float, ...]:
        """Where g' jumps, 0 included: quadrature panels of a kernel with offsets end there."""
        from hessweep.activations.offset_series import bends

        return bends(self)


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ",".join(_plain(item) for item in value) + "]"
    # As short as possible, but different values must not give the same label.
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
