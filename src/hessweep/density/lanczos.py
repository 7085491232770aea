"""The Lanczos recurrence with full reorthogonalisation."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import linalg

DROP = 0.7
"""Orthogonalise again if a pass shortens the vector by more than this (Daniel et al. 1976)."""


class Krylov(NamedTuple):
    """`A Q^T = Q^T T` except for the last column, with T tridiagonal and Q of orthonormal rows."""

    alpha: Float[ndarray, " steps"]
    """The diagonal of T."""
    beta: Float[ndarray, " steps"]
    """The off-diagonal of T. The last entry is the coupling to the vector after the last."""
    Q: Float[ndarray, "steps P"]

    def ritz(self) -> tuple[Float[ndarray, " steps"], Float[ndarray, "steps steps"]]:
        """Return the eigenvalues of T in ascending order, and its eigenvectors as columns."""
        return linalg.eigh_tridiagonal(self.alpha, self.beta[:-1])


class Lanczos:
    """Lanczos runs in one buffer for the basis, all orthogonal to a few locked vectors.

    Args:
        product: `product(v, out)` writes `A v` into `out`.
        size: Length of the vectors.
        steps: The most steps of a run; locked vectors count as steps.
        dtype: Type of the vectors, float64 or float32. T is always float64.
    """

    def __init__(
        self,
        product: Callable[[ndarray, ndarray], ndarray],
        size: int,
        steps: int,
        dtype: np.dtype,
    ) -> None:
        self._product = product
        self._steps = steps
        self._locked = 0
        # Locked vectors share the buffer, so that one pass removes both them and the basis.
        self._rows = np.empty((steps, size), dtype)

    @property
    def steps(self) -> int:
        """The most steps of the next run: the size of the buffer minus the locked vectors."""
        return self._steps - self._locked

    def lock(self, vectors: Float[ndarray, "k P"]) -> None:
        """Keep later runs orthogonal to these orthonormal vectors.

        Each vector reduces the number of steps of later runs by one.
        """
        self._locked = len(vectors)
        self._rows[: self._locked] = vectors

    @property
    def locked(self) -> Float[ndarray, "k P"]:
        """The locked vectors, as rows."""
        return self._rows[: self._locked]

    def run(self, start: Float[ndarray, " P"], steps: int | None = None) -> Krylov:
        """Return the Krylov space of `start`, which is overwritten.

        The run ends early if the space becomes invariant. `Q` is a view of the buffer, and the
        next run overwrites it.

        Args:
            start: A vector of length P.
            steps: The most steps of this run; None for as many as there are.
        """
        first, rows = self._locked, self._rows
        last = self._steps if steps is None else min(first + steps, self._steps)
        vector = rows[first:][0]
        vector[:] = start / np.linalg.norm(start)
        orthogonalise(vector, rows[:first])
        vector /= np.linalg.norm(vector)
        alpha: list[float] = []
        beta: list[float] = []
        w = start
        for j in range(first, last):
            self._product(rows[j], w)
            alpha.append(float(rows[j] @ w))
            # After the three-term recurrence a full pass only has to remove rounding errors, so
            # that a second pass is rarely needed.
            w -= rows[j] * w.dtype.type(alpha[-1])
            if j > first:
                w -= rows[j - 1] * w.dtype.type(beta[-1])
            length = orthogonalise(w, rows[: j + 1])
            beta.append(length)
            scale = max(max(map(abs, alpha)), max(beta))
            if j + 1 == last or length <= 10 * np.finfo(w.dtype).eps * scale:
                break
            np.divide(w, w.dtype.type(length), out=rows[j + 1])
        return Krylov(np.array(alpha), np.array(beta), rows[first : first + len(alpha)])


def orthogonalise(w: Float[ndarray, " P"], rows: Float[ndarray, "k P"]) -> float:
    """Make `w` orthogonal to the orthonormal rows, in place, and return its length."""
    length = float(np.linalg.norm(w))
    while len(rows):
        before = length
        w -= (rows @ w) @ rows
        length = float(np.linalg.norm(w))
        if length > DROP * before or length <= np.finfo(w.dtype).tiny:
            break
    return length
