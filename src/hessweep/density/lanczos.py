"""The Lanczos recurrence with full reorthogonalisation."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import linalg

DROP = 0.7
"""Reorthogonalise again while a pass shortens the vector below this (Daniel et al. 1976)."""


class Krylov(NamedTuple):
    """`A Q^T = Q^T T` up to the last column: T by its diagonals, the orthonormal rows of Q."""

    alpha: Float[ndarray, " steps"]
    """Diagonal of T."""
    beta: Float[ndarray, " steps"]
    """Off-diagonal of T; the last one couples to the vector after the last."""
    Q: Float[ndarray, "steps P"]

    def ritz(self) -> tuple[Float[ndarray, " steps"], Float[ndarray, "steps steps"]]:
        """Return the eigenvalues of T, ascending, and its eigenvectors as columns."""
        return linalg.eigh_tridiagonal(self.alpha, self.beta[:-1])


class Lanczos:
    """Runs of the recurrence in one basis buffer, orthogonal to a few locked vectors.

    Args:
        product: `product(v, out)` writes `A v` into `out`.
        size: Length of the vectors.
        steps: Most steps of a run; locked vectors count as steps.
        dtype: float64 or float32, of the vectors; T is float64.
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
        # Locked vectors share the buffer, so that one pass removes them and the basis alike.
        self._rows = np.empty((steps, size), dtype)

    @property
    def steps(self) -> int:
        """Most steps of the next run: the buffer less the locked vectors."""
        return self._steps - self._locked

    def lock(self, vectors: Float[ndarray, "k P"]) -> None:
        """Keep later runs orthogonal to these orthonormal vectors, and as much shorter."""
        self._locked = len(vectors)
        self._rows[: self._locked] = vectors

    def run(self, start: Float[ndarray, " P"]) -> Krylov:
        """Return the Krylov space of `start`, which is overwritten.

        It ends early where it is invariant. `Q` is a view of the buffer: the next run
        overwrites it.
        """
        first, rows = self._locked, self._rows
        vector = rows[first:][0]
        vector[:] = start / np.linalg.norm(start)
        _orthogonalise(vector, rows[:first])
        vector /= np.linalg.norm(vector)
        alpha: list[float] = []
        beta: list[float] = []
        w = start
        for j in range(first, self._steps):
            self._product(rows[j], w)
            alpha.append(float(rows[j] @ w))
            # The three-term recurrence first: a full pass then has rounding errors alone to
            # remove, and a second one is seldom needed.
            w -= rows[j] * w.dtype.type(alpha[-1])
            if j > first:
                w -= rows[j - 1] * w.dtype.type(beta[-1])
            length = _orthogonalise(w, rows[: j + 1])
            beta.append(length)
            scale = max(max(map(abs, alpha)), max(beta))
            if j + 1 == self._steps or length <= 10 * np.finfo(w.dtype).eps * scale:
                break
            np.divide(w, w.dtype.type(length), out=rows[j + 1])
        return Krylov(np.array(alpha), np.array(beta), rows[first : first + len(alpha)])


def _orthogonalise(w: Float[ndarray, " P"], rows: Float[ndarray, "k P"]) -> float:
    """Remove the span of the orthonormal rows from `w` in place; return its length."""
    length = float(np.linalg.norm(w))
    while len(rows):
        before = length
        w -= (rows @ w) @ rows
        length = float(np.linalg.norm(w))
        if length > DROP * before or length <= np.finfo(w.dtype).tiny:
            break
    return length
