"""How far the distribution function of a Gauss quadrature may be off between its nodes."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

NEIGHBOURS = 2
"""Nodes and middles on both sides whose largest difference is taken."""


def middles(
    log_nodes: Float[ndarray, " steps"],
    weights: Float[ndarray, " steps"],
    start: float,
    log_x: Float[ndarray, " n"],
) -> Float[ndarray, " n"]:
    """Return the distribution function of a quadrature: 0 at `start`, 1 after its last node.

    At a node it is the weight before plus half the node's own; between nodes it is linear in
    log λ.
    """
    sums = weights.cumsum() - weights / 2
    return np.interp(log_x, [min(start, log_nodes[0]), *log_nodes], [0, *sums], right=1)


def resolution(
    log_nodes: Float[ndarray, " steps"],
    weights: Float[ndarray, " steps"],
    start: float,
    log_x: Float[ndarray, " n"],
) -> Float[ndarray, " n"]:
    """Return an estimate of what interpolation between the nodes is off by.

    It is the difference to the same function with nodes merged in pairs, in both ways that there
    are, and the largest of those nearby, since a difference changes its sign. With twice the
    distance between nodes an error is twice as large where the distribution has a step, and four
    times where it is smooth, so that the difference is no less than the error.
    """
    places = np.sort(np.concatenate([log_nodes, (log_nodes[1:] + log_nodes[:-1]) / 2]))
    fine = middles(log_nodes, weights, start, places)
    merged = (_merged(log_nodes, weights, first) for first in (0, 1))
    off = np.max([abs(middles(*pair, start, places) - fine) for pair in merged], axis=0)
    padded = np.pad(off, NEIGHBOURS)
    near = np.max([padded[k : k + len(off)] for k in range(2 * NEIGHBOURS + 1)], axis=0)
    cell = np.searchsorted(places, log_x)
    return np.where(cell < len(places), near[np.minimum(cell, len(places) - 1)], 0.0)


def _merged(
    log_nodes: Float[ndarray, " steps"], weights: Float[ndarray, " steps"], first: int
) -> tuple[Float[ndarray, " n"], Float[ndarray, " n"]]:
    """Return a quadrature with pairs of nodes merged, the first of them alone if `first` is 1."""
    pair = (np.arange(len(weights)) + first) // 2
    both = np.bincount(pair, weights)
    # Weights of 0 do not matter, but the mean of their places has to be a number.
    share = np.maximum(weights, np.finfo(float).tiny)
    places = np.bincount(pair, share * log_nodes) / np.bincount(pair, share)
    return np.maximum.accumulate(places), both
