"""Estimates of the Hessian of deep networks from their gradients at many inputs.

`H_N = F^T F / N` with the gradients F at N inputs is `H^{1/2} (1 + E) H^{1/2}`, so that by
Ostrowski's theorem every eigenvalue, however small, is wrong by at most a factor `1 ± ‖E‖`. The
two halves of the inputs show how large E is (docs/depth.md).
"""

from collections.abc import Iterator, Sequence
from math import ceil, inf, log2
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.errors import InputError, PrecisionError, TooLargeError
from hessweep.hessian.factor import EPS, chunk_size, stacked_triangular, triangular
from hessweep.hessian.nodes import Nodes, SobolPoints, is_analytic, tensor_nodes
from hessweep.networks import DeepNetwork

RELATIVE_ERROR = 0.2
"""Asked of every eigenvalue where nothing else is said."""
WORK = 4e12
"""Multiplications that the samples may take: some minutes."""
FEWEST = 30
"""Rows of F for each parameter: with fewer the small eigenvalues are biased to be too small."""
SAFETY = 2.0
"""The stated error is the difference between the results of the two halves, times this."""
TENSOR_INPUTS = 3
"""The largest number of inputs for which tensor nodes are tried first."""
TENSOR_GOAL, TENSOR_CHEAP = 1e-8, 1e8
"""Tensor nodes are added down to this error as long as they take so few multiplications."""
LEAST_RATIO = 1 / 16
"""The errors of tensor nodes are not taken to fall faster from one step to the next."""
TENSOR_FIRST = 8
"""Nodes in each input at first; then half as many more at a time."""


class SampledFactor(NamedTuple):
    """`R` with `R^T R` near H, and how near."""

    R: Float[ndarray, "k P"]
    """Triangular factor of the estimated Hessian."""
    relative_error: float
    """Estimated bound on the relative error of every eigenvalue of `R^T R`, without rounding."""
    samples: int
    """Number of inputs at which the gradients were evaluated."""
    rule: str
    """`sobol` or `tensor`."""


def sampled_factor(
    network: DeepNetwork, relative_error: float = RELATIVE_ERROR, work: float = WORK
) -> SampledFactor:
    """Return the estimated Hessian of any deep network as `R^T R`.

    Tensor Gauss-Hermite nodes where there are at most `TENSOR_INPUTS` inputs, all activations
    are analytic and they reach the error; otherwise scrambled Sobol points, doubled until their
    two halves agree.

    Args:
        network: The network.
        relative_error: The relative error that is asked of every eigenvalue above rounding.
        work: How many multiplications it may take.

    Raises:
        InputError: If the relative error is not between 0 and 1.
        TooLargeError: If `FEWEST` gradients for each parameter take more than `work`.
        PrecisionError: If the relative error is not reached within `work`.
    """
    if not 0 < relative_error < 1:
        raise InputError(
            f"relative_error: expected a number between 0 and 1, got {relative_error}"
        )
    if network.widths[0] <= TENSOR_INPUTS and all(is_analytic(g) for g in network.activations):
        found = _tensor_factor(network, relative_error, work / 4)
        if found is not None:
            return found
    reached = inf
    for estimate in _sobol_estimates(network, work):
        reached = min(reached, estimate.relative_error)
        if estimate.relative_error <= relative_error:
            return estimate
    raise PrecisionError(
        f"widths {network.widths}: a relative error of {relative_error:g} is not reached with "
        f"{work:.1e} multiplications, which give {reached:.2g}; ask for a larger error or allow "
        "more work"
    )


def _tensor_factor(
    network: DeepNetwork, relative_error: float, work: float
) -> SampledFactor | None:
    """Return the best estimate by tensor nodes, or None if it has not the relative error.

    More nodes than the error needs are taken as long as they are cheap: they gain much.
    """
    best = None
    for estimate in _tensor_estimates(network, work):
        if best is None or estimate.relative_error < best.relative_error:
            best = estimate
        enough = best.relative_error <= relative_error
        cheap = sampling_work(network.widths, network.P, estimate.samples) <= TENSOR_CHEAP
        if enough and not (cheap and best.relative_error > TENSOR_GOAL):
            return best
    return best if best is not None and best.relative_error <= relative_error else None


