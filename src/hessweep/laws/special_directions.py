"""The count of eigenvalues of a bulk together with 3 N_h directions (docs/laws.md).

With G the columns `(U, Y, Y_b)` of `TeacherParts`, the Hessian is `T + G Θ G^T`, bordered by block
B. The argument of its determinant is that of T and that of the Schur complement

    [[0, 1, 0], [1, -X, -C], [0, -C^T, z - B]] - G^T (z - T)^-1 G,

of which N_h eigenvalues are negative where z is above all eigenvalues.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

from hessweep import blas
from hessweep.errors import PrecisionError
from hessweep.laws.teacher_parts import TeacherParts

SLOPES = (1e-8, 1e-3, 0.03)
"""The count is taken at `z (1 + i slope)`, at the first of these where the bulk converges: at an
edge of the law it slows down on the real axis. The last one blurs a step by some 0.01."""
LEAST = 1e-12
"""Values of z below this part of the mean of T are taken as 0: nothing but an atom is there."""
LEAST_EXACT = 3e-6
"""The same where T has no shell: its zeros come with a rounding error of this order in 1/z."""


@dataclass(frozen=True, eq=False)
class BulkAt:
    """A bulk at one z, with all that the count needs of it."""

    argument: float
    """The argument of `det(z - T)`, in units of π, shells included."""
    corner: Complex[ndarray, "N_h N_h"]
    """`U^T Σ U`, Σ the shells: they do not act on U, where the Hessian is exact."""
    resolvent: Complex[ndarray, "k k"]
    """`G^T (z - T)^-1 G`; beyond 3 N_h, of the directions of `border`."""
    border: Float[ndarray, " more"]
    """What the Schur complement has on its diagonal beyond 3 N_h."""


class Bulk(Protocol):
    """An operator T, perhaps with a part that is only known by its law."""

    @property
    def parts(self) -> TeacherParts:
        """The teacher that it belongs to."""

    @property
    def has_shell(self) -> bool:
        """Whether a part of T is only known by its law."""

    def at(self, z: complex) -> BulkAt | None:
        """Return it at z in the upper half-plane; None where the shells do not converge."""


@dataclass(frozen=True, eq=False)
class WholeSpectrum:
    """The number of eigenvalues of `N_h H` above z, of one teacher."""

    bulk: Bulk

    def above(self, z: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """Return how many eigenvalues are above each z > 0; a whole number where T is exact.

        Raises:
            PrecisionError: If the shells do not converge.
        """
        parts = self.bulk.parts
        least = LEAST if self.bulk.has_shell else LEAST_EXACT
        least *= (np.trace(parts.neurons) + (parts.rows**2).sum()) / len(parts.p)
        falling = np.argsort(z)[::-1]
        counts = [self._count(max(float(at), least)) for at in z[falling]]
        result = np.empty(len(z))
        # Each has an error of some 1e-4 of its own; the number falls with z.
        result[falling] = np.maximum.accumulate(np.clip(counts, 0, parts.W1.size + len(parts.p)))
        return result

    def _count(self, z: float) -> float:
        N_h = len(self.bulk.parts.p)
        for slope in SLOPES:
            at = z * (1 + 1j * slope)
            found = self.bulk.at(at)
            if found is not None:
                # Far above all eigenvalues the argument of every factor z is that of 1 + i slope.
                size = self.bulk.parts.W1.size + N_h
                least = size * np.arctan(slope) / np.pi
                value = found.argument + self._small(found, at) - N_h
                return float((value - least) * size / (size - least))
        raise PrecisionError(
            f"the law of a teacher's spectrum does not converge at N_h λ = {z:g}; evaluate it at "
            "other places"
        )

    def _small(self, found: BulkAt, z: complex) -> float:
        """The argument of the Schur complement's determinant, in units of π."""
        parts, N_h = self.bulk.parts, len(self.bulk.parts.p)
        one, none = np.eye(N_h), np.zeros((N_h, N_h))
        matrix = np.diag(np.r_[np.zeros(3 * N_h), found.border]).astype(complex)
        matrix[: 3 * N_h, : 3 * N_h] = np.block(
            [
                [none, one, none],
                [one, -parts.corner - found.corner, -parts.of_b_along],
                [none, -parts.of_b_along.T, z * one - parts.block_B],
            ]
        )
        matrix -= found.resolvent
        # A congruence does not change the argument; even rows let small eigenvalues survive.
        scale = 1 / np.sqrt(np.abs(matrix).max(axis=0))
        return argument_of_determinant(matrix * np.outer(scale, scale))


def argument_of_determinant(matrix: Complex[ndarray, "n n"]) -> float:
    """Return the sum of the arguments of a symmetric matrix's eigenvalues, in units of π.

    The imaginary part of the matrix must be positive semidefinite. The sum is that of the blocks D
    of `L D L^T`: the imaginary parts of Schur complements are positive too, so that both sums are
    continuous in t while `i t` is added to the matrix. They are arguments of one determinant, and
    agree for large t, where D is nearly `i t`.
    """
    D, pivots = blas.symmetric_factors(matrix)
    first = np.flatnonzero(pivots < 0)[::2]  # The blocks of two rows have negative pivots.
    single = np.diag(D)[pivots >= 0]
    upper, beside, lower = D[first, first], D[first + 1, first], D[first + 1, first + 1]
    mean = (upper + lower) / 2
    root = np.sqrt((upper - lower) ** 2 / 4 + beside**2)
    return arguments(np.concatenate([single, mean + root, mean - root]))


def arguments(values: Complex[ndarray, " n"]) -> float:
    """Return the sum of the arguments, in units of π, of numbers from the upper half-plane.

    Rounding may move them below the real axis.
    """
    angles = np.angle(values)
    return float(np.where(angles < -np.pi / 2, angles + 2 * np.pi, angles).sum() / np.pi)
