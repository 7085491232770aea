"""Sine and cosine."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

from hessweep.activations.ball_functions import BallFunctions
from hessweep.activations.facts import Facts
from hessweep.activations.kernel import DualKernel, Matrix
from hessweep.activations.offset_closed_form import OffsetClosedForm
from hessweep.activations.offsets import HIGHEST, OffsetMeans
from hessweep.activations.theory import Theory

if TYPE_CHECKING:
    from flint import arb_series


@dataclass(frozen=True)
class Sin(OffsetClosedForm):
    """`g(x) = sin x`."""

    name: str = "sin"

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return np.sin(x)

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise."""
        return np.cos(x)

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise."""
        return -np.sin(x)

    def dual(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return the dual kernel, `K = e^{-(p+q)/2} sinh c` (docs/activations.md)."""
        odd, even = _damped(p, q, c)
        return _from_pair(odd, even)

    def _facts(self) -> Facts:
        """Return what is proved about the sine."""
        theory = Theory(at_zero=0, slope_at_zero=1, reflection=(-1, 0, 0))
        return Facts(closed_form=True, theory=theory, in_balls=_sin_in_balls)

    def offset_means(
        self, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray, highest: int = HIGHEST
    ) -> OffsetMeans:
        """Return the means of g and its derivatives at `u + b` and `v + d` (docs/biases.md)."""
        return _with_offsets(p, q, c, b, d, highest, turns=0)


@dataclass(frozen=True)
class Cos(OffsetClosedForm):
    """`g(x) = cos x`."""

    name: str = "cos"

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return np.cos(x)

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise."""
        return -np.sin(x)

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise."""
        return -np.cos(x)

    def dual(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return the dual kernel, `K = e^{-(p+q)/2} cosh c` (docs/activations.md)."""
        odd, even = _damped(p, q, c)
        return _from_pair(even, odd)

    def _facts(self) -> Facts:
        """Return what is proved about the cosine."""
        theory = Theory(at_zero=1, slope_at_zero=0, reflection=(1, 0, 0))
        return Facts(closed_form=True, theory=theory, in_balls=_cos_in_balls)

    def offset_means(
        self, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray, highest: int = HIGHEST
    ) -> OffsetMeans:
        """Return the means of g and its derivatives at `u + b` and `v + d` (docs/biases.md)."""
        return _with_offsets(p, q, c, b, d, highest, turns=1)


def _damped(p: Matrix, q: Matrix, c: Matrix) -> tuple[Matrix, Matrix]:
    """Return `e^{-(p+q)/2} sinh c` and `e^{-(p+q)/2} cosh c`.

    The exponents are added first, `|c| - (p+q)/2 <= 0`, because sinh c alone would overflow for
    large c. expm1 keeps the digits of the sine's kernel for small c.
    """
    size = np.abs(c)
    envelope = np.exp(size - (p + q) / 2) / 2
    return -np.sign(c) * envelope * np.expm1(-2 * size), envelope * (1 + np.exp(-2 * size))


def _from_pair(K: Matrix, K_c: Matrix) -> DualKernel:
    """Return the kernel of a function with `g'' = -g`: `K_p = K_q = -K/2` and `K_cc = K`."""
    return DualKernel(
        K=K, K_c=K_c, K_p=-K / 2, K_q=-K / 2, K_cc=K, K_pc=-K_c / 2, K_qc=-K_c / 2, K_pp=K / 4
    )


def _sin_in_balls() -> BallFunctions:
    return BallFunctions(
        g=lambda u: u.sin(),
        derivative=lambda u: u.cos(),
        kernel=lambda p, q, c: ((c - (p + q) / 2).exp() - (-c - (p + q) / 2).exp()) / 2,
        offset_kernel=partial(_offset_kernel_in_balls, -1),
        offset_mean=lambda p, b: (-p / 2).exp() * b.sin(),
    )


def _cos_in_balls() -> BallFunctions:
    return BallFunctions(
        g=lambda u: u.cos(),
        derivative=lambda u: -u.sin(),
        kernel=lambda p, q, c: ((c - (p + q) / 2).exp() + (-c - (p + q) / 2).exp()) / 2,
        offset_kernel=partial(_offset_kernel_in_balls, 1),
        offset_mean=lambda p, b: (-p / 2).exp() * b.cos(),
    )


def _offset_kernel_in_balls(
    sign: int,
    p: "arb_series",
    q: "arb_series",
    c: "arb_series",
    b: "arb_series",
    d: "arb_series",
) -> "arb_series":
    """Return the mean of two cosines, or for sign -1 of two sines, from those of `u ± v`."""
    difference = (c - (p + q) / 2).exp() * (b - d).cos()
    return (difference + sign * (-c - (p + q) / 2).exp() * (b + d).cos()) / 2


def _with_offsets(
    p: Matrix, q: Matrix, c: Matrix, b: Matrix, d: Matrix, highest: int, turns: int
) -> OffsetMeans:
    """Return the kernel with offsets of `sin(x + turns π/2)`.

    `sin(u + b) = sin u cos b + cos u sin b`, and the mean of `sin u cos v` is 0.
    """
    odd, even = _damped(p, q, c)
    of_u, of_v, damping = _turned(b), _turned(d), np.exp(-p / 2)

    def mean(i: int, j: int) -> Matrix:
        sine_u, cosine_u = of_u(i + turns)
        sine_v, cosine_v = of_v(j + turns)
        return odd * cosine_u * cosine_v + even * sine_u * sine_v

    M = [damping * of_u(order + turns)[0] for order in range(highest - 1)]
    return OffsetMeans.of(mean, M, highest)


def _turned(b: Matrix) -> Callable[[int], tuple[Matrix, Matrix]]:
    """Return a function of n that gives `sin(b + nπ/2)` and `cos(b + nπ/2)`."""
    sine, cosine = np.sin(b), np.cos(b)
    quarters = ((sine, cosine), (cosine, -sine), (-sine, -cosine), (-cosine, sine))
    return lambda n: quarters[n % 4]
