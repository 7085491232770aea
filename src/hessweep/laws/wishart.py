"""The exact mean eigenvalue density of a real Wishart matrix of any size (docs/laws.md)."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import special

from hessweep.errors import ShapeError
from hessweep.laws.chi_density import gamma_log_density
from hessweep.laws.panels import Places
from hessweep.laws.tabulated import EPS, Tabulated, tabulate
from hessweep.networks import check_sizes

_BITS = 50
"""Binary digits by which a growing recurrence is scaled down."""
_LOG_2 = (0.6931471803691238, 1.9082149292705877e-10)
"""The logarithm of 2 in two parts, of which the first times a whole number is exact."""
NEGLIGIBLE = 1e-285
"""Probability of the eigenvalues that a table leaves out."""


def wishart_density(x: Float[ndarray, "*n"] | float, N: int, M: int) -> Float[ndarray, "*n"]:
    """Return the mean density ρ of the eigenvalues of `X X^T`, X an N x M normal matrix.

    With `ψ_j` the orthonormal Laguerre functions of order `α = M - N`, `b_j = √(j (j + α))`
    and `J_j(x) = ∫_0^x t^{-1/2} ψ_j(t) dt` (docs/laws.md, eqs 7-10):

        ρ = Σ_{j<N-1} ψ_j² - b_{N-1}/4 x^{-1/2} ψ_{N-1} (2 J_{N-2}(x) - J_{N-2}(∞))
            + [N odd] x^{-1/2} ψ_{N-1} / J_{N-1}(∞)

    Every recurrence runs in its growing direction, with no factorial in it; `∫ρ = N`.

    Args:
        x: Where; the density is 0 below 0.
        N: Number of rows of X.
        M: Number of columns, at least N.

    Raises:
        ShapeError: If not `1 <= N <= M`.
    """
    check_sizes(N, M)
    if N > M:
        raise ShapeError(f"wishart_density: expected N <= M, got N = {N}, M = {M}; swap them")
    alpha = M - N
    x = np.asarray(x, dtype=float)
    density = np.zeros(x.shape)
    positive = x > 0
    density[positive] = _positive_density(x[positive], N, alpha)
    if alpha <= 1:
        # x^{(α-1)/2} at 0: a pole, or the finite limit.
        density[x == 0] = np.inf if alpha == 0 else _positive_density(np.array([1e-300]), N, 1)[0]
    return density


def _positive_density(x: ndarray, N: int, alpha: int) -> ndarray:
    squares, psi = np.zeros(x.shape), np.zeros(x.shape)
    sign_integral, norm = np.zeros(x.shape), 0.0
    for j, (psi, J, total) in enumerate(_laguerre(x, N, alpha)):
        if j < N - 1:
            squares += psi**2
        if j == N - 2:
            sign_integral = 2 * J - total
        norm = total
    edge = -np.sqrt((N - 1) * (N - 1 + alpha)) / 4 * sign_integral
    if N % 2:
        edge += 1 / norm
    return squares + psi / np.sqrt(x) * edge


def laguerre_integrals(
    x: Float[ndarray, " n"], N: int, alpha: int
) -> tuple[Float[ndarray, "N n"], Float[ndarray, "N n"], Float[ndarray, " N"]]:
    """Return `x^{-1/2} ψ_j(x)`, its integral from x to infinity, and that from 0, for j < N."""
    psi, J, total = (np.array(part) for part in zip(*_laguerre(x, N, alpha), strict=True))
    return psi / np.sqrt(x), total[:, None] - J, total


def _laguerre(x: ndarray, N: int, alpha: int) -> Iterator[tuple[ndarray, ndarray, float]]:
    """`ψ_j(x)`, `J_j(x)` and `J_j(∞)` for j = 0 to N - 1, x > 0 (docs/laws.md, eqs 8-10)."""
    b = np.sqrt(np.arange(N + 1.0) * (np.arange(N + 1) + alpha))
    root = np.sqrt(x)
    # Powers of 2 are exact: sums of logarithms would lose as many digits as they are large.
    log_density = gamma_log_density(x, alpha) / 2
    exponent = np.rint(log_density / np.log(2)).astype(int)
    rest = log_density - exponent * _LOG_2[0] - exponent * _LOG_2[1]
    before, scaled = np.zeros(x.shape), np.exp(rest)
    total_before, total = 0.0, np.exp(_log_total(alpha))
    J_before, J = np.zeros(x.shape), total * special.gammainc((alpha + 1) / 2, x / 2)
    for j in range(N):
        psi = np.ldexp(scaled, exponent)
        yield psi, J, total
        # J_{j+1} takes J_{j-1}, so even and odd orders do not mix.
        J_before, J = J, (b[j] * J_before + 2 * root * psi) / b[j + 1]
        total_before, total = total, b[j] * total_before / b[j + 1]
        before, scaled = scaled, ((2 * j + 1 + alpha - x) * scaled - b[j] * before) / b[j + 1]
        large = np.abs(scaled) > 2.0**_BITS
        if large.any():
            scaled[large] = np.ldexp(scaled[large], -_BITS)
            before[large] = np.ldexp(before[large], -_BITS)
            exponent[large] += _BITS


def _log_total(alpha: int) -> float:
    """Logarithm of `J_0(∞)`, with `h = (α+1)/2` the root of `2 √π Γ(h) / Γ(h + 1/2)`."""
    h = np.array((alpha + 1) / 2)
    # Logarithms of Γ are large and nearly equal; those of the densities at h are small.
    ratio = gamma_log_density(h, alpha / 2) - gamma_log_density(h, (alpha - 1) / 2) - np.log(h) / 2
    return float((np.log(4 * np.pi) / 2 + ratio) / 2)


def singular_range(N: int, M: int, negligible: float = 1e-20) -> tuple[float, float]:
    """Return what the singular values of X leave with at most that probability each way.

    `√M ± (√N + t)` is left with probability below `e^{-t²/2}` (Davidson and Szarek).
    """
    t = np.sqrt(-2 * np.log(negligible))
    return max(0.0, np.sqrt(M) - np.sqrt(N) - t), np.sqrt(M) + np.sqrt(N) + t


def wishart_error(N: int, M: int) -> float:
    """Return a bound on the relative rounding error of `wishart_density`, on average over x.

    The exponents in the recurrence are of size N + M, and so are the numbers of its roundings.
    """
    return 2 * EPS * (N + M + 20)


def wishart_part(N: int, M: int, scale: float) -> Tabulated:
    """Return the law of an eigenvalue, drawn at random, of `scale X X^T` with N <= M.

    Raises:
        ShapeError: If not `1 <= N <= M`.
    """
    high = singular_range(N, M, NEGLIGIBLE)[1] ** 2

    def density(at: Places) -> ndarray:
        return wishart_density(at.x / scale, N, M) / (N * scale)

    return tabulate(density, [0.0, scale * high], (0.0, np.inf), wishart_error(N, M))
