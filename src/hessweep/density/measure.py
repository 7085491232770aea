"""Spectral measures: exact eigenvalues beside Gauss quadratures of what was sampled."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray


class Estimate(NamedTuple):
    """A quantity at each of some arguments, with its standard error over the probes."""

    value: Float[ndarray, " n"]
    error: Float[ndarray, " n"]


class FlatDensity(NamedTuple):
    """A spectral density as one list of weighted eigenvalues, as it is stored."""

    nodes: Float[ndarray, " n"]
    weights: Float[ndarray, " n"]
    """Fractions of all eigenvalues; they sum to 1."""
    probes: Int[ndarray, " n"]
    """Which probe a node belongs to; `KNOWN` for eigenvalues known one by one."""


KNOWN = -1
"""Stands for no probe."""


@dataclass(frozen=True, eq=False)
class SpectralDensity:
    """The eigenvalue distribution of a Hessian, total mass 1 over its P eigenvalues.

    Some eigenvalues are known one by one; the others are sampled: each probe gives the Gauss
    quadrature of a measure whose mean over probes is theirs.
    """

    P: int
    exact: Float[ndarray, " k"]
    """Eigenvalues known one by one, ascending: outliers, and what structure yields."""
    multiplicities: Int[ndarray, " k"]
    """How often each of them occurs."""
    nodes: Float[ndarray, "probes steps"]
    """Ascending in each row, at least `floor`."""
    weights: Float[ndarray, "probes steps"]
    """Non-negative; each row sums to 1."""
    floor: float
    """Eigenvalues below this are rounding error to the arithmetic used."""

    @property
    def sampled_mass(self) -> float:
        """Fraction of the eigenvalues that are not known one by one."""
        return 1 - self.multiplicities.sum() / self.P

    def flat(self) -> FlatDensity:
        """Return nodes and weights in one list, from which `from_flat` makes the same density."""
        probes, steps = self.nodes.shape
        sampled = self.weights * (self.sampled_mass / max(probes, 1))
        return FlatDensity(
            np.concatenate([self.exact, self.nodes.ravel()]),
            np.concatenate([self.multiplicities / self.P, sampled.ravel()]),
            np.repeat(np.arange(-1, probes), [len(self.exact), *[steps] * probes]),
        )

    @classmethod
    def of_spectrum(cls, eigenvalues: Float[ndarray, " P"]) -> "SpectralDensity":
        """Return the density of eigenvalues that are all known one by one, ascending."""
        each = np.ones(len(eigenvalues), dtype=np.int64)
        return cls.of_known(eigenvalues, each)

    @classmethod
    def of_known(
        cls, exact: Float[ndarray, " k"], multiplicities: Int[ndarray, " k"], floor: float = 0.0
    ) -> "SpectralDensity":
        """Return the density of eigenvalues of which none is left to be sampled."""
        empty = np.empty((0, 1))
        return cls(int(multiplicities.sum()), exact, multiplicities, empty, empty, floor)

    @classmethod
    def from_flat(cls, P: int, flat: FlatDensity, floor: float) -> "SpectralDensity":
        """Return the density of P eigenvalues that `flat` was made from, up to rounding."""
        known = flat.probes == KNOWN
        probes = int(flat.probes.max(initial=KNOWN)) + 1
        shape = (probes, -1) if probes else (0, 1)
        sampled = flat.weights[~known].reshape(shape)
        return cls(
            P,
            flat.nodes[known],
            np.rint(flat.weights[known] * P).astype(np.int64),
            flat.nodes[~known].reshape(shape),
            sampled / np.maximum(sampled.sum(axis=1, keepdims=True), np.finfo(float).tiny),
            floor,
        )

    def cdf(self, x: Float[ndarray, " n"]) -> Estimate:
        """Return the fraction of eigenvalues at most x.

        At a node of a Gauss quadrature the distribution function lies between the sums of the
        weights before and up to it (Chebyshev, Markov, Stieltjes). Each probe takes the middle
        at its nodes, and between them goes linearly in log λ.
        """
        x = np.atleast_1d(np.asarray(x, dtype=float))
        known = (self.exact <= x[:, None]) @ self.multiplicities / self.P
        return self._estimate(self._middles(x), known)

    def bracket(self, x: Float[ndarray, " n"]) -> tuple[ndarray, ndarray]:
        """Return what the quadratures leave open at x: lower and upper ends of the cdf.

        For each probe the ends are the masses of the nodes left of its cell, and of all up to
        its cell's right end; sampling error is not in them, `cdf` gives it.
        """
        x = np.atleast_1d(np.asarray(x, dtype=float))
        known = (self.exact <= x[:, None]) @ self.multiplicities / self.P
        sums = np.pad(self.weights.cumsum(axis=1), ((0, 0), (1, 0)))
        cells = [np.searchsorted(row, x, side="right") for row in self.nodes]
        last = self.weights.shape[1]
        if not len(cells):
            return known, known
        lower = [total[np.maximum(cell - 1, 0)] for total, cell in zip(sums, cells, strict=True)]
        upper = [
            total[np.minimum(cell + 1, last)] for total, cell in zip(sums, cells, strict=True)
        ]
        mass = self.sampled_mass
        return known + mass * np.mean(lower, axis=0), known + mass * np.mean(upper, axis=0)

    def log_density(self, edges: Float[ndarray, " n+1"]) -> Estimate:
        """Return the density with respect to `log10 λ`, averaged over each bin.

        Args:
            edges: Ascending bin edges, positive.
        """
        widths = np.diff(np.log10(edges))
        sampled = np.diff(self._middles(np.asarray(edges, dtype=float)), axis=1)
        known = np.histogram(self.exact, edges, weights=self.multiplicities)[0] / self.P
        value, error = self._estimate(sampled, known)
        return Estimate(value / widths, error / widths)

    def moment(self, order: int) -> Estimate:
        """Return the mean of `λ^order` over all eigenvalues, as arrays of one entry."""
        sampled = (self.weights * self.nodes**order).sum(axis=1, keepdims=True)
        return self._estimate(sampled, self.exact**order @ self.multiplicities / self.P)

    def _middles(self, x: Float[ndarray, " n"]) -> Float[ndarray, "probes n"]:
        """Return each probe's distribution function, from 0 at the floor to 1 after its nodes."""
        sums = self.weights.cumsum(axis=1) - self.weights / 2
        where = np.log(np.maximum(x, np.finfo(float).tiny))
        start = np.log(self.floor) if self.floor else 0.0
        sampled = np.empty((len(self.nodes), len(x)))
        for row, node, mass in zip(sampled, np.log(self.nodes), sums, strict=True):
            row[:] = np.interp(where, [start, *node], [0, *mass], right=1)
        return sampled

    def _estimate(self, sampled: Float[ndarray, "probes n"], known: ndarray | float) -> Estimate:
        probes = len(sampled)
        mass = self.sampled_mass if probes else 0.0
        mean = sampled.mean(axis=0) if probes else np.zeros(sampled.shape[1:])
        spread = sampled.std(axis=0, ddof=1) if probes > 1 else np.full(mean.shape, np.inf)
        spread = spread if mass > 0 else np.zeros(mean.shape)
        return Estimate(known + mass * mean, mass * spread / np.sqrt(max(probes, 1)))


