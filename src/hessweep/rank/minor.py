"""A minor of `grad_theta y` that is proved not to be zero: lower bounds for analytic networks."""

import numpy as np
from flint import arb, arb_mat
from jaxtyping import Float, Int
from numpy import ndarray

from hessweep import blas
from hessweep.networks import Network, require_plain
from hessweep.rank import ball
from hessweep.rank.float64 import ROUNDOFF
from hessweep.rank.structure import independent_parameters

SEED = 20251215
"""Seed of the random points. It is fixed, so that a certificate is the same in every run."""

FLOAT64_ONLY = 500
"""Size of a minor above which only float64 is tried."""


def has_minor(network: Network, rank: int) -> bool:
    """Return whether a minor of size `rank` of `∂y/∂theta(x_s)` is proved to be non-zero.

    If so, that many gradients are linearly independent functions, and H has at least that rank.
    The minor is tried first in float64, with a rigorous bound on its rounding errors, and then in
    ball arithmetic with growing precision. False means that nothing is decided; it is always the
    result for activations that are not known in ball arithmetic.
    """
    require_plain(network, "has_minor")
    if network.activation.in_balls is None:
        return False
    chosen = np.arange(rank) if rank == network.P else independent_parameters(network)
    if len(chosen) != rank:
        return False
    x = np.random.default_rng(SEED).standard_normal((rank, network.N_i))
    for bits in ball.precisions():
        with ball.working_precision(bits):
            minor = gradient_balls(network, x, chosen)
            if bits == ball.FIRST_BITS and is_nonsingular(*ball.scaled(minor)[:2]):
                return True
            if rank > FLOAT64_ONLY:
                return False
            if ball.inverse(minor) is not None:
                return True
    return False


def gradient_balls(
    network: Network, x: Float[ndarray, "S N_i"], parameters: Int[ndarray, " r"]
) -> arb_mat:
    """Return `∂y/∂theta(x_s)` in ball arithmetic, S x r; non-zero factors W2 are replaced by 1.

    Raises:
        LookupError: If the activation is not known in ball arithmetic.
    """
    require_plain(network, "gradient_balls")
    known = network.activation.in_balls
    if known is None:
        raise LookupError(f"{network.activation} is not known in ball arithmetic")
    points = arb_mat([[arb(value) for value in row] for row in x.tolist()])
    rows = arb_mat([[arb(value) for value in row] for row in network.W1.tolist()])
    u = (points * rows.transpose()).table()
    output = [arb(int(value != 0)) for value in network.W2.tolist()]
    table = []
    for x_s, u_s in zip(points.table(), u, strict=True):
        slopes = [known.derivative(v) * active for v, active in zip(u_s, output, strict=True)]
        row = [x_n * slope for slope in slopes for x_n in x_s] + [known.g(v) for v in u_s]
        table.append([row[i] for i in parameters.tolist()])
    return arb_mat(table)


def is_nonsingular(mid: Float[ndarray, "n n"], rad: Float[ndarray, "n n"]) -> bool:
    """Return whether float64 proves that all matrices in `mid ± rad` are nonsingular.

    With an approximate inverse R it suffices that `‖1 - R A‖ < 1` for each matrix A, in the
    maximal row sum norm (docs/ranks.md, eq. 5). The rounding errors of the entries of `R A` are
    at most `n u |R| |A|`.
    """
    n = len(mid)
    scale = np.ldexp(1.0, -np.frexp(np.abs(mid).max(axis=0))[1])  # exact: powers of two
    mid, rad = mid * scale, rad * scale
    try:
        R = blas.inv(mid)
    except np.linalg.LinAlgError:
        return False
    residual = np.abs(np.eye(n) - R @ mid).sum(axis=1)
    size = np.abs(R)
    rounding = size @ ((n + 3) * ROUNDOFF * np.abs(mid) + rad).sum(axis=1)
    # The last factor covers the rounding errors of the sums.
    return bool(((residual + rounding) * (1 + 4 * n * ROUNDOFF) < 1).all())
