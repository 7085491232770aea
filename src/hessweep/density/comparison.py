"""An operator near the Hessian whose eigenvectors are known, as a control variate for densities.

The Hessian acts on pairs (V, b) of an N_h x N_i matrix V and N_h numbers b. With the dual kernel
`K`, `A = (W2 W2^T) ∘ K_c = U diag(d) U^T` and the part `M V^T M` of degree 2 of the exchange
(docs/laws.md, eq. 26), `M = diag(W2 h_2(p)/p) W1`, the comparison is the sum of

- the Hessian's own compression to the space `S = {(u x^T, b)}`, u the last column of U: there are
  the eigenvalues of order one, of degree 1 and of block B;
- `V -> A V + M' V^T M'` beside it. `M' = U diag(σ) O` has the singular vectors U, and orthogonal
  rows O that make it as near to M as can be. In `X = U^T V O^T` this operator acts on the pairs
  (X_ij, X_ji) alone, as the matrix `((d_i, σ_i σ_j), (σ_i σ_j, d_j))`.

For a direction v, `v^T f(H) v` is subject to nearly the same chance as `v^T f(H0) v`, H0 the
comparison, and of the latter both the value and the mean are known for every f. How near H0 is to
H decides how much is gained. The mean of what is computed is the distribution of H in any case.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hessweep import blas
from hessweep.laws.local import local_coefficients
from hessweep.networks import Network, require_plain

SMALLEST = 1e-9
"""Eigenvalues of the comparison below this part of the largest are not told from zero."""

BINS = 4096
"""Bins of equal width in log λ for those above."""

NO_EXCHANGE = 1e-6
"""`σ²` below this part of the largest d is taken to be zero, as it is for odd activations."""

Vector = Float[ndarray, " P"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Eigenvalues, binned in log λ, and eigenvectors of the comparison. All arrays are float32."""

    edges: Float[ndarray, " bins+1"]
    """Upper edges of the bins: the first for eigenvalues near 0, the last infinite."""
    direction: Float[ndarray, " N_h"]
    """u."""
    inside: Float[ndarray, "n+N_h n+N_h"]
    """Eigenvectors of the compression to S, as columns."""
    inside_bins: Int[ndarray, " n+N_h"]
    neurons: Float[ndarray, "N_h N_h-1"]
    """The other columns of U. The first are paired with the rows of O."""
    inputs: Float[ndarray, "n n"] | None
    """O; None for the unit matrix and σ = 0."""
    turn: tuple[Float[ndarray, "m m"], Float[ndarray, "m m"]] | None
    """Cosines and sines that take (X_ij, X_ji) to the eigenvectors of their pair."""
    beside_bins: Int[ndarray, "N_h-1 n"]
    separate: bool
    """Whether the largest eigenvalue inside S is far from the next, as an outlier is."""

    @cached_property
    def counts(self) -> Float[ndarray, " bins"]:
        """The number of eigenvalues in each bin."""
        inside = np.bincount(self.inside_bins, minlength=len(self.edges))
        beside = np.bincount(self.beside_bins.ravel(), minlength=len(self.edges))
        return (inside + beside).astype(float)

    def masses(self, v: Vector) -> Float[ndarray, " bins"]:
        """Return the part of `|v|²` that is along the eigenvectors of each bin."""
        N_h, n = self.beside_bins.shape[0] + 1, self.beside_bins.shape[1]
        V, b = v[: N_h * n].reshape(N_h, n), v[N_h * n :]
        inside = self.inside.T @ np.concatenate([self.direction @ V, b])
        X = self.neurons.T @ V
        if self.inputs is not None and self.turn is not None:
            X = X @ self.inputs.T
            cosine, sine = self.turn
            m = len(cosine)
            X[:m, :m] = cosine * X[:m, :m] + sine * X[:m, :m].T
        bins = len(self.edges)
        found = np.bincount(self.inside_bins, inside**2, bins)
        return found + np.bincount(self.beside_bins.ravel(), np.square(X, out=X).ravel(), bins)


