"""What a dual kernel with offsets consists of: the network with biases needs no more."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from jaxtyping import Float
from numpy import ndarray

Pairs = Float[ndarray, "*stack m n"]
"""One number for each pair of a neuron that sees `u + b` and one that sees `v + d`."""


ORDERS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (1, 3), (2, 2))
"""Orders (i, j) of the derivatives in the fields `E_ij` of `OffsetKernel`, in their order."""

HIGHEST = 4
"""The largest i + j among them."""

FURTHER = ((0, 3), (0, 4), (1, 4), (1, 5), (2, 3), (2, 4), (3, 3))
"""Orders that the derivatives of these fields need besides; i + j is at most `HIGHEST` + 2."""


def orders_up_to(highest: int) -> tuple[tuple[int, int], ...]:
    """Return the orders that `Activation.offset_means` returns for this `highest`."""
    return ORDERS if highest == HIGHEST else ORDERS + FURTHER


WITH_DERIVATIVES = HIGHEST + 2
"""The value of `highest` that asks for the orders of `FURTHER` as well."""


class OffsetMeans(NamedTuple):
    """Means of an activation's derivatives, from which an `OffsetKernel` is made."""

    E: Mapping[tuple[int, int], Pairs]
    """`E_ij`, i <= j, for the orders of `ORDERS` and, where they are asked for, of `FURTHER`."""
    M: Sequence[Pairs]
    """`M_i` from i = 0 up: three, or with `FURTHER` five."""

    @classmethod
    def of(cls, E: Callable[[int, int], Pairs], M: Sequence[Pairs], highest: int) -> "OffsetMeans":
        """Return the means with `E_ij = E(i, j)`, for the orders up to `highest`."""
        return cls({order: E(*order) for order in orders_up_to(highest)}, M)


class OffsetKernel(NamedTuple):
    """Means of an activation's derivatives at `u + b` and `v + d` (docs/biases.md).

    `u, v` are jointly normal with mean 0, variances `p, q` and covariance `c`; `b, d` are the
    offsets. `E_ij = E[g^(i)(u + b) g^(j)(v + d)]` has the broadcast shape of all five arguments,
    `M_i = E[g^(i)(u + b)]` that of `p` and `b`.

    Where both arguments run over the same neurons, `E_ji` is the transpose of `E_ij`, so that
    the fields are all that the Hessian at the optimum needs.

    Where two normal variables are multiples of one another, single fields may be infinite for an
    activation with a kink. The Hessian sees only two sums of them, with `k = c / p`:
    `E21 + k E12`, and `2 k E22 + E31 + k² E13`. There the fields are finite numbers for which
    these two sums are right.
    """

    E00: Pairs
    """E[g(u + b) g(v + d)]"""
    E01: Pairs
    """E[g(u + b) g'(v + d)]"""
    E02: Pairs
    """E[g(u + b) g''(v + d)]"""
    E11: Pairs
    """E[g'(u + b) g'(v + d)]"""
    E12: Pairs
    """E[g'(u + b) g''(v + d)]"""
    E13: Pairs
    """E[g'(u + b) g'''(v + d)]"""
    E22: Pairs
    """E[g''(u + b) g''(v + d)]"""
    M0: Pairs
    """E[g(u + b)]"""
    M1: Pairs
    """E[g'(u + b)]"""
    M2: Pairs
    """E[g''(u + b)]"""

    @classmethod
    def of(cls, means: OffsetMeans) -> "OffsetKernel":
        """Return the kernel that consists of these means."""
        return cls(*(means.E[order] for order in ORDERS), *means.M[:3])


class CoarserOffsetKernels(NamedTuple):
    """A kernel by series, what it is with one of its approximations coarser, and its rounding."""

    full: OffsetKernel
    """As `offset_dual` returns it."""
    quarter: OffsetKernel
    """A quarter of the terms of the series."""
    half: OffsetKernel
    """Half of them."""
    quadrature: OffsetKernel
    """Half of the quadrature's panels."""
    floor: OffsetKernel
    """Twice the smallest variance."""
    rounding: OffsetKernel
    """Bounds on the errors of the fields that are due to the rounding of the series."""
