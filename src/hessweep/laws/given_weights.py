"""The law of the bulk given the output weights of one teacher (docs/laws.md).

With N_h values of χ the law of Γ(z) has up to N_h bands. Sums over pairs are bracketed instead:
`P(μ > w)` is known in closed form, and is monotone.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.laws.gamma import Gamma
from hessweep.laws.pair_sums import gamma_tail

POINTS = 600
"""Values of w at which `P(μ > w)` is tabulated, before refinement."""
STEP = 4e-3
"""Rise of `P(μ > w)` between neighbouring values at which refinement ends."""
ROUNDS = 8
ABOVE = 1e-7
"""Height above the real axis, relative to w and 1/a1."""
GRID = 400
"""Values of z in the table from which quantiles are read."""


@dataclass(frozen=True, eq=False)
class GivenBulk:
    """The law of `N_h λ` given W2."""

    law: Gamma
    a1: float
    mean: float
    single: bool
    error: float = 1e-4

    def support(self) -> tuple[float, float]:
        """Return 0 and a bound on the upper end."""
        chi = self.law.chi
        top = 2 * self.a1 * (1 + np.sqrt(self.law.ratio)) ** 2 + self.law.a2
        return 0.0, float(top * chi.largest)

    def sf(self, x: ndarray) -> ndarray:
        """Return the probability of values above x, among values that are not 0."""
        flat = np.array([self._above(float(z)) for z in np.ravel(x)])
        return np.reshape(flat, np.shape(x))

    def cdf(self, x: ndarray) -> ndarray:
        """Return the probability of values up to x."""
        return 1 - self.sf(x)

    def pdf(self, x: ndarray) -> ndarray:
        """Return the density, a difference of `sf` over 2 % of x."""
        x = np.asarray(x, dtype=float)
        step = 0.01 * np.maximum(np.abs(x), 1e-300)
        return np.where(x > 0, (self.sf(x - step) - self.sf(x + step)) / (2 * step), 0.0)

    def ppf(self, q: ndarray) -> ndarray:
        """Return the quantiles, by interpolation in a table."""
        q = np.asarray(q, dtype=float)
        z, p = self._table
        return np.where((q >= 0) & (q <= 1), np.interp(q, p, z), np.nan)

    @cached_property
    def _table(self) -> tuple[ndarray, ndarray]:
        z = self.mean * np.geomspace(1e-8, self.support()[1] / self.mean, GRID)
        return np.r_[0.0, z], np.r_[0.0, np.maximum.accumulate(self.cdf(z))]

    def _tail(self, w: ndarray, z: float) -> ndarray:
        at = np.full(w.shape, z)
        above = w + 1j * ABOVE * (np.abs(w) + 1 / self.a1)
        with np.errstate(all="ignore"):
            G = self.law.transform(above, at)[0]
            return gamma_tail(self.law, above, at, G)

    def _above(self, z: float) -> float:
        law, t = self.law, 1 / self.a1
        if z <= 0:
            return 1.0
        nonzero = law.chi.nonzero
        above = float(law.chi.sf(np.array(z / law.a2))) if law.a2 else 0.0
        rank = min(1.0, law.ratio * nonzero)
        if self.single:
            mass = nonzero if law.a2 else rank / law.ratio
            return (above + float(self._tail(np.array([t]), z)[0]) / law.ratio) / mass
        mass = nonzero if law.a2 else (1 - (1 - rank) ** 2) / (2 * law.ratio)
        w = self._places(z)
        upper, lower = self._tail(w, z), self._tail(t - w, z)
        # w ascends from t/2: P(μ + μ' > t) = 2 ∫ P(μ > t - w) dP(w) + P(μ > t/2)² with the sign
        # of the trapezoidal rule; beyond the last w, P(μ > t - w) is 1.
        falls = upper[:-1] - upper[1:]
        inside = falls @ (lower[:-1] + lower[1:]) / 2 + upper[-1] * lower[-1]
        pairs = 2 * inside - upper[0] ** 2
        return float((above + pairs / (2 * law.ratio)) / mass)

    def _places(self, z: float) -> Float[ndarray, " n"]:
        """Places from 1/(2 a1) upwards between which neither tail changes by much."""
        t = 1 / self.a1
        w = t / 2 + t * np.r_[0.0, np.geomspace(1e-6, 1e9, POINTS)]
        # The atom of μ at zero is at w = t.
        w = np.sort(np.r_[w, t * (1 - 1e-9), t * (1 + 1e-9)])
        for _ in range(ROUNDS):
            values = np.stack([self._tail(w, z), self._tail(t - w, z)])
            rise = np.abs(np.diff(values, axis=1)).max(axis=0)
            coarse = (rise > STEP) & (np.diff(w) > 1e-6 * t)
            if not coarse.any():
                break
            w = np.sort(np.r_[w, (w[:-1][coarse] + w[1:][coarse]) / 2])
        return w


def given_bulk(law: Gamma, a1: float, mean: float, single: bool) -> GivenBulk:
    """Return the law of the bulk given W2, without its atom at zero."""
    return GivenBulk(law, a1, mean, single)
