"""What eigenvalues in float64 say about the rank: a proved lower bound, and numpy's rule."""

from math import inf

import numpy as np

from hessweep.spectrum import Spectrum

ROUNDOFF = 2.0**-53


def solver_bound(spectrum: Spectrum) -> float:
    """Return a worst-case bound on the error of each eigenvalue that is due to the eigensolver.

    It is `(8 n + 600) n u |H|_F` for a Householder reduction of n rows and at most 30 n sweeps of
    QR, if all rounding errors add up (docs/ranks.md, eq. 4). n is the number of eigenvalues that
    are not exactly 0, because those that are come from structure and not from the solver.
    """
    n = int(np.count_nonzero(spectrum.eigenvalues))
    # Not `spectrum.frobenius_norm`, whose squares underflow for tiny eigenvalues.
    largest = float(np.abs(spectrum.eigenvalues).max())
    norm = largest * float(np.linalg.norm(spectrum.eigenvalues / largest)) if largest else 0.0
    return (8 * n + 600) * n * ROUNDOFF * max(norm, spectrum.frobenius_norm)


def proved_error(spectrum: Spectrum, N_i: int = 1, N_h: int = 1) -> float:
    """Return a worst-case bound on the error of each eigenvalue.

    It is the sum of two bounds: `spectrum.error`, for the assembly of H, and `solver_bound`. If
    the row space of W1 was split off, `spectrum.error` allows for an error of `(N_i + N_h) eps` in
    each row of the triangular factor. A proof needs the worst case of Householder QR instead,
    which is `4 N_i N_h eps`.
    """
    worse = 4 * N_i * N_h / (N_i + N_h) if spectrum.plan.row_space else 1.0
    return spectrum.error * max(worse, 1.0) + solver_bound(spectrum)


def lower_bound(spectrum: Spectrum, N_i: int = 1, N_h: int = 1) -> int:
    """Return the number of eigenvalues that are proved to be positive: those above the bound."""
    return int(np.count_nonzero(spectrum.eigenvalues > proved_error(spectrum, N_i, N_h)))


def seen_rank(spectrum: Spectrum) -> int:
    """Return the number of eigenvalues above `spectrum.error`: what is most likely the rank."""
    return int(np.count_nonzero(spectrum.eigenvalues > spectrum.error))


def numpy_rank(spectrum: Spectrum) -> int:
    """Return the rank that numpy reports: the number of eigenvalues above `P eps λ_max`."""
    size = np.abs(spectrum.eigenvalues)
    largest = max(size[0], size[-1])
    return int(np.count_nonzero(size > largest * len(size) * (2 * ROUNDOFF)))


def gap_ratio(spectrum: Spectrum, rank: int) -> float:
    """Return the ratio of the smallest eigenvalue that `rank` counts to the largest other one.

    It is infinite if the rank is full or if the other eigenvalues are exactly 0. A ratio near 1
    means that float64 does not show where the non-zero spectrum ends.
    """
    if rank == 0:
        return 0.0
    if rank == len(spectrum.eigenvalues):
        return inf
    size = np.sort(np.abs(spectrum.eigenvalues))
    first, last = size[len(size) - rank], size[len(size) - rank - 1]
    return float(first / last) if last else inf
