"""Norms of Hessians whose kernels are known by their size only, and what a series leaves out."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations.hermite import rest_of_series
from hessweep.activations.offsets import OffsetKernel
from hessweep.hessian.general import Seen, Weights, general_diagonal, seen
from hessweep.networks import Network

SAFETY = 4.0
"""The difference between the kernels by two quadratures, times this, bounds their error."""


def norm_bound(weights: Weights, of: Seen, sizes: OffsetKernel) -> Float[ndarray, "*stack"]:
    """Return an upper bound on the spectral norm of what kernels of at most these sizes make.

    It is the Frobenius norm of the norms of the blocks that belong to pairs of neurons.

    Args:
        weights: The weights.
        of: What the hidden neurons see; `V` may be larger in size than it is.
        sizes: Bounds on the absolute values of the kernel's fields.
    """
    layout, out = weights.layout, np.abs(weights.W2)
    G = out.swapaxes(-1, -2) @ out
    per_neuron = np.sqrt(np.square(out).sum(axis=-2))
    length = np.sqrt(np.square(of.V).sum(axis=-1))
    own, other = length[..., :, None], length[..., None, :]
    mean = float(np.linalg.norm(of.mean))
    spread = float(np.linalg.norm(of.covariance, 2)) + mean**2
    E00, E01, E02, E11, E12, E13, E22 = sizes[:7]
    E21, E31 = E12.swapaxes(-1, -2), E13.swapaxes(-1, -2)

    linear = E21 * own + E12 * other
    A = E11 * spread + 2 * E22 * own * other + E31 * own**2 + E13 * other**2 + 2 * mean * linear
    total = _squares(G * A, 2) + layout.N_o * _squares(E00, 2)
    # (k, m): neuron k of W2, neuron m of W1.
    to_second = per_neuron[..., None, :] * (E11 * own + E02 * other + E01 * mean)
    total += 2 * _squares(to_second, 2)
    if layout.hidden_biases:
        total += 2 * _squares(G * (E11 * mean + linear), 2) + _squares(G * E11, 2)
        total += 2 * _squares(per_neuron[..., None, :] * E01, 2)
    if layout.output_biases:
        M0, M1, M2 = (np.broadcast_to(M, (*of.p.shape, 1))[..., 0] for M in sizes[7:])
        total += 2 * _squares(per_neuron * (M2 * length + M1 * mean), 1)
        total += 2 * layout.N_o * _squares(M0, 1)
        if layout.hidden_biases:
            total += 2 * _squares(per_neuron * M1, 1)
    return np.sqrt(total)


def _squares(values: ndarray, dimensions: int) -> Float[ndarray, "*stack"]:
    return np.square(values).sum(axis=tuple(range(-dimensions, 0)))


def general_hessian_error(network: Network) -> float:
    """Return an estimated bound on the spectral norm of the error of a kernel by series.

    As for networks without biases (`hessian_error`): what fewer quadrature panels change, `SAFETY`
    times, what the rest of the series adds up to, and the rounding of the series. 0 where the
    kernel has a closed form.
    """
    weights = Weights.of([network])
    of = seen(weights)
    coarser = network.activation.coarser_offset_duals(*of.pairs())
    if coarser is None:
        return 0.0
    kernel = coarser.full

    def change(one: OffsetKernel, other: OffsetKernel) -> float:
        sizes = OffsetKernel(*(np.abs(a - b) for a, b in zip(one, other, strict=True)))
        return float(norm_bound(weights, of, sizes)[0])

    T, S = change(coarser.half, coarser.quarter), change(kernel, coarser.half)
    size = float(norm_bound(weights, of, OffsetKernel(*(np.abs(field) for field in kernel)))[0])
    worst = size + float(general_diagonal(network).sum())
    rest = rest_of_series(T, S, 16 * np.finfo(float).eps * size, worst)
    quadrature = SAFETY * change(kernel, coarser.quadrature)
    rounding = float(norm_bound(weights, of, coarser.rounding)[0])
    return rest + quadrature + change(kernel, coarser.floor) + rounding
