"""Eigenvalues of the Hessian at the optimum, by the cheapest exact route (docs/spectra.md)."""

from collections.abc import Sequence
from functools import singledispatch

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.activations import Activation
from hessweep.blas import with_threads_for
from hessweep.errors import InputError, ShapeError
from hessweep.hessian import lengthen_rows, moderate_rows, stacked_upper_hessian
from hessweep.networks import DeepNetwork, Network, NetworkStack
from hessweep.spectrum.accuracy import assembly_error, gram_error
from hessweep.spectrum.deep import deep_spectrum
from hessweep.spectrum.deep_plan import DeepPlan, deep_plan
from hessweep.spectrum.general import general_eigenvalues, general_plan, plan_of
from hessweep.spectrum.gram import stacked_gram
from hessweep.spectrum.plan import SpectrumPlan, spectrum_plan
from hessweep.spectrum.result import Spectrum, SpectrumStack
from hessweep.spectrum.root import RootSpectrum, root_spectrum
from hessweep.spectrum.sampled import SampledSpectrum, sampled_spectrum
from hessweep.spectrum.shares import layer_shares, shares_of
from hessweep.spectrum.solver import EPS, LANES, UNDERFLOW, solver_error, stacked_eigenvalues

STACK_BYTES = 2**24
"""Networks are solved in stacks of about this many bytes, so that a stack stays in the cache."""


def spectrum(network: Network | DeepNetwork) -> Float[ndarray, " P"]:
    """Return the P eigenvalues of the population Hessian at the optimum, in ascending order.

    Those of a deep network are exact if its activations are linear, or polynomials for which
    Gauss-Hermite nodes fit; otherwise they are estimated from samples, and
    `spectrum_with_error` says how well (docs/depth.md).

    Raises:
        InputError: If the network is neither a `Network` nor a `DeepNetwork`.
        TooLargeError: If a deep network is too large to be sampled.
        PrecisionError: If sampling does not reach its relative error, or an entry of the Hessian
            is too large for float64.
    """
    return spectrum_with_error(network).eigenvalues


@singledispatch
def spectrum_with_error(network: Network | DeepNetwork) -> Spectrum:
    """Return the eigenvalues with a bound on their errors and the plan of the computation.

    Raises:
        InputError: If the network is neither a `Network` nor a `DeepNetwork`.
        PrecisionError: If an entry of the Hessian is too large for float64.
    """
    raise InputError(f"network: expected a Network or a DeepNetwork, got {network!r}")


@spectrum_with_error.register(DeepNetwork)
def _of_deep(network: DeepNetwork) -> Spectrum:
    found, plan = deep_spectrum(network)
    return Spectrum(found.eigenvalues, float(found.errors.max()), plan)


def _largest_eigenproblem(network: Network) -> int:
    if network.is_plain:
        return spectrum_plan(network.activation, network.N_i, network.N_h).size
    return plan_of(network).size


# Not of `spectra_of`: a worker has set the threads by the memory that the setup needs.
@spectrum_with_error.register(Network)
@with_threads_for(_largest_eigenproblem)
def _of_two_layers(network: Network) -> Spectrum:
    if not network.is_plain:
        [result] = spectra_of([network])
        return result
    return stacked_spectra_with_error(network.activation, network.W1[None], network.W2[None])[0]


def spectra_of(networks: Sequence[Network]) -> list[Spectrum]:
    """Return `spectrum_with_error` of networks that differ in their weights alone.

    Raises:
        InputError: If they differ in activation, architecture or inputs.
    """
    if stack := NetworkStack.of(networks):
        return list(stacked_spectra_with_error(stack.activation, stack.W1, stack.W2))
    if not networks:
        return []
    eigenvalues, error, plan = general_eigenvalues(networks)
    return [
        Spectrum(values, float(bound), plan)
        for values, bound in zip(eigenvalues, error, strict=True)
    ]


def stacked_spectra(
    activation: Activation, W1: Float[ndarray, "S N_h N_i"], W2: Float[ndarray, "S N_h"]
) -> Float[ndarray, "S P"]:
    """Return the eigenvalues of networks with the same activation and size, ascending in each row.

    They are bit-identical to those of `spectrum` for each network alone, which is a stack of one.

    Raises:
        ShapeError: If the shapes of `W1` and `W2` do not fit together.
    """
    return stacked_spectra_with_error(activation, W1, W2).eigenvalues


