"""What a point will cost, before it is computed: time, memory, storage.

The coefficients were measured on one core of a laptop-class machine; `running.calibration`
compares them with the time that stored points took. Only the order of work and the size of batches
depend on them, never a result.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from math import ceil, comb

from hessweep.activations import Activation, Polynomial
from hessweep.density import density_plan
from hessweep.errors import TooLargeError
from hessweep.rank import ball, formulas
from hessweep.rank.smallest import LARGEST
from hessweep.setup import Point
from hessweep.spectrum import spectrum_plan
from hessweep.units import show_bytes

OVERHEAD_SECONDS = 1e-4
"""Teacher, bookkeeping and storage of a point."""

SMALLEST_SECONDS = 5e-5
"""Spectrum and rank of the smallest point."""

SECONDS_PER_SQUARE, SECONDS_PER_CUBE = 2e-8, 7e-11
"""Of an n x n eigenproblem, its assembly included: small ones are slow for their size."""

NUMERIC_SECONDS, NUMERIC_SECONDS_PER_NEURON = 0.02, 0.003
"""Of a dual kernel by quadrature, and of the estimate of its error."""

BALL_SECONDS_PER_SQUARE, BALL_SECONDS_PER_CUBE = 5.5e-6, 1.2e-8
"""Of the smallest eigenvalue in balls of the first precision: assembly and inverse of H."""

MODULAR_SECONDS = 2e-9
"""Of a rank modulo a prime, divided by P rank²."""

EDGE_SHARE = 0.2
"""Of polynomial teachers with just as many gradients as monomials, those that need exact work."""

HARD_DEGREE = 6
"""Where P functions reach up to this degree, float64 does not resolve the smallest eigenvalue.

