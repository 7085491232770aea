"""Weighted least-squares fits, and power laws fitted to realisations of several sizes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from hessweep.errors import InputError


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients of a weighted least-squares fit, with errors of one standard deviation."""

    coefficients: Float[ndarray, " k"]
    errors: Float[ndarray, " k"]
    chi2: float
    """Reduced chi-square: about 1 where the model describes the data, NaN if there are as many
    data as terms."""


def fit(terms: Float[ndarray, "n k"], y: Float[ndarray, " n"], error: Float[ndarray, " n"]) -> Fit:
    """Return the weighted least-squares fit `y = terms @ coefficients`.

    Where the data scatter around the model by more than their errors, the errors of the
    coefficients are multiplied by `√chi2`, so that data that do not follow the model do not
    yield a coefficient with a small error.

    Args:
        terms: Value of each term of the model at each datum.
        y: Data.
        error: Standard deviation of each datum.

    Raises:
        InputError: If the data do not determine the coefficients, or an error is not positive.
    """
    terms, y, error = (np.asarray(values, dtype=float) for values in (terms, y, error))
    n, k = terms.shape
    if np.linalg.matrix_rank(terms) < k or not (error > 0).all():
        raise InputError(
            f"fit: expected at least {k} different sizes and positive errors, got {n} data with "
            f"errors {error.tolist()}; add sizes or seeds to the study"
        )
    weighted = terms / error[:, None]
    covariance = np.linalg.inv(weighted.T @ weighted)
    coefficients = covariance @ weighted.T @ (y / error)
    residual = (y - terms @ coefficients) / error
    chi2 = float(residual @ residual / (n - k)) if n > k else np.nan
    return Fit(coefficients, np.sqrt(np.diag(covariance) * np.fmax(1.0, chi2)), chi2)


def by_size(N: ndarray, values: Float[ndarray, " n"]) -> pd.DataFrame:
    """Return mean and standard error of the values for each size: `N, mean, error, points`.

    Raises:
        InputError: If a size has a single value, which has no standard error.
    """
    groups = pd.Series(np.asarray(values, dtype=float)).groupby(np.asarray(N))
    table = groups.agg(mean="mean", error="sem", points="size").rename_axis("N").reset_index()
    if (table["points"] < 2).any():
        raise InputError(
            f"seeds: expected at least 2 for each size, got 1 at N = "
            f"{table.loc[table['points'] < 2, 'N'].tolist()}; add seeds to the study"
        )
    return table


@dataclass(frozen=True)
class PowerLaw:
    """`prefactor N^exponent`, fitted."""

    exponent: float
    error: float
    """Standard deviation of the exponent."""
    prefactor: float
    chi2: float
    """Reduced chi-square; see `Fit`."""


def power_law(N: ndarray, values: Float[ndarray, " n"]) -> PowerLaw:
    """Return the exponent with which positive values grow with N, one value a realisation.

    The power law is fitted to the mean of `ln values` at each size, weighted by the standard
    error of that mean.

    Raises:
        InputError: If there are fewer than two sizes, or fewer than two values at one of them.
    """
    table = by_size(N, np.log(values))
    terms = np.column_stack([np.log(table["N"]), np.ones(len(table))])
    line = fit(terms, table["mean"].to_numpy(), table["error"].to_numpy())
    slope, intercept = line.coefficients
    return PowerLaw(float(slope), float(line.errors[0]), float(np.exp(intercept)), line.chi2)
