"""A minor of the gradients of a deep analytic network that balls prove to be non-zero."""

from collections.abc import Callable, Sequence

import numpy as np
from flint import arb, arb_mat
from jaxtyping import Float, Int
from numpy import ndarray

from hessweep import blas
from hessweep.activations.ball_functions import BallFunctions
from hessweep.networks import DeepNetwork
from hessweep.rank import ball
from hessweep.rank.minor import FLOAT64_ONLY, is_nonsingular

SEED = 20251215
"""Of the random points; fixed, so that a certificate does not change from run to run."""

SMALL, SMALL_BITS = 100, 1024
"""Minors above this size are tried up to this precision only: a singular one never ends."""

NEGLIGIBLE = 1e-13
"""Pivots below this part of the largest are not tried in a smaller minor."""


def deep_minor(network: DeepNetwork, upper: int) -> int:
    """Return a lower bound on the rank, the size of a minor that is proved to be non-zero.

    Rows are random inputs with random combinations of the outputs. The minor of size `upper` is
    tried first, in growing precision; where it is not shown to be non-zero, the parameters and
    points that pivots in float64 choose give a smaller one.

    Args:
        network: Of activations that are known in ball arithmetic or of polynomials.
        upper: An upper bound on the rank.

    Returns:
        The size of the minor; 0 where none is proved or an activation is not known in balls.
    """
    functions = [g.in_balls for g in network.activations if g.in_balls is not None]
    if len(functions) < len(network.activations):
        return 0
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((network.P, network.widths[0]))
    outputs = rng.standard_normal((network.P, network.widths[-1]))
    gradients = np.einsum("nop,no->np", network.gradient(x), outputs)
    for least in (0.0, NEGLIGIBLE):
        points, columns = _pivots(gradients, upper if least == 0 else upper - 1, least)
        if _is_proved(network, functions, x[points], outputs[points], columns):
            return len(points)
    return 0


def gradient_balls(
    network: DeepNetwork,
    functions: Sequence[BallFunctions],
    x: Float[ndarray, "n d_0"],
    outputs: Float[ndarray, "n d_L"],
) -> arb_mat:
    """Return `Σ_o outputs_so ∂y_o(x_s)/∂θ`, n x P, in balls, by backpropagation.

    Args:
        network: The network.
        functions: Its activations in ball arithmetic.
        x: Inputs, one a row.
        outputs: How the outputs are combined for each of them.
    """
    weights = [_exact(W) for W in network.weights]
    h, u = [_exact(x)], []
    for layer, W in enumerate(weights):
        total = h[-1] * W.transpose()
        b = network.biases[layer]
        if b is not None:
            total = total + _exact(np.broadcast_to(b, (len(x), len(b))))
        u.append(total)
        if layer < len(functions):
            h.append(_map(functions[layer].g, total))
    delta, blocks = _exact(outputs), []
    for layer in range(len(weights) - 1, -1, -1):
        rows = [
            [d * a for d in delta_s for a in h_s]
            + (delta_s if network.biases[layer] is not None else [])
            for delta_s, h_s in zip(delta.table(), h[layer].table(), strict=True)
        ]
        blocks.append(rows)
        if layer:
            slopes = _map(functions[layer - 1].derivative, u[layer - 1])
            delta = _elementwise(delta * weights[layer], slopes)
    return arb_mat([[v for rows in blocks[::-1] for v in rows[s]] for s in range(len(x))])


def _is_proved(
    network: DeepNetwork,
    functions: Sequence[BallFunctions],
    x: Float[ndarray, "r d_0"],
    outputs: Float[ndarray, "r d_L"],
    columns: Int[ndarray, " r"],
) -> bool:
    """Return whether the minor of these parameters at these points is proved to be non-zero."""
    for bits in ball.precisions():
        with ball.working_precision(bits):
            values = gradient_balls(network, functions, x, outputs).table()
            minor = arb_mat([[row[j] for j in columns.tolist()] for row in values])
            if bits == ball.FIRST_BITS and is_nonsingular(*ball.scaled(minor)[:2]):
                return True
            if len(x) > FLOAT64_ONLY or (len(x) > SMALL and bits >= SMALL_BITS):
                return False
            if ball.inverse(minor) is not None:
                return True
    return False


def _pivots(
    gradients: Float[ndarray, "n P"], most: int, least: float
) -> tuple[Int[ndarray, " r"], Int[ndarray, " r"]]:
    """Return points and parameters that are independent to float64.

    Args:
        gradients: A row for each point.
        most: How many are returned at most.
        least: Pivots below this part of the largest are left out.
    """
    if most == len(gradients):
        return np.arange(most), np.arange(most)
    _, R, parameters = blas.pivoted_qr(gradients)
    pivots = np.abs(np.diagonal(R))
    rank = min(most, int(np.count_nonzero(pivots > least * pivots[0])))
    chosen = np.sort(parameters[:rank])
    _, _, points = blas.pivoted_qr(gradients[:, chosen].T)
    return points[:rank], chosen


def _exact(values: Float[ndarray, "m n"]) -> arb_mat:
    return arb_mat([[arb(value) for value in row] for row in values.tolist()])


def _map(function: Callable[[arb], arb], matrix: arb_mat) -> arb_mat:
    return arb_mat([[function(v) for v in row] for row in matrix.table()])


def _elementwise(a: arb_mat, b: arb_mat) -> arb_mat:
    pairs = zip(a.table(), b.table(), strict=True)
    return arb_mat([[v * w for v, w in zip(*rows, strict=True)] for rows in pairs])
