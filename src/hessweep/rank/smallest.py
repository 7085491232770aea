"""The smallest non-zero eigenvalue, with a bound on its relative error."""

from operator import attrgetter
from typing import NamedTuple

import numpy as np
from flint import arb, arb_mat
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import linalg

from hessweep import blas
from hessweep.blas import with_threads_for
from hessweep.hessian import hessian
from hessweep.networks import Network
from hessweep.rank import ball
from hessweep.rank.general_ball import general_hessian, has_offset_kernel
from hessweep.rank.structure import independent_parameters
from hessweep.spectrum import Spectrum

GOOD = 1e-2
"""If the relative error in float64 is at most this, nothing more is computed."""

LARGEST = 400
"""Number of parameters up to which balls are tried: an inverse then takes some seconds."""


class SmallestEigenvalue(NamedTuple):
    """The smallest non-zero eigenvalue of H, and a bound on its relative error."""

    value: float
    """The eigenvalue; 0 if it is only known to be positive and tiny."""
    relative_error: float
    """A bound on `|value - truth| / truth`; 1 if the value is 0."""
    method: str
    """`float64`, or `ball` if ball arithmetic encloses it and so proves it to be positive."""


def smallest_eigenvalue(
    network: Network, spectrum: Spectrum, rank: int, relative_error: float = GOOD
) -> SmallestEigenvalue:
    """Return the smallest non-zero eigenvalue of a Hessian of known rank.

    Args:
        network: The network.
        spectrum: Its spectrum in float64.
        rank: The rank of its Hessian; the eigenvalue is the `rank`-th largest.
        relative_error: If float64 is this accurate, nothing more is computed.

    Returns:
        The eigenvalue from float64 if that is accurate enough, and otherwise from an inverse in
        ball arithmetic. If that is not known for the network (`has_balls`), it is the one from
        float64, whatever its error. For a network of rank 0, which has no such eigenvalue, the
        value is 0.
    """
    if rank == 0:
        return SmallestEigenvalue(0.0, 0.0, "float64")
    [value], [error] = in_float64(spectrum.eigenvalues[None], np.array([spectrum.error]), rank)
    rough = SmallestEigenvalue(float(value), float(error), "float64")
    if error <= relative_error or not has_balls(network):
        return rough
    return enclosed_smallest_eigenvalue(network, rank, relative_error) or rough


def in_float64(
    eigenvalues: Float[ndarray, "S P"], error: Float[ndarray, " S"], rank: int
) -> tuple[Float[ndarray, " S"], Float[ndarray, " S"]]:
    """Return the `rank`-th largest eigenvalue of each spectrum, and a bound on its relative error.

    Both are 0 and 1 where the eigenvalue is only known to be positive and tiny.

    Args:
        eigenvalues: Spectra in ascending order.
        error: A bound on the absolute error of the eigenvalues of each.
        rank: At least 1.
    """
    value = eigenvalues[:, eigenvalues.shape[1] - rank]
    # |value - truth| <= error and truth >= value - error
    room = value - error
    relative = np.divide(error, room, out=np.full(value.shape, np.inf), where=value > error)
    known = relative < 1
    return np.where(known, value, 0.0), np.where(known, relative, 1.0)


def has_balls(network: Network) -> bool:
    """Return whether the Hessian is known in ball arithmetic, and small enough to be inverted.

    For networks with biases, several outputs or other inputs that needs the kernel with offsets.
    """
    known = ball.has_kernel if network.is_plain else has_offset_kernel
    return network.P <= LARGEST and known(network.activation)


@with_threads_for(attrgetter("P"))
def enclosed_smallest_eigenvalue(
    network: Network, rank: int, relative_error: float = GOOD
) -> SmallestEigenvalue | None:
    """Return the smallest non-zero eigenvalue from ball arithmetic, or None if it is not found.

    Let I be `rank` parameters with independent gradients, and `H = S G S^T` with `G = H_II` and
    `S = H_{:I} G^{-1}`. The non-zero eigenvalues of H are those of `G S^T S`, so the smallest is
    the inverse of the largest eigenvalue of `G^{-1} v = mu (S^T S) v` (docs/ranks.md, eq. 6). Once
    `G^{-1}` is known, that problem is well-conditioned in float64.

    Raises:
        LookupError: If the activation is not known in ball arithmetic.
    """
    in_balls = ball.hessian if network.is_plain else general_hessian
    choices = _choices(network, rank)
    last = np.inf
    for bits in ball.precisions():
        with ball.working_precision(bits):
            H = in_balls(network)
            found = next(filter(None, (_from_inverse(H, chosen) for chosen in choices)), None)
        if found is None:
            continue
        # If more bits do not help, the remaining error is that of the last step, in float64.
        if found.relative_error <= relative_error or found.relative_error > last / 2:
            return found
        last = found.relative_error
    return None


