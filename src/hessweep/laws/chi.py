"""The law of `χ = N_h W2_m²` for each distribution of the output weights (docs/laws.md)."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy import ndarray


@dataclass(frozen=True, eq=False)
class OutputWeights(ABC):
    """A law of χ, by its means over functions that are analytic off the positive axis."""

    @property
    @abstractmethod
    def largest(self) -> float:
        """The upper end of the support of χ."""

    @property
    def nonzero(self) -> float:
        """The probability that χ is not 0."""
        return 1.0

    @abstractmethod
    def moment(self, k: int) -> float:
        """Return `E χ^k`."""

    @abstractmethod
    def sf(self, x: ndarray) -> ndarray:
        """Return `P(χ > x)`."""

    @abstractmethod
    def pdf(self, x: ndarray) -> ndarray:
        """Return the density of χ, without atoms."""

    @abstractmethod
    def ppf(self, p: ndarray) -> ndarray:
        """Return quantiles of χ."""

    @abstractmethod
    def log_mean(self, y: ndarray) -> ndarray:
        """Return `E log(y² - χ)` for Im y > 0; its imaginary part is in (0, π)."""

    @abstractmethod
    def n(self, q: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """Return `E[χ/(q - χ)]`, one more than it, and its derivative; q off the positive axis.

        The second keeps its relative accuracy where q is small, the first where q is large.
        """


@dataclass(frozen=True, eq=False)
class Given(OutputWeights):
    """The values of χ of one teacher, or the single value 1 of Rademacher weights."""

    values: ndarray

    @property
    def largest(self) -> float:
        """The largest χ."""
        return float(self.values.max())

    @property
    def nonzero(self) -> float:
        """The share of weights that are not 0."""
        return float((self.values > 0).mean())

    def moment(self, k: int) -> float:
        """Return the mean of `χ^k`."""
        return float((self.values**k).mean())

    def sf(self, x: ndarray) -> ndarray:
        """Return the share of values above x."""
        return 1 - np.searchsorted(np.sort(self.values), x, side="right") / len(self.values)

    def pdf(self, x: ndarray) -> ndarray:
        """Return 0: there are atoms only."""
        return np.zeros(np.shape(x))

    def ppf(self, p: ndarray) -> ndarray:
        """Return quantiles."""
        return np.quantile(self.values, p, method="inverted_cdf")

    def log_mean(self, y: ndarray) -> ndarray:
        """Return the mean of `log(y² - χ)`."""
        return np.mean([np.log(y * y - chi) for chi in self.values], axis=0)

    def n(self, q: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """Return the three as sums that do not cancel."""
        q = np.asarray(q, dtype=complex)
        sums = np.zeros((3, *q.shape), complex)
        for chi in self.values:
            inverse = 1 / (q - chi)
            sums[0] += chi * inverse
            sums[1] += q * inverse
            sums[2] -= chi * inverse**2
        value, above, derivative = sums / len(self.values)
        return value, above, derivative
