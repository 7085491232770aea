"""Spectral density and extreme eigenvalues of Hessians too large for a spectrum (MATH 4)."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import DTypeLike

from hessweep.density.count import count_large
from hessweep.density.extremes import Extremes, converged_eigenvalues, extreme_eigenvalues
from hessweep.density.known import direction, directions, known_part, product_rounding
from hessweep.density.lanczos import Krylov, Lanczos
from hessweep.density.measure import (
    Estimate,
    FlatDensity,
    SpectralDensity,
    calibrated,
    without_zeros,
)
from hessweep.density.plan import PROBES, STEPS, DensityPlan, density_plan
from hessweep.errors import InputError
from hessweep.hessian import hessian_operator
from hessweep.networks import Network
from hessweep.spectrum import spectrum_plan

OUTLIERS = 8
"""Most eigenvalues that are split off from a density."""

GAP = 1.5
"""An outlier is this many times as large as the next eigenvalue."""

CONVERGED = 1e-4
"""Relative residual of a Ritz vector that is good enough to split off."""


def spectral_density(
    network: Network,
    probes: int = PROBES,
    steps: int = STEPS,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
) -> SpectralDensity:
    """Return the eigenvalue distribution by stochastic Lanczos quadrature.

    What structure gives exactly is not sampled: the multiple eigenvalues outside the row space
    of W1 where N_h < N_i, and all of a linear network. Large outliers are split off, and each
    probe is corrected by the exact trace and Frobenius norm of the rest (docs/spectra.md).

    Args:
        network: The network at its optimum.
        probes: Random directions, at least 2; the errors fall as `1/√(probes P)`.
        steps: Lanczos steps for each, at least 2: the resolution.
        seed: Of the directions.
        dtype: Of the vectors and products: float32 holds half as much and is twice as fast.

    Raises:
        InputError: If probes or steps is below 2, or dtype is neither float64 nor float32.
    """
    if probes < 2 or steps < 2:
        raise InputError(
            f"expected at least 2 probes and 2 steps, got {probes} probes of {steps} steps"
        )
    exact, counts, rest = known_part(network)
    if rest is None:
        return SpectralDensity.of_known(exact, counts)
    operator = hessian_operator(rest, dtype)
    rng = directions(rest, seed)
    lanczos = Lanczos(operator.product, rest.P, min(steps, rest.P), operator.dtype)
    krylov = lanczos.run(direction(rng, operator))
    outliers = _lock_outliers(lanczos, rest, krylov)
    zeros = spectrum_plan(network.activation, network.N_i, network.N_h).zeros
    left = rest.P - len(outliers) - zeros
    known = np.concatenate([exact, outliers])
    counts = np.concatenate([counts, np.ones(len(outliers), dtype=np.int64)])
    order = np.argsort(known)
    floor = product_rounding(operator)
    if not left:
        return SpectralDensity.of_known(known[order], counts[order], floor)
    moments = (
        (operator.trace() - outliers.sum()) / left,
        (operator.frobenius_norm() ** 2 - (outliers**2).sum()) / left,
    )
    nodes, weights = np.full((probes, lanczos.steps), floor), np.zeros((probes, lanczos.steps))
    for i, (node, weight) in enumerate(zip(nodes, weights, strict=True)):
        # The first run found no outliers: then it is as good a probe as any.
        if i or len(outliers):
            krylov = lanczos.run(direction(rng, operator))
        found, vectors = krylov.ritz()
        # A run that ends early leaves the first entries at the floor, with weight 0.
        node[lanczos.steps - len(found) :] = np.maximum(found, floor)
        weight[lanczos.steps - len(found) :] = vectors[0] ** 2
        weight[:] = without_zeros(weight, zeros / (left + zeros))
        weight[:] = calibrated(node, weight, moments)
    return SpectralDensity(network.P, known[order], counts[order], nodes, weights, floor)


def _lock_outliers(lanczos: Lanczos, network: Network, krylov: Krylov) -> Float[ndarray, " k"]:
    """Split the large outliers off later runs; return their eigenvalues, in float64."""
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
    # One direction at least stays for the probes.
    count = min(count, len(krylov.alpha) - 1)
    if not count:
        return np.empty(0)
    found = (vectors[:, :count].T.astype(krylov.Q.dtype)) @ krylov.Q
    found, _ = np.linalg.qr(found.T)
    precise = hessian_operator(network)
    eigenvalues = [float(u @ precise.product(u)) for u in found.T.astype(float)]
    lanczos.lock(found.T)
    return np.array(eigenvalues)


__all__ = [
    "PROBES",
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
    "spectral_density",
]
