"""The kind `sampled`: eigenvalues from samples, each with its error, and shares by layer."""

from collections.abc import Iterator, Mapping, Sequence
from math import nan
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from hessweep.columns import Column, Ragged
from hessweep.kinds.columns import SCALARS, SPECTRUM
from hessweep.kinds.deep import (
    deep_formula_columns,
    deep_rank_columns,
    deep_rank_seconds,
    gradient_seconds,
    plan_of,
)
from hessweep.kinds.exact import SECONDS_PER_CUBE
from hessweep.kinds.kind import SMALLEST_SECONDS, Cost, Kind
from hessweep.kinds.result import PointResult
from hessweep.kinds.values import (
    eigenvalue_deviations,
    formula_columns,
    rank_deviations,
    spectrum_columns,
)

if TYPE_CHECKING:
    from jaxtyping import Float

    from hessweep.networks import DeepNetwork
    from hessweep.setup import Point, Setup

LARGEST = 32
"""The shares of at most so many eigenvectors are stored, those of the largest eigenvalues."""

SAMPLES_EACH = 25.0
"""About how many gradients a parameter takes for a relative error of 1; they grow as its inverse
square."""

SHARES = Ragged(
    "share",
    Column("share_size", "int64", "number of stored shares of eigenvectors by layer", missing=0),
    (
        Column("layer_shares", "float64", "part of an eigenvector's squared length in a layer"),
        Column("share_layers", "int64", "layer of each share, from 1"),
        Column("share_places", "int64", "place of its eigenvalue, 1: the largest"),
    ),
)


class Sampled(Kind):
    """All eigenvalues, estimated from the gradients at many inputs where no exact rule fits.

    Two-layer networks are taken as deep ones.
    """

    name = "sampled"
    revision = 1
    has_full_spectrum = True
    takes_deep = True
    takes_error = True
    precedence = 1
    columns = (
        *SCALARS,
        Column(
            "sampling_error",
            "float64",
            "estimated relative error by the choice of inputs",
            missing=nan,
        ),
        Column("samples", "int64", "inputs at which gradients were evaluated", missing=0),
    )
    ragged = (SPECTRUM, SHARES)

    def refusal(self, setup: "Setup") -> str:
        """Return why the fewest samples do not fit, or nothing."""
        from hessweep.hessian.sampled import FEWEST, WORK

        if refused := super().refusal(setup):
            return refused
        plan = plan_of(setup)
        if plan.is_exact or plan.work <= WORK:
            return ""
        return (
            f"kind sampled: {plan.nodes:,} samples ({FEWEST} gradients for each of {setup.P:,} "
            f"parameters, the fewest for a sound estimate) take {plan.work:.1e} multiplications, "
            f"but {WORK:.0e} are allowed; take smaller widths"
        )

    def cost(self, setup: "Setup") -> Cost:
        """Return the predicted cost of one point.

        How many samples the asked error needs shows only when it is computed; their number is
        guessed from that of the parameters.
        """
        from hessweep.hessian.sampled import WORK

        plan, P = plan_of(setup), float(setup.P)
        work = plan.work
        if not plan.is_exact:
            guessed = 2 * SAMPLES_EACH * P**3 / setup.asked_error**2
            work = min(max(work, guessed), WORK)
        inputs = plan.nodes if plan.is_exact else work / (2 * P**2 * setup.N_o)
        seconds = SMALLEST_SECONDS + gradient_seconds(work, inputs)
        seconds += 20 * SECONDS_PER_CUBE * P**3 + deep_rank_seconds(setup)
        shares = 3 * min(LARGEST, setup.P) * setup.depth
        return Cost(seconds, plan.peak_bytes + 8 * 4 * setup.P**2, setup.P + shares)

    def compute(self, setup: "Setup", seeds: Sequence[int]) -> list[PointResult]:
        """Return the result of each seed, one after the other."""
        return [_compute_one(point) for point in setup.points(seeds)]

    def deviations(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
        """Yield `eigenvalues` and what is proved of the rank where error bounds exclude both."""
        yield from eigenvalue_deviations(one, other)
        yield from rank_deviations(one, other)


def _compute_one(point: "Point") -> PointResult:
    from hessweep.networks import as_deep
    from hessweep.spectrum import Spectrum, root_spectrum

    setup = point.setup
    teacher = point.network()
    network = as_deep(teacher)
    start = perf_counter()
    found = root_spectrum(network, setup.asked_error)
    spectrum_time = perf_counter() - start
    spectrum = Spectrum(found.eigenvalues, float(found.errors.max()), plan_of(setup))
    start = perf_counter()
    proof = deep_rank_columns(network, spectrum, found.errors, found.root.relative_error)
    rank_time = perf_counter() - start
    scalars = {
        **spectrum_columns(setup, spectrum, found.root.trace),
        "route": f"deep, {found.root.rule}",
        **proof,
        **(deep_formula_columns(network) if setup.is_deep else formula_columns(teacher)),
        "spectrum_time": spectrum_time,
        "rank_time": rank_time,
        "sampling_error": found.root.relative_error,
        "samples": found.root.samples,
    }
    largest = found.vectors[: min(LARGEST, proof["rank"])]
    flat = {"eigenvalues": found.eigenvalues, **_shares(network, largest)}
    return PointResult(point, scalars, flat)


def _shares(
    network: "DeepNetwork", vectors: "Float[np.ndarray, 'k P']"
) -> dict[str, "np.ndarray"]:
    """Return the shares of these eigenvectors, as they are stored; zeros have none to speak of."""
    from hessweep.spectrum import shares_of

    shares = shares_of(network, vectors)
    place, layer = np.indices(shares.shape)
    return {
        "layer_shares": shares.ravel(),
        "share_layers": layer.ravel().astype(np.int64) + 1,
        "share_places": place.ravel().astype(np.int64) + 1,
    }
