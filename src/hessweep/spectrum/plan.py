"""The route by which a spectrum is computed, and its cost, from the activation and the sizes."""

from dataclasses import dataclass
from functools import lru_cache
from math import comb

from hessweep.activations import Activation, Polynomial
from hessweep.networks import check_sizes
from hessweep.spectrum.solver import workspace_numbers

NUMERIC_PER_NEURON, NUMERIC_PER_PAIR = 9500, 40
"""Number of floats that a numeric kernel and its error estimate need: measured and rounded up."""


@dataclass(frozen=True)
class SpectrumPlan:
    """How the spectrum of one network is computed (docs/spectra.md)."""

    closed_form: bool
    """Whether the network is linear, so that a matrix of the size of its smaller layer is
    enough."""
    row_space: bool
    """Whether the row space of W1 is split off."""
    gram: bool
    """Whether `J^T J` is solved in place of the Hessian `J J^T`."""
    eigenproblems: tuple[tuple[int, int], ...]
    """Size and multiplicity of each symmetric eigenproblem, the largest first."""
    zeros: int
    """The number of eigenvalues that are exactly 0 by structure, besides those of the
    eigenproblems."""
    peak_bytes: int
    """Peak memory for one network, including weights and result."""
    bytes_each: int
    """Memory that each further network of a stack needs; the rest of `peak_bytes` is shared."""

    @property
    def route(self) -> str:
        """The route as text: `closed form`, `dense`, `gram`, `row space` or `row space, gram`."""
        if self.closed_form:
            return "closed form"
        parts = ["row space"] * self.row_space + ["gram"] * self.gram
        return ", ".join(parts) or "dense"

    @property
    def size(self) -> int:
        """Size of the largest eigenproblem."""
        return self.eigenproblems[0][0]


@lru_cache(maxsize=4096)
def spectrum_plan(activation: Activation, N_i: int, N_h: int) -> SpectrumPlan:
    """Return the cheapest exact route for networks with this activation and size.

    Raises:
        ShapeError: If a size is not a whole number of at least 1.
    """
    check_sizes(N_i, N_h)
    P = N_h * (N_i + 1)
    if activation.is_linear:
        size = min(N_i, N_h)
        each = 4 * N_i * N_h + 2 * size**2 + 3 * P
        return SpectrumPlan(
            closed_form=True,
            row_space=False,
            gram=False,
            eigenproblems=((size, 1),),
            zeros=P - N_i,
            peak_bytes=8 * (each + workspace_numbers(size)),
            bytes_each=8 * each,
        )
    row_space = N_h < N_i
    n = min(N_i, N_h)
    size, assembly = N_h * (n + 1), _dense_numbers(n, N_h)
    solved, polynomial = size, activation.polynomial
    if polynomial is not None and gram_size(polynomial, n) < size:
        solved, assembly = gram_size(polynomial, n), _gram_numbers(polynomial, n, N_h)
    each = assembly + solved**2 + 4 * N_i * N_h + 3 * P
    if row_space:
        each += 14 * N_h**2 + 2 * N_i * N_h
    if activation.is_numeric:
        each += NUMERIC_PER_NEURON * N_h + NUMERIC_PER_PAIR * N_h**2
    return SpectrumPlan(
        closed_form=False,
        row_space=row_space,
        gram=solved < size,
        eigenproblems=((solved, 1),) + (((N_h, N_i - N_h),) if row_space else ()),
        zeros=size - solved,
        peak_bytes=8 * (each + workspace_numbers(solved)),
        bytes_each=8 * each,
    )


def hermite_degrees(activation: Polynomial) -> tuple[int, ...]:
    """Return the degrees of the Hermite polynomials that occur in `grad_theta y`.

    A power `x^j` in `g` has Hermite components of degree j, j - 2, ..., and so does `x_n g'(w.x)`.
    """
    return tuple(sorted({k for j in activation.support for k in range(j, -1, -2)}))


def gram_size(activation: Polynomial, N_i: int) -> int:
    """Return the number of Hermite polynomials in N_i variables that occur in `grad_theta y`."""
    return sum(comb(N_i + k - 1, k) for k in hermite_degrees(activation))


def _dense_numbers(N_i: int, N_h: int) -> int:
    """Return the number of floats besides the matrix: assembly, kernels and their bounds."""
    return N_i * N_h * (2 * N_i + N_h) + 48 * N_h**2


def _gram_numbers(activation: Polynomial, N_i: int, N_h: int) -> int:
    """Return the number of floats that `stacked_gram` needs besides the matrix."""
    widths = [comb(N_i + k - 1, k) for k in hermite_degrees(activation)]
    powers = sum(comb(N_i + k - 1, k) for k in range(activation.degree + 1))
    return (powers + 2 * max(widths) + 12) * N_h + max(widths) ** 2 + 3 * powers * N_i
