"""How large the distance of a sample to its own law is by sampling alone."""

import numpy as np
from numpy import ndarray


def ks_noise(rows: list[ndarray], resamples: int = 40, seed: int = 0) -> float:
    """Return the Kolmogorov-Smirnov distance to its true law that a sample has on average.

    It is estimated by the bootstrap: for many realisations the distance of a resample to the
    pooled sample has the distribution of the distance of the pooled sample to its true law.
    Whole realisations are drawn, because the eigenvalues of one realisation are not independent.

    Args:
        rows: Eigenvalues of each realisation.
        resamples: Number of bootstrap samples.
        seed: Seed of the resampling.
    """
    rng = np.random.default_rng(seed)
    pooled = np.sort(np.concatenate(rows))
    owner = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    owner = owner[np.argsort(np.concatenate(rows), kind="stable")]
    # Equal eigenvalues share one value of the distribution function, that of the last of them.
    last = np.append(np.diff(pooled) > 0, True)
    uniform = np.arange(1, len(pooled) + 1) / len(pooled)
    distances = []
    for _ in range(resamples):
        drawn = np.bincount(rng.integers(len(rows), size=len(rows)), minlength=len(rows))
        cumulative = np.cumsum(drawn[owner])
        distances.append(np.abs(cumulative / cumulative[-1] - uniform)[last].max())
    return float(np.mean(distances))
