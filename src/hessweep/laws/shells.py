"""The bulk of one teacher, with finite-size corrections (docs/laws.md, "One teacher").

The operator T of the limit is corrected in four ways, which all vanish as N grows. Its
coefficients are those of each neuron's own `p = |w_m|²`. The kernel is expanded in Gegenbauer
polynomials of the cosine of two neurons instead of powers. The bulk is orthogonal to degree 1. And
block A's part of degree l >= 3 is not diagonal. It is the Gram matrix of `N_h N_i` vectors in
about `C(N_i + l - 1, l)` dimensions, and `ρ_l` is the quotient of both numbers. Of the squares
beside its diagonal, `1/l` are in multiples of the identity: the entries of the N_h x N_h matrix
`(W2 W2^T) ∘ K_c`, which is diagonalised. The others act as a free matrix: with `x_l` the part of
degree l in each eigenvalue of `(W2 W2^T) ∘ K_c`, the diagonal of T becomes

    d(z) = rest + Σ_l x_l (1 + E((1 - 1/l) ρ_l g_l(z))),      E(u) = u/(1 - u/2),
    g_l(z) = tr[diag(x_l) (z - T)^-1]/(N_h N_i).

Where T has no symmetric part, or all neurons have the same χ and p, it acts along the eigenvectors
of `W1^T W1`, in proportion to its eigenvalues. The corrections of the last kind are heuristic.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

from hessweep import blas
from hessweep.errors import PrecisionError
from hessweep.laws.harmonics import (
    dimensions_of_the_bulk,
    harmonic_matrices,
    harmonic_parts,
    harmonics,
)
from hessweep.laws.local import LocalCoefficients

NEGLIGIBLE = 1e-4
"""Ratio ρ_l, or share of the diagonal, below which a degree stays in the rest."""
PLAIN_STEPS = 8
STEPS = 250
RESOLUTION = 1e-5
"""Relative step at which the iteration ends; the tail is stationary: its error is that squared."""
WORST = 0.03
"""Change in the last step above which there is no value; the error of the tail is its square."""
SLOPES = (1e-9, 1e-3, 0.03)
"""The tail is taken at `z (1 + i slope)`, at the first of these where the iteration converges: at
an edge of the law it slows down on the real axis. The last one blurs a step by some 0.01."""
NARROW, WIDE = 0.3, 0.7
"""Shells follow the directions of W1 where their ratio is below the first of these. Above the
second the Gram matrix may be singular, and the Marchenko-Pastur law takes the place of E."""
HALF = 0.5
"""The third moment of the free matrix is this part of that of Marchenko-Pastur's."""
NOTHING = 1e-6
"""Part of the slope of g below which degree 1 is absent."""
LEAST = 1e-9
"""Values of z below this part of the trace are taken as 0: nothing but an atom is there."""


