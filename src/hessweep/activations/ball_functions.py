"""An activation in ball arithmetic, where every result encloses the true value.

flint is imported inside the functions that need it, because most users of an activation never
ask for its ball arithmetic.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from flint import arb, arb_series

    OffsetKernel = Callable[
        [arb_series, arb_series, arb_series, arb_series, arb_series], arb_series
    ]
    OffsetMean = Callable[[arb_series, arb_series], arb_series]


class KernelFields(NamedTuple):
    """A dual kernel of two neurons and its derivatives by their variances and covariance."""

    K: "arb"
    K_c: "arb"
    K_p: "arb"
    K_q: "arb"
    K_cc: "arb"
    K_pc: "arb"
    K_qc: "arb"


Pairs = dict[tuple[int, int], KernelFields]
"""The fields of neurons m <= p."""


@dataclass(frozen=True)
class BallFunctions:
    """An activation, its derivative and its dual kernel in ball arithmetic.

    Each function returns an enclosure of the true value, to the working precision of flint.
    """

    g: "Callable[[arb], arb]"
    derivative: "Callable[[arb], arb]"
    kernel: "Callable[[arb_series, arb_series, arb_series], arb_series] | None" = None
    """K(p, q, c) on power series, from which all its derivatives follow; None if the kernel is
    not an elementary function."""
    fields: "Callable[[list[list[arb]]], Pairs] | None" = None
    """The kernel and its derivatives for all pairs of neurons, from the Gram matrix of their
    weights, by formulas that are far cheaper than power series; None to use those."""
    offset_kernel: "OffsetKernel | None" = None
    """`E[g(u + b) g(v + d)]`, a function of p, q, c, b, d on power series; None if it is not
    known."""
    offset_mean: "OffsetMean | None" = None
    """`E[g(u + b)]`, a function of p and b on power series; None if it is not known."""


def pairs_of(count: int) -> "combinations_with_replacement[tuple[int, int]]":
    """Return the pairs (m, p) of so many neurons with m <= p."""
    return combinations_with_replacement(range(count), 2)


def normal_density(u: "arb") -> "arb":
    """Return the density of the standard normal distribution."""
    from flint import arb

    return (-u * u / 2).exp() / (2 * arb.pi()).sqrt()


def normal_distribution(u: "arb") -> "arb":
    """Return the standard normal distribution function, without cancellation for u << 0."""
    from flint import arb

    return (-u / arb(2).sqrt()).erfc() / 2


def logistic(u: "arb") -> "arb":
    """Return the logistic sigmoid, `1 / (1 + e^-u)`."""
    return 1 / (1 + (-u).exp())


def determinant(p: "arb_series", q: "arb_series", c: "arb_series") -> "arb_series":
    """Return `D = (1 + p)(1 + q) - c²`, the determinant in several dual kernels."""
    return (1 + p) * (1 + q) - c * c


def normal_exponential(
    p: "arb_series", q: "arb_series", c: "arb_series", b: "arb_series", d: "arb_series"
) -> "arb_series":
    """Return `D^{-1/2} e^{-quad/2}`, D the determinant of the covariance matrix of U and V.

    These are u and v, each with an independent normal variable of variance 1 added to it, and
    `quad` is the quadratic form of the inverse of that matrix in b and d.
    """
    D = determinant(p, q, c)
    quad = ((1 + q) * b * b - 2 * c * b * d + (1 + p) * d * d) / D
    return D.rsqrt() * (-quad / 2).exp()