They span polynomials up to the degree d with C(N_i + d, d) >= P, and eigenvalues fall by orders
with d. Measured for erf: from (1, 4), (2, 8) and (3, 12) on.
"""

SECONDS_PER_FLOP = 1.1e-11
"""Of a product with H: the rate of matrix products, in float32 mostly."""

SECONDS_PER_BYTE = 1.2e-10
"""Of a Lanczos basis that is read: the rate of memory."""

WORKER_BYTES = 350_000_000
"""What a worker process holds before it computes anything: the interpreter and libraries."""

BYTES_PER_CORE = 4 * 2**30
"""What machines have. A point that needs more keeps other points out, and so gets their cores."""

USABLE = 0.9
"""Part of its limit that a worker may fill; Dask ends a worker at 0.95."""

STORED_BYTES_PER_POINT = 150


def predicted_seconds(point: Point) -> float:
    """Return about how long one core takes for the point, its storage included."""
    return OVERHEAD_SECONDS + kernel_seconds(
        point.activation, point.N_i, point.N_h, point.spectrum
    )


@lru_cache(maxsize=4096)
def kernel_seconds(activation: Activation, N_i: int, N_h: int, spectrum: str = "exact") -> float:
    """Return about how long one core takes for spectrum, rank and smallest eigenvalue.

    Certificates are counted where sizes tell that float64 will not do. Weights in special
    position, whose ranks take exact arithmetic, show only when they are computed.
    """
    if spectrum == "density":
        work = density_plan(activation, N_i, N_h)
        read = SECONDS_PER_BYTE * work.basis_bytes
        return SMALLEST_SECONDS + SECONDS_PER_FLOP * work.product_flops + read
    seconds = SMALLEST_SECONDS + certificate_seconds(activation, N_i, N_h)
    for size, count in spectrum_plan(activation, N_i, N_h).eigenproblems:
        n = float(size)
        seconds += count * (SECONDS_PER_SQUARE * n**2 + SECONDS_PER_CUBE * n**3)
    if activation.is_numeric:
        seconds += NUMERIC_SECONDS + NUMERIC_SECONDS_PER_NEURON * N_h
    return seconds


def certificate_seconds(activation: Activation, N_i: int, N_h: int) -> float:
    """Return about what rank and smallest eigenvalue take where float64 does not see them."""
    P = float(N_h * (N_i + 1))
    seconds = rounds = 0.0
    polynomial = activation.polynomial
    if polynomial is not None:
        if _at_the_edge(polynomial, N_i, N_h):
            rounds = EDGE_SHARE
            if polynomial.degree > 2:
                rank = formulas.conditions(polynomial.support, N_i, N_h)
                seconds = EDGE_SHARE * MODULAR_SECONDS * P * rank**2
    elif (known := activation.theory) and not known.homogeneous:
        degree = _degree(N_i, P)
        if degree >= HARD_DEGREE:
            # Each degree takes some ten bits; precision is doubled until there are enough.
            rounds = 1 + (10 * degree // ball.FIRST_BITS).bit_length()
    if rounds and P <= LARGEST and ball.has_kernel(activation):
        seconds += rounds * (BALL_SECONDS_PER_SQUARE * P**2 + BALL_SECONDS_PER_CUBE * P**3)
    return seconds


def _at_the_edge(activation: Polynomial, N_i: int, N_h: int) -> bool:
    """Whether there are just as many gradients as monomials: the smallest eigenvalue is tiny."""
    most = formulas.dimension(activation.support, N_i)
    values = [
        formulas.formula(activation, N_i, size).value or 0
        for size in (max(N_h - 1, 1), N_h, N_h + 1)
    ]
    reached = values[0] < most <= values[1]
    nearly = values[1] < most <= values[2] and values[1] > 0.97 * most
    return activation.degree > 1 and (reached or (nearly and activation.degree > 2))


def _degree(N_i: int, P: float) -> int:
    """Return the degree up to which N_i variables have P monomials."""
    degree = 0
    while comb(N_i + degree, degree) < P:
        degree += 1
    return degree


def predicted_bytes(point: Point) -> int:
    """Return the peak memory of computing the point, beyond `WORKER_BYTES`."""
    plan = density_plan if point.spectrum == "density" else spectrum_plan
    return plan(point.activation, point.N_i, point.N_h).peak_bytes


def needed_memory(point: Point) -> int:
    """Return the memory limit, libraries included, below which a worker refuses the point."""
    return ceil((predicted_bytes(point) + WORKER_BYTES) / USABLE)


def blas_threads(point: Point) -> int:
    """Return how many threads share the point's matrix products: those of the cores it displaces.

    It depends on the point alone, not on the machine: the order of a sum is part of its bits.
    """
    return 1 + predicted_bytes(point) // BYTES_PER_CORE


def stored_bytes(point: Point) -> int:
    """Return about how much storage the point's segment and published copy take."""
    values = point.P
    if point.spectrum == "density":
        values = density_plan(point.activation, point.N_i, point.N_h).stored_values
    # Mantissas of eigenvalues look random: compression gains almost nothing.
    return 2 * (8 * values + STORED_BYTES_PER_POINT)


def check_fits(points: Iterable[Point], memory_limit: int | None) -> None:
    """Refuse points that would kill the worker that computes them.

    Args:
        points: What is to be computed.
        memory_limit: Bytes that one worker may use, libraries included; None: no limit.

    Raises:
        TooLargeError: If the predicted memory of a point is above that; names the largest.
    """
    if memory_limit is None:
        return
    large = [point for point in points if needed_memory(point) > memory_limit]
    if not large:
        return
    worst = max(large, key=predicted_bytes)
    way_out = (
        ""
        if worst.spectrum == "density"
        or needed_memory(replace(worst, spectrum="density")) > memory_limit
        else ("ask for their densities with `spectrum: density` in the sweep, ")
    )
    room = int(USABLE * memory_limit) - WORKER_BYTES
    raise TooLargeError(
        f"{worst.activation} with N_i={worst.N_i}, N_h={worst.N_h} (P={worst.P:,}) needs about "
        f"{show_bytes(predicted_bytes(worst))} of memory, and a worker of "
        f"{show_bytes(memory_limit)} has {show_bytes(max(room, 0))} to spare; "
        f"{len(large):,} of the points do not fit. Give workers more memory each (fewer of them, "
        f"or cluster.memory), {way_out}or take these sizes out of the study; nothing was computed"
    )
