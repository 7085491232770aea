"""What float64 eigenvalues say about the rank: a proved lower bound, and numpy's rule."""

from math import inf

import numpy as np

from hessweep.spectrum import Spectrum

ROUNDOFF = 2.0**-53


def solver_bound(spectrum: Spectrum) -> float:
    """Return a worst-case bound on what LAPACK's eigensolver adds to each eigenvalue.

    Householder reduction of n rows and at most 30 n sweeps of QR, every rounding against us:
    `(8 n + 600) n u |H|_F` (docs/ranks.md). Eigenvalues that are exactly 0 came from the
    structure that the route exploits, so n counts the others.
    """
    n = int(np.count_nonzero(spectrum.eigenvalues))
    return (8 * n + 600) * n * ROUNDOFF * spectrum.frobenius_norm


def lower_bound(spectrum: Spectrum, N_i: int = 1, N_h: int = 1) -> int:
    """Return how many eigenvalues are proved to be positive.

    `spectrum.error` covers the assembly of H; to it comes the worst case of the solver. Where the
    row space of W1 was split off, the error counts `(N_i + N_h) eps` for a row of the triangular
    factor; a proof takes the worst case of Householder QR, `4 N_i N_h eps`.
    """
    worse = 4 * N_i * N_h / (N_i + N_h) if spectrum.plan.row_space else 1.0
    bound = spectrum.error * max(worse, 1.0) + solver_bound(spectrum)
    return int(np.count_nonzero(spectrum.eigenvalues > bound))


def numpy_rank(spectrum: Spectrum) -> int:
    """Return what `numpy.linalg.matrix_rank` reports: eigenvalues above `P eps lambda_max`."""
    size = np.abs(spectrum.eigenvalues)
    largest = max(size[0], size[-1])
    return int(np.count_nonzero(size > largest * len(size) * (2 * ROUNDOFF)))


def gap_ratio(spectrum: Spectrum, rank: int) -> float:
    """Return the smallest eigenvalue counted by `rank` over the largest one that is not.

    Infinite where the rank is full or the others are exactly 0. A ratio near 1 means that
    float64 does not see where the spectrum ends.
    """
    if rank == 0:
        return 0.0
    if rank == len(spectrum.eigenvalues):
        return inf
    size = np.sort(np.abs(spectrum.eigenvalues))
    first, last = size[len(size) - rank], size[len(size) - rank - 1]
    return float(first / last) if last else inf
