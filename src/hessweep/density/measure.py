"""Spectral measures: individual eigenvalues, and Gauss quadratures of those that are sampled."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hessweep.density.resolution import middles, resolution


class Estimate(NamedTuple):
    """A quantity at several arguments, with the errors that are stated of them."""

    value: Float[ndarray, " n"]
    error: Float[ndarray, " n"]
    """The standard error over the probes. For a distribution function or a density the resolution
    of the quadratures is added in squares."""


class FlatDensity(NamedTuple):
    """A spectral density as a list of weighted eigenvalues, which is how it is stored."""

    nodes: Float[ndarray, " n"]
    weights: Float[ndarray, " n"]
    """Fractions of all eigenvalues, which sum to 1."""
    probes: Int[ndarray, " n"]
    """The probe that each node belongs to; `KNOWN` for eigenvalues that are known individually."""


RESOLVED = 3e-4
"""Lanczos quadrature resolves densities above this fraction of the largest sampled eigenvalue."""

KNOWN = -1
"""In place of a probe, marks eigenvalues that are known individually."""


@dataclass(frozen=True, eq=False)
class SpectralDensity:
    """The distribution of the P eigenvalues of a Hessian, with total mass 1.

    Some eigenvalues are known individually. The others are sampled: each probe gives the Gauss
    quadrature of a random measure whose expectation is their distribution.
    """

    P: int
    exact: Float[ndarray, " k"]
    """Eigenvalues that are known individually, in ascending order: outliers, and those known from
    structure."""
    multiplicities: Int[ndarray, " k"]
    """The multiplicity of each of them."""
    nodes: Float[ndarray, "probes steps"]
    """The nodes of the quadratures, ascending in each row and at least `floor`."""
    weights: Float[ndarray, "probes steps"]
    """The weights of the nodes, non-negative; each row sums to 1."""
    floor: float
    """Eigenvalues below this cannot be distinguished from rounding errors."""

    @property
    def sampled_mass(self) -> float:
        """The fraction of the eigenvalues that are sampled."""
        return 1 - self.multiplicities.sum() / self.P

    def flat(self) -> FlatDensity:
        """Return nodes and weights in one list, from which `from_flat` restores the density."""
        probes, steps = self.nodes.shape
        sampled = self.weights * (self.sampled_mass / max(probes, 1))
        return FlatDensity(
            np.concatenate([self.exact, self.nodes.ravel()]),
            np.concatenate([self.multiplicities / self.P, sampled.ravel()]),
            np.repeat(np.arange(-1, probes), [len(self.exact), *[steps] * probes]),
        )

    @classmethod
    def of_spectrum(cls, eigenvalues: Float[ndarray, " P"]) -> "SpectralDensity":
        """Return the density of eigenvalues that are all known, given in ascending order."""
        each = np.ones(len(eigenvalues), dtype=np.int64)
        return cls.of_known(eigenvalues, each)

    @classmethod
    def of_known(
        cls, exact: Float[ndarray, " k"], multiplicities: Int[ndarray, " k"], floor: float = 0.0
    ) -> "SpectralDensity":
        """Return the density of eigenvalues with multiplicities, none of which are sampled."""
        empty = np.empty((0, 1))
        return cls(int(multiplicities.sum()), exact, multiplicities, empty, empty, floor)

    @classmethod
    def from_flat(cls, P: int, flat: FlatDensity, floor: float) -> "SpectralDensity":
        """Return the density of P eigenvalues from its flat form, up to rounding."""
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
        """Return the fraction of eigenvalues that are at most x.

        At a node of a Gauss quadrature the distribution function is between the sum of the weights
        before the node and that sum with the weight of the node (Chebyshev, Markov, Stieltjes).
        For each probe the value is the middle of the two at the nodes, and interpolated linearly
        in log λ between them. The error is the standard error over the probes together with
        `resolution`.
        """
        x = np.atleast_1d(np.asarray(x, dtype=float))
        known = (self.exact <= x[:, None]) @ self.multiplicities / self.P
        value, error = self._estimate(self._middles(x), known)
        return Estimate(value, np.hypot(error, self.resolution(x)))

    def resolution(self, x: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """Return an estimate of how far off the cdf at x is because nodes are far apart.

        It is 0 where each quadrature has a node for every eigenvalue.
        """
        x = np.atleast_1d(np.asarray(x, dtype=float))
        probes, steps = self.nodes.shape
        if not probes or steps >= round(self.P * self.sampled_mass):
            return np.zeros(x.shape)
        start, where = self._start, _log(x)
        pairs = zip(np.log(self.nodes), self.weights, strict=True)
        each = [resolution(node, mass, start, where) for node, mass in pairs]
        return self.sampled_mass * np.mean(each, axis=0)

    def bracket(self, x: Float[ndarray, " n"]) -> tuple[ndarray, ndarray]:
        """Return the lower and upper bounds on the cdf at x that follow from the quadratures.

        For each probe the bounds are the masses of the nodes left of the cell of x, and of the
        nodes up to the right end of that cell. They do not include the sampling error, which
        `cdf` returns.
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
            edges: Positive edges of the bins, in ascending order.
        """
        widths = np.diff(np.log10(edges))
        sampled = np.diff(self._middles(np.asarray(edges, dtype=float)), axis=1)
        known = np.histogram(self.exact, edges, weights=self.multiplicities)[0] / self.P
        value, error = self._estimate(sampled, known)
        off = self.resolution(edges)
        return Estimate(value / widths, np.hypot(error, np.maximum(off[1:], off[:-1])) / widths)

    def moment(self, order: int) -> Estimate:
        """Return the mean of `λ^order` over all eigenvalues, as arrays of one entry."""
        sampled = (self.weights * self.nodes**order).sum(axis=1, keepdims=True)
        return self._estimate(sampled, self.exact**order @ self.multiplicities / self.P)

    @property
    def _start(self) -> float:
        """Where the cdf of the quadratures starts to rise, as a logarithm."""
        return float(np.log(self.floor)) if self.floor else 0.0

    def _middles(self, x: Float[ndarray, " n"]) -> Float[ndarray, "probes n"]:
        """Return the cdf of each probe, which goes from 0 at the floor to 1 after its nodes."""
        sampled = np.empty((len(self.nodes), len(x)))
        for row, node, mass in zip(sampled, np.log(self.nodes), self.weights, strict=True):
            row[:] = middles(node, mass, self._start, _log(x))
        return sampled

    def _estimate(self, sampled: Float[ndarray, "probes n"], known: ndarray | float) -> Estimate:
        probes = len(sampled)
        mass = self.sampled_mass if probes else 0.0
        mean = sampled.mean(axis=0) if probes else np.zeros(sampled.shape[1:])
        spread = sampled.std(axis=0, ddof=1) if probes > 1 else np.full(mean.shape, np.inf)
        spread = spread if mass > 0 else np.zeros(mean.shape)
        return Estimate(known + mass * mean, mass * spread / np.sqrt(max(probes, 1)))


def _log(x: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
    return np.asarray(np.log(np.maximum(x, np.finfo(float).tiny)))


def calibrated(
    nodes: Float[ndarray, " steps"],
    weights: Float[ndarray, " steps"],
    moments: tuple[float, float],
) -> Float[ndarray, " steps"]:
    """Return the weights tilted by `a + b λ + c λ²` so that the first moments are exact.

    For a random direction v the covariance of `v^T f(H) v` and `v^T g(H) v` is proportional to
    that of f and g under the spectral measure. Therefore this tilt is the control variate of least
    variance that uses the trace and the Frobenius norm. If it would make a weight negative, the
    second moment is not used, and if necessary the first is not used either.

    Args:
        nodes: The nodes of the quadrature of one probe.
        weights: Their weights, which sum to 1.
        moments: The exact means of λ and λ².
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
        weights: The weights of the quadrature of one probe, in ascending order of the nodes; they
            sum to 1.
        zeros: The fraction of the eigenvalues that are 0 by structure, below 1. It is subtracted
            from the weights of the smallest nodes.
    """
    return np.diff(np.maximum(weights.cumsum(), zeros), prepend=zeros) / (1 - zeros)
