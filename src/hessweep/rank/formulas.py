"""Formulas for the number of effective parameters, the rank for generic weights.

Generic weights have the largest rank that any weights can have, so that every value is also an
upper bound for all networks of the same activation and size. The proofs are in docs/ranks.md.
"""

from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Literal, NamedTuple

from hessweep.activations import Activation
from hessweep.activations import activation as resolve
from hessweep.networks import check_sizes

Kind = Literal["exact", "upper bound", "none"]

EXCEPTIONS = frozenset({(3, 5, 7), (4, 3, 5), (4, 4, 9), (4, 5, 14)})
"""The (degree, variables, points) with one condition less in the theorem of Alexander and
Hirschowitz."""

MAX_DEGREES = 10
"""If a support has more degrees than this, not all of its subsets are tried."""


class Formula(NamedTuple):
    """The rank for generic weights according to a formula."""

    value: int | None
    """The number of effective parameters, or None where no formula is known."""
    kind: Kind
    """`exact` if generic weights have this rank, `upper bound` if they have at most this rank, and
    `none` if no formula is known."""


def formula(activation: str | Activation, N_i: int, N_h: int) -> Formula:
    """Return the rank for generic weights, and whether it is exact or an upper bound.

    Args:
        activation: The activation or its name.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.

    Raises:
        ShapeError: If N_i or N_h is below 1.
        ActivationError: If the name is unknown.
    """
    check_sizes(N_i, N_h)
    return _formula(resolve(activation), N_i, N_h)


@lru_cache(maxsize=4096)
def _formula(activation: Activation, N_i: int, N_h: int) -> Formula:
    polynomial, known = activation.polynomial, activation.theory
    if polynomial is not None:
        return support_rank(polynomial.support, N_i, N_h)
    if known is None:
        return Formula(None, "none")
    if not known.homogeneous:
        return Formula(N_h * (N_i + 1), "exact")
    if N_i == 1:  # all rows are on one line: only the signs of the weights matter
        return Formula(min(N_h, 2), "exact" if N_h == 1 else "upper bound")
    return Formula(N_h * N_i, "exact")


@lru_cache(maxsize=4096)
def support_rank(support: tuple[int, ...], N_i: int, N_h: int) -> Formula:
    """Return the rank for `g(x) = Σ_{d in support} a_d x^d` with all `a_d` non-zero.

    It depends only on the support, because the coefficients scale the columns of the Jacobian.

    Args:
        support: The degrees in ascending order, at least one of them positive.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
    """
    exact = exact_support_rank(support, N_i, N_h)
    if exact is not None:
        return Formula(exact, "exact")
    bound = min(conditions(support, N_i, N_h), _product_bound(support, N_i, N_h))
    subsets = range(1, len(support)) if len(support) <= MAX_DEGREES else (1, len(support) - 1)
    for size in subsets:
        for rest in combinations(support, size):
            others = tuple(d for d in support if d not in rest)
            known = exact_support_rank(rest, N_i, N_h) if rest != (0,) else 1
            if known is not None:
                bound = min(bound, dimension(others, N_i) + known)
    return Formula(bound, "upper bound")


def exact_support_rank(support: tuple[int, ...], N_i: int, N_h: int) -> int | None:
    """Return the rank for generic weights if a theorem gives it, and None otherwise."""
    n = support[-1]
    positive = [d for d in support if d > 0]
    if N_i == 1:
        return min(2 * N_h, len(support))
    if len(positive) == 1:
        return double_points(n, N_i, N_h) + (0 in support)
    if support == tuple(range(n + 1)):
        return double_points(n, N_i + 1, N_h)
    if support == tuple(range(1, n + 1)):
        return min(double_points(n, N_i + 1, N_h), comb(N_i + n, n) - 1)
    if support == tuple(range(2, n + 1)):
        return double_points(n, N_i + 1, N_h + 1) - (N_i + 1)
    if N_h <= N_i and n >= 3:
        return N_h * (N_i + 1)
    return None


def double_points(degree: int, variables: int, points: int) -> int:
    """Return the number of conditions that generic double points impose on forms of a degree.

    This is the theorem of Alexander and Hirschowitz, including its exceptions.
    """
    if degree == 1:
        return variables
    if degree == 2:
        k = min(points, variables)
        return k * variables - k * (k - 1) // 2
    expected = min(points * variables, comb(variables + degree - 1, degree))
    return expected - ((degree, variables, points) in EXCEPTIONS)


def dimension(degrees: tuple[int, ...], N_i: int) -> int:
    """Return the number of monomials of these degrees in N_i variables."""
    return sum(comb(N_i + d - 1, d) for d in degrees)


def conditions(support: tuple[int, ...], N_i: int, N_h: int) -> int:
    """Return the smaller side of the Jacobian, which is the rank that counting suggests."""
    return min(N_h * (N_i + 1), dimension(support, N_i))


def _product_bound(support: tuple[int, ...], N_i: int, N_h: int) -> int:
    """Return an upper bound from products of two polynomials that vanish at all rows of W1.

    Such a product vanishes there to second order. If the two factors range over spaces of
    dimensions a and b, their products span at least a + b - 1 dimensions (Hopf).
    """
    best = conditions(support, N_i, N_h)
    for first, second in _factor_degrees(support):
        a, b = dimension(first, N_i) - N_h, dimension(second, N_i) - N_h
        if a > 0 and b > 0:
            best = min(best, dimension(support, N_i) - (a + b - 1))
    return best


@lru_cache(maxsize=256)
def _factor_degrees(support: tuple[int, ...]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return pairs of sets of degrees whose sums are all in the support; the second is maximal."""
    top = support[-1]
    if top > MAX_DEGREES:
        return []
    degrees = range(top + 1)
    pairs = []
    for size in degrees:
        for first in combinations(degrees, size + 1):
            second = tuple(d for d in degrees if all(d + other in support for other in first))
            if second:
                pairs.append((first, second))
    return pairs