def comparison(network: Network) -> Comparison:
    """Return the comparison for a plain network with at least as many neurons as inputs.

    Its eigenproblems have the sizes N_h and N_h + N_i. They are solved in float32, since a vector
    is as precise.

    Raises:
        InputError: If the network has biases, several outputs or other inputs.
    """
    require_plain(network, "comparison")
    W1, W2 = network.W1, network.W2
    N_h, n = W1.shape
    kernel = network.activation.self_dual(W1)
    d, U = blas.eigh((np.outer(W2, W2) * kernel.K_c).astype(np.float32))
    order_one, inside = blas.eigh(compression(network, U[:, -1]).astype(np.float32))
    direction, d, U = U[:, -1].copy(), d[:-1], U[:, :-1]
    m = min(n, N_h - 1)
    exchange = local_coefficients(network.activation, (W1**2).sum(axis=1))
    M = (W2 * exchange.h[2] / exchange.p)[:, None] * W1
    C = U.T @ M.astype(np.float32)
    if np.square(C).sum(axis=1).max() <= NO_EXCHANGE * d[-1]:
        inputs, turn = None, None
        values = np.repeat(d[:, None], n, axis=1)
    else:
        # The m rows of C that are longest belong to the singular vectors of M.
        order = np.argsort(-np.square(C).sum(axis=1), kind="stable")
        d, U, C = d[order], U[:, order], C[order]
        inputs, strength = _matched_rows(C[:m])
        values = np.repeat(d[:, None], n, axis=1)
        values[:m, :m], turn = _pairs(d[:m], strength)
    top = float(max(order_one[-1], values.max()))
    edges = np.append(np.geomspace(SMALLEST * top, 1.01 * top, BINS), np.inf)
    return Comparison(
        edges,
        direction,
        inside,
        np.searchsorted(edges, order_one).astype(np.uint16),
        np.ascontiguousarray(U),
        inputs,
        turn,
        np.searchsorted(edges, values).astype(np.uint16),
        bool(order_one[-1] > 2 * order_one[-2]),
    )


def compression(network: Network, u: Float[ndarray, " N_h"]) -> Float[ndarray, "n+N_h n+N_h"]:
    """Return the compression of H to the pairs (u x^T, b), as a matrix that acts on (x, b).

    Args:
        network: A plain network, whose H acts on pairs of an N_h x n matrix and N_h numbers.
        u: A unit vector.

    Raises:
        InputError: If the network has biases, several outputs or other inputs.
    """
    require_plain(network, "compression")
    W1, k = network.W1, network.activation.self_dual(network.W1)
    a = network.W2 * u
    E = np.outer(a, a)
    turned = E * k.K_cc
    along = (2 * E * k.K_qc).sum(axis=0) + (2 * E * k.K_pc).sum(axis=1)
    A = W1.T @ (turned + turned.T + np.diag(along)) @ W1
    A[np.diag_indices_from(A)] += a @ k.K_c @ a
    C = W1.T @ (np.diag(k.K_c @ a) + 2 * a[:, None] * k.K_p)
    return np.block([[A, C], [C.T, k.K]])


def _matched_rows(
    C: Float[ndarray, "m n"],
) -> tuple[Float[ndarray, "n n"], Float[ndarray, " m"]]:
    """Return O and σ: the orthogonal rows nearest to C's, and C's products with them."""
    left, _, right = blas.svd(C)
    m = len(C)
    rows = np.concatenate([left @ right[:m], right[m:]])
    return rows, np.einsum("mn,mn->m", C, rows[:m])


def _pairs(
    d: Float[ndarray, " m"], strength: Float[ndarray, " m"]
) -> tuple[Float[ndarray, "m m"], tuple[Float[ndarray, "m m"], Float[ndarray, "m m"]]]:
    """Return the eigenvalues of all pairs, and the cosines and sines of their eigenvectors.

    Above the diagonal is the larger eigenvalue of each pair, below it the smaller.
    """
    half, product = (d[:, None] - d) / 2, np.outer(strength, strength)
    upper = np.triu(np.ones((len(d), len(d)), dtype=np.float32), 1)
    sign = upper - upper.T
    values = (d[:, None] + d) / 2 + sign * np.hypot(half, product)
    values[np.diag_indices_from(values)] += strength**2
    angle = np.triu(np.arctan2(product, half), 1) / 2
    return values, (np.cos(angle + angle.T), np.sin(angle) - np.sin(angle).T)


class Correction:
    """Corrects quadratures of random directions by what the comparison has along them.

    Args:
        comparison: The operator beside the Hessian.
        locked: Orthonormal rows to which all directions are orthogonal.
    """

    def __init__(self, comparison: Comparison, locked: Float[ndarray, "k P"]) -> None:
        self._comparison = comparison
        left = comparison.counts - sum((comparison.masses(v) for v in locked), np.zeros(1))
        self._mean = left / (comparison.counts.sum() - len(locked))

    def __call__(
        self,
        nodes: Float[ndarray, " steps"],
        weights: Float[ndarray, " steps"],
        direction: Vector,
    ) -> Float[ndarray, " steps"]:
        """Return the weights plus what the direction lacks of the comparison's mean.

        Each eigenvalue of the comparison counts for the node that is nearest to it in log λ.
        Where this would make the distribution function fall, it is made constant.

        Args:
            nodes: The nodes of the quadrature, positive and ascending.
            weights: Their weights, which sum to 1.
            direction: The unit vector that the quadrature started from.
        """
        lacking = (self._mean - self._comparison.masses(direction))[:-1].cumsum()
        log = np.log(nodes)
        between = (log[1:] + log[:-1]) / 2
        sums = weights[:-1].cumsum() + np.interp(
            between, np.log(self._comparison.edges[:-1]), lacking
        )
        rising, falling = np.maximum.accumulate(sums), np.minimum.accumulate(sums[::-1])[::-1]
        return np.diff(np.clip((rising + falling) / 2, 0, 1), prepend=0, append=1)
