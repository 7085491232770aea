"""Claims on the spectra of quadratic and erf networks (sec. 5; Figs 4, 5)."""

import numpy as np
import pandas as pd
import xarray as xr

from hessweep.analysis import by_size, largest_gap, realisations
from hessweep.analysis.sizes import select_sizes
from hessweep.claims.claim import Claim, corrected, verdict
from hessweep.laws import outlier_mean, spectrum_law

SMALLEST = 5
"""Claims on Figs 4 and 5 are measured from this size on, the smallest of the paper's."""

LARGE = 10
"""Claims on what large networks do are measured from this size on: at a few inputs or neurons
the groups of eigenvalues overlap in some realisations."""

OUTSIDE = 4.0
"""A mean is not what a formula says if they differ by more than this many standard errors."""

NEAR_LAW = 0.15
"""A mean of eigenvalues agrees with the law if it differs by less than this part of it."""


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
    apart = int((largest > 2 * second).sum())
    before, last = outlier["N"]
    # The sizes of Fig. 4: the grid of ranks adds others, with few teachers each.
    selected = select_sizes(points[points["N_i"] >= LARGE])
    means = by_size(selected["N_i"].to_numpy(), selected["lambda_max"].to_numpy())
    predicted = np.array([outlier_mean("quadratic", N, N) for N in means["N"]], dtype=float)
    off = np.abs(means["mean"] - predicted) / means["error"]
    return Claim(
        "Fig. 4",
        "quadratic, N_i = N_h = N: one outlier that grows with N, the rest near 0",
        f"from N = {before} to {last} the mean of the largest eigenvalue changes by "
        f"{growth:.1f} ± {error:.1f}, that of the second by {of_edge:.2f}; the largest is more "
        f"than twice the second in {apart} of {len(N)} teachers; at N = {last} its mean is "
        f"{means['mean'].iloc[-1]:.2f} ± {means['error'].iloc[-1]:.2f}, where N + 11 + 44/N is "
        f"{predicted[-1]:.2f}, and at N = {', '.join(map(str, means['N']))} the two differ by at "
        f"most {off.max():.1f} standard errors",
        len(N),
        "the largest eigenvalue grows by more than 3 standard errors and by more than 4 times "
        "what the second changes, is more than twice the second in every teacher, and differs "
        f"from N + 11 + 44/N by less than {OUTSIDE:g} standard errors from N = {LARGE} on",
        verdict(
            bool(
                growth > 3 * error
                and abs(of_edge) < growth / 4
                and apart == len(N)
                and (off < OUTSIDE).all()
            )
        ),
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
    """Sec. 5: where N_i and N_h differ, the large eigenvalues number N_i and not N_h."""
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
        "erf: the number of large eigenvalues is always equal to N_h; where N_i and N_h differ "
        "it is N_i",
        f"the largest gap of log λ comes after exactly N_h eigenvalues in {(found == N_h).sum()} "
        f"and after exactly N_i in {(found == N_i).sum()} of {len(points)} realisations at "
        f"(N_i, N_h) = {', '.join(map(str, sizes))}",
        len(points),
        "the gap comes after exactly N_h eigenvalues in every realisation",
        verdict(bool((found == N_h).all())),
    )


def erf_bulks(results: xr.DataTree) -> Claim:
    """Fig. 5: the upper bulk stays where it is, the lower one moves to zero."""
    points = select_sizes(_square_networks(results, "erf").query(f"N_i >= {LARGE}"))
    rows = []
    for N in np.unique(points["N_h"]).tolist():
        group = points[points["N_h"] == N]
        law = spectrum_law("erf", N, N)
        P = int(group["P"].iloc[0])
        by_law = law.isf((np.arange(P) + 0.5) / P)
        upper = np.array([np.exp(np.log(row[-N:]).mean()) for row in group["eigenvalues"]])
        lower = np.array([row[:-N].mean() for row in group["eigenvalues"]])
        rows.append(
            {
                "N": N,
                "upper": upper.mean(),
                "upper_error": upper.std(ddof=1) / np.sqrt(len(upper)),
                "lower": lower.mean(),
                "lower_error": lower.std(ddof=1) / np.sqrt(len(lower)),
                "upper_by_law": np.exp(np.log(by_law[:N]).mean()),
                "lower_by_law": by_law[N:].mean(),
            }
        )
    table = pd.DataFrame(rows)
    first, last = table.iloc[0], table.iloc[-1]
    moved = abs(last["upper"] - first["upper"])
    fixed = moved <= 3 * np.hypot(first["upper_error"], last["upper_error"])
    fallen = first["lower"] - last["lower"]
    falls = fallen > 3 * np.hypot(first["lower_error"], last["lower_error"])
    near = all(
        abs(last[name] / last[f"{name}_by_law"] - 1) < NEAR_LAW for name in ("upper", "lower")
    )
    return Claim(
        "sec. 5, Fig. 5",
        "erf, N_i = N_h = N: with growing N the upper bulk stays fixed and the lower bulk moves "
        "to 0",
        f"from N = {first['N']:.0f} to {last['N']:.0f} the geometric mean of the N_h largest "
        f"eigenvalues goes from {first['upper']:.3f} ± {first['upper_error']:.3f} to "
        f"{last['upper']:.3f} ± {last['upper_error']:.3f}, where the law has "
        f"{last['upper_by_law']:.3f}, and the mean of the others from {first['lower']:.5f} to "
        f"{last['lower']:.5f}, where the law has {last['lower_by_law']:.5f}",
        len(points),
        "the upper bulk changes by less than 3 standard errors and the mean of the lower one "
        f"falls by more; both are within {NEAR_LAW:.0%} of the law at the largest N",
        verdict(bool(fixed and falls and near)),
    )


CLAIMS = (quadratic_outlier, erf_large_eigenvalues, erf_size_of_large_group, erf_bulks)
