"""Claims on ranks: numbers of effective parameters (sec. 3.1, 4, Table of ranks)."""

import pandas as pd
import xarray as xr

from hessweep.claims.claim import Claim, verdict
from hessweep.errors import InputError
from hessweep.store import table

COLUMNS = (
    "activation", "N_i", "N_h", "P", "rank", "rank_certificate", "rank_float64",
    "effective_parameters",
)  # fmt: skip


def _ranks(results: xr.DataTree, activation: str) -> pd.DataFrame:
    found = table(results, f"activation == '{activation}' and status == 'done'", COLUMNS)
    if found.empty:
        raise InputError(f"claims: expected points of {activation}, found none; add a sweep")
    return found


def _equals_formula(points: pd.DataFrame) -> tuple[str, bool]:
    equal = int((points["rank"] == points["effective_parameters"]).sum())
    proved = int((points["rank_certificate"] == "proved").sum())
    text = f"rank equals the formula for {equal} of {len(points)} teachers, proved for {proved}"
    return text, equal == proved == len(points)


def linear(results: xr.DataTree) -> Claim:
    """App. A: the rank of the linear network."""
    points = _ranks(results, "linear")
    text, holds = _equals_formula(points)
    return Claim("sec. 3.1", "linear: rank N_i", text, len(points), verdict(holds))


def quadratic(results: xr.DataTree) -> Claim:
    """Eq. (14)."""
    points = _ranks(results, "quadratic")
    text, holds = _equals_formula(points)
    return Claim(
        "eq. (14)",
        "quadratic: rank N_i + N_i(N_i+1)/2, less (ν²+3ν)/2 for ν = N_i - N_h > 0",
        text,
        len(points),
        verdict(holds),
    )


def quadratic_zeros(results: xr.DataTree) -> Claim:
    """Sec. 4.1.1: the number of zero eigenvalues."""
    points = _ranks(results, "quadratic")
    N_i, N_h = points["N_i"], points["N_h"]
    zeros = points["P"] - points["rank"]
    few = N_h <= N_i
    printed = N_h * (N_h - 1) // 2
    beyond = N_h * (N_i + 1) - N_i * (N_i + 3) // 2
    right = zeros == printed.where(few, beyond)
    return Claim(
        "sec. 4.1.1",
        "quadratic: N_h(N_h-1)/2 zero eigenvalues; right for N_h <= N_i, beyond that "
        "N_h(N_i+1) - N_i(N_i+3)/2",
        f"printed count right for {int((zeros == printed)[few].sum())} of {int(few.sum())} "
        f"teachers with N_h <= N_i and {int((zeros == printed)[~few].sum())} of "
        f"{int((~few).sum())} beyond; corrected count for {int(right.sum())} of {len(points)}",
        len(points),
        "holds with correction" if bool(right.all()) else "fails",
    )


def polynomial_bound(results: xr.DataTree) -> Claim:
    """Sec. 4.2: the upper bound, and the exact value behind it."""
    points = _ranks(results, "cubic")
    N_i = points["N_i"]
    bound = (N_i + 3) * (N_i + 2) * (N_i + 1) // 6 - 1
    text, exact = _equals_formula(points)
    below = int((points["rank"] < bound).sum())
    return Claim(
        "sec. 4.2",
        "degree n: rank at most C(N_i+n, n) - 1",
        f"cubic: never exceeded; strict for {below} teachers, where "
        f"min(N_h(N_i+1), C(N_i+n, n) - 1) is exact: {text}",
        len(points),
        verdict(exact and bool((points["rank"] <= bound).all())),
    )


def erf(results: xr.DataTree) -> Claim:
    """Sec. 4.3: full rank, which float64 does not see."""
    points = _ranks(results, "erf")
    text, holds = _equals_formula(points)
    blind = points["rank_float64"] < points["rank"]
    return Claim(
        "sec. 4.3",
        "erf: full rank P",
        f"{text}; float64 (numpy's rule) reports less for {int(blind.sum())}",
        len(points),
        verdict(holds),
    )


CLAIMS = (linear, quadratic, quadratic_zeros, polynomial_bound, erf)
