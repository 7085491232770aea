"""The eigenvalues of realisations: those that are not zero, and those of the linear blocks."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy import ndarray

from hessweep import blas
from hessweep.errors import InputError
from hessweep.networks import sample_stack


def non_zero(points: pd.DataFrame | xr.Dataset | Mapping[str, Sequence]) -> list[ndarray]:
    """Return the non-zero eigenvalues of each point: its `rank` largest ones, ascending.

    How many eigenvalues are not zero is a matter of proof and not of a threshold: an eigenvalue
    may be positive and yet far below the rounding errors of float64. Such an eigenvalue is
    returned as float64 computed it, which may be far from its true value or negative; leave it
    out where a logarithm is taken.

    Args:
        points: `eigenvalues`, an ascending array for each point, and `rank`, a number for each
            point: what `hessweep.analysis.realisations` or `hessweep.spectra` returns, or a
            dictionary with these two lists.

    Returns:
        One array for each point.

    Raises:
        InputError: If a rank is not between 0 and the number of eigenvalues of its point.
    """
    rows = []
    for values, rank in zip(points["eigenvalues"], points["rank"], strict=True):
        row, count = np.asarray(values), int(rank)
        if not 0 <= count <= len(row):
            raise InputError(
                f"rank: expected a number from 0 to {len(row)}, that of the eigenvalues, got "
                f"{count}"
            )
        rows.append(row[len(row) - count :])
    return rows


def block_spectra(block: str, N_i: int, N_h: int, seeds: Iterable[int]) -> list[ndarray]:
    """Return the eigenvalues of block A or B of linear networks (App. A).

    The blocks themselves are not assembled.

    Args:
        block: "A" for the N_i eigenvalues `|W2|²` of block A, without its `N_i (N_h - 1)`
            zeros; "B" for the N_h eigenvalues of `W1 W1^T`, ascending, where those that are
            zero by the shape of W1 are exactly 0.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        seeds: Seeds of the teachers, of normal weights.
    """
    W1, W2 = sample_stack(N_i, N_h, list(seeds))
    if block == "A":
        return [np.full(N_i, weights @ weights) for weights in W2]
    singular = blas.svd(W1, compute_uv=False)
    zeros = np.zeros(max(N_h - N_i, 0))
    return [np.concatenate([zeros, values[::-1] ** 2]) for values in singular]
