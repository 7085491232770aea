"""`Law`: a distribution on [0, ∞) in the manner of `scipy.stats`, with an atom at zero."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy import ndarray


@runtime_checkable
class Continuous(Protocol):
    """What a law asks of its continuous part: SciPy's frozen distributions have it."""

    def pdf(self, x: Any) -> Any:
        """Return the density."""

    def cdf(self, x: Any) -> Any:
        """Return the probability of values up to x."""

    def sf(self, x: Any) -> Any:
        """Return the probability of values above x."""

    def ppf(self, q: Any) -> Any:
        """Return the quantiles."""

    def support(self) -> tuple[float, float]:
        """Return the ends of the support."""


@dataclass(frozen=True, eq=False)
class Law:
    """`atom δ_0 + (1 - atom) continuous`.

    Not a subclass of `scipy.stats.rv_continuous`, whose cdf is 0 at the left end of the support
    and so can not carry an atom there; the methods have SciPy's names and meanings.
    """

    name: str
    continuous: Continuous
    moments: tuple[float, float]
    """Mean and variance, of atom and continuous part together; exact."""
    atom: float = 0.0
    """Probability of exactly zero."""

    def __repr__(self) -> str:
        """Return the name of the law."""
        return f"Law({self.name!r})"

    def support(self) -> tuple[float, float]:
        """Return the smallest interval of probability 1."""
        low, high = self.continuous.support()
        return (0.0 if self.atom else float(low)), float(high)

    def mean(self) -> float:
        """Return the mean, the atom included."""
        return self.moments[0]

    def var(self) -> float:
        """Return the variance, the atom included."""
        return self.moments[1]

    def std(self) -> float:
        """Return the standard deviation, the atom included."""
        return float(np.sqrt(self.moments[1]))

    def pdf(self, x: Float[ndarray, "*n"] | float) -> Float[ndarray, "*n"]:
        """Return the density without the atom: its integral is `1 - atom`."""
        x = np.asarray(x, dtype=float)
        return np.asarray((1 - self.atom) * self.continuous.pdf(x.ravel()).reshape(x.shape))

    def cdf(self, x: Float[ndarray, "*n"] | float) -> Float[ndarray, "*n"]:
        """Return the probability of values up to x, continuous from the right."""
        x = np.asarray(x, dtype=float)
        rest = self.continuous.cdf(x.ravel()).reshape(x.shape)
        return np.asarray(self.atom * (x >= 0) + (1 - self.atom) * rest)

    def sf(self, x: Float[ndarray, "*n"] | float) -> Float[ndarray, "*n"]:
        """Return the probability of values above x, `1 - cdf(x)` without the cancellation."""
        x = np.asarray(x, dtype=float)
        rest = self.continuous.sf(x.ravel()).reshape(x.shape)
        return np.asarray(self.atom * (x < 0) + (1 - self.atom) * rest)

    def ppf(self, q: Float[ndarray, "*n"] | float) -> Float[ndarray, "*n"]:
        """Return the quantiles, nan for q outside [0, 1]."""
        q = np.asarray(q, dtype=float)
        rest = self.continuous.ppf((q.ravel() - self.atom) / (1 - self.atom)).reshape(q.shape)
        return np.where((q >= 0) & (q <= self.atom), 0.0, rest) if self.atom else rest

    def rvs(
        self, size: int | tuple[int, ...] | None = None, random_state: Any = None
    ) -> Float[ndarray, "*n"]:
        """Return independent samples, by inversion.

        Args:
            size: Their shape; None gives one number.
            random_state: What `numpy.random.default_rng` takes: a Generator, a seed, or None.
        """
        return self.ppf(np.random.default_rng(random_state).random(size))


def ks_distance(sample: Float[ndarray, "*n"], law: Law) -> float:
    """Return the Kolmogorov-Smirnov distance `sup |F_n - F|` of a sample to a law.

    The sample may have ties, such as eigenvalues that are exactly 0, and the law an atom there.
    No p-value: the eigenvalues of one matrix are not independent (docs/laws.md).
    """
    x, counts = np.unique(np.ravel(sample), return_counts=True)
    upper = np.cumsum(counts) / counts.sum()
    lower = np.r_[0, upper[:-1]]
    after = law.cdf(x)
    before = after - law.atom * (x == 0)
    return float(max(np.abs(upper - after).max(), np.abs(lower - before).max()))


def law_distance(one: Law, other: Law, points: int = 4096) -> float:
    """Return `sup |F - G|` of two laws, on a grid of quantiles of both."""
    q = (np.arange(points) + 0.5) / points
    x = np.concatenate([one.ppf(q), other.ppf(q), [0.0]])
    return float(np.abs(one.cdf(x) - other.cdf(x)).max())
