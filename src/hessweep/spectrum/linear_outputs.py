"""Eigenvalues of linear networks with biases, several outputs and any normal inputs.

For `g(u) = a0 + a1 u` all gradients are affine functions of x. In the orthonormal basis of these
the Hessian has the non-zero eigenvalues of

    W2 W2^T ⊗ (B1^T B1 + [b1] e e^T) + 1 ⊗ (B2^T B2 + [b2] e e^T),

    B1 = a1 [Σ^{1/2}, μ],   B2 = [a1 W1 Σ^{1/2}, a1 (W1 μ + b1) + a0],

where e is the last basis vector, times a1 in the first bracket, and `[b]` is 1 if those biases are
trained (docs/biases.md). The eigenvalues of `W2 W2^T` decouple it into N_o small matrices.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Polynomial
from hessweep.hessian.general import Weights
from hessweep.networks import Inputs
from hessweep.spectrum.solver import EPS, solver_error, stacked_eigenvalues


def linear_eigenvalues(
    activation: Polynomial, weights: Weights
) -> tuple[Float[ndarray, "S P"], Float[ndarray, " S"]]:
    """Return the eigenvalues of networks with an activation of degree 1, and error bounds."""
    layout, (a0, a1) = weights.layout, activation.coefficients
    inputs = Inputs() if weights.inputs is None else weights.inputs
    N_i, N_o = layout.N_i, layout.N_o
    mean = np.zeros(N_i) if inputs.mean is None else inputs.mean
    root = inputs.factor(N_i)
    B1 = a1 * np.column_stack([root, mean])
    X = B1.T @ B1
    X[-1, -1] += a1**2 * layout.hidden_biases
    rows, offsets, size = weights.W1, weights.b1, np.abs(weights.b1)
    if inputs.covariance is not None:
        rows = rows @ root
    if inputs.mean is not None:
        offsets = weights.W1 @ mean + offsets
        size = np.abs(weights.W1) @ np.abs(mean) + size
    B2 = np.concatenate([a1 * rows, (a1 * offsets + a0)[..., None]], axis=-1)
    Y = B2.swapaxes(-1, -2) @ B2
    Y[..., -1, -1] += layout.output_biases
    outer = stacked_eigenvalues(weights.W2 @ weights.W2.swapaxes(-1, -2))
    constants = layout.hidden_biases or layout.output_biases or inputs.mean is not None or a0 != 0
    if not constants:  # then nothing depends on the last basis vector
        X, Y = X[:-1, :-1], Y[..., :-1, :-1]
    small = (outer[..., None, None] * X + Y[..., None, :, :]).reshape(-1, *X.shape)
    found = np.sort(stacked_eigenvalues(small).reshape(len(outer), -1), axis=1)
    # The norms of all that is rounded, the sums behind offsets included.
    first = np.square(weights.W2).sum(axis=(1, 2)) * np.trace(X)
    largest = np.square(np.abs(a1) * size + np.abs(a0)).sum(axis=1)
    second = np.square(B2[..., :-1]).sum(axis=(1, 2)) + largest + layout.output_biases
    rounded = 2 * (N_i + layout.N_h + N_o + 8) * EPS * (first + second)
    # Twice: the eigenvalues of the covariance, whose root is taken, and those of the outputs.
    error = rounded + 2 * solver_error(N_i + N_o + 1, first + second)
    eigenvalues = np.zeros((len(outer), layout.P))
    count = min(layout.P, found.shape[1])
    eigenvalues[:, -count:] = found[:, -count:]
    eigenvalues.sort(axis=1)
    return eigenvalues, error
