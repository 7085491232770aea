"""Claims on the spectra of quadratic and erf networks (sec. 5; Figs 4, 5)."""

import numpy as np
import pandas as pd
import xarray as xr

from hessweep.analysis import by_size, largest_gap, power_law, realisations
from hessweep.analysis.sizes import select_sizes
from hessweep.claims.claim import Claim, corrected, verdict

SMALLEST = 5
"""Claims on Figs 4 and 5 are measured from this size on, the smallest of the paper's."""

LARGE = 10
"""Claims on what large networks do are measured from this size on: at a few inputs or neurons
the groups of eigenvalues overlap in some realisations."""

FLAT = 0.1
"""A quantity with a smaller exponent of growth than this, in absolute value, is fixed."""


def _square_networks(results: xr.DataTree, activation: str) -> pd.DataFrame:
    return realisations(
        results,
        f"activation == '{activation}' and N_i == N_h and N_i >= {SMALLEST}",
    )


def quadratic_outlier(results: xr.DataTree) -> Claim:
    """Fig. 4: one outlier that grows with N, a bulk that does not."""
    points = _square_networks(results, "quadratic")
    N = points["N_i"].to_numpy()
    largest = points["lambda_max"].to_numpy()
    second = np.array([row[-2] for row in points["eigenvalues"]])
    outlier, edge = by_size(N, largest).iloc[-2:], by_size(N, second).iloc[-2:]
    growth, error = np.diff(outlier["mean"]).item(), np.hypot(*outlier["error"])
    of_edge = np.diff(edge["mean"]).item()
    # The sizes of Fig. 4: the grid of ranks adds others, with few teachers each.
    selected = select_sizes(points)
    fitted = power_law(selected["N_i"].to_numpy(), selected["lambda_max"].to_numpy())
    apart = int((largest > 2 * second).sum())
    before, last = outlier["N"]
    return Claim(
        "Fig. 4",
        "quadratic, N_i = N_h = N: one outlier that grows with N, the rest near 0",
        f"from N = {before} to {last} the mean of the largest eigenvalue changes by "
        f"{growth:.1f} ± {error:.1f}, that of the second by {of_edge:.2f}; at the sizes of Fig. 4 "
        f"the largest grows as N^({fitted.exponent:.2f} ± {fitted.error:.2f}) and is more than "
        f"twice the second in {apart} of {len(N)} teachers",
        len(N),
        "the largest eigenvalue grows by more than 3 standard errors and by more than 4 times "
        "what the second changes, and is more than twice the second in every teacher",
        verdict(bool(growth > 3 * error and abs(of_edge) < growth / 4 and apart == len(N))),
    )


def erf_large_eigenvalues(results: xr.DataTree) -> Claim:
    """Fig. 5: as many large eigenvalues as hidden neurons, realisation by realisation."""
    points = _square_networks(results, "erf")
    N = points["N_h"].to_numpy()
    found = _large(points)
    exact = found == N
    exceptions = "; ".join(
        f"other counts at N = {n} in {(~exact & (n == N)).sum()} of {(n == N).sum()}, "
        f"{found[~exact & (n == N)].min()} to {found[~exact & (n == N)].max()}"
        for n in np.unique(N[~exact])
    )
    large = N >= LARGE
    outcome = corrected(bool(large.any() and exact[large].all()))
    return Claim(
        "sec. 5, Fig. 5",
        "erf, N_i = N_h = N: N_h large eigenvalues in each realisation",
        f"the largest gap of log λ from N_h/2 to 2 N_h eigenvalues comes after exactly N_h in "
        f"{exact.sum()} of {len(N)} realisations with N = {N.min()} to {N.max()}"
        f"{'; ' * bool(exceptions)}{exceptions}",
        len(N),
        f"holds if that is so in every realisation, with correction if in every one with "
        f"N >= {LARGE}",
        "holds" if exact.all() else outcome,
    )


def _large(points: pd.DataFrame) -> np.ndarray:
    """Return after how many eigenvalues the largest gap of each realisation comes.

    The gaps from half the smaller to twice the larger of N_i and N_h are compared, so that
    neither number is favoured.
    """
    rows = points[["eigenvalues", "N_i", "N_h"]].itertuples(index=False)
    return np.array([largest_gap(row, min(sizes), max(sizes)).count for row, *sizes in rows])


def erf_size_of_large_group(results: xr.DataTree) -> Claim:
    """Sec. 5: where N_i and N_h differ, the large eigenvalues number N_i."""
    points = realisations(
        results,
        "activation == 'erf' "
        f"and N_i >= {LARGE} and N_h >= {LARGE} and (N_i >= 2 * N_h or N_h >= 2 * N_i)",
    )
    found = _large(points)
    N_i, N_h = points["N_i"].to_numpy(), points["N_h"].to_numpy()
    sizes = sorted({*zip(N_i.tolist(), N_h.tolist(), strict=True)})
    return Claim(
        "sec. 5",
        "erf: N_h large eigenvalues; right for N_i = N_h, in general there are N_i",
        f"the largest gap of log λ comes after exactly N_i eigenvalues in {(found == N_i).sum()} "
        f"and after exactly N_h in {(found == N_h).sum()} of {len(points)} realisations at "
        f"(N_i, N_h) = {', '.join(map(str, sizes))}",
        len(points),
        "the gap comes after exactly N_i eigenvalues in every realisation",
        corrected(bool((found == N_i).all())),
    )


def erf_bulks(results: xr.DataTree) -> Claim:
    """Fig. 5: the upper bulk stays where it is, the lower one moves to zero."""
    points = _square_networks(results, "erf")
    points = points[points["N_i"] >= LARGE]
    N = points["N_h"].to_numpy()
    rows = [(row[-n:], row[:-n]) for row, n in zip(points["eigenvalues"], N, strict=True)]
    upper = power_law(N, np.exp([np.log(above).mean() for above, _ in rows]))
    lower = power_law(N, np.array([below.mean() for _, below in rows]))
    edge = power_law(N, np.array([below[-1] for _, below in rows]))
    fixed = abs(upper.exponent) <= min(FLAT, 3 * upper.error)
    falls = lower.exponent < -3 * lower.error
    return Claim(
        "sec. 5, Fig. 5",
        "erf, N_i = N_h = N: with growing N the upper bulk stays fixed and the lower bulk moves "
        "to 0",
        f"the geometric mean of the N_h largest eigenvalues changes as N^({upper.exponent:.3f} ± "
        f"{upper.error:.3f}), the mean of the others falls as N^({lower.exponent:.3f} ± "
        f"{lower.error:.3f}); the upper edge of the lower bulk falls only as "
        f"N^({edge.exponent:.3f} ± {edge.error:.3f})",
        len(N),
        f"the exponent of the upper bulk is within 3 standard errors of 0 and below {FLAT:g} in "
        f"absolute value; that of the mean of the lower bulk is more than 3 standard "
        "errors below 0",
        verdict(bool(fixed and falls)),
    )


CLAIMS = (quadratic_outlier, erf_large_eigenvalues, erf_size_of_large_group, erf_bulks)
