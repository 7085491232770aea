"""The Hessian of networks with biases, several outputs and any normal inputs (docs/biases.md).

With `v_m = Σ w_m`, `G = W2^T W2`, `Z_ij = G ∘ E_ij` and the mean μ of the inputs, the block of the
neurons m and p in W1 is

    Z11 (Σ + μ μ^T) + v_m (Z22 v_p + Z31 v_m + Z21 μ)^T + v_p (Z22 v_m + Z13 v_p + Z12 μ)^T
        + μ (Z21 v_m + Z12 v_p)^T

and the other blocks have fewer of the same terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations.offsets import OffsetKernel
from hessweep.compiled import general_assembly
from hessweep.networks import Inputs, Layout, Network


@dataclass(frozen=True, eq=False)
class Weights:
    """The weights of a stack of networks of one architecture, with the same inputs."""

    layout: Layout
    W1: Float[ndarray, "*stack N_h N_i"]
    W2: Float[ndarray, "*stack N_o N_h"]
    b1: Float[ndarray, "*stack N_h"]
    """Zeros where there are no hidden biases."""
    inputs: Inputs | None

    @classmethod
    def of(cls, networks: Sequence[Network]) -> "Weights":
        """Return the weights of networks that differ in nothing else, as a stack."""
        first = networks[0]
        W1 = np.stack([network.W1 for network in networks])
        W2 = np.stack([network.W2 for network in networks])
        W2 = W2.reshape(len(networks), first.N_o, first.N_h)
        b1 = np.stack([network.b1_or_zeros for network in networks])
        return cls(first.layout, W1, W2, b1, first.inputs)


@dataclass(frozen=True, eq=False)
class Seen:
    """What the hidden neurons see of the inputs."""

    V: Float[ndarray, "*stack N_h N_i"]
    """`W1 Σ`: covariances of what each neuron sees with the inputs."""
    p: Float[ndarray, "*stack N_h"]
    """Variances."""
    c: Float[ndarray, "*stack N_h N_h"]
    """Covariances."""
    b: Float[ndarray, "*stack N_h"]
    """Means: `b1 + W1 μ`."""
    mean: Float[ndarray, " N_i"]
    """The mean μ of the inputs."""
    covariance: Float[ndarray, "N_i N_i"]
    """The covariance Σ of the inputs."""

    def pairs(self) -> tuple[ndarray, ndarray, ndarray, ndarray, ndarray]:
        """Return `p, q, c, b, d` of all pairs of neurons, as `offset_dual` takes them."""
        p, b = self.p, self.b
        return p[..., :, None], p[..., None, :], self.c, b[..., :, None], b[..., None, :]


def seen(weights: Weights) -> Seen:
    """Return what the hidden neurons see."""
    W1, b, inputs, N_i = weights.W1, weights.b1, weights.inputs, weights.layout.N_i
    inputs = Inputs() if inputs is None else inputs
    if inputs.covariance is None:
        V = W1
    elif inputs.covariance.ndim == 1:
        V = W1 * inputs.covariance
    else:
        V = W1 @ inputs.covariance
    c = V @ W1.swapaxes(-1, -2)
    c = (c + c.swapaxes(-1, -2)) / 2
    if inputs.mean is not None:
        b = b + (W1 @ inputs.mean)
    mean = np.zeros(N_i) if inputs.mean is None else inputs.mean
    # Rounding may leave a variance slightly below 0 where the covariance has no full rank.
    p = np.maximum(np.diagonal(c, axis1=-2, axis2=-1), 0.0)
    return Seen(V, p, c, b, mean, inputs.matrix(N_i))


def general_hessian(network: Network) -> Float[ndarray, "P P"]:
    """Return the population Hessian at the optimum of any two-layer network; exactly symmetric."""
    weights = Weights.of([network])
    of = seen(weights)
    [H] = assembled(weights, of, network.activation.offset_dual(*of.pairs()))
    for i in range(1, network.P):
        H[i, :i] = H[:i, i]
    return H


def assembled(weights: Weights, of: Seen, kernel: OffsetKernel) -> Float[ndarray, "*stack P P"]:
    """Return the matrices that a kernel assembles to, with zeros below the diagonal blocks."""
    layout, W2 = weights.layout, weights.W2
    N_o, N_h = W2.shape[-2:]
    H = np.zeros((*W2.shape[:-2], layout.P, layout.P))
    Z = _times_outputs(W2, kernel)
    has_mean = bool(of.mean.any())
    _assemble_first_layer(of, Z, H)
    if layout.hidden_biases:
        # (m, n, p): entries of W1_mn and b1_p.
        Z11, Z12 = Z[0], Z[1]
        across = Z12.swapaxes(-1, -2)[..., None, :] * of.V[..., None]
        across += Z12[..., None, :] * of.V.swapaxes(-1, -2)[..., None, :, :]
        if has_mean:
            across += Z11[..., None, :] * of.mean[:, None]
        H[..., layout.W1, layout.b1] = across.reshape(*W2.shape[:-2], -1, N_h)
        H[..., layout.b1, layout.b1] = Z11
    # (m, n, k): entries of W1_mn and W2_ok, but for W2_om.
    E01, E02, E11 = (
        E.swapaxes(-1, -2)[..., None, :] for E in (kernel.E01, kernel.E02, kernel.E11)
    )
    to_second = E11 * of.V.swapaxes(-1, -2)[..., None, :, :] + E02 * of.V[..., None]
    if has_mean:
        to_second += E01 * of.mean[:, None]
    M0, M1, M2 = (_of_neurons(M, of.p.shape) for M in kernel[-3:])
    to_output = M2[..., None] * of.V + M1[..., None] * of.mean
    for o in range(N_o):
        w = W2[..., o, :]
        start = layout.W2.start + o * N_h
        of_o = slice(start, start + N_h)
        across = w[..., None, None] * to_second
        H[..., layout.W1, of_o] = across.reshape(*W2.shape[:-2], -1, N_h)
        H[..., of_o, of_o] = kernel.E00
        if layout.hidden_biases:
            H[..., layout.b1, of_o] = w[..., None] * kernel.E01.swapaxes(-1, -2)
        if layout.output_biases:
            column = layout.b2.start + o
            across = w[..., None] * to_output
            H[..., layout.W1, column] = across.reshape(*W2.shape[:-2], -1)
            H[..., of_o, column] = M0
            H[..., column, column] = 1.0
            if layout.hidden_biases:
                H[..., layout.b1, column] = w * M1
    return H


def _times_outputs(W2: ndarray, kernel: OffsetKernel) -> tuple[ndarray, ...]:
    """Return `Z11, Z12, Z13, Z22`."""
    G = W2.swapaxes(-1, -2) @ W2
    return tuple(G * E for E in (kernel.E11, kernel.E12, kernel.E13, kernel.E22))


def _of_neurons(M: ndarray, shape: tuple[int, ...]) -> Float[ndarray, "*stack N_h"]:
    """Return the means of single neurons, which a kernel has as columns."""
    return np.broadcast_to(M, (*shape, 1))[..., 0]


def _assemble_first_layer(
    of: Seen, Z: tuple[ndarray, ...], H: Float[ndarray, "*stack P P"]
) -> None:
    """Write the blocks of W1 with itself, for all p >= m."""
    *stack, N_h, N_i = of.V.shape
    second_moments = of.covariance + np.outer(of.mean, of.mean)
    if general_assembly:
        arrays = (of.V, *Z, second_moments, of.mean)
        inputs = tuple(np.ascontiguousarray(values, dtype=float) for values in arrays)
        general_assembly.assemble(inputs, H, prod(stack), N_h, N_i, H.shape[-1])
    else:
        _assemble_by_rows(of, Z, second_moments, H[..., : N_h * N_i, : N_h * N_i])


def _assemble_by_rows(
    of: Seen,
    Z: tuple[ndarray, ...],
    second_moments: Float[ndarray, "N_i N_i"],
    A: Float[ndarray, "*stack P1 P1"],
) -> None:
    """Write the blocks as the compiled code does, a neuron's rows at a time."""
    *stack, N_h, N_i = of.V.shape
    Z11, Z12, Z13, Z22 = Z
    has_mean = bool(of.mean.any())
    for m in range(N_h):
        v_m, v_p = of.V[..., m, None, :], of.V[..., m:, :]
        z11, z12, z13, z22 = (z[..., m, m:, None] for z in (Z11, Z12, Z13, Z22))
        z21, z31 = Z12[..., m:, m, None], Z13[..., m:, m, None]
        beside_m, beside_p = z22 * v_p + z31 * v_m, z22 * v_m + z13 * v_p
        if has_mean:
            beside_m, beside_p = beside_m + z21 * of.mean, beside_p + z12 * of.mean
        # (n, p, q): row n of W1_m, column q of W1_p.
        rows = v_m[..., 0, :, None, None] * beside_m[..., None, :, :]
        rows += v_p.swapaxes(-1, -2)[..., None] * beside_p[..., None, :, :]
        if has_mean:
            beside_mean = z21 * v_m + z12 * v_p
            rows += of.mean[:, None, None] * beside_mean[..., None, :, :]
        rows += z11[..., None, :, :] * second_moments[:, None, :]
        A[..., m * N_i : (m + 1) * N_i, m * N_i :] = rows.reshape(*stack, N_i, -1)


def general_diagonal(network: Network) -> Float[ndarray, " P"]:
    """Return the diagonal of `general_hessian(network)`, without a matrix."""
    of = seen(Weights.of([network]))
    [V], [p], [b] = of.V, of.p, of.b
    kernel = network.activation.offset_dual(p, p, p, b, b)
    G = np.square(network.output_rows).sum(axis=0)
    W1 = kernel.E11[:, None] * (np.diagonal(of.covariance) + of.mean**2)
    W1 += 2 * (kernel.E22 + kernel.E13)[:, None] * V**2
    W1 += 4 * kernel.E12[:, None] * V * of.mean
    parts = [(G[:, None] * W1).ravel()]
    if network.b1 is not None:
        parts.append(G * kernel.E11)
    parts.append(np.tile(kernel.E00, network.N_o))
    if network.b2 is not None:
        parts.append(np.ones(network.N_o))
    return np.concatenate(parts)


def general_trace(network: Network) -> float:
    """Return the trace of `general_hessian(network)`, without a matrix."""
    return float(general_diagonal(network).sum())
