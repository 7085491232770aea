"""The kind `exact`: all P eigenvalues, the rank with its proof, and the smallest eigenvalue."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import comb
from time import perf_counter
from typing import TYPE_CHECKING, Any

from hessweep.errors import InputError, PrecisionError
from hessweep.kinds.batch import batch_cost, compute_batch_points
from hessweep.kinds.columns import SCALARS
from hessweep.kinds.kind import SMALLEST_SECONDS, Cost, Kind
from hessweep.kinds.plain import plain_points
from hessweep.kinds.result import PointResult
from hessweep.kinds.students import (
    LEARNING,
    learning_columns,
    student_columns,
    unknown_learning,
)
from hessweep.kinds.values import (
    eigenvalue_deviations,
    rank_columns,
    rank_deviations,
    spectrum_columns,
)

if TYPE_CHECKING:
    from hessweep.activations import Activation, Polynomial
    from hessweep.networks import Network
    from hessweep.setup import Setup

SECONDS_PER_SQUARE, SECONDS_PER_CUBE = 2e-8, 7e-11
"""Time of an n x n eigenproblem with its assembly; small ones are slow for their size."""

NUMERIC_SECONDS, NUMERIC_SECONDS_PER_NEURON = 0.02, 0.003
"""Time of a dual kernel by quadrature and of the estimate of its error."""

BALL_SECONDS_PER_SQUARE, BALL_SECONDS_PER_CUBE = 5.5e-6, 1.2e-8
"""Time of the smallest eigenvalue in ball arithmetic of the first precision."""

MODULAR_SECONDS = 2e-9
"""Time of a rank modulo a prime, divided by P rank²."""

GENERAL_SECONDS_PER_PAIR, GENERAL_NUMBERS_PER_PAIR = 4e-6, 400
"""Time and floats of each pair of neurons of a network with biases or several outputs."""

GENERAL_BALL_SECONDS_PER_PAIR = 2.5e-3
"""Time of the kernel with offsets of each pair of neurons in ball arithmetic, at most."""

EDGE_SHARE = 0.2
"""Share of polynomial teachers with just as many gradients as monomials that need exact work."""

HARD_DEGREE = 6
"""Float64 does not resolve the smallest eigenvalue where P functions reach up to this degree.

