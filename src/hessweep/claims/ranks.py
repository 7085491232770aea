"""Claims on ranks, the numbers of effective parameters (sec. 3.2, 4, 5.1)."""

import pandas as pd
import xarray as xr

from hessweep.claims.claim import Claim, corrected, verdict
from hessweep.errors import InputError
from hessweep.kinds import RANKED
from hessweep.setup import KIND
from hessweep.store import table

COLUMNS = ("activation", "N_i", "N_h", "P", "rank", "rank_certificate", "rank_float64", KIND)

RULE = "the rank of every teacher is proved and equals the formula"


def _ranks(results: xr.DataTree, activation: str) -> pd.DataFrame:
    found = table(results, f"activation == '{activation}' and status == 'done'", COLUMNS)
    found = found[found[KIND].isin(RANKED)]
    if found.empty:
        raise InputError(f"claims: expected points of {activation}, found none; add a sweep")
    return found


def _equal(points: pd.DataFrame, formula: pd.Series) -> tuple[str, bool]:
    """Return how many ranks are proved to equal the formula, and whether all are."""
    equal = int((points["rank"] == formula).sum())
    proved = int((points["rank_certificate"] == "proved").sum())
    text = f"rank equals the formula for {equal} of {len(points)} teachers, proved for {proved}"
    return text, equal == proved == len(points)


def linear(results: xr.DataTree) -> Claim:
    """Sec. 3.2: the rank of the linear network."""
    points = _ranks(results, "linear")
    text, holds = _equal(points, points["N_i"])
    return Claim("sec. 3.2", "linear: rank N_i", text, len(points), RULE, verdict(holds))


def quadratic(results: xr.DataTree) -> Claim:
    """Eq. (14)."""
    points = _ranks(results, "quadratic")
    N_i = points["N_i"]
    excess = (N_i - points["N_h"]).clip(lower=0)
    formula = N_i + N_i * (N_i + 1) // 2 - (excess**2 + 3 * excess) // 2
    text, holds = _equal(points, formula)
    return Claim(
        "sec. 4.1, eq. (14)",
        "quadratic: rank N_i + N_i(N_i+1)/2, less (ν²+3ν)/2 for ν = N_i - N_h > 0",
        text,
        len(points),
        RULE,
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
        "quadratic: N_h(N_h-1)/2 zero eigenvalues, printed for N_h > T; right for N_h <= N_i, "
        "beyond that N_h(N_i+1) - N_i(N_i+3)/2",
        f"printed count right for {int((zeros == printed)[few].sum())} of {int(few.sum())} "
        f"teachers with N_h <= N_i and {int((zeros == printed)[~few].sum())} of "
        f"{int((~few).sum())} beyond; corrected count right for {int(right.sum())} of "
        f"{len(points)}",
        len(points),
        "the corrected count is right for every teacher",
        corrected(bool(right.all())),
    )


def polynomial_bound(results: xr.DataTree) -> Claim:
    """Sec. 4.2: the upper bound, and the exact value behind it."""
    points = _ranks(results, "cubic")
    N_i = points["N_i"]
    bound = (N_i + 3) * (N_i + 2) * (N_i + 1) // 6 - 1
    text, exact = _equal(points, bound.clip(upper=points["P"]))
    below = int((points["rank"] < bound).sum())
    above = int((points["rank"] > bound).sum())
    return Claim(
        "sec. 4.2",
        "degree n: rank at most C(N_i+n, n) - 1",
        f"cubic: exceeded for {above} teachers; not attained for {below}, where "
        f"N_h(N_i+1) is smaller: with min(N_h(N_i+1), C(N_i+n, n) - 1) {text}",
        len(points),
        "no rank exceeds the bound, and each is proved to equal the minimum of the two",
        verdict(exact and above == 0),
    )


def erf(results: xr.DataTree) -> Claim:
    """Sec. 5.1: full rank, which float64 does not see."""
    points = _ranks(results, "erf")
    text, holds = _equal(points, points["P"])
    blind = points["rank_float64"] < points["rank"]
    return Claim(
        "sec. 5.1",
        "erf: full rank P",
        f"{text}; in float64 numpy's rule finds a smaller rank for {int(blind.sum())}",
        len(points),
        RULE,
        verdict(holds),
    )


CLAIMS = (linear, quadratic, quadratic_zeros, polynomial_bound, erf)
