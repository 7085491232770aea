"""The bulk of a teacher whose neurons differ, with its exchange as one free shell (docs/laws.md).

T holds the matrix of the neurons, in its eigenvectors, and the exchange of degree 2. The exchange
of all higher degrees acts as a free matrix with its exact second and third moments: with x_k the
weight of each eigenvector, the eigenvalues d_k of the matrix of the neurons become

    d_k + x_k E(ρ g),     E(u) = u/(1 - t u),     g(z) = tr[diag(x) (z - T)^-1]/(N_h n).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

from hessweep import blas
from hessweep.laws.harmonics import harmonic_matrices, harmonics
from hessweep.laws.local import LocalCoefficients
from hessweep.laws.shells import WIDE
from hessweep.laws.special_directions import BulkAt
from hessweep.laws.teacher_parts import TeacherParts

PLAIN_STEPS = 8
FEW_STEPS = 100
STEPS = 400
RESOLUTION = 1e-9
"""Relative step at which the search for the shell ends."""
WORST = 0.01
"""Change in the last step above which there is no value."""
NOTHING = 1e-12
"""Variance of the exchange, relative to the square of the diagonal, that is rounding."""
LEAST_PART = 1e-9
"""Part of the diagonal below which a degree is absent."""
LEAST_SKEW = 1e-3
"""The least skewness of the shell: below it the closed form of its potential cancels."""


@dataclass(frozen=True, eq=False)
class NeuronBulk:
    """The operator T with its shell."""

    parts: TeacherParts
    values: Float[ndarray, " N_h"]
    """d: eigenvalues of the matrix of the neurons."""
    vectors: Float[ndarray, "N_h N_h"]
    """Its eigenvectors, as rows."""
    x: Float[ndarray, " N_h"]
    """Weights in the shell, of mean 1."""
    rho: float
    """Variance of the shell."""
    third: float
    """t in `E(u) = u/(1 - t u)`."""

    @property
    def has_shell(self) -> bool:
        """Whether there is any exchange beyond degree 2."""
        return self.rho > 0

    def at(self, z: complex) -> BulkAt | None:
        """Return the bulk at z; None where the shell does not converge."""
        following, before = -0.5j if self.has_shell else 0j, None
        for step in range(STEPS):
            excess = following
            inverse = 1 / (z - self.values - self.x * excess)
            mu, vectors = self._eigen(inverse)
            sums = np.add.outer(mu, mu)
            g = complex((self.x * self._trace(inverse, vectors, sums)).mean())
            u = self.rho * g
            new = u / (1 - self.third * u)
            change = abs(new - excess) / abs(1 + new)
            if change < RESOLUTION:
                break
            now = excess, new - excess
            following, before = _following(now, before, step), now
        # From here on the excess that `inverse` was taken with: zeros of H stay zeros.
        if change > WORST:
            return None
        N_h, n = self.parts.W1.shape
        pairs = 1 - sums[np.triu_indices(n)]
        argument = (np.angle(pairs).sum() - n * np.angle(inverse).sum()) / np.pi
        argument += N_h * n * (g * excess - self._potential(g)).imag / np.pi
        shell = (self.vectors.T * (self.x * excess)) @ self.vectors
        corner = shell * self.parts.gram / np.outer(self.parts.p, self.parts.p)
        resolvent = self._resolvent(inverse, vectors, pairs, shell)
        return BulkAt(float(argument), corner, resolvent, np.zeros(0))

    def _potential(self, g: complex) -> complex:
        """The integral of `E(ρ g)` over g, from 0."""
        if not self.rho:
            return 0j
        t = self.third
        return complex(-(g / t + np.log(1 - t * self.rho * g) / (t * t * self.rho)))

    @cached_property
    def _rows(self) -> Float[ndarray, "N_h n"]:
        return self.vectors @ self.parts.rows

    def _eigen(
        self, inverse: Complex[ndarray, " N_h"]
    ) -> tuple[Complex[ndarray, " n"], Complex[ndarray, "n n"]]:
        """Eigenvalues and eigenvectors of `M^T diag(1/(z - d)) M`, which is symmetric."""
        mu, vectors = np.linalg.eig((self._rows.T * inverse) @ self._rows)
        return mu, vectors / np.sqrt((vectors**2).sum(axis=0))

    def _trace(
        self,
        inverse: Complex[ndarray, " N_h"],
        vectors: Complex[ndarray, "n n"],
        sums: Complex[ndarray, "n n"],
    ) -> Complex[ndarray, " N_h"]:
        """The trace of `(z - T)^-1` over the inputs, for each eigenvector, over n."""
        pairs = 1 / (1 - sums)
        weight = pairs.sum(axis=1) + np.diag(pairs)
        slopes = (self._rows @ vectors) ** 2 * inverse[:, None] ** 2
        return np.asarray(inverse + slopes @ weight / len(sums))

    def _resolvent(
        self,
        inverse: Complex[ndarray, " N_h"],
        vectors: Complex[ndarray, "n n"],
        pairs: Complex[ndarray, " pairs"],
        shell: Complex[ndarray, "N_h N_h"],
    ) -> Complex[ndarray, "k k"]:
        """`G^T (z - T)^-1 G`, every column of G being a `y w_k^T`."""
        parts = self.parts
        y = np.concatenate(
            [np.eye(len(parts.p)), parts.columns - shell / parts.p, parts.of_b], axis=1
        )
        y = self.vectors @ y
        first, second = np.triu_indices(len(vectors))
        result = (y.T * inverse) @ y * np.tile(parts.gram, (3, 3))
        # M^T (z - d)^-1 V + its transpose, in the eigenvectors; (2 - 2 μ_j - 2 μ_k) divides it.
        left = vectors.T @ ((self._rows.T * inverse) @ y)
        right = np.tile(vectors.T @ parts.W1.T, (1, 3))
        symmetric = left[first] * right[second]
        symmetric += right[first] * left[second]
        weight = np.where(first == second, 0.5, 1) / pairs
        return np.asarray(result + (symmetric.T * weight) @ symmetric)


def _following(
    now: tuple[complex, complex], before: tuple[complex, complex] | None, step: int
) -> complex:
    """Return where the search for a fixed point goes on.

    It follows the secant of its last two places as long as each step has brought it nearer. The
    map keeps the lower half-plane, where it has one fixed point, so that the secant may not leave
    it.

    Args:
        now: A place, and the way from there to its image.
        before: The place before and the way from there.
        step: How many steps were taken.
    """
    place, way = now
    if before is not None and abs(way) < abs(before[1]):
        secant = place - way * (place - before[0]) / (way - before[1])
        if secant.imag < 0:
            return secant
    # The mean of both damps the turning about the fixed point beside narrow bands.
    return place + way * (1.0 if step < PLAIN_STEPS else 0.5 if step < FEW_STEPS else 0.25)


def neuron_bulk(
    parts: TeacherParts, local: LocalCoefficients, W2: Float[ndarray, " N_h"], inputs: int
) -> NeuronBulk:
    """Return the bulk of a teacher.

    Args:
        parts: The parts of its Hessian.
        local: The coefficients of each neuron.
        W2: Output weights.
        inputs: Number of all inputs, where W1 has fewer columns.
    """
    values, vectors = blas.eigh(parts.neurons)
    second, third = parts.exchange_moments()
    none = np.zeros(len(values))
    if second <= NOTHING * values.mean() ** 2:
        return NeuronBulk(parts, values, vectors.T, none, 0.0, 1.0)
    # A neuron takes part in the exchange of degree l in proportion to its diagonal of degree l.
    matrices = harmonic_matrices(local, parts.W1, W2, inputs)
    weights, degrees = np.zeros(parts.neurons.shape), []
    for degree, matrix in enumerate(matrices, start=3):
        weights += np.sqrt((1 - 1 / degree) / harmonics(inputs, degree)) * matrix
        if np.trace(matrix) > LEAST_PART * np.trace(parts.neurons):
            degrees.append(degree)
    x = ((vectors.T @ weights) * vectors.T).sum(axis=1)
    skew = third / second**1.5
    skew = float(np.copysign(max(abs(skew), LEAST_SKEW), skew))
    x = x / x.mean()
    skewness = skew / np.sqrt(second)
    size = len(values) * inputs
    full = sum(harmonics(inputs, degree) for degree in degrees) >= size
    if full and size > WIDE * harmonics(inputs, 3):
        # The shell adds -x/t at most. As the sum with the matrix of the neurons has no zeros, it
        # must not make the least eigenvalues negative.
        positive = values > LEAST_PART * values.max()
        skewness = max(skewness, float((x[positive] / values[positive]).max()))
    return NeuronBulk(parts, values, vectors.T, x, second, skewness)
