"""The exact mean eigenvalue density of a real Wishart matrix of any size (MATH 5)."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import special

from hessweep.errors import ShapeError
from hessweep.laws.tabulated import Tabulated, tabulate
from hessweep.network import check_sizes

_SCALE = 1e100
_TAIL = np.sqrt(2 * 20 * np.log(10))
"""A singular value is farther than this from `√M ± √N` with probability below 1e-20."""


def wishart_density(x: Float[ndarray, "*n"], N: int, M: int) -> Float[ndarray, "*n"]:
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
    b = np.sqrt(np.arange(N + 1.0) * (np.arange(N + 1) + alpha))
    root = np.sqrt(x)
    log_scale = (special.xlogy(alpha, x) - x - special.gammaln(alpha + 1)) / 2
    J_infinity = np.exp(_log_total(alpha))
    # J[j % 2] is J_{j-2} until step j makes it J_j; those of odd order start from J_{-1} = 0.
    J = [J_infinity * special.gammainc((alpha + 1) / 2, x / 2), np.zeros(x.shape)]
    total = [J_infinity, 0.0]
    before, psi, current = np.zeros(x.shape), np.ones(x.shape), np.exp(log_scale)
    squares = np.zeros(x.shape)
    for j in range(N - 1):
        squares += current**2
        if j + 1 <= N - 2:
            J[(j + 1) % 2] = (b[j] * J[(j + 1) % 2] + 2 * root * current) / b[j + 1]
        total[(j + 1) % 2] *= b[j] / b[j + 1]
        before, psi = psi, ((2 * j + 1 + alpha - x) * psi - b[j] * before) / b[j + 1]
        large = np.abs(psi) > _SCALE
        if large.any():
            psi[large] /= _SCALE
            before[large] /= _SCALE
            log_scale[large] += np.log(_SCALE)
        current = psi * np.exp(log_scale)
    sign_integral = 2 * J[N % 2] - total[N % 2]
    edge = -b[N - 1] / 4 * sign_integral
    if N % 2:
        edge += 1 / total[(N - 1) % 2]
    return squares + current / root * edge


def _log_total(alpha: int) -> float:
    """Logarithm of `J_0(∞) = 2^{(α+1)/2} Γ((α+1)/2) / √Γ(α+1)`."""
    return float(
        (alpha + 1) / 2 * np.log(2)
        + special.gammaln((alpha + 1) / 2)
        - special.gammaln(alpha + 1) / 2
    )


def wishart_part(N: int, M: int, scale: float) -> Tabulated:
    """Return the law of an eigenvalue, drawn at random, of `scale X X^T` with N <= M.

    Raises:
        ShapeError: If not `1 <= N <= M`.
    """
    low = max(0.0, np.sqrt(M) - np.sqrt(N) - _TAIL) ** 2
    high = (np.sqrt(M) + np.sqrt(N) + _TAIL) ** 2

    def density(x: ndarray) -> ndarray:
        return wishart_density(x / scale, N, M) / (N * scale)

    return tabulate(density, [scale * low, scale * high], (0.0, np.inf))
