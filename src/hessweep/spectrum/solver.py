"""Eigenvalues of stacks of real symmetric matrices."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import linalg

from hessweep.blas import threads_for
from hessweep.compiled import lanes
from hessweep.errors import PrecisionError

EPS = float(np.finfo(float).eps)

UNDERFLOW = float(np.finfo(float).tiny)
"""For each row of a matrix, a bound on what underflows add to the errors of its eigenvalues."""

LANES = 8
"""Number of matrices that are solved together; stacks should be multiples of it."""

SMALL = 400
"""Up to this size several matrices are solved at once, one in each SIMD lane, which is 2 to 7
times faster than LAPACK. A single matrix takes 0.6 to 2 times as long as with LAPACK; this ratio
grows with its size."""


def stacked_eigenvalues(matrices: Float[ndarray, "S n n"]) -> Float[ndarray, "S n"]:
    """Return the eigenvalues of each matrix in ascending order, from its upper triangle.

    The computation for a matrix depends only on its size, not on the stack that it is in. The
    matrices may be overwritten. Without eigenvectors, all drivers of LAPACK use the same algorithm
    (tridiagonalisation and the square-root-free QR of `dsterf`) and take the same time.

    Raises:
        PrecisionError: If an eigenvalue is not a finite number, because an entry is not.
    """
    # No entry of a positive semidefinite matrix is larger than all of its diagonal.
    finite = np.isfinite(np.einsum("sii->si", matrices)).all()
    try:
        eigenvalues = _solved(matrices) if finite else None
    except np.linalg.LinAlgError:  # LAPACK does not converge if an entry is not finite
        eigenvalues = None
    if eigenvalues is None or not np.isfinite(eigenvalues).all():
        raise PrecisionError(
            "expected a Hessian whose entries and kernels are below 1.8e308, got larger ones, so "
            "that its eigenvalues can not be computed in float64; use weights of another size, or "
            "an activation that grows more slowly"
        )
    return eigenvalues


def _solved(matrices: Float[ndarray, "S n n"]) -> Float[ndarray, "S n"]:
    size = matrices.shape[-1]
    if size <= SMALL:
        return _in_lanes(matrices) if lanes else np.linalg.eigvalsh(matrices, UPLO="U")
    eigenvalues = np.empty(matrices.shape[:2])
    with threads_for(size):
        for matrix, values in zip(matrices, eigenvalues, strict=True):
            # The transpose is in Fortran order, so that LAPACK works in place. It reads the lower
            # triangle, because with the upper one it takes 3 to 15 % longer.
            values[:] = linalg.eigvalsh(
                matrix.T, lower=True, overwrite_a=True, check_finite=False, driver="evd"
            )
    return eigenvalues


def _in_lanes(matrices: Float[ndarray, "S n n"]) -> Float[ndarray, "S n"]:
    """Solve one matrix in each SIMD lane; those that do not converge are left to LAPACK."""
    eigenvalues = np.empty(matrices.shape[:2])
    failed = np.zeros(len(matrices), dtype=np.uint8)
    lanes.eigenvalues(np.ascontiguousarray(matrices), eigenvalues, failed, matrices.shape[-1])
    eigenvalues.sort(axis=1)
    for i in np.flatnonzero(failed):
        eigenvalues[i] = np.linalg.eigvalsh(matrices[i], UPLO="U")
    return eigenvalues


def solver_error(size: int, norm: Float[ndarray, " S"]) -> Float[ndarray, " S"]:
    """Return a bound on the eigenvalues' errors: `(size + 20) eps |H|`.

    It is about twice the largest error of either solver on the test matrices of docs/spectra.md.
    For the bound that proofs use, in which all rounding errors add up, see docs/ranks.md.
    """
    return (size + 20) * EPS * norm


def workspace_numbers(size: int) -> int:
    """Return the number of floats that the solver needs besides a matrix of this size."""
    if size > SMALL:
        return 40 * size
    return LANES * size * (size + 13) if lanes else size**2