def _tensor_estimates(network: DeepNetwork, work: float) -> Iterator[SampledFactor]:
    """Yield estimates from more and more tensor nodes, the first two only to compare.

    The last two changes T, S show by what ratio errors fall; they fall faster than a geometric
    series in the number of nodes, which grows by half each time, so that the next change is
    about `S (S/T)^1.2` or less (docs/depth.md). A ratio far below the others is luck.
    """
    inputs, chunk = network.widths[0], chunk_size(network.widths[-1], network.P)
    before: list[ndarray] = []
    each, last = TENSOR_FIRST, inf
    while sampling_work(network.widths, network.P, each**inputs) <= work:
        R = triangular(network, tensor_nodes(inputs, each, chunk))
        if before:
            change = _disagreement(before[-1], R)
            if change < 1 and last < inf:
                ratio = max(change / last, LEAST_RATIO) if last else 1.0
                rest = change * min(ratio, 1.0) ** 1.2
                yield SampledFactor(R, rest, each**inputs, "tensor")
            last = change
        before = [R]
        each += each // 2


def _sobol_estimates(network: DeepNetwork, work: float) -> Iterator[SampledFactor]:
    half = least_samples(network.widths, network.P) // 2
    if sampling_work(network.widths, network.P, 2 * half) > work:
        raise TooLargeError(
            f"widths {network.widths}: {2 * half} samples ({FEWEST} gradients for each of "
            f"{network.P} parameters, the fewest for a sound estimate) take "
            f"{sampling_work(network.widths, network.P, 2 * half):.1e} multiplications, but "
            f"{work:.1e} are allowed; take a smaller network or allow more work"
        )
    points = SobolPoints(network.widths[0])
    first = _sobol_triangular(network, points, half)
    while sampling_work(network.widths, network.P, 2 * half) <= work:
        second = _sobol_triangular(network, points, half)
        both = stacked_triangular(first, second)
        error = SAFETY * _half_disagreement(first, second)
        yield SampledFactor(both / np.sqrt(2 * half), error, 2 * half, "sobol")
        first, half = both, 2 * half


def _sobol_triangular(network: DeepNetwork, points: SobolPoints, count: int) -> ndarray:
    parts = points.take(count, chunk_size(network.widths[-1], network.P))
    return triangular(network, (Nodes(x, np.ones(len(x))) for x in parts))


def least_samples(widths: Sequence[int], P: int) -> int:
    """Return the fewest samples that are taken: `FEWEST` gradients for each parameter."""
    return 2 << max(9, ceil(log2(FEWEST * P / widths[-1] / 2)))


def sampling_work(widths: Sequence[int], P: int, samples: float) -> float:
    """Return how many multiplications so many samples take."""
    return 2 * samples * widths[-1] * float(P) ** 2


def _half_disagreement(first: ndarray, second: ndarray) -> float:
    """Return `‖E‖` of one half against both together.

    With `[first; second] = U S V^T`, the eigenvalues of the first half's Hessian relative to
    that of both are twice the squared singular values of its rows of U.
    """
    share = _shares(first, second)
    return float(np.abs(2 * share - 1).max(initial=0.0))


def _disagreement(coarse: ndarray, fine: ndarray) -> float:
    """Return the largest relative difference of the two quadratic forms `R^T R`."""
    share = _shares(coarse, fine)
    if share.max(initial=0.0) >= 1:
        return inf
    return float(np.abs(share / (1 - share) - 1).max(initial=0.0))


def _shares(upper: ndarray, lower: ndarray) -> Float[ndarray, " r"]:
    """Return the eigenvalues of `upper^T upper` relative to the sum of both, above rounding."""
    U, S, _ = blas.svd(np.concatenate([upper, lower]), full_matrices=False)
    floor = 8 * (len(S) + 20) * EPS * S[0]
    resolved = int((floor < S).sum())
    of_upper = U[: len(upper), :resolved]
    if len(upper) < resolved:
        return np.array([0.0, 1.0])
    return blas.svd(of_upper, compute_uv=False) ** 2
