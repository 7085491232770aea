"""The eigenvalues of order one of a non-linear network's Hessian (docs/laws.md).

They are those of `[[a0 r² I, a0 r W1^T], [a0 r W1, a0 W1 W1^T + b2 I]]`, `r² = |W2|²`: with σ² the
eigenvalues of `W1 W1^T`,

    λ+ + λ- = a0 (r² + σ²) + b2,      λ+ λ- = a0 r² b2,

and besides `N_i - N_h` times `a0 r²`, or `N_h - N_i` times b2.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy  # its parts are imported when they are first used
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.activations import Activation
from hessweep.activations import activation as resolve
from hessweep.errors import InputError
from hessweep.laws.coefficients import coefficients
from hessweep.laws.law import Continuous, Law
from hessweep.laws.linear import block_B_law
from hessweep.networks import check_sizes

NODES = 256
"""Values of r² over which the law is averaged."""
NEGLIGIBLE = 1e-13
"""Probability of r² that is left out at each end."""
HALVINGS = 70


@dataclass(frozen=True, eq=False)
class OrderOne:
    """The mean law of the N_i + N_h eigenvalues of order one."""

    a0: float
    b2: float
    N_i: int
    N_h: int
    sigma: Continuous
    """The law of the non-zero σ²."""
    r2: Float[ndarray, " nodes"]
    weights: Float[ndarray, " nodes"]

    def support(self) -> tuple[float, float]:
        """Return the ends of the support."""
        return 0.0, np.inf

    def cdf(self, x: ndarray) -> ndarray:
        """Return the probability of values up to x."""
        x = np.asarray(x, dtype=float)
        a0, b2, few = self.a0, self.b2, min(self.N_i, self.N_h)
        flat = x.ravel()[:, None]
        positive = np.maximum(flat, 1e-300)
        X = positive / a0 + self.r2 * b2 / positive - self.r2 - b2 / a0
        below = self.sigma.cdf(np.maximum(X, 0).ravel()).reshape(X.shape)
        upper = np.where(positive >= np.maximum(a0 * self.r2, b2), below, 0.0)
        lower = np.where(positive < np.minimum(a0 * self.r2, b2), 1 - below, 1.0)
        share = few * ((upper + lower) @ self.weights)
        if self.N_i > few:
            rest = scipy.stats.chi2.cdf(flat[:, 0] / a0, self.N_h, scale=1 / self.N_h)
            share += (self.N_i - few) * rest
        share += (self.N_h - few) * (flat[:, 0] >= b2)
        return np.where(flat[:, 0] > 0, share / (self.N_i + self.N_h), 0.0).reshape(x.shape)

    def sf(self, x: ndarray) -> ndarray:
        """Return the probability of values above x."""
        return 1 - self.cdf(x)

    def pdf(self, x: ndarray) -> ndarray:
        """Return the density without the atom at b2: `f(X) |dX/dλ|`, averaged over r²."""
        x = np.asarray(x, dtype=float)
        a0, b2, few = self.a0, self.b2, min(self.N_i, self.N_h)
        flat = np.maximum(x.ravel(), 1e-300)[:, None]
        X = flat / a0 + self.r2 * b2 / flat - self.r2 - b2 / a0
        slope = np.abs(1 / a0 - self.r2 * b2 / flat**2)
        values = self.sigma.pdf(np.maximum(X, 0).ravel()).reshape(X.shape)
        low, high = np.minimum(a0 * self.r2, b2), np.maximum(a0 * self.r2, b2)
        outside = (flat < low) | (flat > high)
        density = few * (np.where(outside, values * slope, 0.0) @ self.weights)
        if self.N_i > few:
            rest = scipy.stats.chi2.pdf(flat[:, 0] / a0, self.N_h, scale=1 / self.N_h) / a0
            density += (self.N_i - few) * rest
        density = np.where(x.ravel() > 0, density / (self.N_i + self.N_h), 0.0)
        return density.reshape(x.shape)

    def ppf(self, q: ndarray) -> ndarray:
        """Return the quantiles, by bisection."""
        q = np.asarray(q, dtype=float)
        top = float(self.sigma.ppf(np.array([1 - 1e-15]))[0])
        scale = self.a0 * (self.r2.max() + top) + self.b2
        low, high = np.zeros(q.shape), np.full(q.shape, scale)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            enough = self.cdf(middle) >= q
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        result = np.where((q >= 0) & (q <= 1), high, np.nan)
        return np.where(q == 1, np.inf, result)


def order_one_law(activation: str | Activation, N_i: int, N_h: int, exact: bool = False) -> Law:
    """Return the law of the `N_i + N_h` eigenvalues of order one, the outlier left aside.

    Normal weights; `r²` keeps its law at finite N_h. For odd activations this is the law itself;
    for others a spike or the outlier is one of the eigenvalues.

    Args:
        activation: With `E[z g] ≠ 0`; a linear one gives `hessian_law` with N_h zeros.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        exact: The law of real Wishart matrices of this size, instead of Marchenko-Pastur's.

    Raises:
        ShapeError: If a size is below 1.
        InputError: If `E[z g] = 0` or g is linear.
    """
    check_sizes(N_i, N_h)
    c = coefficients(activation)
    label = resolve(activation).label
    if not (c.a0 and c.b2):
        raise InputError(
            "order_one_law: expected an activation with E[z g] ≠ 0 that is not linear, got "
            f"{label}"
        )
    return _order_one(label, c.a0, c.b2, int(N_i), int(N_h), bool(exact))


@lru_cache(maxsize=64)
def _order_one(label: str, a0: float, b2: float, N_i: int, N_h: int, exact: bool) -> Law:
    block = block_B_law(N_i, N_h, exact).continuous
    chi = scipy.stats.chi2(N_h, scale=1 / N_h)
    ends = chi.ppf(NEGLIGIBLE), chi.isf(NEGLIGIBLE)
    # In √r², for few neurons make the density of r² a pole.
    u, w = np.polynomial.legendre.leggauss(NODES)
    low, high = np.sqrt(ends[0]), np.sqrt(ends[1])
    root = low + (high - low) * (1 + u) / 2
    weights = w * (high - low) / 2 * 2 * root * chi.pdf(root**2)
    part = OrderOne(a0, b2, N_i, N_h, block, root**2, weights / weights.sum())
    total = N_i + N_h
    # The trace, and that of the square, of the matrix above.
    first = a0 * (N_i + N_h) + b2 * N_h
    second = a0**2 * _square(N_i, N_h, exact) + 2 * a0 * b2 * N_h + b2**2 * N_h
    mean = first / total
    return Law(f"order one of {label}({N_i}, {N_h})", part, (mean, second / total - mean**2))


def _square(N_i: int, N_h: int, exact: bool) -> float:
    """`E tr` of the square of `[[r² I, r W1^T], [r W1, W1 W1^T]]`."""
    gram = N_h * (1 + (N_h + (1 if exact else 0)) / N_i)
    return N_i * (1 + 2 / N_h) + 2 * N_h + gram


def order_one_eigenvalues(
    activation: str | Activation, W1: Float[ndarray, "N_h N_i"], W2: Float[ndarray, " N_h"]
) -> Float[ndarray, " n"]:
    """Return the `N_i + N_h` limiting eigenvalues of order one of a given teacher, ascending."""
    c = coefficients(activation)
    N_h, N_i = W1.shape
    r2 = float(W2 @ W2)
    sigma2 = blas.svd(W1, compute_uv=False) ** 2
    half = (c.a0 * (r2 + sigma2) + c.b2) / 2
    product = c.a0 * r2 * c.b2
    upper = half + np.sqrt(np.maximum(half**2 - product, 0))
    rest = np.full(abs(N_i - N_h), c.a0 * r2 if N_i > N_h else c.b2)
    return np.sort(np.concatenate([upper, product / upper, rest]))
