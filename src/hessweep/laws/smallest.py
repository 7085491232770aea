"""The exact law of the smallest eigenvalue, of a real Wishart matrix and of the linear network."""

from functools import lru_cache

import numpy as np
from numpy import ndarray
from scipy import linalg

from hessweep.blas import threads_for
from hessweep.laws.convolution import with_chi_square
from hessweep.laws.law import Law
from hessweep.laws.linear import chi_square_law
from hessweep.laws.panels import Places
from hessweep.laws.tabulated import Tabulated, tabulate
from hessweep.laws.wishart import laguerre_integrals, singular_range
from hessweep.networks import check_sizes

NEGLIGIBLE = 1e-14
"""The probability above which the tail of the law is cut off."""
RESOLUTION = 1e-15
"""Error in the probability of a panel that is accepted."""
ERROR = 1e-11
"""Bound on the relative error of the density; the largest seen is 1e-12 (docs/laws.md)."""


class GapProbability:
    """`P(no eigenvalue of X X^T below s)`, X an N x M normal matrix, N <= M.

    De Bruijn's integral makes it a ratio of Pfaffians, `Pf A(s) / Pf A(0)`, with

        A_ij(s) = ∫∫_{x,y > s} sgn(y - x) v_i(x) v_j(y) dx dy,    v_j = x^{-1/2} ψ_j,

    and for odd N a last row and column `G_j(s) = ∫_s^∞ v_j` (docs/laws.md, eqs 12-14). The
    orthonormal ψ_j keep A well conditioned, where powers of x lose all digits by N = 20.
    """

    def __init__(self, N: int, M: int) -> None:
        self.N, self.alpha = N, M - N
        self.high = singular_range(N, M)[1] ** 2
        v, G, self._total, weights = self._on_interval(0.0, self.high, 3 * N + 200)
        self._whole = (v * weights) @ G.T
        self._log_norm = np.linalg.slogdet(self._matrix(self._whole, self._total))[1]

    def __call__(self, s: float) -> tuple[float, float]:
        """Return the probability, and its derivative with opposite sign: the density."""
        # Few oscillations lie below s where the probability is not yet 0.
        v, G, _, weights = self._on_interval(0.0, s, 100)
        v_s, G_s, _ = laguerre_integrals(np.array([s]), self.N, self.alpha)
        A = self._matrix(self._whole - (v * weights) @ G.T, G_s[:, 0])
        with threads_for(len(A)):
            lu, pivots = linalg.lu_factor(A, check_finite=False)
        log_det = np.log(np.abs(np.diag(lu))).sum()
        P = float(np.exp((log_det - self._log_norm) / 2))
        edge, jump = G_s[:, 0], v_s[:, 0]
        if self.N % 2:
            edge, jump = np.append(edge, 1.0), np.append(jump, 0.0)
        # A' = -(v G^T - G v^T), so (log Pf A)' = tr(A^-1 A') / 2 = -G^T A^-1 v.
        hazard = edge @ linalg.lu_solve((lu, pivots), jump, check_finite=False)
        return P, float(P * hazard)

    def _on_interval(
        self, low: float, high: float, nodes: int
    ) -> tuple[ndarray, ndarray, ndarray, ndarray]:
        """`v_j`, `G_j` and quadrature weights at nodes in √x, and `G_j(0)`."""
        u, weights = _gauss(nodes)
        root = np.sqrt(low) + (np.sqrt(high) - np.sqrt(low)) * (1 + u) / 2
        v, G, total = laguerre_integrals(root**2, self.N, self.alpha)
        return v, G, total, weights * root * (np.sqrt(high) - np.sqrt(low))

    def _matrix(self, B: ndarray, G: ndarray) -> ndarray:
        A = B - B.T
        if self.N % 2:
            A = np.block([[A, G[:, None]], [-G[None, :], np.zeros((1, 1))]])
        return A


@lru_cache(maxsize=16)
def _gauss(nodes: int) -> tuple[ndarray, ndarray]:
    return np.polynomial.legendre.leggauss(nodes)


@lru_cache(maxsize=64)
def smallest_wishart_part(N: int, M: int, scale: float) -> Tabulated:
    """Return the law of the smallest eigenvalue of `scale X X^T`, X normal N x M with N <= M.

    Raises:
        ShapeError: If a size is below 1.
    """
    check_sizes(N, M)
    gap = GapProbability(N, M)
    low, high = singular_range(N, M)[0] ** 2, gap.high
    # The tail ends long before the spectrum does: halve down to where it begins.
    inside, outside = low, high
    while outside - inside > 0.05 * (outside - low):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if gap(middle)[0] > NEGLIGIBLE else (inside, middle)

    def density(at: Places) -> ndarray:
        values = [gap(s)[1] if 0 < s < outside else 0.0 for s in at.x / scale]
        return np.array(values) / scale

    return tabulate(
        density, [scale * low, scale * outside], (0.0, np.inf), ERROR, floor=RESOLUTION
    )


@lru_cache(maxsize=64)
def smallest_eigenvalue_law(N_i: int, N_h: int) -> Law:
    """Return the exact law of λ_min, the linear network's smallest non-zero eigenvalue.

    For `N_i > N_h` it is `|W2|²`, a chi-square; otherwise the sum of that and of the smallest
    eigenvalue of `W1^T W1`, which is independent of it. It takes a tenth of a
    second to build at 10 neurons, some seconds at 300.

    Raises:
        ShapeError: If a size is below 1.
    """
    check_sizes(N_i, N_h)
    chi = chi_square_law(N_h)
    name = f"law of λ_min({N_i}, {N_h})"
    if N_i > N_h:
        return Law(name, chi.continuous, chi.moments)
    part = smallest_wishart_part(N_i, N_h, 1 / N_i)
    mean, variance = part.moments()
    convolution = with_chi_square(part, 0.0, N_h, error=ERROR, floor=RESOLUTION)
    return Law(name, convolution, (1 + mean, 2 / N_h + variance))
