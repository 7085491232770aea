"""The laws of χ by the names of the distributions of the output weights (docs/laws.md).

With `q` in the upper half-plane and `y = √q`, every mean over a continuous χ follows from the
Cauchy transform of `x = √N_h W2_m`,

    C(y) = E[1/(y - x) + 1/(y + x)] / 2,      n(q) = E[χ/(q - χ)] = y C(y) - 1.
"""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from math import factorial
from typing import Any, ClassVar

import numpy as np
import scipy  # scipy.stats takes a second to import and is seldom used
from numpy import ndarray

from hessweep.errors import InputError, ShapeError
from hessweep.laws.chi import Given, OutputWeights

TERMS = 12
"""Moments that give n(q) far away."""
_path_nodes, _path_weights = np.polynomial.legendre.leggauss(24)
PATH = 6.0
"""Length of the path on which the logarithmic mean of the normal law is integrated."""


@dataclass(frozen=True, eq=False)
class Continuous(OutputWeights):
    """χ is the square of a variable that SciPy knows."""

    name: str
    """Its distribution in `scipy.stats`."""
    parameters: tuple[float, ...] = ()
    """Shape parameters, location and scale, as far as they are not the default ones."""
    far: ClassVar = 1e4
    """Above this |q| the moments of χ give n(q); below it `y C - 1` keeps eleven digits, and its
    derivative ten."""

    @cached_property
    def x(self) -> Any:
        """The variable, as a frozen distribution of SciPy."""
        return getattr(scipy.stats, self.name)(*self.parameters)

    @property
    def largest(self) -> float:
        """The upper end of the support of χ."""
        return float(self.x.support()[1] ** 2)

    def sf(self, x: ndarray) -> ndarray:
        """Return `P(χ > x)`."""
        root = np.sqrt(np.maximum(x, 0))
        return np.where(np.asarray(x) < 0, 1.0, self.x.sf(root) + self.x.cdf(-root))

    def pdf(self, x: ndarray) -> ndarray:
        """Return the density of χ."""
        root = np.sqrt(np.maximum(x, 0))
        with np.errstate(divide="ignore"):
            return np.where(
                np.asarray(x) < 0, 0.0, (self.x.pdf(root) + self.x.pdf(-root)) / (2 * root)
            )

    def ppf(self, p: ndarray) -> ndarray:
        """Return quantiles of χ, for symmetric x."""
        return self.x.isf((1 - np.asarray(p, dtype=float)) / 2) ** 2

    @abstractmethod
    def cauchy(self, y: ndarray) -> tuple[ndarray, ndarray]:
        """Return `C(y)` and its derivative for Im y > 0."""

    def n(self, q: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """Return `E[χ/(q - χ)]`, `y C(y)`, and the derivative of both."""
        q = np.asarray(q, dtype=complex)
        y = np.sqrt(q)
        y = np.where(y.imag < 0, -y, y)
        C, slope = self.cauchy(y)
        above, derivative = y * C, (C / y + slope) / 2
        value = above - 1
        far = np.abs(q) > self.far
        if far.any():
            value[far], derivative[far] = self._far(q[far])
        return value, above, derivative

    def _far(self, q: ndarray) -> tuple[ndarray, ndarray]:
        value, derivative = np.zeros(q.shape, complex), np.zeros(q.shape, complex)
        for k in range(1, TERMS):
            term = self.moment(k) / q**k
            value += term
            derivative -= k * term / q
        return value, derivative


class Normal(Continuous):
    """Normal weights: χ has one degree of freedom."""

    far = 300.0

    def moment(self, k: int) -> float:
        """Return `(2k - 1)!!`."""
        return factorial(2 * k) / (2**k * factorial(k))

    def cauchy(self, y: ndarray) -> tuple[ndarray, ndarray]:
        """Return `C(y) = -i √(π/2) wofz(y/√2)` and its derivative."""
        C = -1j * np.sqrt(np.pi / 2) * scipy.special.wofz(y / np.sqrt(2))
        return C, 1 - y * C

    def log_mean(self, y: ndarray) -> ndarray:
        """Return `2 E log(y - x)`: upwards from y to where the moments give it."""
        y = np.asarray(y, dtype=complex)
        # The remainder of the moments is negligible 11 above the real axis.
        length = np.maximum(PATH + 5 - y.imag, 0.0)
        top = y + 1j * length
        value = 2 * np.log(top)
        for k in range(1, 30):
            value -= self.moment(k) / (k * top ** (2 * k))
        for u, weight in zip(_path_nodes, _path_weights, strict=True):
            at = y + 1j * length * (1 + u) / 2
            value -= 2 * self.cauchy(at)[0] * (1j * length / 2 * weight)
        return value


class Uniform(Continuous):
    """Uniform weights: x on (-√3, √3)."""

    far = 300.0

    def moment(self, k: int) -> float:
        """Return `3^k / (2k + 1)`."""
        return 3**k / (2 * k + 1)

    def cauchy(self, y: ndarray) -> tuple[ndarray, ndarray]:
        """Return `C(y)`, a logarithm, and its derivative."""
        root = np.sqrt(3)
        C = (np.log(y + root) - np.log(y - root)) / (2 * root)
        return C, (1 / (y + root) - 1 / (y - root)) / (2 * root)

    def log_mean(self, y: ndarray) -> ndarray:
        """Return `2 E log(y - x)`."""
        root = np.sqrt(3)
        return ((y + root) * np.log(y + root) - (y - root) * np.log(y - root)) / root - 2


class StudentT(Continuous):
    """Student's t of five degrees of freedom: x = √3 v, v of density `8/(3π (1 + v²)³)`."""

    def moment(self, k: int) -> float:
        """Return the first two moments; there are no others."""
        return {0: 1.0, 1: 1.0, 2: 9.0}.get(k, np.inf)

    def cauchy(self, y: ndarray) -> tuple[ndarray, ndarray]:
        """Return `C(y)`, a sum of residues, and its derivative."""
        d = y / np.sqrt(3) + 1j
        C = (1 / d + 1j / d**2 - 2 / (3 * d**3)) / np.sqrt(3)
        return C, (-1 / d**2 - 2j / d**3 + 2 / d**4) / 3

    def log_mean(self, y: ndarray) -> ndarray:
        """Return `2 E log(y - x)`."""
        d = y / np.sqrt(3) + 1j
        return np.log(3) + 2 * (np.log(d) - 1j / d + 1 / (3 * d**2))

    def _far(self, q: ndarray) -> tuple[ndarray, ndarray]:
        """`y C - 1` with its leading terms cancelled by hand."""
        y = np.sqrt(q)
        y = np.where(y.imag < 0, -y, y) / np.sqrt(3)
        d = y + 1j
        # y (1/d + i/d² - 2/(3d³)) - 1 = (y + 3i) / (3 d³)
        value = (y + 3j) / (3 * d**3)
        return value, (1 / (3 * d**3) - (y + 3j) / d**4) / (6 * y)


class Laplace(Continuous):
    """Laplace weights: √2 x has density `e^-|u|/2`."""

    def moment(self, k: int) -> float:
        """Return `(2k)! / 2^k`."""
        return factorial(2 * k) / 2**k

    def cauchy(self, y: ndarray) -> tuple[ndarray, ndarray]:
        """Return `C(y)`, of exponential integrals, and its derivative."""
        u = np.sqrt(2) * y
        up, up_slope = scaled_exp1(u)
        down, down_slope = scaled_exp1(-u)
        return (up - down) / np.sqrt(2), up_slope + down_slope

    def log_mean(self, y: ndarray) -> ndarray:
        """Return `E log(y² - χ)`, by parts from C."""
        u = np.sqrt(2) * y
        return 2 * np.log(y) + scaled_exp1(u)[0] + scaled_exp1(-u)[0]


class Exponential(Continuous):
    """Exponential weights moved to mean 0: x = e - 1, not symmetric."""

    def ppf(self, p: ndarray) -> ndarray:
        """Return quantiles of χ; below 1 both signs of x count."""
        p = np.asarray(p, dtype=float)
        split = -np.expm1(-2.0)
        small = np.arcsinh(np.e * np.minimum(p, split) / 2)
        return np.where(p < split, small, -1 - np.log1p(-np.maximum(p, split))) ** 2

    def moment(self, k: int) -> float:
        """Return `(2k)! Σ_j (-1)^j/j!`, the number of derangements of 2k."""
        return sum((-1) ** j * factorial(2 * k) // factorial(j) for j in range(2 * k + 1))

    def cauchy(self, y: ndarray) -> tuple[ndarray, ndarray]:
        """Return `C(y)`, of exponential integrals, and its derivative."""
        up, up_slope = scaled_exp1(y - 1)
        down, down_slope = scaled_exp1(-y - 1)
        return (up - down) / 2, (up_slope + down_slope) / 2

    def log_mean(self, y: ndarray) -> ndarray:
        """Return `E log(y² - χ)`, by parts from C."""
        up, down = scaled_exp1(y - 1)[0], scaled_exp1(-y - 1)[0]
        return np.log(y - 1) + np.log(y + 1) + up + down


def scaled_exp1(a: ndarray) -> tuple[ndarray, ndarray]:
    """Return `e^a E1(a)`, the mean of `1/(a + e)` over a standard exponential e, and its slope."""
    a = np.asarray(a, dtype=complex)
    near = np.abs(a) < 35
    value = np.exp(np.where(near, a, 0)) * scipy.special.exp1(np.where(near, a, 1))
    if not near.all():
        inverse = 1 / np.where(near, 1e3, a)
        series = np.zeros(a.shape, complex)
        for k in range(26, -1, -1):
            series = inverse * (1 - (k + 1) * series) if k < 26 else inverse
        value = np.where(near, value, series)
    return value, value - 1 / a


LAWS: dict[str, OutputWeights] = {
    "normal": Normal("norm"),
    "uniform": Uniform("uniform", (-np.sqrt(3), 2 * np.sqrt(3))),
    "rademacher": Given(np.ones(1)),
    "laplace": Laplace("laplace", (0, np.sqrt(0.5))),
    "student-t": StudentT("t", (5, 0, np.sqrt(3 / 5))),
    "exponential": Exponential("expon", (-1,)),
}
"""The laws of χ by the names of `hessweep.networks.WEIGHTS`."""


def output_weights(weights: str, W2: ndarray | None) -> OutputWeights:
    """Return the law of χ: by the name of a distribution, or of given weights.

    Raises:
        InputError: If the name is unknown, or given weights are not finite or all zero.
        ShapeError: If W2 is not a non-empty vector.
    """
    if W2 is None:
        if weights not in LAWS:
            raise InputError(
                f"weights: unknown distribution {weights!r}; known are {', '.join(LAWS)}"
            )
        return LAWS[weights]
    W2 = np.asarray(W2, dtype=float)
    if W2.ndim != 1 or not len(W2):
        raise ShapeError(f"W2: expected a vector of N_h weights, got shape {W2.shape}")
    if not np.isfinite(W2).all() or not W2.any():
        raise InputError("W2: expected finite weights that are not all zero")
    return Given(len(W2) * W2**2)
