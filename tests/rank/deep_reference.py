"""Reference tables of deep networks, and a second look at their ranks."""

import csv
from pathlib import Path

import numpy as np

from hessweep import DeepNetwork

REFERENCE = Path(__file__).parents[1] / "reference" / "depth"


def rows_of(name):
    with (REFERENCE / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def widths_of(row):
    return tuple(int(d) for d in row["widths"].split())


def numpy_rank(network, points=400):
    """Return the float64 rank of the gradients, for networks whose singular values show it."""
    x = np.random.default_rng(0).standard_normal((points, network.widths[0]))
    phi = network.gradient(x).reshape(-1, network.P)
    phi = phi / np.maximum(np.linalg.norm(phi, axis=0), 1e-300)
    return int(np.linalg.matrix_rank(phi, tol=1e-9 * len(phi)))


def whole(network, activations):
    """Return the network with rounded weights: zeros, repetitions, and lower ranks."""
    return DeepNetwork(
        [np.round(1.2 * W) for W in network.weights],
        activations,
        [None if b is None else np.round(b) for b in network.biases],
    )
