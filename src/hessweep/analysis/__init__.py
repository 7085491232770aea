"""Numbers that tables and figures share: pooled spectra, distances to laws, gaps, exponents."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from numpy import ndarray

from hessweep.density import FlatDensity, SpectralDensity
from hessweep.errors import InputError
from hessweep.networks import sample_weights
from hessweep.store import each_of, open_results, restrict, table
from hessweep.study import Study

TEACHER = ["activation", "N_i", "N_h", "weights", "seed"]
"""Columns of the point table that tell one teacher from another."""


def results_of(study: Study, sweeps: Iterable[str] = ()) -> xr.DataTree:
    """Return the published results of a study's sweeps, of all of them if none is named.

    Raises:
        QueryError: If nothing is published.
        StoreError: If the results can not be read.
    """
    names = tuple(sweeps) or tuple(study.sweeps)
    keys = {point.key for name in names for point in study.sweeps[name].points()}
    return restrict(open_results(study.results), keys)


def realisations(results: xr.DataTree, where: str, *, densities: bool = False) -> pd.DataFrame:
    """Return the computed points that a condition selects, one row each.

    Args:
        results: From `open_results` or `results_of`.
        where: A condition on the columns of the point table, such as
            `activation == 'erf' and N_i == N_h`.
        densities: Whether density points count too, but for teachers of which the spectrum is
            there as well.

    Returns:
        The columns of the point table, sorted by `activation, N_i, N_h, weights, seed`, and the
        ascending `eigenvalues`, an array for each row: all of them, or of a density point the
        largest. With densities, `density` is the `SpectralDensity` of each row.

    Raises:
        InputError: If no computed point fits the condition.
    """
    found = table(results, where)
    usable = (found["status"] == "done") & (densities | (found["spectrum"] == "exact"))
    if not usable.any():
        raise InputError(
            f"results: expected computed points with {where}, found none; add them to the study, "
            "or name the sweeps that hold them"
        )
    rows = each_of(results, "eigenvalues", where)
    found = found.assign(eigenvalues=pd.Series(rows, found.index, dtype=object))
    if densities:
        found["density"] = pd.Series(_densities(results, where, found), found.index, dtype=object)
    return one_a_teacher(found[usable])


def one_a_teacher(points: pd.DataFrame) -> pd.DataFrame:
    """Return the rows sorted by teacher; of one that has both, the spectrum, not the density."""
    rows = points.sort_values([*TEACHER, "spectrum"])
    # "exact" comes after "density": the spectrum says more.
    return rows.drop_duplicates(TEACHER, keep="last", ignore_index=True)


def _densities(
    results: xr.DataTree, where: str, points: pd.DataFrame
) -> list[SpectralDensity | None]:
    """Return the density of each point; that of a spectrum is made of its eigenvalues."""
    flat = zip(
        *(each_of(results, f"density_{part}", where) for part in FlatDensity._fields), strict=True
    )
    densities: list[SpectralDensity | None] = []
    for row, parts in zip(points.to_dict("records"), flat, strict=True):
        if row["status"] != "done":
            densities.append(None)
        elif row["spectrum"] == "density":
            stored = FlatDensity(*parts)
            densities.append(SpectralDensity.from_flat(row["P"], stored, row["density_floor"]))
        else:
            densities.append(SpectralDensity.of_spectrum(row["eigenvalues"]))
    return densities


def linear_networks(
    results: xr.DataTree, N_i: int, N_h: int, weights: str = "normal"
) -> pd.DataFrame:
    """Return the `realisations` of the linear network of one size and weight distribution.

    Raises:
        InputError: If there are none.
    """
    size = f"N_i == {N_i} and N_h == {N_h}"
    return realisations(results, f"activation == 'linear' and {size} and weights == '{weights}'")


def block_spectra(block: str, N_i: int, N_h: int, seeds: Iterable[int]) -> list[ndarray]:
    """Return the eigenvalues of block A or B of linear networks (App. A), without the blocks.

    Args:
        block: "A": `|W2|²`, N_i times over, without the `N_i (N_h - 1)` zeros. "B": the N_h
            eigenvalues of `W1 W1^T`, ascending, those that are zero exactly so.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        seeds: Seeds of the teachers, of normal weights.
    """
    teachers = [sample_weights(N_i, N_h, seed) for seed in seeds]
    if block == "A":
        return [np.full(N_i, W2 @ W2) for _, W2 in teachers]
    singular = np.linalg.svd(np.array([W1 for W1, _ in teachers]), compute_uv=False)
    zeros = np.zeros(max(N_h - N_i, 0))
    return [np.concatenate([zeros, values[::-1] ** 2]) for values in singular]


def non_zero(points: pd.DataFrame) -> list[ndarray]:
    """Return the `rank` largest eigenvalues of each point, ascending: those that are not zero.

    An eigenvalue that float64 could not tell from zero, though its rank proves it positive, may
    be below the true one or negative; drop it where a logarithm is taken.
    """
    return [
        row[len(row) - rank :]
        for row, rank in zip(points["eigenvalues"], points["rank"], strict=True)
    ]


def histogram(values: Float[ndarray, " n"], edges: Float[ndarray, " m"]) -> pd.DataFrame:
    """Return the histogram of values as rows of `low, high, count, density`.

    The density integrates to the fraction of the values that lie between the first and the
    last edge, not to 1.
    """
    count, edges = np.histogram(values, edges)
    density = count / np.diff(edges) / len(values)
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "count": count, "density": density})


def log_histogram(values: Float[ndarray, " n"], per_decade: int) -> pd.DataFrame:
    """Return the histogram of `log10(values)`: `low, high, count, density` per decade.

    Edges are the powers `10^(k / per_decade)`, so that histograms of different samples share
    them; `low` and `high` are values, not logarithms. The density integrates over `log10` to the
    fraction of the values that are positive.
    """
    positive = np.log10(values[values > 0])
    first = np.floor(positive.min() * per_decade)
    last = np.floor(positive.max() * per_decade) + 1
    table = histogram(positive, np.arange(first, last + 1) / per_decade)
    return table.assign(
        low=10 ** table["low"],
        high=10 ** table["high"],
        density=table["density"] * len(positive) / len(values),
    )


def ks_noise(rows: list[ndarray], resamples: int = 40, seed: int = 0) -> float:
    """Return the distance that sampling alone makes: the mean over bootstrap samples.

    Whole realisations are drawn again, since eigenvalues of one realisation are not
    independent; each resample's distance to the pooled sample has, for many realisations, the
    distribution of the distance of the pooled sample to its true law.

    Args:
        rows: Eigenvalues of each realisation.
        resamples: Number of bootstrap samples.
        seed: Seed of the resampling.
    """
    rng = np.random.default_rng(seed)
    pooled = np.sort(np.concatenate(rows))
    owner = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    owner = owner[np.argsort(np.concatenate(rows), kind="stable")]
    # Ties (a multiple eigenvalue) have one value of the distribution function: their last.
    last = np.append(np.diff(pooled) > 0, True)
    uniform = np.arange(1, len(pooled) + 1) / len(pooled)
    distances = []
    for _ in range(resamples):
        drawn = np.bincount(rng.integers(len(rows), size=len(rows)), minlength=len(rows))
        cumulative = np.cumsum(drawn[owner])
        distances.append(np.abs(cumulative / cumulative[-1] - uniform)[last].max())
    return float(np.mean(distances))


@dataclass(frozen=True)
class Gap:
    """Where a spectrum parts into large eigenvalues and a bulk."""

    count: int
    """Number of eigenvalues above the gap."""
    above: float
    """Smallest eigenvalue above it."""
    below: float
    """Largest eigenvalue below it."""

    @property
    def ratio(self) -> float:
        """How many times the eigenvalue above is the one below."""
        return self.above / self.below


def largest_gap(eigenvalues: Float[ndarray, " P"], expected: int) -> Gap:
    """Return the largest gap of log eigenvalues near an expected number of large ones.

    Gaps after the `ceil(expected / 2)`-th to the `2 expected`-th largest eigenvalue are
    compared. The window is there because the smallest eigenvalues of an erf network span many
    orders of magnitude, with gaps of their own; it takes the count for granted within a factor
    of two and no further.

    Raises:
        InputError: If `expected` is below 1 or there are no eigenvalues on both sides of it.
    """
    descending = np.sort(eigenvalues)[::-1]
    first, last = (expected + 1) // 2, min(2 * expected, len(descending) - 1)
    if not 1 <= expected <= last:
        raise InputError(
            f"expected: a number of large eigenvalues from 1 to {len(descending) - 1}, one below "
            f"that of all eigenvalues, got {expected}"
        )
    window = np.maximum(descending[first - 1 : last + 1], np.finfo(float).tiny)
    count = first + int(np.argmax(-np.diff(np.log(window))))
    return Gap(count, float(descending[count - 1]), float(descending[count]))


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients of a weighted least-squares fit, with errors of one standard deviation."""

    coefficients: Float[ndarray, " k"]
    errors: Float[ndarray, " k"]
    chi2: float
    """Reduced: about 1 where the model describes the data; NaN for as many data as terms."""


