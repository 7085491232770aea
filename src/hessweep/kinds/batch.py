"""Points of the axis `samples`: the batch Hessian of some inputs at the optimum (eqs 1-5)."""

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from hessweep.kinds.kind import SMALLEST_SECONDS, Cost
from hessweep.kinds.result import PointResult
from hessweep.kinds.values import columns_of_formula, proof_columns, spectrum_columns

if TYPE_CHECKING:
    from hessweep.networks import Network
    from hessweep.rank.formulas import Formula
    from hessweep.setup import Setup

SECONDS_PER_FLOP = 3e-10
"""Time of the singular values, for each of `rows P min(rows, P)` operations."""

EXACT_SECONDS = 4e-6
"""Time of a gradient's entry in fractions."""


def batch_cost(setup: "Setup") -> Cost:
    """Return the predicted cost of one point."""
    rows, P = float(setup.samples * setup.N_o), float(setup.P)
    seconds = SMALLEST_SECONDS + 1e-3 + SECONDS_PER_FLOP * rows * P * min(rows, P)
    if setup.activation.polynomial is not None:
        seconds += EXACT_SECONDS * rows * P
    return Cost(seconds, int(8 * 8 * rows * P), setup.P)


def compute_batch_points(setup: "Setup", seeds: Sequence[int]) -> list[PointResult]:
    """Return the result of each seed, one after the other."""
    networks = setup.networks(seeds)
    return [
        _compute_one(setup, seed, network) for seed, network in zip(seeds, networks, strict=True)
    ]


def _compute_one(setup: "Setup", seed: int, network: "Network") -> PointResult:
    from hessweep.networks import sample_inputs
    from hessweep.rank.batch import batch_rank, batch_smallest
    from hessweep.spectrum import Spectrum
    from hessweep.spectrum.batch import BatchPlan, batch_gradients, batch_spectrum

    start = perf_counter()
    x = sample_inputs(setup.N_i, seed, setup.samples, setup.input_law)
    gradients = batch_gradients(network, x)
    found = batch_spectrum(gradients)
    spectrum = Spectrum(found.eigenvalues, found.eigenvalue_error, BatchPlan())
    spectrum_time = perf_counter() - start
    start = perf_counter()
    proof = batch_rank(network, x, gradients, found)
    smallest = batch_smallest(found, proof.value)
    formula = batch_formula(network, len(x))
    rank_time = perf_counter() - start
    scalars = {
        **spectrum_columns(setup, spectrum, float(np.square(gradients.phi).sum())),
        **proof_columns(proof, spectrum, smallest.value, smallest.relative_error),
        **columns_of_formula(formula),
        "spectrum_time": spectrum_time,
        "rank_time": rank_time,
    }
    return PointResult(setup.point(seed), scalars, {"eigenvalues": spectrum.eigenvalues})


def batch_formula(network: "Network", n: int) -> "Formula":
    """Return the rank of a batch Hessian for generic weights and inputs.

    r independent functions of one output have `min(n, r)` independent values at n generic inputs.
    For several outputs the number of gradients is an upper bound as well, but not more.
    """
    from hessweep.rank.effective import network_formula
    from hessweep.rank.formulas import Formula

    population, rows = network_formula(network), n * network.N_o
    if population.value is None:
        return Formula(None, "none")
    exact = population.kind == "exact" and network.N_o == 1
    return Formula(min(rows, population.value), "exact" if exact else "upper bound")
