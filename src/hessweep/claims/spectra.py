"""Claims on the spectra of quadratic and erf networks (Figs 4, 5)."""

import numpy as np
import xarray as xr

from hessweep.analysis import by_size, largest_gap, power_law, realisations
from hessweep.analysis.sizes import select_sizes
from hessweep.claims.claim import Claim, verdict


def quadratic_outlier(results: xr.DataTree) -> Claim:
    """Fig. 4: one outlier that grows with N, a bulk that does not."""
    points = realisations(
        results, "activation == 'quadratic' and N_i == N_h and weights == 'normal' and N_i >= 5"
    )
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
        verdict(bool(growth > 3 * error and abs(of_edge) < growth / 4)),
    )


def erf_large_eigenvalues(results: xr.DataTree) -> Claim:
    """Fig. 5: as many large eigenvalues as hidden neurons, realisation by realisation."""
    points = realisations(
        results, "activation == 'erf' and N_i == N_h and weights == 'normal' and N_i >= 5"
    )
    N = points["N_h"].to_numpy()
    found = np.array(
        [largest_gap(row, n).count for row, n in zip(points["eigenvalues"], N, strict=True)]
    )
    by_size = ", ".join(
        f"{(found == N)[n == N].sum()} of {(n == N).sum()} at N = {n}" for n in np.unique(N)
    )
    off = np.abs(found - N)[N.max() == N].max()
    return Claim(
        "Fig. 5",
        "erf, N_i = N_h = N: N_h large eigenvalues in each realisation",
        f"the largest gap near there comes after exactly N_h eigenvalues in {by_size}; off by at "
        f"most {off} at N = {N.max()}",
        len(N),
        verdict(bool((found == N)[N.max() == N].mean() > 0.9)),
    )


CLAIMS = (quadratic_outlier, erf_large_eigenvalues)
