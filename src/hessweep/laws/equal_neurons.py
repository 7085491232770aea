"""The bulk of a teacher whose neurons are equal in χ and |w|², as with Rademacher weights.

In the singular vectors of `sign(M) W1`, i on the side of the neurons and j on that of the inputs,
the operator T only mixes `V_ij` and `V_ji`. Half of the bulk is where its exchange cancels the
rest: the pairs `e_m w_p^T - e_p w_m^T` of two neurons. On these only the exchange of higher
degrees acts, with one factor `F_mp` for each pair. Bands as narrow as that see single factors, not
a free matrix: the coherent potential takes the pairs one by one,

    mean of (F± - σ±)/(1 - G± (F± - σ±)) = 0,      F± = ±F_mp,

and puts `(σ+ + σ-)/2` times the eigenvalues of `W1^T W1` into the diagonal of T, and
`(σ+ - σ-)/2` into its exchange. The matrix of the neurons beside its diagonal is a free matrix.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

from hessweep import blas
from hessweep.laws.harmonics import constant_part
from hessweep.laws.local import LocalCoefficients
from hessweep.laws.special_directions import BulkAt, arguments
from hessweep.laws.teacher_parts import TeacherParts

PLAIN_STEPS = 6
FEW_STEPS = 100
STEPS = 600
RESOLUTION = 1e-7
"""Change of the potentials, relative to their size, at which the iteration ends."""
WORST = 1e-2
"""Change in the last step above which there is no value."""


@dataclass(frozen=True, eq=False)
class Potentials:
    """What the random parts of T are replaced by at one z."""

    plus: complex
    minus: complex
    neurons: complex
    """Of the matrix of the neurons beside its diagonal."""


@dataclass(frozen=True, eq=False)
class PairResolvent:
    """`(z - T)^-1` in pairs of singular directions."""

    straight: Complex[ndarray, "N_h n"]
    """From (i, j) to (i, j)."""
    crossed: Complex[ndarray, "n n"]
    """From (j, i) to (i, j); 0 for i = j."""
    argument: float
    """The argument of `det(z - T)`, in units of π."""


@dataclass(frozen=True, eq=False)
class EqualNeurons:
    """The operator T in singular directions, and the random parts that are left."""

    parts: TeacherParts
    diagonal: float
    """What the matrix of the neurons has on its diagonal."""
    beside: Float[ndarray, "N_h N_h"]
    """What it has beside it, without its constant part."""
    direction: Float[ndarray, " N_h"]
    """Unit vector of the constant part: degree 1."""
    constant: float
    """Its eigenvalue."""
    left: Float[ndarray, "N_h N_h"]
    """Singular vectors of `sign(M) W1` on the side of the neurons, as columns."""
    singular: Float[ndarray, " n"]
    right: Float[ndarray, "n n"]
    """Those on the side of the inputs, as rows."""
    factors: Float[ndarray, " pairs"]
    """F of each pair of neurons, beside U."""
    variance: float
    """Of the matrix of the neurons beside its diagonal."""

    @property
    def has_shell(self) -> bool:
        """Always: without exchange beyond degree 2 it is a `NeuronBulk`."""
        return True

    @property
    def squared_strength(self) -> float:
        """The factor of `W1` in M, squared."""
        return float(self.parts.strength[0] ** 2)

    def at(self, z: complex) -> BulkAt | None:
        """Return the bulk at z; None where the potentials do not converge."""
        N_h, n = self.parts.W1.shape
        size = np.sqrt(np.mean(self.factors**2) + self.variance)
        old = new = Potentials(-0.5j * size, -0.5j * size, -0.1j * size)
        for step in range(STEPS):
            part = 1.0 if step <= PLAIN_STEPS else 0.5 if step < FEW_STEPS else 0.25
            old = Potentials(
                *(a + part * (b - a) for a, b in zip(_values(old), _values(new), strict=True))
            )
            found = self._resolvent(z, old)
            new, log = self._potentials(found, old)
            change = sum(abs(a - b) for a, b in zip(_values(new), _values(old), strict=True))
            if change < RESOLUTION * size:
                break
        if change > WORST * size:
            return None
        argument = found.argument + N_h * n * log.imag / np.pi
        corner, resolvent = self._directions(found, old)
        border = np.full(n if self.constant else 0, 1 / self.constant if self.constant else 0.0)
        return BulkAt(argument, corner, resolvent, border)

    def _shells(self, old: Potentials) -> tuple[Complex[ndarray, " n"], complex]:
        """What the potentials add to the diagonal, and to the exchange of W1."""
        along = self.singular**2 * (old.plus + old.minus) / 2
        return old.neurons + along, (old.plus - old.minus) / 2

    def _resolvent(self, z: complex, old: Potentials) -> PairResolvent:
        N_h, n = self.parts.W1.shape
        squares = np.r_[self.singular**2, np.zeros(N_h - n)] * self.squared_strength
        shell, exchange = self._shells(old)
        gaps = z - self.diagonal - shell - squares[:, None]
        crossing = (self.squared_strength + exchange) * np.outer(self.singular, self.singular)
        i, square = np.arange(n), gaps[:n]
        determinant = square * square.T - crossing**2
        single = square[i, i] - crossing[i, i]
        straight = np.concatenate([square.T / determinant, 1 / gaps[n:]])
        crossed = crossing / determinant
        straight[i, i], crossed[i, i] = 1 / single, 0
        upper = np.triu_indices(n, 1)
        half, root = ((square + square.T) / 2)[upper], determinant[upper]
        root = np.sqrt(half**2 - root)
        logs = np.r_[single, half + root, half - root, gaps[n:].ravel()]
        return PairResolvent(straight, crossed, arguments(logs))

    def _potentials(self, found: PairResolvent, old: Potentials) -> tuple[Potentials, complex]:
        """Return the potentials of a resolvent, and their part of `log det/(N_h n)`."""
        N_h, n = self.parts.W1.shape
        own = (self.singular**2 * np.diag(found.straight)).sum()
        direct = (self.singular**2 * found.straight).sum() / N_h**2
        across = (np.outer(self.singular, self.singular) * found.crossed).sum() + own
        log, values = 0j, []
        for sign, before in ((1, old.plus), (-1, old.minus)):
            G = direct + sign * across / N_h**2
            cavity = 1 / G + before
            gaps = cavity - sign * self.factors
            values.append(complex(cavity - 1 / (1 / gaps).mean()))
            # Both logarithms are principal: G is in the lower half-plane, the gaps in the upper.
            log += complex(np.log(gaps).sum() + len(gaps) * np.log(G)) / (N_h * n)
        g = complex(found.straight.mean())
        log += g * old.neurons - self.variance * g * g / 2
        return Potentials(values[0], values[1], self.variance * g), log

    def _directions(
        self, found: PairResolvent, old: Potentials
    ) -> tuple[Complex[ndarray, "N_h N_h"], Complex[ndarray, "k k"]]:
        """Return `U^T Σ U` and `G^T (z - T)^-1 G`."""
        parts, (N_h, n) = self.parts, self.parts.W1.shape
        # What the neurons' matrix does to U is exact, as the exchange is.
        columns = parts.columns + self.beside / parts.p
        inputs = parts.W1 @ self.right.T
        U, Y, of_b = (
            np.einsum("mi,mk,kj->ijk", self.left, y, inputs, optimize=True)
            for y in (np.eye(N_h), columns, parts.of_b)
        )
        shell, exchange = self._shells(old)
        moved = shell[None, :, None] * U
        crossing = exchange * np.outer(self.singular, self.singular)
        moved[:n] += crossing[:, :, None] * U[:n].transpose(1, 0, 2)
        scale = np.outer(parts.p, parts.p)
        corner = np.einsum("ijk,ijl->kl", U, moved, optimize=True) - self.beside * parts.gram
        degree_one = np.einsum("i,jk->ijk", self.left.T @ self.direction, np.eye(n))
        families = [U, Y - moved / parts.p, of_b, *([degree_one] if self.constant else [])]
        G = np.concatenate(families, axis=2)
        image = found.straight[:, :, None] * G
        image[:n] += found.crossed[:, :, None] * G[:n].transpose(1, 0, 2)
        k = G.shape[2]
        return corner / scale, G.reshape(-1, k).T @ image.reshape(-1, k)


def _values(potentials: Potentials) -> tuple[complex, complex, complex]:
    return potentials.plus, potentials.minus, potentials.neurons


def equal_neurons(
    parts: TeacherParts, local: LocalCoefficients, W2: Float[ndarray, " N_h"], inputs: int
) -> EqualNeurons:
    """Return the bulk of a teacher with equal neurons and a symmetric part.

    Args:
        parts: The parts of its Hessian.
        local: The coefficients of each neuron.
        W2: Output weights.
        inputs: Number of all inputs, where W1 has fewer columns.
    """
    N_h, n = parts.W1.shape
    constant, direction = constant_part(local, W2, inputs)
    matrix = parts.neurons - constant * np.outer(direction, direction)
    diagonal = float(np.diag(matrix).mean())
    beside = matrix - diagonal * np.eye(N_h)
    other = np.eye(N_h) - np.outer(direction, direction)
    variance = float(((other @ beside @ other) ** 2).sum() / N_h * max(1 - 2 / n, 0))
    signs = np.sign(parts.strength)
    left, singular, right = blas.svd(signs[:, None] * parts.W1)
    lengths, first, second = np.sqrt(np.outer(parts.p, parts.p)), *np.triu_indices(N_h, 1)
    factors = np.outer(signs, signs) * parts.exchange * (lengths - parts.gram**2 / lengths)
    return EqualNeurons(
        parts, diagonal, beside, direction, constant, left, singular, right,
        factors[first, second], variance,
    )  # fmt: skip
