"""What a point comes to: its eigenvalues or their density, its rank, and how long they took."""

from collections.abc import Mapping, Sequence
from time import perf_counter

import numpy as np

from hessweep.density import converged_eigenvalues, density_plan, spectral_density
from hessweep.hessian import hessian_operator, stacked_trace, trace
from hessweep.networks import Network, sample_teachers
from hessweep.rank import rank_columns, theorem_columns
from hessweep.setup import Point, PointResult
from hessweep.spectrum import Spectrum, stacked_spectra_with_error


def compute(point: Point) -> PointResult:
    """Compute one point: pure, seeded, without input or output.

    Exceptions of the maths or of a user's activation pass through; the sweep records them.
    """
    [result] = compute_stack([point])
    return result


def compute_stack(points: Sequence[Point]) -> list[PointResult]:
    """Compute points that differ in their seeds alone together, each bit for bit as alone.

    Only teachers and eigenvalues are computed together: small ones are many times faster so.
    """
    one = points[0]
    if one.spectrum == "density":
        return [_density_result(point) for point in points]
    seeds = [point.seed for point in points]
    networks = sample_teachers(one.activation, one.N_i, one.N_h, seeds, one.weights)
    W1 = np.stack([network.W1 for network in networks])
    W2 = np.stack([network.W2 for network in networks])
    start = perf_counter()
    spectra = stacked_spectra_with_error(one.activation, W1, W2)
    spectrum_time = (perf_counter() - start) / len(points)
    traces = stacked_trace(one.activation, W1, W2).tolist()
    return [
        _result(point, network, spectrum, {"trace": trace, "spectrum_time": spectrum_time})
        for point, network, spectrum, trace in zip(points, networks, spectra, traces, strict=True)
    ]


def _result(
    point: Point, network: Network, spectrum: Spectrum, known: Mapping[str, float]
) -> PointResult:
    start = perf_counter()
    proof = rank_columns(network, spectrum)
    rank_time = perf_counter() - start
    scalars = {
        **known,
        "P": point.P,
        "lambda_max": spectrum.eigenvalues[-1],
        "frobenius_norm": spectrum.frobenius_norm,
        "eigenvalue_error": spectrum.error,
        "density_floor": 0.0,
        **proof,
        "route": spectrum.route,
        "rank_time": rank_time,
    }
    return PointResult(point, spectrum.eigenvalues, scalars)


def _density_result(point: Point) -> PointResult:
    """Compute a point whose spectrum would be too large; its probes depend on its key alone."""
    network = point.network()
    plan = density_plan(point.activation, point.N_i, point.N_h)
    seed = int(point.key, 16)
    start = perf_counter()
    density = spectral_density(network, seed=seed)
    extremes = converged_eigenvalues(
        network, plan.most_extremes, steps=plan.extreme_steps, seed=seed
    )
    spectrum_time = perf_counter() - start
    start = perf_counter()
    proof = theorem_columns(network)
    rank_time = perf_counter() - start
    scalars = {
        "P": point.P,
        "lambda_max": extremes.largest[0],
        "trace": trace(network),
        "frobenius_norm": hessian_operator(network).frobenius_norm(),
        "eigenvalue_error": extremes.error.max(),
        "density_floor": density.floor,
        **proof,
        "route": plan.route,
        "spectrum_time": spectrum_time,
        "rank_time": rank_time,
    }
    return PointResult(point, extremes.largest[::-1].copy(), scalars, density=density)