@dataclass(frozen=True, eq=False)
class TeacherBulk:
    """`P(N_h λ > z)` of the bulk of one teacher."""

    rows: Float[ndarray, "N_h N_i"]
    """M: rows `±√χ h_2(p)/p w` with the sign of W2, so that T holds `M M^T V + M V^T M`."""
    rest: Float[ndarray, " N_h"]
    """The part of the diagonal that is not in a shell."""
    x: Float[ndarray, "shells N_h"]
    rho: Float[ndarray, " shells"]
    """Mean square of the part of each shell that is the same in all directions."""
    rho_along: Float[ndarray, " shells"]
    """Mean square of the part that follows the directions of W1."""
    sigma2: Float[ndarray, " inputs"]
    """Eigenvalues of `W1^T W1` over their mean; a single 1 where `rho_along` is 0."""
    third: float
    """t in `E(u) = u/(1 - t u)`, which stands for a third moment of t times the square of ρ."""

    def tail(self, z: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """Return the share of eigenvalues above each z > 0.

        `Im{E log(z - T) + shells}/π`, the determinant being

            Π_m (z - d_m)^{N_i} Π_{j <= k} (1 - μ_j - μ_k),   μ_j of `M^T diag(1/(z - d)) M`.

        Raises:
            PrecisionError: If the factors of the shells do not converge.
        """
        # The trace of T is that of both parts of its diagonal.
        scale = (self.rest.sum() + self.x.sum() + (self.rows**2).sum()) / len(self.rest)
        z = np.maximum(z, LEAST * scale)
        falling = np.argsort(z)[::-1]
        values = np.zeros(len(z))
        a = np.full((len(self.rho), len(self.sigma2)), 1 - 0.5j)
        for k, at in enumerate(z[falling]):
            values[k], a = self._at(float(at), a)
        result = np.empty(len(z))
        # Each value has an error of up to 1e-5 of its own; the tail falls with z.
        result[falling] = np.maximum.accumulate(values)
        return result

    def _at(
        self, z: float, a: Complex[ndarray, "shells inputs"]
    ) -> tuple[float, Complex[ndarray, "shells inputs"]]:
        """Return the tail at z and the factors of the shells, iterated from `a`."""
        for slope in SLOPES:
            value, a, change = self._iterate(z * (1 + 1j * slope), a)
            if change <= WORST:
                # Far above all eigenvalues the argument is that of 1 + i slope.
                least = np.arctan(slope) / np.pi
                return float(np.clip((value - least) / (1 - least), 0, 1)), a
        raise PrecisionError(
            f"the law of a teacher's bulk does not converge at N_h λ = {z:g}: its shells still "
            f"change by {change:.1g} after {STEPS} steps; evaluate it at other places"
        )

    def _iterate(
        self, z: complex, a: Complex[ndarray, "shells inputs"]
    ) -> tuple[float, Complex[ndarray, "shells inputs"], float]:
        """Return the tail at z, the factors, and the relative change of the last step."""
        change = 0.0
        # The map keeps the lower half-plane, where the start must lie.
        a = np.where(a.imag > -1e-3 * np.abs(a), a.real - 1e-3j * np.abs(a), a)
        for step in range(STEPS if len(a) else 1):
            inverse = 1 / (z - self.rest[:, None] - self.x.T @ a)
            log_pairs, R = self._pairs(inverse)
            g = self.x @ (inverse + R) / len(self.rest)
            mean, along = g.mean(axis=1), (g * self.sigma2).mean(axis=1)
            new = 1 + self._excess(self.rho * mean)[:, None]
            new = new + self.sigma2 * self._excess(self.rho_along * along)[:, None]
            change = float((np.abs(new - a) / np.abs(new)).max(initial=0))
            # The mean of both damps the turning about the root beside narrow bands.
            a = new if change < RESOLUTION or step < PLAIN_STEPS else (a + new) / 2
            if change < RESOLUTION:
                break
        log = log_pairs - complex(np.log(inverse).mean())
        shell = (g * (a - 1)).mean(axis=1)
        shell -= self._potential(self.rho, mean) + self._potential(self.rho_along, along)
        log += complex(shell.sum())
        return log.imag / np.pi, a, change

    def _excess(self, u: Complex[ndarray, " shells"]) -> Complex[ndarray, " shells"]:
        """Return E(u)."""
        return u / (1 - self.third * u)

    def _potential(
        self, rho: Float[ndarray, " shells"], g: Complex[ndarray, " shells"]
    ) -> Complex[ndarray, " shells"]:
        """Return the integral of `E(ρ g)` over g, from 0."""
        t, safe = self.third, np.where(rho > 0, rho, 1.0)
        return np.where(rho > 0, -(g / t + np.log(1 - t * safe * g) / (t * t * safe)), 0)

    def _pairs(
        self, inverse: Complex[ndarray, "N_h inputs"]
    ) -> tuple[complex, Complex[ndarray, "N_h inputs"]]:
        """Return the logarithm of the pairs' determinant, and their part of `tr_m (z - T)^-1`."""
        N_h, N_i = self.rows.shape
        if not self.rows.any():
            return 0j, np.zeros((N_h, 1))
        if len(self.sigma2) > 1:
            return self._pairs_of_equal_neurons(inverse[0])
        inverse = inverse[:, 0]
        gamma = (self.rows.T * inverse) @ self.rows
        if not len(self.rho):
            mu = blas.eigvals(gamma)
            return _log_of_pairs(np.add.outer(mu, mu), N_h), np.zeros((N_h, 1))
        mu, vectors = np.linalg.eig(gamma)
        # The matrix is symmetric: left eigenvectors are the right ones.
        slopes = (self.rows @ vectors) ** 2 * inverse[:, None] ** 2 / (vectors**2).sum(axis=0)
        sums = np.add.outer(mu, mu)
        pairs = 1 / (1 - sums)
        weight = pairs.sum(axis=1) + np.diag(pairs)
        return _log_of_pairs(sums, N_h), (slopes @ weight / N_i)[:, None]

    def _pairs_of_equal_neurons(
        self, inverse: Complex[ndarray, " N_i"]
    ) -> tuple[complex, Complex[ndarray, "1 N_i"]]:
        """The same where all neurons have one d: it commutes with `W1^T W1`."""
        N_h = len(self.rest)
        theta = self.sigma2 * (self.rows**2).sum() / len(self.sigma2)
        products = np.multiply.outer(theta, inverse)
        sums = products + products.T
        pairs = theta / (1 - sums)
        weight = pairs.sum(axis=1) + np.diag(pairs)
        return _log_of_pairs(sums, N_h), (inverse**2 * weight / N_h)[None, :]


def _log_of_pairs(sums: Complex[ndarray, "N_i N_i"], N_h: int) -> complex:
    """Return the sum of `log(1 - sum)` over all pairs j <= k, over `N_h N_i`."""
    logs = np.log(1 - sums)
    return complex(logs.sum() + np.trace(logs)) / (2 * N_h * len(sums))


def teacher_bulk(
    local: LocalCoefficients,
    W1: Float[ndarray, "N_h N_i"],
    W2: Float[ndarray, " N_h"],
    symmetric: bool,
    inputs: int | None = None,
) -> TeacherBulk:
    """Return the bulk of one teacher, on the inputs that W1 gives.

    Args:
        local: The coefficients of each neuron.
        W1: Input weights, perhaps in an orthonormal basis of the inputs that they use.
        W2: Output weights.
        symmetric: Whether `h_2` counts as non-zero.
        inputs: Number of all inputs, where W1 has fewer columns.
    """
    N_h, N_i = len(W1), inputs or W1.shape[1]
    chi = N_h * W2**2
    parts = harmonic_parts(local, N_i)
    rows = np.zeros(W1.shape)
    if symmetric:
        signs = np.sign(W2 * local.h[2])
        rows = (signs * np.sqrt(chi * parts[1] / local.p))[:, None] * W1
    matrices = harmonic_matrices(local, W1, W2, N_i)
    widest = N_h * N_i / harmonics(N_i, 3)
    equal = symmetric and are_equal(chi, local.p)
    if equal or widest > WIDE:
        # Equal neurons must stay equal; a free matrix of the whole of ρ_l keeps T positive.
        matrices = matrices * np.eye(N_h)
    higher = np.diag(chi * (local.squared_slope - parts.sum(axis=0)))
    diagonal, left = beside_degree_one(local, higher + matrices.sum(axis=0), W2)
    rest, x, rho, degrees = diagonal.copy(), [], [], []
    dimensions = dimensions_of_the_bulk(local, N_i, symmetric)
    for degree, matrix in enumerate(matrices, start=3):
        ratio = len(left) * N_i / harmonics(N_i, degree)
        if widest > WIDE and dimensions[degree]:
            ratio = (W1.size - N_h - N_i) / dimensions[degree]
        part = ((left @ matrix) * left).sum(axis=1)
        if ratio > NEGLIGIBLE and part.sum() > NEGLIGIBLE * diagonal.sum() > 0:
            x.append(part)
            rho.append(ratio)
            degrees.append(degree)
            rest -= part
    # For polynomials the rest is rounding.
    rest = np.where(rest > 1e-9 * diagonal, rest, 0.0)
    # What lies beside the diagonal does so in the inputs that W1 uses.
    used = W1.shape[1] / N_i
    ratios, shares = np.array(rho) / used, 1 / np.array(degrees, dtype=float)
    bulk = left @ rows, rest, np.array(x).reshape(-1, len(left))
    none, one = np.zeros(len(rho)), np.ones(1)
    if widest > WIDE:
        return TeacherBulk(*bulk, ratios, none, one, used)
    if widest > NARROW or (symmetric and not equal):
        return TeacherBulk(*bulk, ratios * (1 - shares), none, one, HALF * used)
    directions = left @ (np.copysign(1.0, W2)[:, None] * W1)
    sigma2 = np.maximum(blas.eigvalsh(directions.T @ directions), 0)
    plain = ratios * shares if equal else none
    sigma2 = sigma2 / sigma2.mean()
    return TeacherBulk(*bulk, plain, ratios * (1 - shares), sigma2, HALF * used)


def beside_degree_one(
    local: LocalCoefficients, matrix: Float[ndarray, "N_h N_h"], W2: Float[ndarray, " N_h"]
) -> tuple[Float[ndarray, " left"], Float[ndarray, "left N_h"]]:
    """Diagonalise a matrix of the neurons in the directions in which the bulk lies.

    The N_i eigenvalues of degree 1 have the eigenvectors `u ⊗ R^{N_i}`, with
    `u_m = W2_m h_1(p_m)/√p_m`. The bulk is orthogonal to them: T has the same form on what is
    left, with N_h - 1 eigenvalues, which interlace those of the matrix. All neurons are left where
    degree 1 is absent.

    Returns:
        The eigenvalues, and the eigenvectors as rows.
    """
    left = np.eye(len(W2))
    if len(W2) > 1 and has_degree_one(local, W2):
        u = W2 * local.h[1] / np.sqrt(local.p)
        left = blas.svd(u[None] / np.linalg.norm(u))[2][1:]
    values, vectors = blas.eigh(left @ matrix @ left.T)
    return np.maximum(values, 0), vectors.T @ left


def has_degree_one(local: LocalCoefficients, W2: Float[ndarray, " N_h"]) -> bool:
    """Whether the linear part of g is more than rounding."""
    slope = np.sqrt(W2**2 @ (local.h[1] ** 2 / local.p))
    return bool(slope > NOTHING * np.sqrt(W2**2 @ local.squared_slope))


def are_equal(*values: Float[ndarray, " N_h"]) -> bool:
    """Whether each of some vectors has the same value for all neurons."""
    return all(np.ptp(v) <= 1e-9 * v.max() for v in values)


def teacher_order_one(
    local: LocalCoefficients, W1: Float[ndarray, "N_h N_i"], W2: Float[ndarray, " N_h"]
) -> Float[ndarray, " n"]:
    """Return the `N_i + N_h` largest eigenvalues that degrees 0, 1 and block B's rest give."""
    slope = local.h[1] / np.sqrt(local.p)
    u, rows = W2 * slope, slope[:, None] * W1
    r = float(np.linalg.norm(u))
    corner = rows @ rows.T + np.diag(local.b2) + np.outer(local.h[0], local.h[0])
    matrix = np.block([[r * r * np.eye(W1.shape[1]), r * rows.T], [r * rows, corner]])
    return np.asarray(blas.eigvalsh(matrix))
