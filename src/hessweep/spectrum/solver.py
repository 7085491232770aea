"""Eigenvalues of stacks of real symmetric matrices."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import linalg

EPS = float(np.finfo(float).eps)

SMALL = 256
"""Up to this size the cost of a call outweighs a copy of the matrix."""


def stacked_eigenvalues(matrices: Float[ndarray, "S n n"]) -> Float[ndarray, "S n"]:
    """Return the eigenvalues of each matrix, ascending; reads the lower triangles.

    What is done for a matrix depends on its size alone, never on the stack it is in. The
    matrices are overwritten. All of LAPACK's drivers without eigenvectors share one way
    (tridiagonalise, then the square-root-free QR of `dsterf`) and cost the same.
    """
    if matrices.shape[-1] <= SMALL:
        return np.linalg.eigvalsh(matrices)
    eigenvalues = np.empty(matrices.shape[:2])
    for matrix, values in zip(matrices, eigenvalues, strict=True):
        # The transpose is in Fortran order, so that LAPACK works in place; its upper triangle
        # is the lower one of the matrix.
        values[:] = linalg.eigvalsh(
            matrix.T, lower=False, overwrite_a=True, check_finite=False, driver="evd"
        )
    return eigenvalues


def solver_error(size: int, norm: Float[ndarray, " S"]) -> Float[ndarray, " S"]:
    """Return a bound on the eigenvalues' errors: `size · eps · |H|` (docs/spectra.md)."""
    return size * EPS * norm


def workspace_numbers(size: int) -> int:
    """Return how many floats the solver holds beside one matrix of this size."""
    return size * (size if size <= SMALL else 40)