def calibrated(
    nodes: Float[ndarray, " steps"],
    weights: Float[ndarray, " steps"],
    moments: tuple[float, float],
) -> Float[ndarray, " steps"]:
    """Return the weights tilted by `a + b λ + c λ²` so that the first moments are exact.

    For a random direction the covariance of two quadratic forms `v^T f(H) v`, `v^T g(H) v` is
    that of f and g under the measure itself; so this tilt is the control variate of least
    variance that knows trace and Frobenius norm. Where it would make a weight negative, it
    does without the second moment, then without the first.

    Args:
        nodes: Nodes of one probe's quadrature.
        weights: Their weights, which sum to 1.
        moments: The true means of λ and λ².
    """
    scale = nodes.max()
    powers = (nodes / scale) ** np.arange(3)[:, None]
    target = np.array([1.0, moments[0] / scale, moments[1] / scale**2])
    for order in (3, 2):
        f = powers[:order]
        tilt = np.linalg.lstsq((f * weights) @ f.T, target[:order] - f @ weights)[0]
        tilted = weights * (1 + tilt @ f)
        if (tilted >= 0).all() and np.allclose(f @ tilted, target[:order], rtol=1e-9, atol=0):
            return tilted
    return weights


def without_zeros(weights: Float[ndarray, " steps"], zeros: float) -> Float[ndarray, " steps"]:
    """Return the weights of the non-zero eigenvalues, which sum to 1.

    Args:
        weights: Weights of one probe's quadrature, nodes ascending; they sum to 1.
        zeros: The fraction of the eigenvalues that are 0 by structure, below 1: it is taken
            from the smallest nodes.
    """
    return np.diff(np.maximum(weights.cumsum(), zeros), prepend=zeros) / (1 - zeros)
