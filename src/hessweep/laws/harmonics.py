"""Block A of a teacher by degrees of Gegenbauer polynomials (docs/laws.md, "One teacher").

The kernel of block A is `Σ_l α_l c^(l-1)` in the cosine c of two neurons. A power of c has
components of all lower degrees of the same parity: with Gegenbauer polynomials `G_k(1) = 1`

    c^n = Σ_k B[n, k] G_k(c),    c G_k = ((k + N_i - 2) G_{k+1} + k G_{k-1})/(2k + N_i - 2),

so that degree 4 adds `3/(N_i + 2)` of its part to the symmetric part of degree 2.
"""

from math import comb, factorial

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.laws.local import ORDERS, LocalCoefficients

FIRST_SHELL = 3
"""The least degree that is replaced by a free matrix."""
LEAST_LEFT = 0.25
"""Part of a degree below which nothing is known of what is left of it to the bulk."""
NOTHING = 1e-6
"""Part of the square of `z g'` below which it is a multiple of g."""


def harmonics(N_i: int, degree: int) -> int:
    """Return the dimension of the harmonic polynomials of one degree, but at least 1."""
    return max(comb(N_i + degree - 1, degree) - comb(N_i + degree - 3, degree - 2), 1)


def dimensions_of_the_bulk(
    local: LocalCoefficients, N_i: int, symmetric: bool
) -> Float[ndarray, " orders"]:
    """Return the dimensions of each degree from 3 on that are left to the bulk; 0 if unknown.

    Eigenvectors are functions of the inputs. The N_h eigenvalues of block B take the functions
    `g(w_m x)`, and the N_h special directions `z g'(z)` beside `g`, where there is any: each
    degree from 3 on loses in proportion to its share in the two.
    """
    N_h, degrees = len(local.p), np.arange(ORDERS)
    weights = np.array([1 / factorial(degree) for degree in degrees]) * (degrees > 1)
    value = local.h.mean(axis=1)
    turned = degrees * value + np.r_[value[2:], 0, 0]
    turned[-2:] = 0
    part = (weights * turned) @ value / (weights @ value**2)
    shares = [weights * value**2]
    beside = weights * (turned - part * value) ** 2
    special = bool(beside.sum() > NOTHING * (weights @ turned**2))
    if special:
        shares.append(beside)
    # Hermite polynomials give the exact number of zeros of cubic networks.
    whole = np.zeros(ORDERS)
    for degree in degrees[FIRST_SHELL:]:
        hermite = comb(N_i + degree - 1, degree)
        whole[degree] = hermite if symmetric and special else harmonics(N_i, degree)
    left = whole.copy()
    for share in shares:
        higher = share[FIRST_SHELL:]
        left[FIRST_SHELL:] -= N_h * higher / max(higher.sum(), np.finfo(float).tiny)
    return np.where(left > LEAST_LEFT * whole, left, 0)


def harmonic_parts(local: LocalCoefficients, N_i: int) -> Float[ndarray, "orders N_h"]:
    """Return the parts of `E g'(√p z)²` by degree of the Gegenbauer polynomials."""
    alphas = np.array([local.alpha(degree) for degree in range(1, ORDERS)])
    return np.asarray(_powers(N_i).T @ alphas)


def harmonic_matrices(
    local: LocalCoefficients,
    W1: Float[ndarray, "N_h n"],
    W2: Float[ndarray, " N_h"],
    N_i: int,
) -> Float[ndarray, "shells N_h N_h"]:
    """Return `(W2 W2^T) ∘ K_c`, times N_h, for each degree of Gegenbauer polynomials from 2 on.

    The diagonal of each is χ times a row of `harmonic_parts`.
    """
    root = np.sqrt(local.p)
    cosine = (W1 @ W1.T) / np.outer(root, root)
    np.fill_diagonal(cosine, 1.0)
    polynomials = [np.ones_like(cosine), cosine]
    for k in range(1, ORDERS - 2):
        # With one input there are no harmonics from degree 2 on, and the parts are zero.
        raised = (2 * k + N_i - 2) * cosine * polynomials[k] - k * polynomials[k - 1]
        polynomials.append(raised / max(k + N_i - 2, 1))
    columns, powers = _columns(local, W2), _powers(N_i)
    kernels = ((columns * powers[:, k]) @ columns.T for k in range(2, ORDERS - 1))
    return np.array([kernel * polynomials[k] for k, kernel in enumerate(kernels, start=2)])


def constant_part(
    local: LocalCoefficients, W2: Float[ndarray, " N_h"], N_i: int
) -> tuple[float, Float[ndarray, " N_h"]]:
    """Return eigenvalue and eigenvector of the same matrix for degree 0, which is of rank 1.

    That is so where all neurons have the same `|w|²`; otherwise it is the larger part.
    """
    columns = _columns(local, W2)
    values, vectors = blas.eigh((columns * _powers(N_i)[:, 0]) @ columns.T)
    return max(float(values[-1]), 0.0), np.asarray(vectors[:, -1])


def _columns(
    local: LocalCoefficients, W2: Float[ndarray, " N_h"]
) -> Float[ndarray, "N_h degrees"]:
    """Return the factors of each neuron in `(W2 W2^T) ∘ K_c`, times N_h, by powers of a cosine."""
    degrees = np.array([np.sqrt(float(factorial(degree - 1))) for degree in range(1, ORDERS)])
    return np.sqrt(len(W2)) * (W2 / np.sqrt(local.p))[:, None] * local.h[1:].T / degrees


def _powers(N_i: int) -> Float[ndarray, "orders degrees"]:
    """Return B: row n expands the n-th power of a cosine."""
    B = np.zeros((ORDERS - 1, ORDERS))
    B[0, 0] = 1.0
    k = np.arange(1, ORDERS - 1)
    for n in range(1, ORDERS - 1):
        B[n, 1] = B[n - 1, 0]
        B[n, k + 1] += B[n - 1, k] * (k + N_i - 2) / (2 * k + N_i - 2)
        B[n, k - 1] += B[n - 1, k] * k / (2 * k + N_i - 2)
    return B
