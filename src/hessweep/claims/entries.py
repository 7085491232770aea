"""Claims on the entries of the Hessian, eqs (8)-(13) and (16)-(18), on teachers drawn here.

Each equation is written out as the paper has it, apart from the code that computes Hessians, and
is compared with the average of `phi phi^T` over inputs by Gauss-Hermite quadrature.
"""

from collections.abc import Callable

import numpy as np
import xarray as xr
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import activation
from hessweep.claims.claim import Claim, Verdict, corrected, verdict
from hessweep.hessian import hessian
from hessweep.networks import Network, sample_teacher

TEACHERS = 20
SIZE = (2, 3)
"""(N_i, N_h) of these teachers; two inputs, so that quadrature has few nodes."""

NODES = 100
"""Quadrature nodes for each input: exact for polynomials, and to some 1e-13 for erf."""

ACCURATE = 1e-10
"""Relative distance up to which two Hessians are the same."""

RULE = f"distances at most {ACCURATE:g}"


def quadrature(
    N_i: int, nodes: int = NODES
) -> tuple[Float[ndarray, "n N_i"], Float[ndarray, " n"]]:
    """Return nodes and weights of the average over `N_i` standard normal inputs."""
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    grid = np.stack(np.meshgrid(*[x] * N_i, indexing="ij"), axis=-1).reshape(-1, N_i)
    weights = np.prod(np.stack(np.meshgrid(*[w] * N_i, indexing="ij"), axis=-1), axis=-1)
    return grid, weights.ravel() / weights.sum()


def averaged_hessian(network: Network) -> Float[ndarray, "P P"]:
    """Return the average of `phi phi^T` over inputs, by quadrature."""
    x, w = quadrature(network.N_i)
    phi = network.gradient(x)
    return (phi * w[:, None]).T @ phi


def _matrix(network: Network, A: ndarray, B: ndarray, C: ndarray) -> Float[ndarray, "P P"]:
    """Return H from `A[m, n, p, q]`, `B[k, j]` and `C[m, n, k]`."""
    P1 = network.W1.size
    A, C = A.reshape(P1, P1), C.reshape(P1, -1)
    return np.block([[A, C], [C.T, B]])


def linear_entries(network: Network) -> Float[ndarray, "P P"]:
    """Return H by eqs (8)-(10)."""
    W1, W2 = network.W1, network.W2
    A = np.einsum("m,p,nq->mnpq", W2, W2, np.eye(network.N_i))
    return _matrix(network, A, W1 @ W1.T, np.einsum("m,kn->mnk", W2, W1))


def quadratic_entries(
    network: Network, epsilon: float, *, printed: bool = False
) -> Float[ndarray, "P P"]:
    """Return H by eqs (11)-(13).

    Args:
        network: A quadratic network, `g(x) = x + epsilon x²`.
        epsilon: Its coefficient.
        printed: Whether to leave out the factors `W2_m W2_p` and `W2_m` of the ε² terms of
            blocks A and C, as the paper does.
    """
    W1, W2, I = network.W1, network.W2, np.eye(network.N_i)  # noqa: E741 - the paper's symbol
    c = W1 @ W1.T
    p = np.diag(c)
    B = c + epsilon**2 * (np.outer(p, p) + 2 * c**2)
    factor = np.ones_like(W2) if printed else W2
    tensor = (
        np.einsum("mp,nq->mnpq", c, I)
        + np.einsum("pn,mq->mnpq", W1, W1)
        + np.einsum("mn,pq->mnpq", W1, W1)
    )
    A = np.einsum("m,p,nq->mnpq", W2, W2, I)
    A = A + 4 * epsilon**2 * np.einsum("m,p,mnpq->mnpq", factor, factor, tensor)
    C = np.einsum("m,kn->mnk", W2, W1)
    C = C + epsilon**2 * (
        4 * np.einsum("m,km,kn->mnk", factor, c, W1) + 2 * np.einsum("m,k,mn->mnk", factor, p, W1)
    )
    return _matrix(network, A, B, C)


def erf_entries(network: Network) -> Float[ndarray, "P P"]:
    """Return H by eqs (16)-(18), with `D = (1 + |w|²)(1 + |w'|²) - (w.w')²`."""
    W1, W2 = network.W1, network.W2
    c = W1 @ W1.T
    a = 1 + np.diag(c)
    D = np.outer(a, a) - c**2
    B = erf_second_block(network)
    # In block A, row w_m and column w_p: (2/π) W2_m W2_p (D I + c (w_p w_m^T + w_m w_p^T)
    # - a_p w_m w_m^T - a_m w_p w_p^T) / D^(3/2).
    tensor = (
        np.einsum("mp,nq->mnpq", D, np.eye(network.N_i))
        + np.einsum("mp,pn,mq->mnpq", c, W1, W1)
        + np.einsum("mp,mn,pq->mnpq", c, W1, W1)
        - np.einsum("p,mn,mq->mnpq", a, W1, W1)
        - np.einsum("m,pn,pq->mnpq", a, W1, W1)
    )
    A = np.einsum("m,p,mp,mnpq->mnpq", W2, W2, 2 / np.pi / D**1.5, tensor)
    C = (2 / np.pi) * (
        np.einsum("m,mk,kn->mnk", W2, 1 / np.sqrt(D), W1)
        - np.einsum("m,mk,mn->mnk", W2, c / a[:, None] / np.sqrt(D), W1)
    )
    return _matrix(network, A, B, C)


