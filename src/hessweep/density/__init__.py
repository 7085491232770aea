"""Spectral density and extreme eigenvalues of Hessians too large for a spectrum (MATH 4)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import DTypeLike

from hessweep.density.count import count_large
from hessweep.density.lanczos import Krylov, Lanczos
from hessweep.density.measure import (
    Estimate,
    FlatDensity,
    SpectralDensity,
    calibrated,
    without_zeros,
)
from hessweep.density.plan import PROBES, STEPS, DensityPlan, density_plan
from hessweep.errors import InputError, PrecisionError
from hessweep.network import Network
from hessweep.operator import HessianOperator, hessian_operator
from hessweep.spectrum import route, row_space, spectrum

OUTLIERS = 8
"""Most eigenvalues that are split off from a density."""

GAP = 1.5
"""An outlier is this many times as large as the next eigenvalue."""

CONVERGED = 1e-4
"""Relative residual of a Ritz vector that is good enough to split off."""


class Extremes(NamedTuple):
    """The largest eigenvalues of a Hessian, and an upper bound on the smallest."""

    largest: Float[ndarray, " k"]
    """Descending."""
    error: Float[ndarray, " k"]
    """There is an eigenvalue within this distance of each."""
    smallest_upper: float
    """The smallest Ritz value: no eigenvalue is negative, and the smallest is at most this."""


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
    exact, counts, rest = _exact_part(network)
    if rest is None:
        return SpectralDensity.of_known(exact, counts)
    operator = hessian_operator(rest, dtype)
    rng = np.random.default_rng(np.random.SeedSequence([seed, rest.N_i, rest.N_h]))
    lanczos = Lanczos(operator.product, rest.P, min(steps, rest.P), operator.dtype)
    krylov = lanczos.run(_direction(rng, operator))
    outliers = _lock_outliers(lanczos, rest, krylov)
    zeros = route(network.activation, network.N_i, network.N_h).zeros
    left = rest.P - len(outliers) - zeros
    known = np.concatenate([exact, outliers])
    counts = np.concatenate([counts, np.ones(len(outliers), dtype=np.int64)])
    order = np.argsort(known)
    floor = _floor(operator)
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
            krylov = lanczos.run(_direction(rng, operator))
        found, vectors = krylov.ritz()
        # A run that ends early leaves the first entries at the floor, with weight 0.
        node[lanczos.steps - len(found) :] = np.maximum(found, floor)
        weight[lanczos.steps - len(found) :] = vectors[0] ** 2
        weight[:] = without_zeros(weight, zeros / (left + zeros))
        weight[:] = calibrated(node, weight, moments)
    return SpectralDensity(network.P, known[order], counts[order], nodes, weights, floor)


def extreme_eigenvalues(
    network: Network, k: int = 1, tolerance: float = 1e-8, steps: int = 300, seed: int = 0
) -> Extremes:
    """Return the k largest eigenvalues by Lanczos in float64, multiple ones as often as they are.

    Args:
        network: The network at its optimum.
        k: How many, from 1 to P.
        tolerance: Largest error of each, relative to the largest eigenvalue.
        steps: Most Lanczos steps; each holds a vector of P numbers.
        seed: Of the start vector.

    Raises:
        InputError: If k is not between 1 and P.
        PrecisionError: If the tolerance is not met within that many steps.
    """
    if not 1 <= k <= network.P:
        raise InputError(f"k: expected a number from 1 to P = {network.P}, got {k}")
    found, error, smallest = _ritz_values(network, k, steps, seed)
    if len(found) < k or (error[:k] > tolerance * found[0]).any():
        raise PrecisionError(
            f"the {k} largest eigenvalues are not within {tolerance:g} of the largest after "
            f"{steps} Lanczos steps; raise steps or tolerance"
        )
    return Extremes(found[:k], error[:k], smallest)


def converged_eigenvalues(
    network: Network, most: int, tolerance: float = 1e-8, steps: int = 300, seed: int = 0
) -> Extremes:
    """Return as many of the largest eigenvalues as so many Lanczos steps find, at least one.

    Args:
        network: The network at its optimum.
        most: The most that are returned.
        tolerance: Largest error of each, relative to the largest eigenvalue.
        steps: Lanczos steps; each holds a vector of P numbers.
        seed: Of the start vector.

    Raises:
        PrecisionError: If not even the largest is found to the tolerance.
    """
    found, error, smallest = _ritz_values(network, most, steps, seed)
    good = error[:most] <= tolerance * found[0]
    count = len(good) if good.all() else int(np.argmin(good))
    if not count:
        raise PrecisionError(
            f"the largest eigenvalue is not within {tolerance:g} of itself after {steps} Lanczos "
            "steps; raise steps or tolerance"
        )
    return Extremes(found[:count], error[:count], smallest)


def _ritz_values(
    network: Network, copies: int, steps: int, seed: int
) -> tuple[Float[ndarray, " n"], Float[ndarray, " n"], float]:
    """Return approximate eigenvalues, descending, with error bounds, and `smallest_upper`.

    Multiple eigenvalues that structure gives come at most `copies` times.
    """
    exact, counts, rest = _exact_part(network)
    found = np.repeat(exact, np.minimum(counts, copies))
    residual = np.zeros(found.shape)
    operator = hessian_operator(rest or network)
    if rest is not None:
        rng = np.random.default_rng(np.random.SeedSequence([seed, rest.N_i, rest.N_h]))
        lanczos = Lanczos(operator.product, rest.P, min(steps, rest.P), operator.dtype)
        krylov = lanczos.run(_direction(rng, operator))
        ritz, vectors = krylov.ritz()
        found = np.concatenate([found, ritz])
        residual = np.concatenate([residual, krylov.beta[-1] * abs(vectors[-1])])
    # Sums over N_i + 2 N_h products, each rounded.
    error = residual + (network.N_i + 2 * network.N_h) * _floor(operator)
    order = np.argsort(found)[::-1]
    return found[order], error[order], float(max(found[order[-1]], 0))


def _exact_part(network: Network) -> tuple[ndarray, ndarray, Network | None]:
    """Return eigenvalues that structure gives, their counts, and the network of the others."""
    plan = route(network.activation, network.N_i, network.N_h)
    zeros = [0.0] * (plan.zeros > 0)
    if plan.route == "closed form":
        outside, rest = spectrum(network)[plan.zeros :], None
        times = 1
    else:
        # Where N_h >= N_i this is a rotation of the inputs: it makes W1 triangular.
        L, [outside] = row_space(network.activation, network.W1[None], network.W2[None])
        rest = Network(L[0], network.W2, network.activation)
        times = network.N_i - rest.N_i
        outside = outside[: len(outside) * (times > 0)]
    counts = np.repeat([plan.zeros, times], [len(zeros), len(outside)])
    return np.concatenate([zeros, outside]), counts, rest


def _direction(rng: np.random.Generator, operator: HessianOperator) -> Float[ndarray, " P"]:
    """Return a vector of random direction; after projection it is one of the subspace."""
    return rng.standard_normal(operator.shape[0], dtype=operator.dtype)


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


def _floor(operator: HessianOperator) -> float:
    """Return the rounding error of a product: eps times a bound on the largest eigenvalue."""
    return float(np.finfo(operator.dtype).eps * operator.frobenius_norm())


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
