"""The kind `density`: the density of eigenvalues and the largest of them, for large networks."""

from collections.abc import Iterator, Mapping, Sequence
from math import inf, nan
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from hessweep.columns import Column, Ragged
from hessweep.kinds.columns import SPECTRUM
from hessweep.kinds.groups import group_columns
from hessweep.kinds.kind import SMALLEST_SECONDS, Cost, Kind
from hessweep.kinds.result import PointResult
from hessweep.kinds.values import formula_columns, rank_deviations

if TYPE_CHECKING:
    from hessweep.density import DensityPlan
    from hessweep.networks import Network
    from hessweep.setup import Point, Setup

SECONDS_PER_FLOP = 1.1e-11
"""Time of a product with H per operation: the rate of matrix products, in float32 mostly."""

SECONDS_PER_BYTE = 1.2e-10
"""Time per byte of a Lanczos basis that is read: the rate of memory."""

NODES = Ragged(
    "node",
    Column("node_size", "int64", "number of nodes of the point's density", missing=0),
    (
        Column("density_nodes", "float64", "nodes of the density of eigenvalues of H"),
        Column("density_weights", "float64", "fractions of the P eigenvalues at the nodes"),
        Column("density_probes", "int64", "probe that a node is from, -1: known eigenvalue"),
    ),
)


class Density(Kind):
    """The spectral density by stochastic Lanczos quadrature, and the largest eigenvalues."""

    name = "density"
    revision = 2
    general_revision = 1
    ragged = (SPECTRUM, NODES)

    def cost(self, setup: "Setup") -> Cost:
        """Return the predicted cost of one point."""
        plan = _plan(setup)
        reading = SECONDS_PER_BYTE * plan.basis_bytes
        seconds = SMALLEST_SECONDS + SECONDS_PER_FLOP * plan.product_flops + reading
        return Cost(seconds, plan.peak_bytes, plan.stored_values)

    def compute(self, setup: "Setup", seeds: Sequence[int]) -> list[PointResult]:
        """Return the result of each seed, one after the other."""
        return [_compute_one(point, setup.network(point.seed)) for point in setup.points(seeds)]

    def deviations(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
        """Yield `eigenvalues` and what is proved of the rank where error bounds exclude both.

        How many of the largest eigenvalues are found to the tolerance depends on rounding, so
        those that both have are compared.
        """
        first, second = one["eigenvalues"], other["eigenvalues"]
        common = min(len(first), len(second))
        allowed = one["eigenvalue_error"] + other["eigenvalue_error"]
        distance = np.abs(first[len(first) - common :] - second[len(second) - common :])
        if not (distance <= allowed).all():
            yield "eigenvalues"
        yield from rank_deviations(one, other)


def _plan(setup: "Setup") -> "DensityPlan":
    from hessweep.density import density_plan, general_density_plan

    if setup.is_plain:
        return density_plan(setup.activation, setup.N_i, setup.N_h)
    standard, full = setup.inputs == "standard", "covariance(" in setup.inputs
    return general_density_plan(setup.activation, setup.layout, standard, full)


def _compute_one(point: "Point", network: "Network") -> PointResult:
    from hessweep.density import converged_eigenvalues, few_eigenvalues, spectral_density
    from hessweep.hessian import hessian_operator, trace

    plan = _plan(point.setup)
    # The random probes depend on the point's key alone.
    seed = int(point.key, 16)
    start = perf_counter()
    density = spectral_density(network, seed=seed)
    most, vectors = plan.most_extremes, plan.extreme_vectors
    if vectors:
        extremes = few_eigenvalues(network, most, vectors=vectors)
    else:
        extremes = converged_eigenvalues(network, most, steps=plan.extreme_steps, seed=seed)
    spectrum_time = perf_counter() - start
    start = perf_counter()
    proof = theorem_columns(network)
    rank_time = perf_counter() - start
    scalars = {
        "P": network.P,
        "lambda_max": extremes.largest[0],
        "trace": trace(network),
        "frobenius_norm": hessian_operator(network).frobenius_norm(),
        "eigenvalue_error": extremes.error.max(),
        "density_floor": density.floor,
        **proof,
        **group_columns(point.setup, extremes.largest[::-1], extremes.error.max()),
        "route": plan.route,
        "spectrum_time": spectrum_time,
        "rank_time": rank_time,
    }
    nodes = dict(zip((column.name for column in NODES.columns), density.flat(), strict=True))
    return PointResult(point, scalars, {"eigenvalues": extremes.largest[::-1].copy(), **nodes})


def theorem_columns(network: "Network") -> dict[str, Any]:
    """Return the columns on the rank as far as they are known without a spectrum.

    The rank is proved where theorems leave one value; otherwise it is their upper bound, which
    generic weights reach. What only eigenvalues tell is unknown: λ_min has no value and an
    infinite error, NumPy's rank is -1.
    """
    from hessweep.rank.general import theorem_bounds
    from hessweep.rank.structure import bounds

    lower, upper = bounds(network) if network.is_plain else theorem_bounds(network)
    return {
        "lambda_min": nan,
        "lambda_min_error": inf,
        "rank": upper,
        "rank_lower": lower,
        "rank_upper": upper,
        "rank_certificate": "proved" if lower == upper else "undecided",
        "rank_method": "theorem",
        "rank_float64": -1,
        "gap_ratio": nan,
        **formula_columns(network),
    }
