"""What eigenvalues in float64 say about the rank: a proved lower bound, and numpy's rule.

Each function takes the spectrum of one network and returns a number, or the spectra of a stack and
returns an array with a number for each.
"""

from typing import Any, overload

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hessweep.spectrum import Spectrum, SpectrumStack
from hessweep.spectrum.result import scaled_norm

ROUNDOFF = 2.0**-53


@overload
def solver_bound(spectrum: Spectrum) -> float: ...
@overload
def solver_bound(spectrum: SpectrumStack) -> Float[ndarray, " S"]: ...
def solver_bound(spectrum: Spectrum | SpectrumStack) -> float | Float[ndarray, " S"]:
    """Return a worst-case bound on the error of each eigenvalue that is due to the eigensolver.

    It is `(8 n + 600) n u |H|_F` for a Householder reduction of n rows and at most 30 n sweeps of
    QR, if all rounding errors add up (docs/ranks.md, eq. 4). n is the number of eigenvalues that
    are not exactly 0, because those that are come from structure and not from the solver.
    """
    n = np.count_nonzero(spectrum.eigenvalues, axis=-1)
    # Not `spectrum.frobenius_norm` alone, whose squares underflow for tiny eigenvalues.
    norm = np.maximum(scaled_norm(spectrum.eigenvalues), spectrum.frobenius_norm)
    return _number_or_array((8 * n + 600) * n * ROUNDOFF * norm)


@overload
def proved_error(spectrum: Spectrum, N_i: int = 1, N_h: int = 1) -> float: ...
@overload
def proved_error(spectrum: SpectrumStack, N_i: int = 1, N_h: int = 1) -> Float[ndarray, " S"]: ...
def proved_error(
    spectrum: Spectrum | SpectrumStack, N_i: int = 1, N_h: int = 1
) -> float | Float[ndarray, " S"]:
    """Return a worst-case bound on the error of each eigenvalue.

    It is the sum of two bounds: `spectrum.error`, for the assembly of H, and `solver_bound`. If
    the row space of W1 was split off, `spectrum.error` allows for an error of `(N_i + N_h) eps` in
    each row of the triangular factor. A proof needs the worst case of Householder QR instead,
    which is `4 N_i N_h eps`.
    """
    worse = 4 * N_i * N_h / (N_i + N_h) if spectrum.plan.row_space else 1.0
    return spectrum.error * max(worse, 1.0) + solver_bound(spectrum)


@overload
def lower_bound(spectrum: Spectrum, N_i: int = 1, N_h: int = 1) -> int: ...
@overload
def lower_bound(spectrum: SpectrumStack, N_i: int = 1, N_h: int = 1) -> Int[ndarray, " S"]: ...
def lower_bound(
    spectrum: Spectrum | SpectrumStack, N_i: int = 1, N_h: int = 1
) -> int | Int[ndarray, " S"]:
    """Return the number of eigenvalues that are proved to be positive: those above the bound."""
    error = np.asarray(proved_error(spectrum, N_i, N_h))
    return _number_or_array(np.count_nonzero(spectrum.eigenvalues > error[..., None], axis=-1))


def seen_rank(spectrum: Spectrum) -> int:
    """Return the number of eigenvalues above `spectrum.error`: what is most likely the rank."""
    return int(np.count_nonzero(spectrum.eigenvalues > spectrum.error))


@overload
def numpy_rank(spectrum: Spectrum) -> int: ...
@overload
def numpy_rank(spectrum: SpectrumStack) -> Int[ndarray, " S"]: ...
def numpy_rank(spectrum: Spectrum | SpectrumStack) -> int | Int[ndarray, " S"]:
    """Return the rank that numpy reports: the number of eigenvalues above `P eps λ_max`."""
    size = np.abs(spectrum.eigenvalues)
    largest = np.maximum(size[..., 0], size[..., -1])
    limit = largest * size.shape[-1] * (2 * ROUNDOFF)
    return _number_or_array(np.count_nonzero(size > limit[..., None], axis=-1))


@overload
def gap_ratio(spectrum: Spectrum, rank: int) -> float: ...
@overload
def gap_ratio(spectrum: SpectrumStack, rank: int) -> Float[ndarray, " S"]: ...
def gap_ratio(spectrum: Spectrum | SpectrumStack, rank: int) -> float | Float[ndarray, " S"]:
    """Return the ratio of the smallest eigenvalue that `rank` counts to the largest other one.

    It is infinite if the rank is full or if the other eigenvalues are exactly 0. A ratio near 1
    means that float64 does not show where the non-zero spectrum ends.
    """
    *stack, P = spectrum.eigenvalues.shape
    if rank in (0, P):
        return _number_or_array(np.full(stack, np.inf if rank else 0.0))
    size = np.sort(np.abs(spectrum.eigenvalues), axis=-1)
    first, last = size[..., P - rank], size[..., P - rank - 1]
    return _number_or_array(np.divide(first, last, out=np.full(stack, np.inf), where=last > 0))


def _number_or_array(values: ndarray) -> Any:
    return values if np.ndim(values) else values.item()
