"""Laws that are multiples of the law of χ, or that others give by a shift."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from hessweep.laws.chi import Given, OutputWeights
from hessweep.laws.law import Law


@dataclass(frozen=True, eq=False)
class Scaled:
    """The law of `a2 χ`: the bulk of odd activations."""

    chi: OutputWeights
    a2: float
    error: float = 1e-14

    def support(self) -> tuple[float, float]:
        """Return the interval outside of which there is no probability."""
        low = self.chi.values.min() if isinstance(self.chi, Given) else 0.0
        return float(self.a2 * low), float(self.a2 * self.chi.largest)

    def pdf(self, x: ndarray) -> ndarray:
        """Return the density; 0 for given weights, which have atoms only."""
        return self.chi.pdf(np.asarray(x) / self.a2) / self.a2

    def cdf(self, x: ndarray) -> ndarray:
        """Return the probability of values up to x."""
        return 1 - self.sf(x)

    def sf(self, x: ndarray) -> ndarray:
        """Return the probability of values above x."""
        return self.chi.sf(np.asarray(x) / self.a2)

    def ppf(self, q: ndarray) -> ndarray:
        """Return the quantiles."""
        q = np.asarray(q, dtype=float)
        inside = (q >= 0) & (q <= 1)
        return np.where(inside, self.a2 * self.chi.ppf(np.where(inside, q, 0.5)), np.nan)


@dataclass(frozen=True, eq=False)
class Shifted:
    """The law of `at + X`, X of a law with an atom at zero: for weights of one absolute value."""

    law: Law
    at: float

    @property
    def error(self) -> float:
        """Bound on the error of `cdf`."""
        return float(getattr(self.law.continuous, "error", 0.0))

    def support(self) -> tuple[float, float]:
        """Return the interval outside of which there is no probability."""
        low, high = self.law.support()
        return self.at + low, self.at + high

    def pdf(self, x: ndarray) -> ndarray:
        """Return the density, without the atom at `at`."""
        return self.law.pdf(np.asarray(x) - self.at)

    def cdf(self, x: ndarray) -> ndarray:
        """Return the probability of values up to x."""
        return self.law.cdf(np.asarray(x) - self.at)

    def sf(self, x: ndarray) -> ndarray:
        """Return the probability of values above x."""
        return self.law.sf(np.asarray(x) - self.at)

    def ppf(self, q: ndarray) -> ndarray:
        """Return the quantiles."""
        return self.at + self.law.ppf(q)
