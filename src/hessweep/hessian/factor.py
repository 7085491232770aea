"""The Hessian of a deep network as `R^T R`, from its gradients at many points.

The small eigenvalues of `R^T R` are squares of singular values of R, which float64 resolves far
below the rounding error of the matrix itself.
"""

from collections.abc import Iterable, Sequence
from math import inf, log, sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.activations import Activation, Polynomial
from hessweep.errors import InputError, PrecisionError, TooLargeError
from hessweep.hessian.nodes import Nodes, exact_nodes_each, tensor_nodes
from hessweep.networks import DeepNetwork

EPS = float(np.finfo(float).eps)
CHUNK_BYTES = 2**20
"""About how many bytes of gradients are held at a time: what stays in the cache is factored up to
ten times faster."""
CHUNK_ROWS = 4
"""Rows for each parameter that are factored at a time at least, so that R adds little work."""
NODES_WORK = 1e12
"""Multiplications that exact nodes may take: some minutes."""


class Factor(NamedTuple):
    """`R` with `H = R^T R`, and how far rounding may have moved it."""

    R: Float[ndarray, "k P"]
    rounding: float
    """Bound on the spectral norm of the error of R."""


def nodes_work(each: int, widths: Sequence[int], P: int) -> float:
    """Return how many multiplications it takes to factor the gradients at `each` nodes an input.

    Infinite where the number of nodes overflows.
    """
    if widths[0] * log(each) > 300:
        return inf
    rows = float(each) ** widths[0] * widths[-1]
    return 2 * rows * P * min(rows, P)


def nodes_fit(activations: Sequence[Activation], widths: Sequence[int], P: int) -> bool:
    """Return whether the Hessian can be had exactly from Gauss-Hermite nodes."""
    each = exact_nodes_each(activations)
    return each is not None and nodes_work(each, widths, P) <= NODES_WORK


def exact_factor(network: DeepNetwork) -> Factor:
    """Return R with `R^T R = H`, exact but for rounding, of a deep polynomial network.

    The outputs have degree n, the product of the degrees of the hidden layers, and so have their
    gradients; `(n + 1)^d_0` tensor nodes integrate the products of two gradients exactly.

    Raises:
        InputError: If an activation is not a polynomial.
        TooLargeError: If the nodes take more than `NODES_WORK` multiplications.
    """
    each = exact_nodes_each(network.activations)
    if each is None:
        raise InputError(f"expected polynomial activations, got {network.activation}")
    work = nodes_work(each, network.widths, network.P)
    if work > NODES_WORK:
        raise TooLargeError(
            f"widths {network.widths}: the {each}^{network.widths[0]} nodes of an exact Hessian "
            f"take {work:.1e} multiplications, at most {NODES_WORK:.0e} are allowed; take fewer "
            "inputs or layers, or estimate the spectrum with sampled_spectrum"
        )
    inputs, chunk = network.widths[0], chunk_size(network.widths[-1], network.P)
    R = triangular(network, tensor_nodes(inputs, each, chunk))
    rounding = polynomial_rounding(network, tensor_nodes(inputs, each, chunk), each)
    return Factor(R, rounding + qr_rounding(R, each**inputs * network.widths[-1]))


def chunk_size(outputs: int, P: int) -> int:
    """Return at how many points gradients are evaluated at a time: a power of 2."""
    wanted = max(CHUNK_ROWS * P / outputs, CHUNK_BYTES / (8 * P * outputs), 1)
    return 1 << int(np.log2(wanted))


def triangular(network: DeepNetwork, parts: Iterable[Nodes]) -> Float[ndarray, "k P"]:
    """Return R with `R^T R = Σ_s weight_s Σ_o phi_o(x_s) phi_o(x_s)^T`, k <= P.

    One QR factorisation of the gradients, part by part.

    Raises:
        PrecisionError: If a gradient overflows.
    """
    R = np.empty((0, network.P))
    for x, weight in parts:
        with np.errstate(over="ignore", invalid="ignore"):
            gradients = network.gradient(network.inputs_at(x)) * np.sqrt(weight)[:, None, None]
        if not np.isfinite(gradients).all():
            raise PrecisionError(
                f"widths {network.widths}: gradients overflow at inputs that a normal "
                "distribution reaches, so that their mean squares may be infinite; take "
                "activations that grow more slowly, or smaller weights"
            )
        R = stacked_triangular(R, gradients.reshape(-1, network.P))
    return R


def stacked_triangular(
    upper: Float[ndarray, "m P"], lower: Float[ndarray, "n P"]
) -> Float[ndarray, "k P"]:
    """Return the triangular factor of two matrices, one above the other."""
    return np.asarray(blas.qr(np.concatenate([upper, lower]), mode="r"))


def qr_rounding(R: Float[ndarray, "k P"], rows: int) -> float:
    """Return a bound on the rounding error of the QR factorisation, as for the eigensolvers.

    Sums over the rows are made in blocks, and errors of their roundings partly cancel, so that
    they grow with the root of their number. Even if all roundings go in one direction, the error
    is below four times this bound (docs/spectra.md).

    Args:
        R: The triangular factor.
        rows: The number of rows of the matrix that was factored.
    """
    return (R.shape[1] + sqrt(rows) + 20) * EPS * float(np.linalg.norm(R))


def polynomial_rounding(network: DeepNetwork, parts: Iterable[Nodes], each: int) -> float:
    """Return a bound on the Frobenius norm of the rounding errors in the weighted gradients.

    Entry by entry they are a multiple of the gradients of the network whose weights, biases,
    coefficients and inputs are all replaced by their absolute values, where nothing cancels.

    Args:
        network: Of polynomial activations.
        parts: The nodes.
        each: Nodes in each input; they and their weights have relative errors of that order.
    """
    positive = DeepNetwork(
        [np.abs(W) for W in network.weights],
        [_positive(g) for g in network.activations],
        [None if b is None else np.abs(b) for b in network.biases],
    )
    root = np.abs(network.input_root)
    of_inputs = 4.0 + each + (0 if network.inputs is None else len(root) + 2)
    total = 0.0
    for z, weight in parts:
        x = np.abs(z) @ root[:, :-1].T + root[:, -1]
        total += float(weight @ np.square(positive.gradient(x)).sum(axis=(1, 2)))
    return _roundings(network, of_inputs) * EPS * sqrt(total)


def _positive(activation: Activation) -> Activation:
    if activation.polynomial is None:
        raise TypeError(f"expected a polynomial activation, got {activation}")
    coefficients = tuple(abs(c) for c in activation.polynomial.coefficients)
    return Polynomial("positive", coefficients=coefficients)


def _roundings(network: DeepNetwork, of_inputs: float) -> float:
    """Return how many roundings, each `EPS / 2`, an entry of the gradient may gather, halved."""
    of_activity, forward = of_inputs, []
    for d, g in zip(network.widths, network.activations, strict=False):
        of_preactivation = of_activity + d + 1
        n = 1 if g.polynomial is None else g.polynomial.degree
        forward.append((of_activity, of_preactivation, n))
        of_activity = n * (of_preactivation + 2)
    most, of_delta = of_activity, 0.0
    for d, (before, preactivation, n) in zip(network.widths[:1:-1], forward[::-1], strict=True):
        of_delta += d + (n - 1) * (preactivation + 2) + 2
        most = max(most, of_delta + before + 1)
    return of_inputs + most / 2
