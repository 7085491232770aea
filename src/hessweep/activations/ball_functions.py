"""An activation in ball arithmetic, where every result encloses the true value.

flint is imported inside the functions that need it, because most users of an activation never
ask for its ball arithmetic.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flint import arb, arb_series


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
