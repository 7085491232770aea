"""The Hessian at the optimum as a matrix-free scipy `LinearOperator`.

With `D = diag(W2 ⊗ 1, 1)`, `H = D Ĥ D`, where `Ĥ` is the Hessian of the network with all entries
of `W2` equal to 1. For `v = (V, v2)`, `S = W1 V^T` and `s = diag S`, the blocks in
docs/mathematics.md (sec. 2) give `Ĥ v = (Y, y2)` with

    Y  = K_c V + (K_cc ∘ S + 2 K_qc diag(s) + K_c diag(v2) + diag(r)) W1
    r  = rowsum(2 K_pc ∘ S) + K_cc s + 2 K_p v2
    y2 = rowsum(K_c ∘ S) + 2 K_q s + K v2

The two products in Y are computed as one GEMM of twice the depth, so that `H v` takes two GEMM
calls and `6 N_h² N_i` flops (docs/spectra.md explains why it does not take fewer). If W1 is lower
triangular, as its row-space factor L is, both calls skip its zeros block by block and take little
more than `4 N_h² N_i` flops.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import DTypeLike

from hessweep.hessian.general_operator import GeneralHessianOperator
from hessweep.hessian.products import ProductOperator, one_thread_if_small
from hessweep.networks import Network, check_two_layers, require_plain

TRIANGULAR_BLOCK = 128
"""Number of columns of a triangular W1 in one block, large enough for the full rate of a GEMM."""


class HessianOperator(ProductOperator):
    """The Hessian of a network: products, trace, diagonal and Frobenius norm without the matrix.

    Products use buffers that belong to the operator, so that each thread needs its own operator.

    Raises:
        InputError: If dtype is neither float64 nor float32.
    """

    def __init__(self, network: Network, dtype: DTypeLike = np.float64) -> None:
        require_plain(network, "HessianOperator")
        super().__init__(network, dtype)
        N_h, N_i = network.W1.shape
        k = network.activation.self_dual(network.W1)
        self._W1, self._W2 = (weights.astype(dtype) for weights in (network.W1, network.W2))
        self._K, self._K_cc = (matrix.astype(dtype) for matrix in (k.K, k.K_cc))
        self._2K_q, self._2K_p = ((2 * matrix).astype(dtype) for matrix in (k.K_q, k.K_p))
        self._2K_qc, self._2K_pc = ((2 * matrix).astype(dtype) for matrix in (k.K_qc, k.K_pc))
        self._S = np.empty((N_h, N_h), dtype)
        # Y is one GEMM: [coefficients of W1, K_c] @ [W1; V].
        self._left = np.empty((N_h, 2 * N_h), dtype)
        self._left[:, N_h:] = k.K_c
        self._right = np.empty((2 * N_h, N_i), dtype)
        self._right[:N_h] = self._W1
        triangular = not np.triu(network.W1, 1).any()
        block = TRIANGULAR_BLOCK if triangular else max(N_i, N_h)
        self._starts = range(0, min(N_h, N_i), block)

    @property
    def flops(self) -> int:
        """The number of floating-point operations of the GEMMs in one product."""
        N_h = self.network.N_h
        of_S = sum(2 * (rows.stop - rows.start) * N_h * width for rows, width in self._rows())
        of_Y = sum(
            2 * (columns.stop - columns.start) * N_h * (2 * N_h - columns.start)
            for columns in self._columns()
        )
        return of_S + of_Y

    @one_thread_if_small
    def product(
        self, v: Float[ndarray, " P"], out: Float[ndarray, " P"] | None = None
    ) -> Float[ndarray, " P"]:
        """Return `H v`.

        Args:
            v: A vector of the operator's dtype.
            out: A contiguous vector of the same dtype for the result, which must not overlap
                `v`; None for a new one.
        """
        N_h, N_i = self.network.W1.shape
        out = np.empty(v.shape, self.dtype) if out is None else out
        v2, y2 = v[N_h * N_i :], out[N_h * N_i :]
        V, K_c, T, S = self._right[N_h:], self._left[:, N_h:], self._left[:, :N_h], self._S

        np.multiply(v[: N_h * N_i].reshape(N_h, N_i), self._W2[:, None], out=V)
        for rows, width in self._rows():
            np.matmul(self._W1[rows, :width], V[:, :width].T, out=S[rows])
        s = S.diagonal().copy()
        r = np.einsum("mp,mp->m", self._2K_pc, S) + self._K_cc @ s + self._2K_p @ v2
        y2[:] = np.einsum("mp,mp->m", K_c, S) + self._2K_q @ s + self._K @ v2

        np.multiply(self._K_cc, S, out=T)
        T += np.multiply(self._2K_qc, s, out=S)
        T += np.multiply(K_c, v2, out=S)
        np.einsum("mm->m", T)[:] += r
        Y = out[: N_h * N_i].reshape(N_h, N_i, copy=False)
        for columns in self._columns():
            first = columns.start
            np.matmul(self._left[:, first:], self._right[first:, columns], out=Y[:, columns])
        Y *= self._W2[:, None]
        return out

    def _rows(self) -> list[tuple[slice, int]]:
        """Return blocks of rows of W1, each with the number of columns up to its last entry."""
        stops = [*self._starts[1:], self.network.N_h]
        return [
            (slice(start, stop), columns.stop)
            for start, stop, columns in zip(self._starts, stops, self._columns(), strict=True)
        ]

    def _columns(self) -> list[slice]:
        """Return blocks of columns of W1, each of which is 0 in the rows before its start."""
        stops = [*self._starts[1:], self.network.N_i]
        return [slice(start, stop) for start, stop in zip(self._starts, stops, strict=True)]

    def diagonal(self) -> Float[ndarray, " P"]:
        """Return the diagonal of H in float64, whatever the dtype of the operator."""
        network = self.network
        k = network.activation.self_dual(network.W1)
        within = np.diagonal(2 * (k.K_cc + k.K_pc + k.K_qc))[:, None] * network.W1**2
        A = network.W2[:, None] ** 2 * (np.diagonal(k.K_c)[:, None] + within)
        return np.concatenate([A.ravel(), np.diagonal(k.K)])

    def frobenius_norm(self) -> float:
        """Return the square root of the sum of the squared eigenvalues, computed in float64.

        Each block of A is a combination of I and four outer products of `w` and `w'`
        (docs/mathematics.md, sec. 2), whose inner products are monomials in `p`, `q`, `c` and
        `N_i`.
        """
        network = self.network
        k = network.activation.self_dual(network.W1)
        c = network.W1 @ network.W1.T
        p, q = np.diagonal(c)[:, None], np.diagonal(c)
        # Coefficients of I, w w'^T + w' w^T, w w^T and w' w'^T.
        i, cross, own, other = k.K_c, k.K_cc, 2 * k.K_pc, 2 * k.K_qc
        A = network.N_i * i**2 + 2 * i * (2 * cross * c + own * p + other * q)
        A += 2 * cross**2 * (p * q + c**2) + 4 * cross * c * (own * p + other * q)
        A += (own * p) ** 2 + (other * q) ** 2 + 2 * own * other * c**2
        # C[(m, n), k] = W2_m (K_c w_kn + 2 K_q w_mn); rows k, columns m here.
        C = k.K_c**2 * p + 4 * k.K_c * k.K_q * c + 4 * k.K_q**2 * q
        squares = network.W2**2
        return float(np.sqrt(squares @ A @ squares + 2 * (C @ squares).sum() + (k.K**2).sum()))


def hessian_operator(
    network: Network, dtype: DTypeLike = np.float64
) -> HessianOperator | GeneralHessianOperator:
    """Return `hessian(network)` as an operator that needs `O(N_h² + N_h N_i)` memory.

    Args:
        network: The network at its optimum.
        dtype: float64, or float32 for half the memory and about twice the speed. The coefficients
            are computed in float64 in both cases.

    Raises:
        InputError: If dtype is neither float64 nor float32, or the network is a deep one.
    """
    check_two_layers(network, "hessian_operator")
    if network.is_plain:
        return HessianOperator(network, dtype)
    return GeneralHessianOperator(network, dtype)
