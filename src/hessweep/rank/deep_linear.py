"""The exact rank of deep linear networks, whatever their weights and biases.

The gradients span `Σ_l im(A_l) ⊗ V_l`, where V_l is the row space of `B_l`, with the constant
function in it up to the last layer that has biases. The images grow and the V_l shrink from layer
to layer, so the dimension is `Σ_l rank(A_l) (dim V_l - dim V_{l+1})` (docs/depth.md).
"""

import numpy as np
from flint import fmpq, fmpq_mat
from jaxtyping import Float
from numpy import ndarray

from hessweep.networks import DeepNetwork
from hessweep.rank import mersenne
from hessweep.rank.deep_bound import linear_rank


def exact_linear_rank(network: DeepNetwork) -> int:
    """Return the rank of the Hessian at the optimum of a deep linear network.

    Modulo the prime first: the rank of the gradients there is a lower bound, and no weights have
    a larger rank than generic ones. Over the rationals where the two differ.
    """
    generic = linear_rank(network.widths, network.biased)
    return generic if _modular(network) == generic else _rational(network)


def _modular(network: DeepNetwork) -> int:
    """Return the sum over the layers with all ranks taken modulo the prime.

    It is the dimension of the span modulo the prime, and so at most that over the rationals.
    """
    slopes = mersenne.residues(np.array(_slopes(network)))
    W = [mersenne.residues(matrix) for matrix in network.weights]
    A = [np.eye(network.widths[-1], dtype=np.uint64)]
    for matrix in W[:0:-1]:
        A.insert(0, mersenne.product(A[0], matrix))
    B = [np.eye(network.widths[0], network.widths[0] + 1, dtype=np.uint64)]
    for layer, matrix in enumerate(W[:-1]):
        product = mersenne.product(matrix, B[-1])
        b = network.biases[layer]
        if b is not None:
            product[:, -1] = mersenne.reduced(product[:, -1] + mersenne.residues(b))
        B.append(mersenne.multiply(product, slopes[layer]))
    unit = np.eye(1, network.widths[0] + 1, network.widths[0], dtype=np.uint64)
    last = _last_biased(network)
    u = [mersenne.matrix_rank(matrix) for matrix in A]
    v = [
        mersenne.matrix_rank(np.concatenate([matrix, unit]) if layer <= last else matrix)
        for layer, matrix in enumerate(B)
    ]
    return _sum(u, v)


def _rational(network: DeepNetwork) -> int:
    slopes = _slopes(network)
    W = [_exact(matrix) for matrix in network.weights]
    A = [_exact(np.eye(network.widths[-1]))]
    for matrix in W[:0:-1]:
        A.insert(0, A[0] * matrix)
    B = [_exact(np.eye(network.widths[0], network.widths[0] + 1))]
    unit = _exact(np.eye(1, network.widths[0] + 1, network.widths[0]))
    for layer, matrix in enumerate(W[:-1]):
        b = network.biases[layer]
        shift = np.zeros((network.widths[layer + 1], 1)) if b is None else b[:, None]
        slope = fmpq(*slopes[layer].as_integer_ratio())
        B.append((matrix * B[-1] + _exact(shift) * unit) * slope)
    last = _last_biased(network)
    u = [int(matrix.rank()) for matrix in A]
    v = [
        int(_below(matrix, unit).rank() if layer <= last else matrix.rank())
        for layer, matrix in enumerate(B)
    ]
    return _sum(u, v)


def _sum(u: list[int], v: list[int]) -> int:
    return sum(a * (b - c) for a, b, c in zip(u, v, [*v[1:], 0], strict=True))


def _last_biased(network: DeepNetwork) -> int:
    return max((layer for layer, has in enumerate(network.biased) if has), default=-1)


def _slopes(network: DeepNetwork) -> list[float]:
    return [float(g.derivative(np.zeros(()))) for g in network.activations]


def _exact(values: Float[ndarray, "m n"]) -> fmpq_mat:
    rows = [[fmpq(*value.as_integer_ratio()) for value in row] for row in values.tolist()]
    return fmpq_mat(rows)


def _below(matrix: fmpq_mat, row: fmpq_mat) -> fmpq_mat:
    return fmpq_mat(matrix.tolist() + row.tolist())
