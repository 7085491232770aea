"""Products with the Hessian of networks with biases, several outputs and any normal inputs.

For a vector of the parts X of W1, x of b1, Y of W2 and y of b2, with `V = W1 Σ`,
`T = V X^T`, `t = diag T`, `e = X μ + x`, `Z_ij = (W2^T W2) ∘ E_ij`, `Q = Y^T W2` and `f = W2^T y`,

    to W1:  (Z11 X) Σ + (M + diag r) V + s μ^T
    to b1:  s
    to W2:  W2 (E11 ∘ T + E02 diag t + E01 diag e)^T + Y E00 + y M0^T
    to b2:  y + Y M0 + W2 (M1 ∘ e + M2 ∘ t)

    M = Z22 ∘ T + Z13 diag t + Z12 diag e + (Q ∘ E11)^T
    r = rowsum(Z31 ∘ T) + Z22 t + Z21 e + colsum(Q ∘ E02) + M2 ∘ f
    s = rowsum(Z21 ∘ T) + Z12 t + Z11 e + colsum(Q ∘ E01) + M1 ∘ f

so that a product costs two matrix products of the same size as without biases, one with Σ where
that is a full matrix, and what the outputs add.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import DTypeLike

from hessweep.hessian.general import Weights, general_diagonal, seen
from hessweep.hessian.general_norm import general_frobenius_norm
from hessweep.hessian.products import ProductOperator, one_thread_if_small
from hessweep.networks import Network


class GeneralHessianOperator(ProductOperator):
    """`H` of any two-layer network: products without the matrix.

    Raises:
        InputError: If dtype is neither float64 nor float32.
    """

    def __init__(self, network: Network, dtype: DTypeLike = np.float64) -> None:
        super().__init__(network, dtype)
        N_h, N_i = network.W1.shape
        of = seen(Weights.of([network]))
        kernel = network.activation.offset_dual(*of.pairs())
        W2 = network.output_rows
        G = W2.T @ W2

        def cast(matrix: ndarray) -> ndarray:
            return np.ascontiguousarray(matrix, dtype=dtype)

        self._W1, self._W2, self._mean = cast(network.W1), cast(W2), cast(of.mean)
        self._E00, self._E01, self._E02, self._E11 = (cast(E[0]) for E in kernel[:4])
        Z11, self._Z12, self._Z13, self._Z22 = (
            cast(G * E[0]) for E in (kernel.E11, kernel.E12, kernel.E13, kernel.E22)
        )
        self._Z11 = Z11
        self._M0, self._M1, self._M2 = (
            cast(np.broadcast_to(M[0], (N_h, 1))[:, 0]) for M in kernel[-3:]
        )
        covariance = None if network.inputs is None else network.inputs.covariance
        self._covariance = None if covariance is None else cast(covariance)
        # One product for W1: [M + diag r, Z11] @ [V; X Σ].
        self._left = np.empty((N_h, 2 * N_h), dtype)
        self._left[:, N_h:] = Z11
        self._right = np.empty((2 * N_h, N_i), dtype)
        self._right[:N_h] = of.V[0]

    @one_thread_if_small
    def product(
        self, v: Float[ndarray, " P"], out: Float[ndarray, " P"] | None = None
    ) -> Float[ndarray, " P"]:
        """Return `H v`, written into `out` where one is given.

        Args:
            v: A vector of the operator's dtype.
            out: A contiguous vector of that dtype; it must not overlap `v`.
        """
        network, layout = self.network, self.network.layout
        N_h, N_i = network.W1.shape
        out = np.empty(v.shape, self.dtype) if out is None else out
        X, x = v[layout.W1].reshape(N_h, N_i), v[layout.b1]
        Y, y = v[layout.W2].reshape(-1, N_h), v[layout.b2]

        X_sigma = self._right[N_h:]
        self._times_covariance(X, X_sigma)
        T = self._W1 @ X_sigma.T
        t, e = T.diagonal().copy(), X @ self._mean
        if network.b1 is not None:
            e = e + x
        Q = Y.T @ self._W2
        M = self._left[:, :N_h]
        np.multiply(self._Z22, T, out=M)
        M += self._Z13 * t
        M += self._Z12 * e
        M += (Q * self._E11).T
        r = np.einsum("pm,mp->m", self._Z13, T) + self._Z22 @ t + e @ self._Z12
        r += np.einsum("km,km->m", Q, self._E02)
        s = np.einsum("pm,mp->m", self._Z12, T) + self._Z12 @ t + self._Z11 @ e
        s += np.einsum("km,km->m", Q, self._E01)
        if network.b2 is not None:
            f = y @ self._W2
            r += self._M2 * f
            s += self._M1 * f
        np.einsum("mm->m", M)[:] += r

        first = out[layout.W1].reshape(N_h, N_i, copy=False)
        np.matmul(self._left, self._right, out=first)
        if self._mean.any():
            first += s[:, None] * self._mean
        out[layout.b1] = s[: layout.b1.stop - layout.b1.start]
        changes = self._E11 * T + self._E02 * t + self._E01 * e
        second = out[layout.W2].reshape(-1, N_h, copy=False)
        np.matmul(self._W2, changes.T, out=second)
        second += Y @ self._E00
        if network.b2 is not None:
            second += y[:, None] * self._M0
            out[layout.b2] = y + Y @ self._M0 + self._W2 @ (self._M1 * e + self._M2 * t)
        return out

    def _times_covariance(self, X: ndarray, out: ndarray) -> None:
        """Write `X Σ` into `out`."""
        if self._covariance is None:
            out[:] = X
        elif self._covariance.ndim == 1:
            np.multiply(X, self._covariance, out=out)
        else:
            np.matmul(X, self._covariance, out=out)

    def diagonal(self) -> Float[ndarray, " P"]:
        """Return the diagonal of H, float64 whatever the operator's dtype."""
        return general_diagonal(self.network)

    def frobenius_norm(self) -> float:
        """Return the square root of the sum of the squared eigenvalues, computed in float64."""
        return general_frobenius_norm(self.network)
