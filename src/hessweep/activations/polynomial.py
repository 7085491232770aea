"""Polynomial activations, the linear and quadratic networks of the paper among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import factorial
from typing import ClassVar

import numpy as np
from numpy import ndarray
from numpy.polynomial import polynomial as poly

from hessweep.activations.facts import Facts
from hessweep.activations.kernel import DualKernel
from hessweep.activations.offset_closed_form import OffsetClosedForm
from hessweep.activations.offsets import HIGHEST, OffsetMeans
from hessweep.activations.polynomial_balls import polynomial_in_balls
from hessweep.errors import ActivationError

MAX_DEGREE = 30
"""The highest degree. Beyond it, the factorials in the dual kernel are too large for float64."""


@dataclass(frozen=True)
class Polynomial(OffsetClosedForm):
    """`g(x) = Σ_k coefficients[k] x^k`."""

    revision: ClassVar[int] = 1
    coefficients: tuple[float, ...] = ()
    """From degree 0 up; the last one is not zero."""

    def __post_init__(self) -> None:
        """Check the coefficients, on which exact ranks rest.

        Raises:
            ActivationError: If they are not finite numbers, of degree at least 1, with a last
                one that is not zero.
        """
        values = _finite_numbers(self.coefficients)
        if len(values) < 2 or values[-1] == 0:
            raise ActivationError(
                "coefficients: expected degree 1 at least and a last coefficient that is not "
                f"zero, got {list(values)}; `hessweep.activations.polynomial` drops zeros"
            )
        object.__setattr__(self, "coefficients", values)

    @property
    def degree(self) -> int:
        """The highest degree with a non-zero coefficient."""
        return len(self.coefficients) - 1

    @property
    def support(self) -> tuple[int, ...]:
        """The degrees with a non-zero coefficient, ascending."""
        return tuple(k for k, value in enumerate(self.coefficients) if value != 0)

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return _value(self.coefficients, x)

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise."""
        return _value(_derived(self.coefficients, 1), x)

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise."""
        return _value(_derived(self.coefficients, 2), x)

    def dual(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return the dual kernel, by `E[f(u) h(v)] = Σ_l c^l/l! E[f^(l)(u)] E[h^(l)(v)]`.

        This series is Mehler's formula, which is finite for polynomials. It groups the terms of
        the triple sum in docs/mathematics.md so that each costs one multiplication for a pair of
        neurons.
        """
        if np.broadcast_shapes(np.shape(p), np.shape(q)) != np.shape(c):
            p, q, c = np.broadcast_arrays(p, q, c)
        orders = range(self.degree + 1)
        u = [mean_of_derivative(self.coefficients, order, p) for order in orders]
        v = [mean_of_derivative(self.coefficients, order, q) for order in orders]

        def mean(f: int, h: int) -> ndarray:
            """E[g^(f)(u) g^(h)(v)]."""
            if max(f, h) > self.degree:
                return np.zeros(c.shape)
            total, power = u[f] * v[h], c
            for order in range(1, self.degree + 1 - max(f, h)):
                total += u[f + order] * v[h + order] * power / factorial(order)
                power = power * c
            return total

        return DualKernel(
            K=mean(0, 0),
            K_c=mean(1, 1),
            K_p=mean(2, 0) / 2,
            K_q=mean(0, 2) / 2,
            K_cc=mean(2, 2),
            K_pc=mean(3, 1) / 2,
            K_qc=mean(1, 3) / 2,
            K_pp=mean(4, 0) / 4,
        )

    @property
    def polynomial(self) -> "Polynomial | None":
        """The activation itself; None for a derived class, which may compute anything."""
        return self if type(self) is Polynomial else None

    def _facts(self) -> Facts:
        """Return what is proved about polynomials; exact arithmetic takes the place of theory."""
        return Facts(closed_form=True, in_balls=lambda: polynomial_in_balls(self.coefficients))

    def offset_means(
        self, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray, highest: int = HIGHEST
    ) -> OffsetMeans:
        """Return `E_ij = Σ_l c^l/l! M_{i+l}(p, b) M_{j+l}(q, d)` (Mehler); the sum ends."""
        coefficients = np.asarray(self.coefficients)
        orders = range(self.degree + 1)
        u = [mean_with_offset(coefficients, order, p, b) for order in orders]
        v = [mean_with_offset(coefficients, order, q, d) for order in orders]
        shape = np.broadcast_shapes(*(np.shape(value) for value in (p, q, c, b, d)))

        def mean(i: int, j: int) -> ndarray:
            total, power = np.zeros(shape), np.ones(shape)
            for order in range(self.degree + 1 - max(i, j)):
                total += power * u[i + order] * v[j + order] / factorial(order)
                power = power * c
            return total

        u += [np.zeros(np.shape(u[0]))] * (highest - 1 - len(u))
        return OffsetMeans.of(mean, u, highest)


