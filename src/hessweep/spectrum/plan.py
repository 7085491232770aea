"""Which route computes a spectrum, and what it costs: known from activation and sizes alone."""

from dataclasses import dataclass
from functools import lru_cache
from math import comb

from hessweep.activations import Activation, Polynomial
from hessweep.networks import check_sizes
from hessweep.spectrum.accuracy import is_numeric
from hessweep.spectrum.solver import workspace_numbers

NUMERIC_PER_NEURON, NUMERIC_PER_PAIR = 9500, 40
"""Floats that a numeric kernel and its error estimate hold: measured, rounded up."""


@dataclass(frozen=True)
class Plan:
    """How the spectrum of one network is computed (docs/spectra.md)."""

    route: str
    """`closed form`, `dense`, `gram`, `row space` or `row space, gram`."""
    eigenproblems: tuple[tuple[int, int], ...]
    """Size and multiplicity of each symmetric eigenproblem; the largest comes first."""
    zeros: int
    """Eigenvalues that are exactly 0 by structure, and that no eigenproblem yields."""
    peak_bytes: int
    """Most memory held at a time for one network, weights and result included."""
    bytes_each: int
    """How much of that one more network in a stack holds again; the rest is shared."""

    @property
    def size(self) -> int:
        """Size of the largest eigenproblem."""
        return self.eigenproblems[0][0]


@lru_cache(maxsize=4096)
def route(activation: Activation, N_i: int, N_h: int) -> Plan:
    """Return the cheapest exact route for all networks of this activation and size (MATH 4).

    Raises:
        ShapeError: If a size is not a whole number of at least 1.
    """
    check_sizes(N_i, N_h)
    P = N_h * (N_i + 1)
    if is_linear(activation):
        size = min(N_i, N_h)
        each = 4 * N_i * N_h + 2 * size**2 + 3 * P
        return Plan(
            "closed form",
            eigenproblems=((size, 1),),
            zeros=P - N_i,
            peak_bytes=8 * (each + workspace_numbers(size)),
            bytes_each=8 * each,
        )
    row_space = N_h < N_i
    n = min(N_i, N_h)
    size, assembly = N_h * (n + 1), _dense_numbers(n, N_h)
    columns = gram_size(activation, n) if isinstance(activation, Polynomial) else size
    gram = columns < size
    if gram:
        assembly = _gram_numbers(activation, n, N_h)  # type: ignore[arg-type]
    parts = ["row space"] * row_space + ["gram"] * gram
    solved = min(columns, size)
    each = assembly + solved**2 + 4 * N_i * N_h + 3 * P
    if row_space:
        each += 14 * N_h**2 + 2 * N_i * N_h
    if is_numeric(activation):
        each += NUMERIC_PER_NEURON * N_h + NUMERIC_PER_PAIR * N_h**2
    return Plan(
        ", ".join(parts) or "dense",
        eigenproblems=((solved, 1),) + (((N_h, N_i - N_h),) if row_space else ()),
        zeros=size - solved,
        peak_bytes=8 * (each + workspace_numbers(solved)),
        bytes_each=8 * each,
    )


def is_linear(activation: Activation) -> bool:
    """Return whether `g(x)` is a multiple of x."""
    return isinstance(activation, Polynomial) and activation.support == (1,)


def hermite_degrees(activation: Polynomial) -> tuple[int, ...]:
    """Return the degrees of the Hermite polynomials that `grad_theta y` is made of.

    A power `x^j` of `g` has Hermite parts of degree j, j - 2, ...; `x_n g'(w.x)` has the same.
    """
    return tuple(sorted({k for j in activation.support for k in range(j, -1, -2)}))


def gram_size(activation: Polynomial, N_i: int) -> int:
    """Return the number of Hermite polynomials of N_i variables in `grad_theta y`."""
    return sum(comb(N_i + k - 1, k) for k in hermite_degrees(activation))


def _dense_numbers(N_i: int, N_h: int) -> int:
    """Floats held beside the matrix by `stacked_upper_hessian`, the kernels and their bounds."""
    return N_i * N_h * (2 * N_i + N_h) + 48 * N_h**2


def _gram_numbers(activation: Polynomial, N_i: int, N_h: int) -> int:
    """Floats that `stacked_gram` holds beside the matrix itself."""
    widths = [comb(N_i + k - 1, k) for k in hermite_degrees(activation)]
    powers = sum(comb(N_i + k - 1, k) for k in range(activation.degree + 1))
    return (powers + 2 * max(widths) + 12) * N_h + max(widths) ** 2 + 3 * powers * N_i
