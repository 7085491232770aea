"""The laws of the linear network's eigenvalues (MATH 5; docs/laws.md)."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import special, stats

from hessweep.errors import InputError
from hessweep.laws.law import Law
from hessweep.laws.tabulated import Tabulated, tabulate
from hessweep.laws.wishart import wishart_part
from hessweep.networks import check_sizes

NEGLIGIBLE = 1e-20
"""Probability beyond which a chi-square tail is cut off in a convolution."""
STEP = 1 / 24
"""Step of the double exponential rule; its range of ±`REACH` makes the ends negligible."""
REACH = 4.0
CHUNK = 1 << 20
"""Values of the integrand held at once."""


def chi_square_law(N_h: int) -> Law:
    """Return the law of `χ²_{N_h} / N_h`, that of `|W2|²` (App. A): mean 1, variance 2/N_h.

    Raises:
        ShapeError: If N_h is below 1.
    """
    check_sizes(1, N_h)
    return Law(f"χ²({N_h})/{N_h}", stats.chi2(N_h, scale=1 / N_h), (1.0, 2 / N_h))


block_A_law = chi_square_law
"""The law of block A's eigenvalues, each N_i times over (sec. 3.1.1)."""


def marchenko_pastur(ratio: float, variance: float = 1.0) -> Law:
    """Return the Marchenko-Pastur law of `X X^T / M`, X of N rows and M columns, `ratio = N/M`.

    Support `variance (1 ± √ratio)²`, and above ratio 1 an atom of `1 - 1/ratio` at zero; at
    ratio 1 the density has a pole there. Mean `variance`, variance `ratio variance²`. This is
    eq. (15) with the ratio and variance of MATH 2.

    Raises:
        InputError: If ratio or variance is not positive and finite.
    """
    for name, value in (("ratio", ratio), ("variance", variance)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"{name}: expected a positive finite number, got {value!r}")
    return Law(
        f"Marchenko-Pastur({ratio:g}, {variance:g})",
        _marchenko_pastur_part(float(ratio), float(variance)),
        (float(variance), float(ratio * variance**2)),
        atom=max(0.0, 1 - 1 / ratio),
    )


@lru_cache(maxsize=256)
def _marchenko_pastur_part(ratio: float, variance: float) -> Tabulated:
    root = np.sqrt(ratio)
    low, high = variance * (1 - root) ** 2, variance * (1 + root) ** 2

    def density(x: ndarray) -> ndarray:
        result = np.zeros(x.shape)
        within = (x > low) & (x < high)
        y = x[within]
        # The mass of the continuous part is min(1, 1/ratio).
        scale = 2 * np.pi * variance * min(ratio, 1.0)
        result[within] = np.sqrt((high - y) * (y - low)) / (scale * y)
        result[(x == 0) & (low == 0)] = np.inf
        return result

    return tabulate(density, [low, high], (low, high))


@lru_cache(maxsize=256)
def block_B_law(N_i: int, N_h: int, exact: bool = False) -> Law:
    """Return the law of the N_h eigenvalues of `B = W1 W1^T`, zeros included (sec. 3.1.1).

    Args:
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        exact: The mean law at this size, instead of Marchenko-Pastur's limit.

    Raises:
        ShapeError: If a size is below 1.
    """
    check_sizes(N_i, N_h)
    if not exact:
        return marchenko_pastur(N_h / N_i)
    return _wishart_law(N_h, N_i)


def _wishart_law(N: int, M: int) -> Law:
    """The mean law of the N eigenvalues of `X X^T / M`, X normal with M columns."""
    part = wishart_part(min(N, M), max(N, M), 1 / M)
    # E tr (X X^T)² = N M (N + M + 1).
    return Law(f"Wishart({N}, {M})", part, (1.0, (N + 1) / M), atom=max(0.0, 1 - M / N))


