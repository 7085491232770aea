"""What the kinds share that measure deep networks: rank, smallest eigenvalue, predicted times."""

from collections.abc import Sequence
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Any

from hessweep.kinds.exact import MODULAR_SECONDS, SECONDS_PER_CUBE, SECONDS_PER_SQUARE
from hessweep.kinds.kind import SMALLEST_SECONDS, Cost
from hessweep.kinds.result import PointResult
from hessweep.kinds.values import columns_of_formula, proof_columns, spectrum_columns

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy import ndarray

    from hessweep.networks import DeepNetwork
    from hessweep.setup import Setup
    from hessweep.spectrum import DeepPlan, Spectrum

MULTIPLICATION_SECONDS, INPUT_SECONDS = 1.5e-10, 1e-6
"""Time of a multiplication in the QR factorisations of gradients, and of each of their inputs."""

BALL_SECONDS = 6e-6
"""Time of an entry of the gradients in ball arithmetic."""

ROUNDS = 7
"""Points at which gradients of ReLU are reduced modulo the prime, divided by P."""


def plan_of(setup: "Setup") -> "DeepPlan":
    """Return how the spectrum of a setup is computed that is taken as a deep network."""
    from hessweep.spectrum import deep_plan

    law = setup.input_law
    shifted = law is not None and law.mean is not None and bool(law.mean.any())
    activations = [setup.activation] * (setup.depth - 1)
    return deep_plan(activations, setup.sizes, setup.biases, shifted)


def deep_rank_columns(
    network: "DeepNetwork",
    spectrum: "Spectrum",
    errors: "Float[ndarray, ' P']",
    relative: float = 0.0,
) -> dict[str, Any]:
    """Return what is stored about the rank of this very network, by column.

    Args:
        network: The network.
        spectrum: Its eigenvalues.
        errors: How far each of them may be off.
        relative: The part of that which samples make, relative to the true eigenvalue.
    """
    from hessweep.rank import rank

    proof = rank(network)
    smallest = _smallest(spectrum.eigenvalues, errors, proof.value, relative)
    return proof_columns(proof, spectrum, *smallest)


def _smallest(
    eigenvalues: "Float[ndarray, ' P']",
    errors: "Float[ndarray, ' P']",
    rank: int,
    sampling: float,
) -> tuple[float, float]:
    """Return the smallest non-zero eigenvalue and its relative error; 0 and 1 if it is lost."""
    if rank == 0:
        return 0.0, 0.0
    value, error = (float(of[len(eigenvalues) - rank]) for of in (eigenvalues, errors))
    rounding = error - sampling / (1 - sampling) * value
    # |value - truth| <= rounding + sampling truth, so that truth >= (value - rounding) / (1 + s).
    known = (value - rounding) / (1 + sampling)
    relative = sampling + rounding / known if known > 0 else inf
    return (value, relative) if relative < 1 else (0.0, 1.0)


def deep_rank_seconds(setup: "Setup") -> float:
    """Return the predicted time of the rank of a deep network and its certificate."""
    from hessweep.rank import formula

    P = float(setup.P)
    upper = formula(setup.activation, widths=setup.sizes, biases=setup.biases).value or setup.P
    if setup.activation.is_linear:
        return 0.0
    if setup.activation.polynomial is not None:
        return MODULAR_SECONDS * P * upper**2
    known = setup.activation.theory
    if known is not None and known.homogeneous:
        return ROUNDS * MODULAR_SECONDS * P**3
    return BALL_SECONDS * P**2


def gradient_seconds(work: float, inputs: float) -> float:
    """Return the predicted time of gradients at so many inputs and of their factorisation."""
    return MULTIPLICATION_SECONDS * work + INPUT_SECONDS * inputs


def exact_cost(setup: "Setup") -> Cost:
    """Return the predicted cost of an exact spectrum of a deep network, and of its rank."""
    plan = plan_of(setup)
    n = float(plan.size)
    seconds = SMALLEST_SECONDS + gradient_seconds(plan.work, plan.nodes)
    seconds += SECONDS_PER_SQUARE * n**2 + SECONDS_PER_CUBE * n**3 + deep_rank_seconds(setup)
    return Cost(seconds, plan.peak_bytes, setup.P)


def exact_points(setup: "Setup", seeds: Sequence[int]) -> list[PointResult]:
    """Return the exact result of each seed, one after the other."""
    from hessweep.spectrum import Spectrum, deep_spectrum

    results = []
    for point in setup.points(seeds):
        network = point.network()
        start = perf_counter()
        found, plan = deep_spectrum(network)
        spectrum_time = perf_counter() - start
        spectrum = Spectrum(found.eigenvalues, float(found.errors.max()), plan)
        start = perf_counter()
        proof = deep_rank_columns(network, spectrum, found.errors)
        rank_time = perf_counter() - start
        scalars = {
            **spectrum_columns(setup, spectrum, found.trace),
            **proof,
            **deep_formula_columns(network),
            "spectrum_time": spectrum_time,
            "rank_time": rank_time,
        }
        results.append(PointResult(point, scalars, {"eigenvalues": found.eigenvalues}))
    return results


def deep_formula_columns(network: "DeepNetwork") -> dict[str, Any]:
    """Return the columns on the rank for generic weights; -1 where no formula is known."""
    from hessweep.rank.formulas_deep import formula_of

    return columns_of_formula(formula_of(network.activations, network.widths, network.biased))
