"""The smallest non-zero eigenvalue, to a relative error that is known."""

from typing import NamedTuple

import numpy as np
from flint import arb, arb_mat
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import linalg

from hessweep.hessian import hessian
from hessweep.networks import Network
from hessweep.rank import ball
from hessweep.rank.structure import independent_parameters
from hessweep.spectrum import Spectrum

GOOD = 1e-2
"""A relative error up to which a float64 eigenvalue is taken as it is."""

LARGEST = 400
"""Number of parameters up to which balls are tried: an inverse then takes some seconds."""


class SmallestEigenvalue(NamedTuple):
    """The smallest non-zero eigenvalue of H."""

    value: float
    """The eigenvalue; 0 where no more is known than that it is positive and tiny."""
    relative_error: float
    """Bound on `|value - truth| / truth`; 1 where the value is 0."""
    method: str
    """`float64`, or `ball`: enclosed, so that it is proved to be positive."""


def smallest_eigenvalue(
    network: Network, spectrum: Spectrum, rank: int, relative_error: float = GOOD
) -> SmallestEigenvalue:
    """Return the smallest non-zero eigenvalue of a Hessian of known rank.

    Args:
        network: The network.
        spectrum: Its spectrum in float64.
        rank: Its rank; the eigenvalue is the `rank`-th largest.
        relative_error: Where float64 has it to this accuracy, no more is done.

    Returns:
        The eigenvalue from float64 where it is good enough; else from the inverse in ball
        arithmetic; else, for activations without a kernel in balls or more than `LARGEST`
        parameters, again from float64, with the error that it has. 0 for a network of rank 0,
        which has no such eigenvalue.
    """
    if rank == 0:
        return SmallestEigenvalue(0.0, 0.0, "float64")
    value = float(spectrum.eigenvalues[len(spectrum.eigenvalues) - rank])
    # |value - truth| <= error and truth >= value - error
    error = spectrum.error / (value - spectrum.error) if value > spectrum.error else np.inf
    rough = SmallestEigenvalue(value, float(error), "float64")
    if error >= 1:
        rough = SmallestEigenvalue(0.0, 1.0, "float64")
    if error <= relative_error or network.P > LARGEST or not ball.has_kernel(network.activation):
        return rough
    return enclosed_smallest_eigenvalue(network, rank, relative_error) or rough


def enclosed_smallest_eigenvalue(
    network: Network, rank: int, relative_error: float = GOOD
) -> SmallestEigenvalue | None:
    """Return the smallest non-zero eigenvalue from ball arithmetic, or None at its limit.

    Let I be `rank` parameters with independent gradients, and `H = S G S^T` with `G = H_II` and
    `S = H_{:I} G^{-1}`. The non-zero eigenvalues of H are those of `G S^T S`, so the smallest is
    one over the largest eigenvalue of `G^{-1} v = mu (S^T S) v`: well-conditioned in float64
    once `G^{-1}` is known.
    """
    choices = _choices(network, rank)
    last = np.inf
    for bits in ball.precisions():
        with ball.working_precision(bits):
            H = ball.hessian(network)
            found = next(filter(None, (_from_inverse(H, chosen) for chosen in choices)), None)
        if found is None:
            continue
        # Where more bits change nothing, what is left is the last float64 step.
        if found.relative_error <= relative_error or found.relative_error > last / 2:
            return found
        last = found.relative_error
    return None


def _choices(network: Network, rank: int) -> list[Int[ndarray, " rank"]]:
    """Return sets of parameters that may be independent, the better conditioned first.

    For activations with a `theory` the entries of S are 0 or ±1, with few exceptions. For
    polynomials, pivoting in float64 keeps S small, but chooses wrongly if eigenvalues are below
    its rounding errors; then the inverse does not exist, and ball arithmetic notices that. The
    exact pivots are always right.
    """
    if rank == network.P:
        return [np.arange(rank)]
    if network.activation.polynomial is None:
        return [independent_parameters(network)]
    _, _, order = linalg.qr(hessian(network), mode="economic", pivoting=True)
    return [np.sort(order[:rank]), independent_parameters(network)[:rank]]


def _from_inverse(H: arb_mat, chosen: Int[ndarray, " r"]) -> SmallestEigenvalue | None:
    rows = [H.table()[i] for i in chosen.tolist()] if len(chosen) < H.nrows() else H.table()
    G = arb_mat([[row[j] for j in chosen.tolist()] for row in rows])
    X = ball.inverse(G)
    if X is None:
        return None
    mid, rad, exponent = ball.scaled(X)
    if len(chosen) == H.nrows():
        mu, error = _largest(mid, rad, None, None)
    else:
        S = X * arb_mat(rows)
        try:
            mu, error = _largest(mid, rad, *_gram(S * S.transpose()))
        except linalg.LinAlgError:  # N is too near to singular in float64
            return None
    if not error < mu:
        return None
    value = arb(1) / (arb(mu, error) * arb(2) ** exponent)
    middle = float(value.mid())
    if middle < np.finfo(float).tiny:  # below float64: 0 is wrong by all of it
        return SmallestEigenvalue(0.0, 1.0, "ball")
    relative = float(value.rad() / value.abs_lower())
    return SmallestEigenvalue(middle, relative + 2.0**-52, "ball")


def _gram(N: arb_mat) -> tuple[Float[ndarray, "r r"], Float[ndarray, "r r"]]:
    mid, rad, exponent = ball.scaled(N)
    return np.ldexp(mid, exponent), np.ldexp(rad, exponent)


def _largest(
    X: Float[ndarray, "r r"],
    X_rad: Float[ndarray, "r r"],
    N: Float[ndarray, "r r"] | None,
    N_rad: Float[ndarray, "r r"] | None,
) -> tuple[float, float]:
    """Return the largest eigenvalue mu of `X v = mu N v`, N >= 1, and a bound on its error.

    The solver's part is `(8 r + 600) r u` as in `float64.solver_bound`; for `N` it enters with
    the norm of N, since N >= 1 bounds the norm of its inverse by 1.
    """
    r = len(X)
    unit = (8 * r + 600) * r * 2.0**-53
    X = (X + X.T) / 2
    X_error = np.linalg.norm(X_rad) + unit * np.linalg.norm(X)
    if N is None or N_rad is None:
        return float(np.linalg.eigvalsh(X)[-1]), float(X_error)
    N = (N + N.T) / 2
    mu = float(linalg.eigh(X, N, eigvals_only=True, subset_by_index=[r - 1, r - 1])[0])
    N_error = np.linalg.norm(N_rad) + unit * np.linalg.norm(N)
    return mu, float(X_error + mu * N_error * 2)
