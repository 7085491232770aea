"""The Frobenius norm of the Hessian of any two-layer network, from matrices of size N_h x N_h.

Every block is a combination of the inputs' second moments `S = Σ + μ μ^T` and of outer products of
the three vectors `u = (v_m, v_p, μ)`: `z S + Σ_ab C_ab u_a u_b^T`, with C symmetric. Its squared
norm is `z² |S|² + 2 z Σ_ab C_ab u_a.S u_b + tr (C Γ)²`, Γ the inner products of the three.
"""

import numpy as np
from numpy import ndarray

from hessweep.hessian.general import Weights, seen
from hessweep.networks import Network

ROWS = 64
"""Neurons whose blocks are summed at a time, so that nothing of 9 N_h² numbers is held."""


def general_frobenius_norm(network: Network) -> float:
    """Return the square root of the sum of the squared entries of `general_hessian(network)`."""
    weights = Weights.of([network])
    of = seen(weights)
    kernel = network.activation.offset_dual(*of.pairs())
    N_h, N_o, layout = network.N_h, network.N_o, network.layout
    E00, E01, E02, E11, E12, E13, E22 = (np.broadcast_to(E[0], (N_h, N_h)) for E in kernel[:7])
    M0, M1, M2 = (np.broadcast_to(M[0], (N_h, 1))[:, 0] for M in kernel[7:])
    [V], mean = of.V, of.mean
    S = of.covariance + np.outer(mean, mean)
    plain, weighted = V @ V.T, V @ S @ V.T
    at_mean, weighted_mean = V @ mean, V @ (S @ mean)
    mean_mean, mean_S_mean = float(mean @ mean), float(mean @ S @ mean)
    squares = np.square(network.output_rows).sum(axis=0)
    G = network.output_rows.T @ network.output_rows
    S_square = float(np.square(S).sum())

    total = N_o * float(np.square(E00).sum())
    for start in range(0, N_h, ROWS):
        rows = slice(start, min(start + ROWS, N_h))
        gamma = _gram(rows, plain, at_mean, mean_mean)
        middle = _gram(rows, weighted, weighted_mean, mean_S_mean)
        z = G[rows] * E11[rows]
        C = np.zeros(gamma.shape)
        C[..., 0, 0], C[..., 1, 1] = G[rows] * E13.T[rows], G[rows] * E13[rows]
        C[..., 0, 1] = C[..., 1, 0] = G[rows] * E22[rows]
        C[..., 0, 2] = C[..., 2, 0] = G[rows] * E12.T[rows]
        C[..., 1, 2] = C[..., 2, 1] = G[rows] * E12[rows]
        turned = C @ gamma
        total += S_square * float(np.square(z).sum())
        total += 2 * float((z * (C * middle).sum(axis=(-1, -2))).sum())
        total += float((turned * turned.swapaxes(-1, -2)).sum())
        # (m, k): neuron m of W1, neuron k of W2.
        to_second = _length((E02.T[rows], E11.T[rows], E01.T[rows]), gamma)
        total += 2 * float(squares[rows] @ to_second.sum(axis=1))
        if layout.hidden_biases:
            to_bias = _length((G[rows] * E12.T[rows], G[rows] * E12[rows], z), gamma)
            total += 2 * float(to_bias.sum()) + float(np.square(z).sum())
            total += 2 * float(squares[rows] @ np.square(E01.T[rows]).sum(axis=1))
    if layout.output_biases:
        to_output = np.square(M2[:, None] * V + M1[:, None] * mean).sum(axis=1)
        total += 2 * float(squares @ to_output) + N_o * (1 + 2 * float(M0 @ M0))
        if layout.hidden_biases:
            total += 2 * float(squares @ M1**2)
    return float(np.sqrt(total))


def _gram(rows: slice, products: ndarray, own: ndarray, constant: float) -> ndarray:
    """Return `u_a.u_b` of (v_m, v_p, μ) for the neurons m of some rows and all p.

    Args:
        rows: The neurons m.
        products: `v_m.v_p` of all neurons.
        own: `v_m.μ` of each.
        constant: `μ.μ`.
    """
    p = np.diagonal(products)
    found = np.empty((len(p[rows]), len(p), 3, 3))
    found[..., 0, 0], found[..., 1, 1] = p[rows, None], p
    found[..., 0, 1] = found[..., 1, 0] = products[rows]
    found[..., 0, 2] = found[..., 2, 0] = own[rows, None]
    found[..., 1, 2] = found[..., 2, 1] = own
    found[..., 2, 2] = constant
    return found


def _length(coefficients: tuple[ndarray, ...], inner: ndarray) -> ndarray:
    """Return the squared norms of combinations of the three vectors with these inner products."""
    a = np.stack(coefficients, axis=-1)
    return np.asarray(((inner @ a[..., None])[..., 0] * a).sum(axis=-1))
