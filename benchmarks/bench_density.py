"""How long does a spectral density take, and how far is it from the exact distribution?"""

from collections.abc import Iterator
from time import perf_counter

import numpy as np
from measure import Row, peak_megabytes

from hessweep.density import spectral_density
from hessweep.networks import sample_teacher
from hessweep.spectrum import spectrum

EXACT_UP_TO = 3000
"""P above which the exact spectrum would take too long to compare with."""


def estimate(name: str, N: int) -> None:
    """Compute one density; for its memory."""
    spectral_density(sample_teacher(name, N, N, seed=0))


def rows(quick: bool) -> Iterator[Row]:
    """Yield seconds of five probes of 80 steps in float32, beside the limit where one is set."""
    for name in ("erf", "quadratic"):
        for N in (20, 40) if quick else (40, 100, 316, 1000):
            network = sample_teacher(name, N, N, seed=0)
            start = perf_counter()
            density = spectral_density(network)
            seconds = perf_counter() - start
            top = density.nodes.max()
            x = np.geomspace(3e-4 * top, 1.1 * top, 500)
            value, error = density.cdf(x)
            sampling = np.sqrt(np.maximum(error**2 - density.resolution(x) ** 2, 0))
            notes = {
                "largest standard error of the distribution": sampling.max(),
                "largest stated error": error.max(),
            }
            if network.P <= EXACT_UP_TO:
                exact = np.searchsorted(spectrum(network), x, side="right") / network.P
                notes["Kolmogorov distance above 3e-4 λ_max"] = np.abs(value - exact).max()
            limit = {"other": "limit", "other_seconds": 60.0, "required": 1.0}
            yield Row(
                f"{name} ({N}, {N}), P = {network.P}",
                seconds,
                megabytes=peak_megabytes(estimate, name, N),
                notes=notes,
                **(limit if N == 1000 else {}),
            )