def mean_of_derivative(coefficients: Sequence[float], order: int, variance: ndarray) -> ndarray:
    """Return `E[g^(order)(u)]` for a normal `u` of mean 0 and the given variance.

    Divided by `order!`, these are the coefficients of `g` in the Hermite polynomials of `u`.
    """
    return _value(_moments(tuple(coefficients), order), variance)


def _value(coefficients: Sequence[float], x: ndarray) -> ndarray:
    """Return `Σ_k coefficients[k] x^k` by Horner's rule."""
    # What numpy.polynomial's `polyval` does besides takes ten times as long for small arrays.
    *others, last = coefficients
    if not others:
        return np.full(np.shape(x), last)
    value = x * last + others[-1]
    for coefficient in reversed(others[:-1]):
        value = value * x + coefficient
    return value


@lru_cache(maxsize=4096)
def _derived(coefficients: tuple[float, ...], order: int) -> tuple[float, ...]:
    """Return the coefficients of the derivative of this order, of the function itself if 0."""
    return tuple(poly.polyder(coefficients, order).tolist())


@lru_cache(maxsize=4096)
def _moments(coefficients: tuple[float, ...], order: int) -> tuple[float, ...]:
    """Return `E[g^(order)(u)]` as a polynomial in the variance of u."""
    # E[u^2j] = (2j - 1)!! variance^j; odd moments vanish.
    return tuple(
        value * factorial(2 * j) / (2**j * factorial(j))
        for j, value in enumerate(_derived(coefficients, order)[::2])
    )


def mean_with_offset(
    coefficients: ndarray, order: int, variance: ndarray, offset: ndarray
) -> ndarray:
    """Return `E[g^(order)(u + offset)] = Σ_k variance^k / (2^k k!) g^(order + 2k)(offset)`."""
    total = np.zeros(np.broadcast_shapes(np.shape(variance), np.shape(offset)))
    for k in reversed(range((len(coefficients) - 1 - order) // 2 + 1)):
        derived = _derived(tuple(coefficients), order + 2 * k)
        total = total * variance / (2 * (k + 1)) + _value(derived, offset)
    return total


def polynomial(coefficients: Sequence[float]) -> Polynomial:
    """Return `g(x) = Σ_k coefficients[k] x^k`, with coefficients from degree 0 up.

    Raises:
        ActivationError: If a coefficient is not a finite number, if none above degree 0 differs
            from zero, or if the degree is above `MAX_DEGREE`.
    """
    values = _finite_numbers(coefficients)
    while values and values[-1] == 0:
        values = values[:-1]
    if not 2 <= len(values) <= MAX_DEGREE + 1:
        raise ActivationError(
            f"coefficients: expected degree 1 to {MAX_DEGREE} (from degree 0 up, at least one "
            f"non-zero above degree 0), got {list(coefficients)}"
        )
    return Polynomial("polynomial", (("coefficients", values),), coefficients=values)


def _finite_numbers(coefficients: Sequence[float]) -> tuple[float, ...]:
    try:
        values = tuple(float(value) for value in coefficients)
    except (TypeError, ValueError, OverflowError) as error:
        raise ActivationError(
            f"coefficients: expected a list of numbers from degree 0 up, got {coefficients!r}"
        ) from error
    if not np.all(np.isfinite(values)):
        raise ActivationError(f"coefficients: expected finite numbers, got {list(values)}")
    return values


def linear() -> Polynomial:
    """Return `g(x) = x` (sec. 3)."""
    return Polynomial("linear", coefficients=(0.0, 1.0))


def quadratic(epsilon: float = 1.0) -> Polynomial:
    """Return `g(x) = x + epsilon x²` (sec. 4.1).

    Raises:
        ActivationError: If epsilon is zero, which gives the linear network, or not finite.
    """
    try:
        value = float(epsilon)
    except (TypeError, ValueError):
        value = float("nan")
    if not np.isfinite(value) or value == 0:
        raise ActivationError(f"epsilon: expected a finite non-zero number, got {epsilon!r}")
    return Polynomial(
        "quadratic",
        (("epsilon", value),),
        default_parameters=(("epsilon", 1.0),),
        coefficients=(0.0, 1.0, value),
    )


def cubic() -> Polynomial:
    """Return `g(x) = x + x² + x³`, the cubic case of sec. 4.2."""
    return Polynomial("cubic", coefficients=(0.0, 1.0, 1.0, 1.0))


def power(degree: int) -> Polynomial:
    """Return `g(x) = x^degree`.

    Raises:
        ActivationError: If degree is not a whole number from 1 to `MAX_DEGREE`.
    """
    if isinstance(degree, bool) or not isinstance(degree, int) or not 1 <= degree <= MAX_DEGREE:
        raise ActivationError(
            f"degree: expected a whole number from 1 to {MAX_DEGREE}, got {degree!r}"
        )
    return Polynomial("power", (("degree", degree),), coefficients=(0.0,) * degree + (1.0,))
