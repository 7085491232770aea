"""The bulk of one teacher, with finite-size corrections (docs/laws.md, "One teacher").

The operator T of the limit is corrected in two ways, which both vanish as N grows. Its
coefficients are those of each neuron's own `p = |w_m|²`. And the part of Hermite degree l >= 3,
the Gram matrix of `N_h N_i` vectors in `C(N_i + l - 1, l)` dimensions, acts as a matrix of the
Marchenko-Pastur law of ratio `ρ_l = N_h N_i/C(N_i + l - 1, l)` rather than as the identity: with
`x_l = α_l(p) χ` for each neuron, the diagonal of T becomes

    d(z) = rest + Σ_l x_l/(1 - ρ_l g_l(z)),       g_l(z) = tr[diag(x_l) (z - T)^-1]/(N_h N_i).

The second correction is heuristic.
"""

from dataclasses import dataclass
from math import comb

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

from hessweep.laws.local import ORDERS, LocalCoefficients

NEGLIGIBLE = 1e-4
"""Ratio ρ_l, or share of the diagonal, below which a degree stays in the rest."""
PLAIN_STEPS = 8
STEPS = 150
RESOLUTION = 1e-5
"""Relative step at which the iteration ends; the tail is stationary: its error is that squared."""


@dataclass(frozen=True, eq=False)
class TeacherBulk:
    """`P(N_h λ > z)` of the bulk of one teacher."""

    rows: Float[ndarray, "N_h N_i"]
    """M: rows `√χ h_2(p)/p w`, so that T holds `M M^T V + M V^T M`."""
    rest: Float[ndarray, " N_h"]
    """The part of the diagonal that is not in a shell."""
    x: Float[ndarray, "shells N_h"]
    rho: Float[ndarray, " shells"]

    def tail(self, z: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """Return the share of eigenvalues above each z > 0.

        `Im{E log(z - T) + shells}/π`, the determinant being

            Π_m (z - d_m)^{N_i} Π_{j <= k} (1 - μ_j - μ_k),   μ_j of `M^T diag(1/(z - d)) M`.
        """
        result = np.zeros(len(z))
        a = np.full(len(self.rho), 1 - 0.5j)
        for k in np.argsort(z)[::-1]:
            result[k], a = self._at(float(z[k]), a)
        return result

    def _at(
        self, z: float, a: Complex[ndarray, " shells"]
    ) -> tuple[float, Complex[ndarray, " shells"]]:
        """Return the tail at z and the factors `1/(1 - ρ_l g_l)`, iterated from `a`."""
        total = self.rows.size
        # The map keeps the lower half-plane, where the start must lie.
        a = np.where(a.imag > -1e-3 * np.abs(a), a.real - 1e-3j * np.abs(a), a)
        for step in range(STEPS if len(a) else 1):
            d = self.rest + a @ self.x
            inverse = 1 / (z - d + (0 if len(a) else 1e-9j * z))
            mu, R = self._pairs(inverse)
            g = self.x @ (inverse + R) / len(self.rest)
            new = 1 / (1 - self.rho * g)
            done = np.all(np.abs(new - a) < RESOLUTION * np.abs(new))
            # The mean of both damps the turning about the root beside narrow bands.
            a = new if done or step < PLAIN_STEPS else (a + new) / 2
            if done:
                break
        log = -complex(np.log(inverse).mean())
        if len(mu):
            logs = np.log(1 - mu[:, None] - mu[None, :])
            log += complex(logs.sum() + np.trace(logs)) / (2 * total)
        shell = complex((g * a + np.log(1 - self.rho * g) / self.rho).sum())
        return float(np.clip((log + shell).imag / np.pi, 0, 1)), a

    def _pairs(self, inverse: Complex[ndarray, " N_h"]) -> tuple[ndarray, ndarray]:
        """Return the μ_j, and what pairs of them add to `tr_m (z - T)^-1/N_i`."""
        N_h, N_i = self.rows.shape
        if not self.rows.any():
            return np.zeros(0), np.zeros(N_h)
        mu, vectors = np.linalg.eig((self.rows.T * inverse) @ self.rows)
        # The matrix is symmetric: left eigenvectors are the right ones.
        slopes = (self.rows @ vectors) ** 2 * inverse[:, None] ** 2 / (vectors**2).sum(axis=0)
        pairs = 1 / (1 - mu[:, None] - mu[None, :])
        weight = pairs.sum(axis=1) + np.diag(pairs)
        return mu, slopes @ weight / N_i


def teacher_bulk(
    local: LocalCoefficients,
    W1: Float[ndarray, "N_h N_i"],
    W2: Float[ndarray, " N_h"],
    symmetric: bool,
) -> TeacherBulk:
    """Return the bulk of one teacher; `symmetric` says whether `h_2` counts as non-zero."""
    N_h, N_i = W1.shape
    chi = N_h * W2**2
    rows = np.zeros(W1.shape)
    if symmetric:
        rows = (np.sqrt(chi) * local.h[2] / local.p)[:, None] * W1
    diagonal = chi * local.diagonal
    rest, x, rho = diagonal.copy(), [], []
    for degree in range(3, ORDERS):
        ratio = N_h * N_i / comb(N_i + degree - 1, degree)
        part = chi * local.alpha(degree)
        if ratio > NEGLIGIBLE and part.sum() > NEGLIGIBLE * diagonal.sum() > 0:
            x.append(part)
            rho.append(ratio)
            rest -= part
    # For polynomials the rest is rounding.
    rest = np.where(rest > 1e-9 * diagonal, rest, 0.0)
    return TeacherBulk(rows, rest, np.array(x).reshape(-1, N_h), np.array(rho))


def teacher_order_one(
    local: LocalCoefficients, W1: Float[ndarray, "N_h N_i"], W2: Float[ndarray, " N_h"]
) -> Float[ndarray, " n"]:
    """Return the `N_i + N_h` largest eigenvalues that degrees 0, 1 and block B's rest give."""
    slope = local.h[1] / np.sqrt(local.p)
    u, rows = W2 * slope, slope[:, None] * W1
    r = float(np.linalg.norm(u))
    corner = rows @ rows.T + np.diag(local.b2) + np.outer(local.h[0], local.h[0])
    matrix = np.block([[r * r * np.eye(W1.shape[1]), r * rows.T], [r * rows, corner]])
    return np.asarray(np.linalg.eigvalsh(matrix))