def _choices(network: Network, rank: int) -> list[Int[ndarray, " rank"]]:
    """Return sets of parameters that may be independent, the best conditioned first.

    For activations with a `theory` the entries of S are 0 or ±1, with few exceptions. For
    polynomials, pivoting in float64 keeps S small, but chooses wrongly if eigenvalues are below
    its rounding errors; then the inverse does not exist, and ball arithmetic notices that. The
    exact pivots are always right. Networks with biases, several outputs or other inputs have
    pivots in float64 alone.
    """
    if rank == network.P:
        return [np.arange(rank)]
    if network.is_plain and network.activation.polynomial is None:
        return _as_many([independent_parameters(network)], rank)
    _, _, order = blas.pivoted_qr(hessian(network))
    choices = [np.sort(order[:rank])]
    if network.is_plain:
        choices.append(independent_parameters(network)[:rank])
    else:  # for exp, the gradient by a hidden bias is a multiple of that by W2
        hidden_biases = np.arange(network.P)[network.layout.b1]
        choices.append(np.setdiff1d(np.arange(network.P), hidden_biases))
    return _as_many(choices, rank)


def _as_many(choices: list[Int[ndarray, " r"]], rank: int) -> list[Int[ndarray, " rank"]]:
    """Leave out choices with fewer parameters than the rank, from which nothing follows.

    Pivots modulo a prime may miss parameters: 2^-61 and 1 are the same number modulo 2^61 - 1.
    """
    return [chosen for chosen in choices if len(chosen) == rank]


def _from_inverse(H: arb_mat, chosen: Int[ndarray, " r"]) -> SmallestEigenvalue | None:
    if len(chosen) == H.nrows():
        rows, G = H.table(), H
    else:
        of_all = H.table()
        rows = [of_all[i] for i in chosen.tolist()]
        G = arb_mat([[row[j] for j in chosen.tolist()] for row in rows])
    X = ball.inverse(G)
    if X is None:
        return None
    mid, rad, exponent = ball.scaled(X, symmetric=True)
    if len(chosen) == H.nrows():
        mu, error = _largest(mid, rad, None, None)
    else:
        S = X * arb_mat(rows)
        N, N_rad = _gram(S * S.transpose())
        if not (np.isfinite(N).all() and np.isfinite(N_rad).all()):
            return None  # the chosen gradients are so badly conditioned that float64 overflows
        try:
            mu, error = _largest(mid, rad, N, N_rad)
        except linalg.LinAlgError:  # N is nearly singular in float64
            return None
    if not error < mu:
        return None
    value = arb(1) / (arb(mu, error) * arb(2) ** exponent)
    middle = float(value.mid())
    if (
        middle < np.finfo(float).tiny
    ):  # too small for float64: the value 0 has a relative error of 1
        return SmallestEigenvalue(0.0, 1.0, "ball")
    relative = float(value.rad() / value.abs_lower())
    return SmallestEigenvalue(middle, relative + 2.0**-52, "ball")


def _gram(N: arb_mat) -> tuple[Float[ndarray, "r r"], Float[ndarray, "r r"]]:
    mid, rad, exponent = ball.scaled(N, symmetric=True)
    with np.errstate(over="ignore"):
        return np.ldexp(mid, exponent), np.ldexp(rad, exponent)


def _largest(
    X: Float[ndarray, "r r"],
    X_rad: Float[ndarray, "r r"],
    N: Float[ndarray, "r r"] | None,
    N_rad: Float[ndarray, "r r"] | None,
) -> tuple[float, float]:
    """Return the largest eigenvalue mu of `X v = mu N v`, N >= 1, and a bound on its error.

    The error of the solver is bounded by `(8 r + 600) r u` times a norm, as in
    `float64.solver_bound`. The error of `N` enters as `mu` times its norm, because `N >= 1` bounds
    the norm of its inverse by 1.
    """
    r = len(X)
    unit = (8 * r + 600) * r * 2.0**-53
    X = (X + X.T) / 2
    X_error = np.linalg.norm(X_rad) + unit * np.linalg.norm(X)
    if N is None or N_rad is None:
        return float(blas.eigvalsh(X)[-1]), float(X_error)
    N = (N + N.T) / 2
    mu = float(blas.scipy_eigh(X, N, eigvals_only=True, subset_by_index=[r - 1, r - 1])[0])
    with np.errstate(over="ignore"):  # then the bound is infinite, and nothing is enclosed
        N_error = np.linalg.norm(N_rad) + unit * np.linalg.norm(N)
    return mu, float(X_error + mu * N_error * 2)