def stacked_spectra_with_error(
    activation: Activation, W1: Float[ndarray, "S N_h N_i"], W2: Float[ndarray, "S N_h"]
) -> SpectrumStack:
    """Return `spectrum_with_error` for each network of a stack; they are computed together.

    Raises:
        ShapeError: If the shapes of `W1` and `W2` do not fit together.
    """
    if W1.ndim != 3 or 0 in W1.shape[1:] or W2.shape != W1.shape[:2]:
        raise ShapeError(
            "expected stacks W1 (S, N_h, N_i) and W2 (S, N_h) of non-empty networks, got shapes "
            f"{W1.shape} and {W2.shape}"
        )
    # The last bits of sums depend on the memory layout, so it is the same for all callers.
    W1, W2 = np.ascontiguousarray(W1, dtype=float), np.ascontiguousarray(W2, dtype=float)
    _, N_h, N_i = W1.shape
    plan = spectrum_plan(activation, N_i, N_h)
    together = max(1, STACK_BYTES // plan.bytes_each // LANES * LANES)
    values, errors = np.empty((len(W1), N_h * (N_i + 1))), np.empty(len(W1))
    for start in range(0, len(W1), together):
        part = slice(start, start + together)
        # Overflows are found by their results.
        with np.errstate(over="ignore", invalid="ignore"):
            values[part], errors[part] = _solve(activation, W1[part], W2[part], plan)
    return SpectrumStack(values, errors, plan)


def _solve(
    activation: Activation,
    W1: Float[ndarray, "S N_h N_i"],
    W2: Float[ndarray, "S N_h"],
    plan: SpectrumPlan,
) -> tuple[Float[ndarray, "S P"], Float[ndarray, " S"]]:
    """Return the eigenvalues of one stack, and for each network a bound on their errors."""
    S, N_h, N_i = W1.shape
    if plan.closed_form:
        found, error = _closed_form(activation, W1, W2)
    else:
        parts = []
        if plan.row_space:
            W1, outside = row_space(activation, W1, W2)
            parts.append(np.repeat(outside, N_i - N_h, axis=1))
        if plan.gram and activation.polynomial is not None:
            matrices = stacked_gram(activation.polynomial, W1, W2)
            error = gram_error(activation.polynomial, W1, W2, inputs=N_i)
        else:
            W1, exponents = moderate_rows(activation, W1)
            kernel = activation.self_dual(W1)
            matrices = stacked_upper_hessian(kernel, W1, W2)
            error = assembly_error(activation, kernel, W1, W2, inputs=N_i)
            if exponents is not None:
                lengthen_rows(matrices, exponents)
                error *= np.maximum(1.0, 4.0 ** exponents.max(axis=1))
        parts.append(stacked_eigenvalues(matrices))
        found = np.concatenate(parts, axis=1)
        error += solver_error(plan.size, np.abs(found).max(axis=1))
    eigenvalues = np.concatenate([found, np.zeros((S, plan.zeros))], axis=1)
    eigenvalues.sort(axis=1)
    return eigenvalues, error + UNDERFLOW * eigenvalues.shape[1]


def row_space(
    activation: Activation, W1: Float[ndarray, "S N_h N_i"], W2: Float[ndarray, "S N_h"]
) -> tuple[Float[ndarray, "S N_h N_h"], Float[ndarray, "S N_h"]]:
    """Split networks with N_h < N_i by the row space of W1, `W1 = L Q^T` (docs/spectra.md).

    Returns:
        L, the first layer of the reduced network, and the N_h eigenvalues outside the row
        space, `eig((W2 W2^T) ∘ K_c)`. H has each of these N_i - N_h times.
    """
    # The spectrum depends only on L L^T, so that the rank of L does not matter.
    R = np.asarray(blas.qr(W1.swapaxes(1, 2), mode="r"))
    L = np.ascontiguousarray(R.swapaxes(1, 2))
    K_c = activation.self_dual(moderate_rows(activation, L)[0]).K_c
    outside = W2[:, :, None] * W2[:, None, :] * K_c
    return L, stacked_eigenvalues(outside)


def _closed_form(
    activation: Activation, W1: Float[ndarray, "S N_h N_i"], W2: Float[ndarray, "S N_h"]
) -> tuple[Float[ndarray, "S N_i"], Float[ndarray, " S"]]:
    """Return the N_i eigenvalues `a² (|W2|² + eig(W1^T W1))` for `g(x) = a x` (App. A)."""
    _, N_h, N_i = W1.shape
    slope = activation.derivative(np.zeros(()))
    transposed = W1.swapaxes(1, 2)
    gram = W1 @ transposed if N_h < N_i else transposed @ W1
    norm1, norm2 = (np.square(W1).sum(axis=(1, 2)), np.square(W2).sum(axis=1))
    inner = stacked_eigenvalues(gram)
    inner = np.concatenate([np.zeros((len(W1), N_i - inner.shape[1])), inner], axis=1)
    # The rounding errors of the products, of the solver and of the sum (docs/spectra.md).
    error = solver_error(min(N_i, N_h) + max(N_i, N_h), norm1) + (N_h + 4) * EPS * norm2
    return slope**2 * (norm2[:, None] + inner), slope**2 * error


__all__ = [
    "DeepPlan",
    "RootSpectrum",
    "SampledSpectrum",
    "Spectrum",
    "SpectrumPlan",
    "SpectrumStack",
    "deep_plan",
    "general_plan",
    "layer_shares",
    "deep_spectrum",
    "shares_of",
    "root_spectrum",
    "row_space",
    "sampled_spectrum",
    "spectra_of",
    "spectrum",
    "spectrum_plan",
    "spectrum_with_error",
    "stacked_spectra",
    "stacked_spectra_with_error",
]
