"""Spectral density and largest eigenvalues of Hessians that are too large for a full spectrum."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import DTypeLike

from hessweep import blas
from hessweep.density.comparison import Correction, comparison
from hessweep.density.count import count_large
from hessweep.density.extremes import (
    Extremes,
    converged_eigenvalues,
    extreme_eigenvalues,
    few_eigenvalues,
    one_thread_if_small,
)
from hessweep.density.general_plan import general_density_plan
from hessweep.density.known import direction, directions, known_part, product_rounding
from hessweep.density.lanczos import Krylov, Lanczos
from hessweep.density.measure import (
    RESOLVED,
    Estimate,
    FlatDensity,
    SpectralDensity,
    calibrated,
    without_zeros,
)
from hessweep.density.plan import (
    COMPARED_PROBES,
    PROBES,
    STEPS,
    DensityPlan,
    density_plan,
    is_compared,
)
from hessweep.errors import InputError
from hessweep.hessian import hessian_operator
from hessweep.networks import Network, check_two_layers
from hessweep.spectrum import spectrum_plan

OUTLIERS = 8
"""The most eigenvalues that are separated from a density as outliers."""

GAP = 1.5
"""An outlier is more than this many times as large as the next eigenvalue."""

OUTLIER_STEPS = 40
"""Lanczos steps for outliers where the largest eigenvalue is known to be far from the next."""

CONVERGED = 1e-4
"""The relative residual up to which a Ritz vector counts as an eigenvector."""


@one_thread_if_small
def spectral_density(
    network: Network,
    probes: int | None = None,
    steps: int = STEPS,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
) -> SpectralDensity:
    """Return the eigenvalue distribution by stochastic Lanczos quadrature.

    Eigenvalues that are known exactly from structure are not sampled: the multiple eigenvalues
    outside the row space of W1 if N_h < N_i, and all those of a linear network. Large outliers are
    separated, and each probe is corrected by the exact trace and Frobenius norm of the rest. From
    1,000 parameters on, probes of networks without biases and with one output are corrected by
    what they show of an operator that is known exactly, too (docs/spectra.md).

    Args:
        network: The network at its optimum.
        probes: Number of random directions, at least 2. Errors decrease as `1/√(probes P)`. None
            for 5 where they are corrected by the comparison, otherwise 10.
        steps: Number of Lanczos steps for each, at least 2, which determines the resolution.
        seed: Seed of the random directions.
        dtype: Type of the vectors and products. float32 needs half the memory of float64 and is
            about twice as fast.

    Raises:
        InputError: If probes or steps is below 2, or dtype is neither float64 nor float32.
    """
    check_two_layers(network, "spectral_density")
    if (probes is not None and probes < 2) or steps < 2:
        raise InputError(
            f"expected at least 2 probes and 2 steps, got {probes} probes of {steps} steps"
        )
    exact, counts, rest = known_part(network)
    if rest is None:
        return SpectralDensity.of_known(exact, counts)
    beside = comparison(rest) if rest.is_plain and is_compared(rest.P) else None
    probes = probes or (PROBES if beside is None else COMPARED_PROBES)
    operator = hessian_operator(rest, dtype)
    # Before there is a basis, because these take memory too.
    trace, norm, floor = operator.trace(), operator.frobenius_norm(), product_rounding(operator)
    rng = directions(rest, seed)
    lanczos = Lanczos(operator.product, rest.P, min(steps, rest.P), operator.dtype)
    short = beside is not None and beside.separate
    krylov = lanczos.run(direction(rng, operator), OUTLIER_STEPS if short else None)
    outliers = _lock_outliers(lanczos, rest, krylov)
    plain = network.is_plain
    zeros = spectrum_plan(network.activation, *network.W1.shape[::-1]).zeros if plain else 0
    left = rest.P - len(outliers) - zeros
    known = np.concatenate([exact, outliers])
    counts = np.concatenate([counts, np.ones(len(outliers), dtype=np.int64)])
    order = np.argsort(known)
    if not left:
        return SpectralDensity.of_known(known[order], counts[order], floor)
    moments = (
        (trace - outliers.sum()) / left,
        (norm**2 - (outliers**2).sum()) / left,
    )
    corrected = None if beside is None else Correction(beside, lanczos.locked)
    nodes, weights = np.full((probes, lanczos.steps), floor), np.zeros((probes, lanczos.steps))
    for i, (node, weight) in enumerate(zip(nodes, weights, strict=True)):
        # If the first run found no outliers, it serves as the first probe.
        if i or len(outliers) or short:
            krylov = lanczos.run(direction(rng, operator))
        found, vectors = krylov.ritz()
        # If a run ends early, the first entries remain at the floor with weight 0.
        node[lanczos.steps - len(found) :] = np.maximum(found, floor)
        weight[lanczos.steps - len(found) :] = vectors[0] ** 2
        if corrected is not None:
            weight[:] = corrected(node, weight, krylov.Q[0])
        weight[:] = without_zeros(weight, zeros / (left + zeros))
        weight[:] = calibrated(node, weight, moments)
    return SpectralDensity(network.P, known[order], counts[order], nodes, weights, floor)


def _lock_outliers(lanczos: Lanczos, network: Network, krylov: Krylov) -> Float[ndarray, " k"]:
    """Exclude the large outliers from later runs, and return their eigenvalues in float64."""
    values, vectors = krylov.ritz()
    values, vectors = values[::-1], vectors[:, ::-1]
    top = values[: OUTLIERS + 1]
    converged = abs(krylov.beta[-1] * vectors[-1, : len(top)]) <= CONVERGED * top
    count = 0
    for i in range(len(top) - 1):
        if not converged[i]:
            break
        if top[i] > GAP * top[i + 1]:
            count = i + 1
    # At least one direction remains for the probes.
    count = min(count, len(krylov.alpha) - 1)
    if not count:
        return np.empty(0)
    found = (vectors[:, :count].T.astype(krylov.Q.dtype)) @ krylov.Q
    found, _ = blas.qr(found.T)
    precise = hessian_operator(network)
    eigenvalues = [float(u @ precise.product(u)) for u in found.T.astype(float)]
    lanczos.lock(found.T)
    return np.array(eigenvalues)


__all__ = [
    "PROBES",
    "RESOLVED",
    "STEPS",
    "DensityPlan",
    "Estimate",
    "Extremes",
    "FlatDensity",
    "SpectralDensity",
    "converged_eigenvalues",
    "count_large",
    "density_plan",
    "extreme_eigenvalues",
    "few_eigenvalues",
    "general_density_plan",
    "spectral_density",
]
