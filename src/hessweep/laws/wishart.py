"""The exact mean eigenvalue density of a real Wishart matrix of any size (MATH 5)."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import special

from hessweep.errors import ShapeError
from hessweep.laws.tabulated import Tabulated, tabulate
from hessweep.networks import check_sizes

_SCALE = 1e100
_TAIL = np.sqrt(2 * 20 * np.log(10))


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
    log_scale = (special.xlogy(alpha, x) - x - special.gammaln(alpha + 1)) / 2
    before, scaled = np.zeros(x.shape), np.ones(x.shape)
    total_before, total = 0.0, np.exp(_log_total(alpha))
    J_before, J = np.zeros(x.shape), total * special.gammainc((alpha + 1) / 2, x / 2)
    for j in range(N):
        psi = scaled * np.exp(log_scale)
        yield psi, J, total
        # J_{j+1} takes J_{j-1}, so even and odd orders do not mix.
        J_before, J = J, (b[j] * J_before + 2 * root * psi) / b[j + 1]
        total_before, total = total, b[j] * total_before / b[j + 1]
        before, scaled = scaled, ((2 * j + 1 + alpha - x) * scaled - b[j] * before) / b[j + 1]
        large = np.abs(scaled) > _SCALE
        if large.any():
            scaled[large] /= _SCALE
            before[large] /= _SCALE
            log_scale[large] += np.log(_SCALE)


def _log_total(alpha: int) -> float:
    """Logarithm of `J_0(∞) = 2^{(α+1)/2} Γ((α+1)/2) / √Γ(α+1)`."""
    return float(
        (alpha + 1) / 2 * np.log(2)
        + special.gammaln((alpha + 1) / 2)
        - special.gammaln(alpha + 1) / 2
    )


def singular_range(N: int, M: int) -> tuple[float, float]:
    """Return what the singular values of X leave with probability below 1e-20 each way.

    `√M ± (√N + t)` is left with probability below `e^{-t²/2}` (Davidson and Szarek).
    """
    return max(0.0, np.sqrt(M) - np.sqrt(N) - _TAIL), np.sqrt(M) + np.sqrt(N) + _TAIL


def wishart_part(N: int, M: int, scale: float) -> Tabulated:
    """Return the law of an eigenvalue, drawn at random, of `scale X X^T` with N <= M.

    Raises:
        ShapeError: If not `1 <= N <= M`.
    """
    low, high = (end**2 for end in singular_range(N, M))

    def density(x: ndarray) -> ndarray:
        return wishart_density(x / scale, N, M) / (N * scale)

    return tabulate(density, [scale * low, scale * high], (0.0, np.inf))