def fit(terms: Float[ndarray, "n k"], y: Float[ndarray, " n"], error: Float[ndarray, " n"]) -> Fit:
    """Return the weighted least-squares fit `y = terms @ coefficients`.

    Where the data scatter around the model by more than their errors, the errors of the
    coefficients are widened by `√chi2`: a curve is then not passed off as a well-known slope.

    Args:
        terms: Value of each term of the model at each datum.
        y: Data.
        error: Standard deviation of each datum.

    Raises:
        InputError: If the data do not fix the coefficients, or an error is not positive.
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
        InputError: If a size has a single value, and so no error.
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
    """Reduced; see `Fit`."""


def power_law(N: ndarray, values: Float[ndarray, " n"]) -> PowerLaw:
    """Return the growth exponent of positive values with N, one value a realisation.

    Fitted to the mean of `ln values` at each size, weighted by its standard error.

    Raises:
        InputError: If there are fewer than two sizes, or fewer than two values at one of them.
    """
    table = by_size(N, np.log(values))
    terms = np.column_stack([np.log(table["N"]), np.ones(len(table))])
    line = fit(terms, table["mean"].to_numpy(), table["error"].to_numpy())
    slope, intercept = line.coefficients
    return PowerLaw(float(slope), float(line.errors[0]), float(np.exp(intercept)), line.chi2)
