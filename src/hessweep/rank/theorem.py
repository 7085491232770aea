"""The exact rank of networks to which the independence theorem applies, whatever their weights.

The functions `g(w_h.x)` and `x_n g'(w_h.x)` of non-zero rows in different classes are linearly
independent, even modulo affine functions (docs/ranks.md). So only repetitions have to be counted.
"""

from collections.abc import Hashable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Theory
from hessweep.networks import Network, require_plain
from hessweep.rank.modular import rank_of_rows


class Split(NamedTuple):
    """The parameters of a network by the kind of their gradient, without repetitions."""

    independent: list[int]
    """Parameters of one neuron of each class; independent modulo affine functions."""
    candidates: list[int]
    """Parameters whose gradients are affine functions, modulo the gradients of the first."""
    affine: Float[ndarray, "candidates columns"]
    """Multiples of these affine functions: the constant first, then the slopes."""


def analytic_rank(network: Network, theory: Theory) -> int:
    """Return the exact rank of H for an activation to which the independence theorem applies."""
    require_plain(network, "analytic_rank")
    parts = split(network, theory)
    return len(parts.independent) + rank_of_rows(parts.affine)


def split(network: Network, theory: Theory) -> Split:
    """Split the parameters. Affine functions come from zero rows, and from pairs of rows ±w."""
    require_plain(network, "split")
    N_h, N_i = network.W1.shape
    merge = theory.reflection is not None
    _, constant, slope = theory.reflection or (1, 0, 0)
    rows, sign = canonical_rows(network.W1, merge)
    key_of = _direction if theory.homogeneous else ndarray.tobytes
    has_value: dict[Hashable, float] = {}  # class -> sign of its first neuron
    has_slopes: dict[Hashable, float] = {}
    independent: list[int] = []
    affine: list[tuple[int, ndarray]] = []
    unit = np.eye(N_i + 1)
    active = {key_of(row) for row in rows[network.W2 != 0]}
    for k in range(N_h):
        key, value, slopes = key_of(rows[k]), N_h * N_i + k, range(k * N_i, (k + 1) * N_i)
        if not sign[k]:
            affine.append((value, theory.at_zero * unit[0]))
            if network.W2[k]:
                affine += zip(slopes, theory.slope_at_zero * unit[1:], strict=True)
            continue
        if key not in has_value:
            has_value[key] = sign[k]
            if not (theory.homogeneous and key in active):
                independent.append(value)
        elif has_value[key] != sign[k]:
            affine.append((value, np.append(constant, slope * rows[k])))
        if network.W2[k] and key not in has_slopes:
            has_slopes[key] = sign[k]
            independent += slopes
        elif network.W2[k] and has_slopes[key] != sign[k]:
            affine += zip(slopes, slope * unit[1:], strict=True)
    functions = np.array([function for _, function in affine]).reshape(-1, N_i + 1)
    return Split(independent, [parameter for parameter, _ in affine], functions)


def _direction(row: Float[ndarray, " N_i"]) -> tuple[Fraction, ...]:
    """Return the direction of a row exactly: the same value for all its positive multiples."""
    exact = [Fraction(value) for value in row.tolist()]
    size = abs(next((value for value in exact if value), Fraction(1)))
    return tuple(value / size for value in exact)


def canonical_rows(
    W1: Float[ndarray, "N_h N_i"], merge_signs: bool
) -> tuple[Float[ndarray, "N_h N_i"], Float[ndarray, " N_h"]]:
    """Return the same form of all equal rows, and signs: 1 or -1, or 0 if the row is zero.

    If signs are merged, `w` and `-w` have the same form, whose first non-zero entry is positive.
    """
    first = W1[np.arange(len(W1)), (W1 != 0).argmax(axis=1)]
    sign = np.sign(first)
    if not merge_signs:
        sign = np.abs(sign)
    # + 0.0, because -0.0 equals 0.0 but has other bytes.
    return W1 * np.where(sign < 0, -1.0, 1.0)[:, None] + 0.0, sign
