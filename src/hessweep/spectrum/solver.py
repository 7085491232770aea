"""Eigenvalues of stacks of real symmetric matrices."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import linalg

from hessweep.compiled import lanes

EPS = float(np.finfo(float).eps)

LANES = 8
"""Matrices that are solved together: stacks of whole multiples waste nothing."""

SMALL = 400
"""Up to this size several matrices at a time, one a SIMD lane, beat LAPACK by 2 to 7 times; a
single one takes from 0.6 to 2 times as long as there, the longer the larger it is."""


def stacked_eigenvalues(matrices: Float[ndarray, "S n n"]) -> Float[ndarray, "S n"]:
    """Return the eigenvalues of each matrix, ascending; reads the upper triangles.

    What is done for a matrix depends on its size alone, never on the stack it is in. The
    matrices may be overwritten. All of LAPACK's drivers without eigenvectors share one way
    (tridiagonalise, then the square-root-free QR of `dsterf`) and cost the same.
    """
    size = matrices.shape[-1]
    if size <= SMALL:
        return _in_lanes(matrices) if lanes else np.linalg.eigvalsh(matrices, UPLO="U")
    eigenvalues = np.empty(matrices.shape[:2])
    for matrix, values in zip(matrices, eigenvalues, strict=True):
        # The transpose is in Fortran order, so that LAPACK works in place, in its lower triangle:
        # from the upper one it takes 3 to 15 % longer.
        values[:] = linalg.eigvalsh(
            matrix.T, lower=True, overwrite_a=True, check_finite=False, driver="evd"
        )
    return eigenvalues


def _in_lanes(matrices: Float[ndarray, "S n n"]) -> Float[ndarray, "S n"]:
    """Solve one matrix in each SIMD lane; LAPACK has those that do not converge, if any."""
    eigenvalues = np.empty(matrices.shape[:2])
    failed = np.zeros(len(matrices), dtype=np.uint8)
    lanes.eigenvalues(np.ascontiguousarray(matrices), eigenvalues, failed, matrices.shape[-1])
    eigenvalues.sort(axis=1)
    for i in np.flatnonzero(failed):
        eigenvalues[i] = np.linalg.eigvalsh(matrices[i], UPLO="U")
    return eigenvalues


def solver_error(size: int, norm: Float[ndarray, " S"]) -> Float[ndarray, " S"]:
    """Return a bound on the eigenvalues' errors: `(size + 20) eps |H|`.

    Some twice the largest error of either solver on the matrices of docs/spectra.md; for the
    worst case, every rounding against us, see docs/ranks.md.
    """
    return (size + 20) * EPS * norm


def workspace_numbers(size: int) -> int:
    """Return how many floats the solver holds beside one matrix of this size."""
    if size > SMALL:
        return 40 * size
    return LANES * size * (size + 7) if lanes else size**2