def erf_second_block(network: Network, sign: int = 1) -> Float[ndarray, "N_h N_h"]:
    """Return block B of an erf network, an arctangent (eq. 17), with the given sign."""
    c = network.W1 @ network.W1.T
    a = 1 + np.diag(c)
    return sign * (2 / np.pi) * np.arctan(c / np.sqrt(np.outer(a, a) - c**2))


def distance(one: ndarray, other: ndarray) -> float:
    """Return the distance of two matrices relative to the second one, in Frobenius norms."""
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


def _agreement(
    source: str, claim: str, entries: Callable[[Network], ndarray], name: str, **parameters: float
) -> Claim:
    """Compare equations with quadrature, and with the Hessian as hessweep computes it."""
    averages, computed = [], []
    for seed in range(TEACHERS):
        network = sample_teacher(activation(name, **parameters), *SIZE, seed)
        H = entries(network)
        averages.append(distance(H, averaged_hessian(network)))
        computed.append(distance(H, hessian(network)))
    worst = max(averages + computed)
    return Claim(
        source,
        claim,
        f"largest relative distance to the average of phi phi^T over inputs "
        f"{max(averages):.0e}, to the computed H {max(computed):.0e}",
        TEACHERS,
        RULE,
        verdict(worst <= ACCURATE),
    )


def linear_hessian(results: xr.DataTree) -> Claim:  # noqa: ARG001 - needs no stored point
    """Eqs (8)-(10)."""
    return _agreement("eqs (8)-(10)", "entries of the linear H", linear_entries, "linear")


def erf_hessian(results: xr.DataTree) -> Claim:  # noqa: ARG001 - needs no stored point
    """Eqs (16)-(18)."""
    return _agreement("eqs (16)-(18)", "entries of the H of erf", erf_entries, "erf")


def quadratic_hessian(results: xr.DataTree) -> Claim:  # noqa: ARG001 - needs no stored point
    """Eqs (11)-(13), the last two as printed and as corrected."""
    epsilon = 0.5
    as_printed, right = [], []
    for seed in range(TEACHERS):
        network = sample_teacher(activation("quadratic", epsilon=epsilon), *SIZE, seed)
        average = averaged_hessian(network)
        as_printed.append(distance(quadratic_entries(network, epsilon, printed=True), average))
        right.append(distance(quadratic_entries(network, epsilon), average))
        right.append(distance(hessian(network), average))
    return Claim(
        "eqs (11)-(13)",
        "entries of the quadratic H; the ε² terms of blocks A and C are printed without the "
        "factors W2_m W2_p and W2_m (eqs 12, 13)",
        f"relative distance to the average of phi phi^T over inputs: printed "
        f"{min(as_printed):.2f} to {max(as_printed):.2f}, corrected at most {max(right):.0e}",
        TEACHERS,
        f"corrected at most {ACCURATE:g}, printed more",
        corrected(max(right) <= ACCURATE < min(as_printed)),
    )


def erf_arctangent(results: xr.DataTree) -> Claim:  # noqa: ARG001 - needs no stored point
    """App. C: the sign of the arctangent."""
    distances: dict[int, list[float]] = {-1: [], 1: []}
    for seed in range(TEACHERS):
        network = sample_teacher("erf", *SIZE, seed)
        average = averaged_hessian(network)[network.W1.size :, network.W1.size :]
        for sign, found in distances.items():
            found.append(distance(erf_second_block(network, sign), average))
    holds: Verdict = corrected(max(distances[1]) <= ACCURATE < min(distances[-1]))
    return Claim(
        "App. C",
        "E[g(w.x) g(w'.x)] of erf by an arctangent; printed with the wrong sign (in A, B, F), "
        "right in eq. (17)",
        f"relative distance to the average over inputs: with the sign of eq. (17) at most "
        f"{max(distances[1]):.0e}, with the other sign {min(distances[-1]):.2f}",
        TEACHERS,
        f"with the sign of eq. (17) at most {ACCURATE:g}, with the other more",
        holds,
    )


CLAIMS = (linear_hessian, quadratic_hessian, erf_hessian, erf_arctangent)
