"""Bounds on the rank that hold for the given weights, not only for generic ones.

They take into account rows of W1 that are zero, equal, or equal up to sign, output weights that
are zero, and a rank-deficient W1. The proofs are in docs/ranks.md.
"""

from math import comb
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from hessweep.networks import Network, require_plain
from hessweep.rank import mersenne
from hessweep.rank.formulas import dimension, support_rank
from hessweep.rank.modular import gradient_residues, rank_of_rows
from hessweep.rank.theorem import analytic_rank, canonical_rows, split


class Bounds(NamedTuple):
    """A proved lower and a proved upper bound on the rank."""

    lower: int
    upper: int


class Classes(NamedTuple):
    """The distinct non-zero rows of W1, and whether there are zero rows."""

    rows: Float[ndarray, "H N_i"]
    """One row of each class."""
    active: Bool[ndarray, " H"]
    """Whether some neuron of the class has a non-zero output weight."""
    zero: bool
    """Whether a row is zero."""
    active_zero: bool
    """Whether a neuron with a zero row has a non-zero output weight."""


def bounds(network: Network) -> Bounds:
    """Return bounds on the rank of the network's Hessian from theorems and counts.

    The bounds meet for activations with a `theory` and any weights, and for polynomials whose
    rows of W1 are linearly independent and whose output weights are not zero.
    """
    require_plain(network, "bounds")
    polynomial, known = network.activation.polynomial, network.activation.theory
    if polynomial is not None:
        return _polynomial_bounds(network, polynomial.support)
    if known is not None:
        exact = analytic_rank(network, known)
        return Bounds(exact, exact)
    found = classes(network, merge_signs=False)
    at_zero = found.zero + found.active_zero * network.N_i
    return Bounds(0, _functions(found) + at_zero)


def independent_parameters(network: Network) -> Int[ndarray, " r"]:
    """Return as many parameters with linearly independent gradients as the rank.

    They are known for polynomials and for activations with a `theory`; for others the result is
    empty. Pivots are found modulo a prime, so that one may be missing with a probability below
    1e-12; those that are returned are always independent.
    """
    require_plain(network, "independent_parameters")
    if network.activation.polynomial is not None:
        parameters, residues = gradient_residues(network, bounds(network).upper)
        return np.sort(parameters[mersenne.independent_rows(residues)])
    known = network.activation.theory
    if known is None:
        return np.empty(0, dtype=int)
    parts = split(network, known)
    pivots = mersenne.independent_rows(mersenne.residues(parts.affine))
    return np.sort(parts.independent + [parts.candidates[i] for i in pivots])


def classes(network: Network, merge_signs: bool) -> Classes:
    """Return the classes of equal rows, or of rows equal up to sign."""
    require_plain(network, "classes")
    rows, sign = canonical_rows(network.W1, merge_signs)
    output = network.W2 != 0
    unique, member = np.unique(rows[sign != 0], axis=0, return_inverse=True)
    active = np.zeros(len(unique), dtype=bool)
    np.logical_or.at(active, member.reshape(-1), output[sign != 0])
    return Classes(unique, active, bool((sign == 0).any()), bool(output[sign == 0].any()))


def _functions(found: Classes) -> int:
    """Return the number of functions of all classes: one each, and N_i more of an active one."""
    return len(found.rows) + int(found.active.sum()) * found.rows.shape[1]


def _polynomial_bounds(network: Network, support: tuple[int, ...]) -> Bounds:
    """Bound the rank by the number of functions, the number of monomials, and the generic rank."""
    one_parity = len({d % 2 for d in support}) == 1
    found = classes(network, merge_signs=one_parity)
    N_i, H, active = network.N_i, len(found.rows), int(found.active.sum())
    # A zero row gives the constant, and all linear functions if its output weight is not 0. What
    # the other rows add to these is their rank for the remaining degrees.
    at_zero = int(found.zero and 0 in support) + N_i * (found.active_zero and 1 in support)
    settled = (0,) * found.zero + (1,) * found.active_zero
    support = tuple(d for d in support if d not in settled)
    if H == 0 or not support:
        return Bounds(at_zero, at_zero)
    r = rank_of_rows(found.rows)
    if r == H == active:
        # Independent rows are unit vectors in suitable coordinates, and so are generic rows.
        exact = _generic(support, N_i, H) + at_zero
        return Bounds(exact, exact)
    upper = min(_functions(found), _span_bound(support, N_i, r, H), dimension(support, N_i))
    if active < H:
        alone = min(H - active, dimension(support, r))
        upper = min(upper, alone + (_span_bound(support, N_i, r, active) if active else 0))
    return Bounds(0, upper + at_zero)


def _span_bound(support: tuple[int, ...], N_i: int, r: int, N_h: int) -> int:
    """Return a bound on the rank for N_h rows in a space of dimension r.

    In r variables the generic rank is the largest possible. Each of the other N_i - r variables
    adds at most its products with the span of the functions `g'(w.x)`.
    """
    slopes = sum(comb(r + d - 2, d - 1) for d in support if d > 0)
    return _generic(support, r, N_h) + (N_i - r) * min(N_h, slopes)


def _generic(support: tuple[int, ...], N_i: int, N_h: int) -> int:
    return support_rank(support, N_i, N_h).value or 0
