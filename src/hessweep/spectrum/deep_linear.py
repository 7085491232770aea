"""Eigenvalues of deep linear networks: a symmetric matrix of size `d_L (d_0 + 1)` has them all.

The non-zero eigenvalues of H are those of `Σ_l A_l A_l^T ⊗ (B_l^T B_l + [l biased] e e^T)`, with
`A_l`, `B_l` of `hessweep.hessian.deep_linear` and e the last unit vector (docs/depth.md).
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.hessian.deep_linear import LinearFactors, linear_factors, linear_hessian
from hessweep.networks import DeepNetwork
from hessweep.spectrum.root import Eigenvalues
from hessweep.spectrum.solver import EPS, solver_error, stacked_eigenvalues


def linear_spectrum(network: DeepNetwork) -> Eigenvalues:
    """Return the eigenvalues of a deep linear network, ascending, with a bound on their errors.

    The smaller of H itself and the matrix of size `d_L (d_0 + 1)` is solved, or of size
    `d_L d_0` where no layer has biases and all activations are multiples of x. Eigenvalues that
    H has beyond that size are exactly 0.
    """
    factors = linear_factors(network)
    size = len(factors.A[0]) * _columns(network, factors)
    small = size < network.P
    matrix = _small_matrix(network, factors) if small else linear_hessian(network)
    found = stacked_eigenvalues(matrix[None])[0]
    error = _assembly_error(network, factors)
    error += float(solver_error(len(found), np.array(np.abs(found).max())))
    eigenvalues = np.concatenate([found, np.zeros(network.P - len(found))])
    return Eigenvalues(np.sort(eigenvalues), np.full(network.P, error), _trace(network, factors))


def _trace(network: DeepNetwork, factors: LinearFactors) -> float:
    """Return the trace of H, `Σ_l |A_l|² (|B_l|² + [l biased])`."""
    layers = zip(factors.A, factors.B, network.biased, strict=True)
    return float(sum(np.square(A).sum() * (np.square(B).sum() + has) for A, B, has in layers))


def _columns(network: DeepNetwork, factors: LinearFactors) -> int:
    """Return how many columns of the B are in use: d_0, or d_0 + 1."""
    d0 = network.widths[0]
    affine = any(network.biased) or any(B[:, -1].any() for B in factors.B)
    return d0 + affine


def _small_matrix(network: DeepNetwork, factors: LinearFactors) -> Float[ndarray, "n n"]:
    columns, outputs = _columns(network, factors), network.widths[-1]
    total = np.zeros((outputs, columns, outputs, columns))
    for A, B, biased in zip(factors.A, factors.B, network.biased, strict=True):
        gram = B.T @ B
        gram[-1, -1] += biased
        total += (A @ A.T)[:, None, :, None] * gram[None, :columns, None, :columns]
    return total.reshape(outputs * columns, outputs * columns)


def _assembly_error(network: DeepNetwork, factors: LinearFactors) -> float:
    """Return a bound on the spectral norm of what rounding does to either matrix.

    H = F F^T and the small matrix is F^T F, F with the blocks `A_l^T ⊗ B_l`, so that errors of A
    and B enter both in the same way; to them come the roundings of the products.
    """
    largest, moved, rounded = 0.0, 0.0, 0.0
    for A, B, dA, dB, biased in zip(*factors, network.biased, strict=True):
        norm_A, norm_B = float(np.linalg.norm(A, 2)), float(np.linalg.norm(B, 2)) + biased
        size = float(np.linalg.norm(A) * (np.linalg.norm(B) + biased))
        largest += (norm_A * norm_B) ** 2
        moved += (dA * norm_B + norm_A * dB + dA * dB) ** 2
        rounded += size**2
    layers, longest = len(network.weights), max(*network.widths) + 1
    F, dF = np.sqrt(largest), np.sqrt(moved)
    return float(2 * F * dF + dF**2 + (2 * longest + layers + 8) * EPS * rounded)