@lru_cache(maxsize=256)
def hessian_law(N_i: int, N_h: int, exact: bool = False) -> Law:
    """Return the law of the N_i non-zero eigenvalues of the linear network's Hessian.

    They are `|W2|² + eig(W1^T W1)` (App. A), so the law is the convolution of `χ²_{N_h}/N_h`
    with that of the N_i x N_i matrix `W1^T W1`. For `N_i > N_h` the latter has an atom
    `(N_i - N_h)/N_i` at zero, which makes the mixture of App. E.

    Args:
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        exact: The mean law at this size, instead of the paper's limit with Marchenko-Pastur.

    Raises:
        ShapeError: If a size is below 1.
    """
    check_sizes(N_i, N_h)
    # W1^T W1 = (N_h / N_i) X X^T / N_h with X standard normal, N_i x N_h.
    ratio = N_h / N_i
    if exact:
        atom = max(0.0, 1 - ratio)
        part = wishart_part(min(N_i, N_h), max(N_i, N_h), 1 / N_i)
        variance = 2 / N_h + ratio**2 * (N_i + 1) / N_h
    else:
        limit = marchenko_pastur(N_i / N_h, ratio)
        atom, variance = limit.atom, 2 / N_h + limit.var()
        part = _marchenko_pastur_part(N_i / N_h, ratio)
    name = f"{'exact ' if exact else ''}law of H({N_i}, {N_h})"
    return Law(name, with_chi_square(part, atom, N_h), (1 + ratio, variance))


def with_chi_square(part: Tabulated, atom: float, N_h: int) -> Tabulated:
    """Return the convolution of `χ²_{N_h}/N_h` with an atom at zero and a continuous part."""
    chi = stats.chi2(N_h, scale=1 / N_h)
    first, last = chi.ppf(NEGLIGIBLE), chi.isf(NEGLIGIBLE)
    low, high = part.breaks[0], part.breaks[-1]
    start, stop = first + low * (not atom), last + high
    # The convolution is not analytic where the continuous part starts, nor where it ends.
    inner = [x for x in part.support() if start < x < stop]

    def density(x: ndarray) -> ndarray:
        rest = _convolution(part, N_h, (first, last), x.ravel()).reshape(x.shape)
        return (1 - atom) * rest + (atom * chi.pdf(x) if atom else 0.0)

    return tabulate(density, [start, *inner, stop], (0.0 if atom else part.support()[0], np.inf))


def _convolution(
    part: Tabulated, N_h: int, window: tuple[float, float], x: Float[ndarray, " n"]
) -> Float[ndarray, " n"]:
    """`∫ ρ(t) χ(x - t) dt` by the double exponential rule, over `x - t` in the window.

    The rule takes any integrable powers at both ends, and singularities close beyond them: the
    edges of the support, and `t = x`, where few degrees of freedom make χ a pole.
    """
    # No coarser than the panels: they follow the N oscillations of the exact density.
    step = min(STEP, 1 / (2 * len(part.edges)))
    u = np.arange(-REACH, REACH, step)
    from_low, from_high = (special.expit(sign * np.pi * np.sinh(u)) for sign in (1, -1))
    weight = step * np.pi * np.cosh(u) * from_low * from_high
    low = np.maximum(part.breaks[0], x - window[1])
    high = np.minimum(part.breaks[-1], x - window[0])
    total = np.zeros(x.shape)
    inside = np.flatnonzero(high > low)
    for some in np.array_split(inside, 1 + inside.size * u.size // CHUNK):
        a, b = low[some, None], high[some, None]
        t = np.where(u < 0, a + (b - a) * from_low, b - (b - a) * from_high)
        s = (x[some, None] - b) + (b - a) * from_high
        values = part.interpolated_pdf(t) * _chi_square_pdf(s, N_h)
        total[some] = (b - a)[:, 0] * (values @ weight)
    return total


def _chi_square_pdf(s: ndarray, k: int) -> ndarray:
    """Density of `χ²_k / k` at s > 0; SciPy's costs three times as much in argument checks."""
    log = special.xlogy(k / 2 - 1, s) - k * s / 2
    return np.exp(log + k / 2 * np.log(k / 2) - special.gammaln(k / 2))
