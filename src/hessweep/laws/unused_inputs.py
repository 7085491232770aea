"""The bulk of a teacher with more inputs than neurons (docs/laws.md, "One teacher").

On the `N_i - N_h` directions of the inputs that no neuron uses, block A is `(W2 W2^T) ∘ K_c` and
the rest of H is zero. So the eigenvalues of this matrix are eigenvalues of H, each of them
`N_i - N_h` times; the largest one is of degree 1. The law is needed on the other directions only.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.activations import Activation
from hessweep.laws.local import LocalCoefficients
from hessweep.laws.shells import has_degree_one, teacher_bulk

FEWEST = 3
"""Neurons from which on the bulk on the used directions is not empty."""


def eigenvalues_of_an_unused_input(
    g: Activation, W1: Float[ndarray, "N_h N_i"], W2: Float[ndarray, " N_h"]
) -> Float[ndarray, " N_h"]:
    """Return those of H on an input that no neuron uses, where it is `(W2 W2^T) ∘ K_c`."""
    return blas.eigvalsh(np.outer(W2, W2) * g.self_dual(W1).K_c)


def in_used_inputs(W1: Float[ndarray, "N_h N_i"]) -> Float[ndarray, "N_h n"]:
    """Return the rows of W1 in an orthonormal basis of the inputs that neurons use."""
    return np.asarray(W1 @ blas.svd(W1, full_matrices=False)[2].T)


def bulk_tail(
    g: Activation,
    local: LocalCoefficients,
    W1: Float[ndarray, "N_h N_i"],
    W2: Float[ndarray, " N_h"],
    symmetric: bool,
    count: int,
) -> Callable[[Float[ndarray, " n"]], Float[ndarray, " n"]]:
    """Return the share of the bulk's eigenvalues `N_h λ` that is above z > 0.

    Args:
        g: The activation.
        local: Its coefficients for each neuron.
        W1: Input weights.
        W2: Output weights.
        symmetric: Whether `h_2` counts as non-zero.
        count: Number of eigenvalues in the bulk.
    """
    N_h, N_i = W1.shape
    if N_i <= N_h or N_h < FEWEST or not count:
        return teacher_bulk(local, W1, W2, symmetric).tail
    exact = N_h * eigenvalues_of_an_unused_input(g, W1, W2)
    if has_degree_one(local, W2):
        exact = exact[:-1]
    share = (N_i - N_h) * len(exact) / count
    bulk = teacher_bulk(local, in_used_inputs(W1), W2, symmetric, N_i)

    def tail(z: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        above = 1 - np.searchsorted(exact, z, side="right") / len(exact)
        return share * above + (1 - share) * bulk.tail(z)

    return tail
