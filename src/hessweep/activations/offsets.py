"""What a dual kernel with offsets consists of: the network with biases needs no more."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from jaxtyping import Float
from numpy import ndarray

Pairs = Float[ndarray, "*stack m n"]
"""One number for each pair of a neuron that sees `u + b` and one that sees `v + d`."""


ORDERS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (1, 3), (2, 2))
"""Orders (i, j) of the derivatives in the fields `E_ij` of `OffsetKernel`, in their order."""


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
    def of(cls, E: Callable[[int, int], Pairs], M: Iterable[Pairs]) -> "OffsetKernel":
        """Return the kernel with `E_ij = E(i, j)` and with these three means of single ones."""
        return cls(*(E(i, j) for i, j in ORDERS), *M)


class CoarserOffsetKernels(NamedTuple):
    """A kernel by series, and what it is with one of its approximations coarser."""

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