They span polynomials up to the degree d with C(N_i + d, d) >= P, and eigenvalues fall by orders of
magnitude with d. Measured for erf: from (1, 4), (2, 8) and (3, 12) on.
"""


class Exact(Kind):
    """All eigenvalues of a Hessian, by the cheapest exact route."""

    name = "exact"
    general_revision = 1
    deep_revision = 1
    samples_revision = 1
    takes_samples = True
    has_full_spectrum = True
    takes_students = True
    columns = (*SCALARS, *LEARNING)
    takes_deep = True
    precedence = 2
    lighter = "density"

    def refusal(self, setup: "Setup") -> str:
        """Return why a deep network has no exact spectrum here, or nothing."""
        from hessweep.kinds.deep import plan_of

        if not setup.is_deep:
            return super().refusal(setup)
        if plan_of(setup).is_exact:
            return ""
        return (
            "kind exact: there is no exact route to the spectrum of deep networks of this "
            "activation and these widths; ask for kind: sampled, or leave kind out to get the "
            "exact one where there is one"
        )

    def cost(self, setup: "Setup") -> Cost:
        """Return the predicted cost of one point.

        Certificates are counted where the sizes tell that float64 will not do. Weights in special
        position, whose ranks take exact arithmetic, show only when they are computed.
        """
        from hessweep.kinds.deep import exact_cost
        from hessweep.spectrum import spectrum_plan

        if setup.is_deep:
            return exact_cost(setup)
        if setup.samples:
            return batch_cost(setup)
        if not setup.is_plain:
            return _general_cost(setup)
        N_i, N_h = setup.N_i, setup.layout.N_h
        plan = spectrum_plan(setup.activation, N_i, N_h)
        seconds = SMALLEST_SECONDS + certificate_seconds(setup.activation, N_i, N_h)
        for size, count in plan.eigenproblems:
            n = float(size)
            seconds += count * (SECONDS_PER_SQUARE * n**2 + SECONDS_PER_CUBE * n**3)
        if setup.activation.is_numeric:
            seconds += NUMERIC_SECONDS + NUMERIC_SECONDS_PER_NEURON * N_h
        return Cost(seconds, plan.peak_bytes, setup.P)

    def compute(self, setup: "Setup", seeds: Sequence[int]) -> Sequence[PointResult]:
        """Return the result of each seed.

        Teachers and eigenvalues of all seeds are computed together: for small networks that is
        many times faster.
        """
        from hessweep.kinds.deep import exact_points

        if refusal := self.refusal(setup):
            raise InputError(f"{setup}: {refusal}")
        if setup.is_deep or setup.samples:
            compute = exact_points if setup.is_deep else compute_batch_points
            return [
                replace(one, scalars={**one.scalars, **unknown_learning()})
                for one in compute(setup, seeds)
            ]
        return _population_points(setup, seeds)

    def deviations(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
        """Yield `eigenvalues` and what is proved of the rank where error bounds exclude both."""
        yield from eigenvalue_deviations(one, other)
        yield from rank_deviations(one, other)


def _population_points(setup: "Setup", seeds: Sequence[int]) -> Sequence[PointResult]:
    """Return the result of each seed for networks of two layers and all inputs."""
    from hessweep.hessian import trace
    from hessweep.networks import NetworkStack
    from hessweep.spectrum import spectra_of

    networks = setup.networks(seeds)
    start = perf_counter()
    try:
        if stack := NetworkStack.of(networks):
            return plain_points(setup, seeds, stack)
        spectra = spectra_of(networks)
    except PrecisionError as error:
        # One by one it turns out whose it is, and its rank needs no eigenvalues.
        if len(seeds) > 1:
            raise
        raise PrecisionError(f"{error}; {_rank_alone(networks[0])}") from error
    spectrum_time = (perf_counter() - start) / len(seeds)
    by_formula = student_columns(setup)
    results = []
    for seed, network, spectrum in zip(seeds, networks, spectra, strict=True):
        start = perf_counter()
        proof = rank_columns(network, spectrum) | by_formula
        learning = learning_columns(network, proof)
        rank_time = perf_counter() - start
        scalars = {
            **spectrum_columns(setup, spectrum, trace(network)),
            **proof,
            **learning,
            "spectrum_time": spectrum_time,
            "rank_time": rank_time,
        }
        flat = {"eigenvalues": spectrum.eigenvalues}
        results.append(PointResult(setup.point(seed), scalars, flat))
    return results


def _rank_alone(network: "Network") -> str:
    """Return in words what is known of the rank of a network without its eigenvalues."""
    from hessweep.rank import rank

    found = rank(network)
    if found.certificate == "proved":
        return f"the rank of H is {found.value}, proved by {found.method}"
    return f"the rank of H is from {found.lower} to {found.upper}"


def _general_cost(setup: "Setup") -> Cost:
    """Return the predicted cost of a network with biases or several outputs.

    Kernels by series and the estimate of their error take up to twice as long as for a plain
    network of many neurons.
    """
    from hessweep.spectrum import general_plan

    plan = general_plan(setup.activation, setup.layout, setup.inputs == "standard")
    n, problems = float(plan.size), setup.N_o if plan.closed_form else 1
    seconds = SMALLEST_SECONDS + GENERAL_SECONDS_PER_PAIR * setup.N_h**2
    certificate = certificate_seconds(setup.activation, setup.N_i, setup.N_h, setup.P)
    if certificate:
        seconds += certificate + GENERAL_BALL_SECONDS_PER_PAIR * setup.N_h**2
    seconds += problems * (SECONDS_PER_SQUARE * n**2 + SECONDS_PER_CUBE * n**3)
    if setup.activation.is_numeric:
        seconds += 3 * (NUMERIC_SECONDS + NUMERIC_SECONDS_PER_NEURON * setup.N_h)
    numbers = (
        3 * problems * n**2
        + 4 * n * setup.N_h
        + GENERAL_NUMBERS_PER_PAIR * setup.N_h**2
        + 8 * setup.P
    )
    return Cost(seconds, int(8 * numbers), setup.P)


def certificate_seconds(
    activation: "Activation", N_i: int, N_h: int, general_P: int | None = None
) -> float:
    """Return the predicted time of rank and smallest eigenvalue beyond what float64 gives.

    Args:
        activation: The activation.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        general_P: Number of parameters of a network with biases, several outputs or other
            inputs; None for one of the paper.
    """
    from hessweep.rank import ball, formulas
    from hessweep.rank.general_ball import has_offset_kernel
    from hessweep.rank.smallest import LARGEST

    P = float(N_h * (N_i + 1))
    seconds = rounds = 0.0
    if (polynomial := activation.polynomial) is not None:
        if _is_at_the_edge(polynomial, N_i, N_h):
            rounds = EDGE_SHARE
            if polynomial.degree > 2:
                rank = formulas.conditions(polynomial.support, N_i, N_h)
                seconds = EDGE_SHARE * MODULAR_SECONDS * P * rank**2
    elif (known := activation.theory) and not known.homogeneous:
        degree = _spanned_degree(N_i, P)
        if degree >= HARD_DEGREE:
            # Each degree takes some ten bits; precision is doubled until there are enough.
            rounds = 1 + (10 * degree // ball.FIRST_BITS).bit_length()
    n, has_kernel = float(general_P or P), has_offset_kernel if general_P else ball.has_kernel
    if rounds and n <= LARGEST and has_kernel(activation):
        seconds += rounds * (BALL_SECONDS_PER_SQUARE * n**2 + BALL_SECONDS_PER_CUBE * n**3)
    return seconds


def _is_at_the_edge(activation: "Polynomial", N_i: int, N_h: int) -> bool:
    """Return whether there are about as many gradients as monomials: λ_min is then tiny."""
    from hessweep.rank import formulas

    most = formulas.dimension(activation.support, N_i)
    values = [
        formulas.formula(activation, N_i, size).value or 0
        for size in (max(N_h - 1, 1), N_h, N_h + 1)
    ]
    reached = values[0] < most <= values[1]
    nearly = values[1] < most <= values[2] and values[1] > 0.97 * most
    return activation.degree > 1 and (reached or (nearly and activation.degree > 2))


def _spanned_degree(N_i: int, P: float) -> int:
    """Return the degree up to which N_i variables have P monomials."""
    degree = 0
    while comb(N_i + degree, degree) < P:
        degree += 1
    return degree
