"""Ranks of deep polynomial networks by exact arithmetic, modulo a prime and over the rationals."""

from itertools import combinations_with_replacement
from math import comb, prod

import numpy as np
from flint import fmpz_mat
from jaxtyping import Float, Num
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.networks import DeepNetwork
from hessweep.rank import mersenne
from hessweep.rank.field import Field, highest_rank
from hessweep.rank.residues import Layers, gradients, polynomial

SEED = 20251215
"""Of the random points; fixed, so that a certificate does not change from run to run."""


def deep_modular_rank(network: DeepNetwork, points: int) -> int:
    """Return a lower bound on the rank of a deep polynomial network's Hessian, proved modulo p.

    The rank of H is that of the functions `∂y/∂θ` over the rationals. Each point takes a random
    combination of the outputs; the values, reduced modulo p, have at most that rank. With as
    many random points as the rank, they have it but for a chance of about `points · degree / p`,
    and that twice where p is small (`highest_rank`).

    Args:
        network: Of polynomial activations.
        points: An upper bound on the rank; more points can not show more.
    """
    return highest_rank(lambda field: gradient_residues(network, points, field), points)


def gradient_residues(
    network: DeepNetwork, points: int, field: Field = mersenne
) -> Num[ndarray, "P points"]:
    """Return the gradients of random combinations of the outputs at random points, modulo p."""
    rng = np.random.default_rng(SEED)
    layers = Layers.of(
        network, [polynomial(_coefficients(g), field) for g in network.activations], field
    )
    x = field.random(rng, (network.widths[0], points))
    outputs = field.random(rng, (network.widths[-1], points))
    return gradients(layers, x, outputs)


def deep_rational_rank(network: DeepNetwork) -> int:
    """Return the exact rank of a deep polynomial network's Hessian, over the rationals.

    The gradients are polynomials of at most the degree n of the outputs, which are 0 if they are
    0 at the points with whole coordinates `x >= 0`, `Σ x <= n`. So the values of every output at
    these points have the rank of the functions.
    """
    inputs, degree = network.widths[0], output_degree(network)
    lattice = [
        [multiset.count(n) for n in range(inputs)]
        for k in range(degree + 1)
        for multiset in combinations_with_replacement(range(inputs), k)
    ]
    rows = _integer_gradients(network, np.array(lattice, dtype=object))
    matrix = fmpz_mat(rows)
    return int((matrix if matrix.nrows() <= matrix.ncols() else matrix.transpose()).rank())


def deep_rational_cost(network: DeepNetwork) -> int:
    """Return what `deep_rational_rank` costs, in bit operations up to a constant.

    A whole number, since there may be more columns than the largest float.
    """
    degree, bits = output_degree(network), 53 * len(network.weights)
    columns = network.widths[-1] * comb(network.widths[0] + degree, degree)
    short, long = sorted((network.P, columns))
    return short**3 * long * bits * degree


def output_degree(network: DeepNetwork) -> int:
    """Return the product of the degrees of the hidden layers."""
    return prod(len(_coefficients(g)) - 1 for g in network.activations)


def _integer_gradients(network: DeepNetwork, x: ndarray) -> list[list[int]]:
    """Return a row for each parameter with all outputs at all points, each row scaled by 2^k.

    Values are whole numbers times one power of 2 for each array.
    """
    W = [_scaled(matrix) for matrix in network.weights]
    b = [None if vector is None else _scaled(vector) for vector in network.biases]
    polynomials = [_scaled(np.array(_coefficients(g))) for g in network.activations]
    slopes = [(a[1:] * np.arange(1, len(a)), shift) for a, shift in polynomials]
    h, u = [(x, 0)], []
    for layer, (matrix, shift) in enumerate(W):
        total = (h[-1][0] @ matrix.T, h[-1][1] + shift)
        bias = b[layer]
        u.append(total if bias is None else _sum(total, bias))
        if layer < len(polynomials):
            h.append(_evaluate(polynomials[layer], u[-1]))
    outputs = network.widths[-1]
    eye = np.array([[int(i == j) for j in range(outputs)] for i in range(outputs)], dtype=object)
    delta = np.broadcast_to(eye, (len(x), outputs, outputs))
    layers: list[list[list[int]]] = []
    for layer in range(len(W) - 1, -1, -1):
        products = delta[..., None] * h[layer][0][:, None, None, :]
        rows = products.reshape(len(x) * outputs, -1).T.tolist()
        if network.biases[layer] is not None:
            rows += delta.reshape(len(x) * outputs, -1).T.tolist()
        layers.append(rows)
        if layer:
            delta = (delta @ W[layer][0]) * _evaluate(slopes[layer - 1], u[layer - 1])[0][
                :, None, :
            ]
    return [row for rows in layers[::-1] for row in rows]


def _scaled(values: Float[ndarray, "*shape"]) -> tuple[ndarray, int]:
    """Return whole numbers v and k with `values = v / 2^k`."""
    ratios = [value.as_integer_ratio() for value in values.ravel().tolist()]
    shift = max(denominator.bit_length() - 1 for _, denominator in ratios)
    whole = np.empty(len(ratios), dtype=object)
    whole[:] = [n * (2**shift // denominator) for n, denominator in ratios]
    return whole.reshape(values.shape), shift


def _sum(one: tuple[ndarray, int], other: tuple[ndarray, int]) -> tuple[ndarray, int]:
    shift = max(one[1], other[1])
    return one[0] * 2 ** (shift - one[1]) + other[0] * 2 ** (shift - other[1]), shift


def _evaluate(coefficients: tuple[ndarray, int], u: tuple[ndarray, int]) -> tuple[ndarray, int]:
    """Return a polynomial's values, by Horner's rule."""
    a, shift = coefficients
    total = (np.full(u[0].shape, a[-1], dtype=object), shift)
    for coefficient in a[-2::-1]:
        product = (total[0] * u[0], total[1] + u[1])
        total = _sum(product, (np.full(u[0].shape, coefficient, dtype=object), shift))
    return total


def _coefficients(activation: Activation) -> tuple[float, ...]:
    """Narrow the type: callers have looked at the activations."""
    if activation.polynomial is None:
        raise TypeError(f"expected a polynomial activation, got {activation}")
    return activation.polynomial.coefficients
