"""Claims on what the Hessian is and how it is built (App. A.1, A.3, D), on teachers drawn here."""

import numpy as np
import xarray as xr
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.claims.claim import Claim, corrected, verdict
from hessweep.claims.entries import distance, quadrature
from hessweep.hessian import blocks, hessian
from hessweep.networks import Network, sample_teacher, sample_weights

TEACHERS = 20

SMALL = (2, 3)
"""(N_i, N_h) of the teachers whose averages are taken by quadrature."""

NODES = 24
"""Quadrature nodes for each input: exact for cubic networks."""

PATTERN = (6, 4)
"""(N_i, N_h) of the teachers whose block A is looked at."""

ACCURATE = 1e-10
"""Relative distance up to which two matrices or spectra are the same."""


def fisher_matrix(network: Network) -> Float[ndarray, "P P"]:
    """Return the Fisher matrix of the model `y ~ N(y(x), 1)` with standard normal inputs.

    It is the average of the outer product of the score, `∇ log p = (y - y(x)) phi`, over inputs
    and over the noise `y - y(x)`, both by quadrature.
    """
    x, w = quadrature(network.N_i, NODES)
    noise, of_noise = quadrature(1, 4)
    score = noise[:, 0, None, None] * network.gradient(x)
    return np.einsum("s,x,sxi,sxj->ij", of_noise, w, score, score, optimize=True)


def tangent_kernel(network: Network) -> Float[ndarray, "n n"]:
    """Return the neural tangent kernel `phi(x).phi(x')` on quadrature nodes.

    Rows and columns are multiplied by the roots of the weights, so that its eigenvalues are those
    of the kernel as an operator on functions of normal inputs.
    """
    x, w = quadrature(network.N_i, NODES)
    phi = np.sqrt(w)[:, None] * network.gradient(x)
    return phi @ phi.T


def fisher_and_kernel(results: xr.DataTree) -> Claim:  # noqa: ARG001 - needs no stored point
    """App. D, eq. (19): the Fisher matrix, and the spectrum of the neural tangent kernel."""
    fisher, kernel = [], []
    for seed in range(TEACHERS):
        network = sample_teacher("cubic", *SMALL, seed)
        H = hessian(network)
        fisher.append(distance(fisher_matrix(network), H))
        of_kernel = blas.eigvalsh(tangent_kernel(network))
        padded = np.zeros(len(of_kernel))
        padded[-network.P :] = blas.eigvalsh(H)
        kernel.append(distance(of_kernel, padded))
    return Claim(
        "App. D, eq. (19)",
        "H is the Fisher matrix of the model with unit normal noise, and has the non-zero "
        "eigenvalues of the neural tangent kernel",
        f"cubic, (N_i, N_h) = {SMALL}: relative distance of the Fisher matrix to H at most "
        f"{max(fisher):.0e}; of the kernel's {NODES ** SMALL[0]} eigenvalues to those of H and "
        f"zeros at most {max(kernel):.0e}",
        TEACHERS,
        f"distances at most {ACCURATE:g}",
        verdict(max(fisher + kernel) <= ACCURATE),
    )


def block_pattern(results: xr.DataTree) -> Claim:  # noqa: ARG001 - needs no stored point
    """App. A.1: how often the pattern of block A repeats."""
    N_i, N_h = PATTERN
    outside = np.zeros(2, dtype=int)
    for seed in range(TEACHERS):
        A = blocks(sample_teacher("linear", N_i, N_h, seed)).A
        row, column = np.nonzero(A)
        outside += [np.sum((row - column) % step != 0) for step in (N_i, N_h)]
    entries = TEACHERS * N_h**2 * N_i
    return Claim(
        "App. A.1",
        "block A of the linear network repeats a pattern; right every N_i steps, not N_h",
        f"of {entries} non-zero entries {outside[0]} lie off the diagonals N_i apart, "
        f"{outside[1]} off those N_h apart",
        TEACHERS,
        "no entry lies off the diagonals N_i apart, some off those N_h apart",
        corrected(bool(outside[0] == 0 < outside[1])),
    )


def kernel_of_first_layer(results: xr.DataTree) -> Claim:  # noqa: ARG001 - needs no stored point
    """App. A.3: when W1 maps an input to zero."""
    sizes = {"N_i < N_h": (6, 8), "N_i = N_h": (7, 7), "N_i > N_h": (8, 6)}
    trivial = {
        name: sum(_has_trivial_kernel(sample_weights(*size, seed)[0]) for seed in range(TEACHERS))
        for name, size in sizes.items()
    }
    holds = [*trivial.values()] == [TEACHERS, TEACHERS, 0]
    return Claim(
        "App. A.3",
        "the kernel of W1 is non-trivial for N_i >= N_h; right for N_i > N_h",
        f"of {TEACHERS} teachers at each size the kernel is {{0}} for "
        + ", ".join(f"{count} at {name} {sizes[name]}" for name, count in trivial.items()),
        TEACHERS * len(sizes),
        "the kernel is {0} in every teacher with N_i <= N_h and in none with N_i > N_h",
        corrected(holds),
    )


def _has_trivial_kernel(W1: Float[ndarray, "N_h N_i"]) -> bool:
    """Return whether `W1 x = 0` has no solution but 0, beyond the rounding errors of float64."""
    N_h, N_i = W1.shape
    singular = blas.svd(W1, compute_uv=False)
    rounding = 10 * N_h * N_i * np.finfo(float).eps * singular[0]
    return bool(np.sum(singular > rounding) == N_i)


CLAIMS = (fisher_and_kernel, block_pattern, kernel_of_first_layer)
