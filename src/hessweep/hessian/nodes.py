"""Points at which the gradients of a deep network are evaluated: exact nodes, and samples."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

import numpy as np
import scipy  # its parts are imported when they are first used
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation

SEED = 20251215
"""Of the scrambled Sobol sequence; fixed, so that a spectrum does not change from run to run."""


class Nodes(NamedTuple):
    """Inputs and their weights, which add up to at most 1."""

    x: Float[ndarray, "n d_0"]
    weight: Float[ndarray, " n"]


def is_analytic(activation: Activation) -> bool:
    """Return whether the activation is known to be analytic, so that few nodes are enough."""
    if activation.polynomial is not None:
        return True
    return activation.theory is not None and not activation.theory.homogeneous


def output_degree(activations: Sequence[Activation]) -> int | None:
    """Return the degree of the outputs as polynomials of the inputs; None for other networks.

    The gradients have at most that degree too.
    """
    polynomials = [g.polynomial for g in activations if g.polynomial is not None]
    if len(polynomials) < len(activations):
        return None
    return prod(g.degree for g in polynomials)


def exact_nodes_each(activations: Sequence[Activation]) -> int | None:
    """Return how many Gauss-Hermite nodes in each input give `E[phi phi^T]` exactly, or None.

    The entries have twice the degree n of the outputs, and n + 1 nodes are exact up to degree
    2n + 1.
    """
    degree = output_degree(activations)
    return None if degree is None else degree + 1


def tensor_nodes(inputs: int, each: int, chunk: int) -> Iterator[Nodes]:
    """Yield the `each ** inputs` tensor Gauss-Hermite nodes, at most `chunk` of them at a time."""
    node, weight = scipy.special.roots_hermitenorm(each)
    weight = weight / weight.sum()
    total = each**inputs
    for start in range(0, total, chunk):
        which = np.unravel_index(np.arange(start, min(start + chunk, total)), (each,) * inputs)
        yield Nodes(
            np.stack([node[i] for i in which], axis=1),
            np.prod([weight[i] for i in which], axis=0),
        )


class SobolPoints:
    """The normal quantiles of a scrambled Sobol sequence, in the order of the sequence."""

    def __init__(self, inputs: int) -> None:
        self._sequence = scipy.stats.qmc.Sobol(inputs, scramble=True, bits=63, rng=SEED)

    def take(self, count: int, chunk: int) -> Iterator[Float[ndarray, "n d_0"]]:
        """Yield the next `count` points, at most `chunk` of them at a time; both powers of 2."""
        for _ in range(0, count, chunk):
            u = self._sequence.random(min(chunk, count))
            # Half of the finest step away from 0 and 1, where the quantile is infinite.
            yield scipy.special.ndtri(u.clip(2.0**-54, 1 - 2.0**-53))
