"""Bounds on rounding in deep networks where all roundings go in one direction."""

from itertools import pairwise

import numpy as np
import pytest
from directed_rounding import check_bound, spread

from hessweep.activations import activation
from hessweep.hessian import factor
from hessweep.hessian.deep_linear import linear_root, linear_root_rounding
from hessweep.networks import DeepNetwork


def network(widths, name, **parameters):
    """Return a network all of whose weights and biases are positive."""
    rng = np.random.default_rng(0)
    matrices = [rng.uniform(0.5, 1.5, (b, a)) for a, b in pairwise(widths)]
    biases = [rng.uniform(0.5, 1.5, width) for width in widths[1:]]
    functions = [activation(name, **parameters)] * (len(widths) - 2)
    return DeepNetwork(matrices, functions, biases)


@pytest.mark.parametrize(
    ("widths", "most"),
    [((2, 1000, 2, 2), 40), ((2, 2, 1000, 2), 400), ((2,) * 12, 40)],
)
def test_the_root_of_linear_networks(widths, most):
    own = network(widths, "linear")
    check_bound(lambda: linear_root(own), linear_root_rounding(own), most)


@pytest.mark.parametrize(
    ("widths", "degree", "most"),
    [
        ((1, 2, 1), 2, 40),
        ((2, 2, 2, 2), 3, 40),
        ((1, 300, 2, 2), 2, 150),
        ((1, 2, 300, 2), 2, 150),
        ((1, 2, 2, 2, 2), 2, 20),
        ((2, 3, 1), 7, 60),
    ],
)
def test_gradients_of_polynomials_at_nodes(widths, degree, most):
    own = network(widths, "power", degree=degree)
    each = factor.exact_nodes_each(own.activations)

    def nodes():
        return factor.tensor_nodes(widths[0], each, 64)

    def compute():
        parts = [
            own.gradient(own.inputs_at(x)) * np.sqrt(weight)[:, None, None]
            for x, weight in nodes()
        ]
        return np.concatenate(parts).reshape(-1, own.P)

    check_bound(compute, factor.polynomial_rounding(own, nodes(), each), most)


@pytest.mark.parametrize("chunk", [100, 4096])
@pytest.mark.parametrize("chunks", [1, 30])
@pytest.mark.parametrize("columns", [3, 40])
def test_triangular_factors_of_many_rows(columns, chunks, chunk):
    parts = 1 + np.abs(np.random.default_rng(0).standard_normal((chunks, chunk, columns)))

    def singular_values():
        R = np.empty((0, columns))
        for part in parts:
            R = factor.stacked_triangular(R, part)
        return np.linalg.svd(R, compute_uv=False), R

    bound = factor.qr_rounding(singular_values()[1], chunks * chunk)
    off = spread(lambda: singular_values()[0])
    assert off <= 4 * bound
    # Short ones stay further below it: for them the number of columns counts.
    assert bound <= 40 * off or chunk < 1000
