"""Claims on the spectra of quadratic and erf networks (Figs 4, 5)."""

import numpy as np
import xarray as xr

from hessweep.analysis import largest_gap, power_law, realisations
from hessweep.claims.claim import Claim, verdict


def quadratic_outlier(results: xr.DataTree) -> Claim:
    """Fig. 4: one outlier that grows with N, a bulk that does not."""
    points = realisations(
        results, "activation == 'quadratic' and N_i == N_h and weights == 'normal' and N_i >= 5"
    )
    N = points["N_i"].to_numpy()
    largest = points["lambda_max"].to_numpy()
    second = np.array([row[-2] for row in points["eigenvalues"]])
    outlier, edge = power_law(N, largest), power_law(N, second)
    apart = int((largest > 2 * second).sum())
    holds = outlier.exponent > 5 * outlier.error and outlier.exponent > edge.exponent + 0.5
    return Claim(
        "Fig. 4",
        "quadratic, N_i = N_h = N: one outlier that grows with N, the rest near 0",
        f"outlier ~ N^({outlier.exponent:.3f} ± {outlier.error:.3f}), second eigenvalue "
        f"~ N^({edge.exponent:.3f} ± {edge.error:.3f}); the outlier is more than twice the "
        f"second in {apart} of {len(N)} teachers",
        len(N),
        verdict(bool(holds)),
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
