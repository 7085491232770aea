"""Means of the ramp `max(x, 0)` and its derivatives at two normal variables with offsets.

ReLU is the ramp itself. GELU is the ramp smoothed by a normal variable of variance 1, minus the
normal density, which is the second derivative of the smoothed ramp.
"""

import numpy as np

from hessweep.activations.bivariate_normal import (
    Correlated,
    Values,
    density,
    normal_derivatives,
    step_derivatives,
)


def ramp_means(pair: Correlated, highest: int) -> dict[tuple[int, int], Values]:
    """Return `R_ij = ∂_b^i ∂_d^j E[max(U + b, 0) max(V + d, 0)]` for all `i + j <= highest`.

    Args:
        pair: The two variables, with the variance of any smoothing included in P and Q.
        highest: The largest `i + j`, at least 2.
    """
    P, Q, c, D, b, d = pair
    S = step_derivatives(pair, max(highest, 2))
    R = {(i + 1, j + 1): value for (i, j), value in S.items() if i + j <= highest - 2}
    R[0, 0] = (b * d + c) * S[0, 0] + P * d * S[1, 0] + Q * b * S[0, 1] + D * S[1, 1]
    R[0, 1] = b * S[0, 0] + P * S[1, 0] + c * S[0, 1]
    R[1, 0] = d * S[0, 0] + Q * S[0, 1] + c * S[1, 0]
    # The mean of max(U + b, 0) given V + d = 0, times the density of V + d at 0.
    R[0, 2] = (b - c * d / Q) * S[0, 1] + D / Q * S[1, 1]
    R[2, 0] = (d - c * b / P) * S[1, 0] + D / P * S[1, 1]
    for i in range(3, highest + 1):
        R[0, i] = b * S[0, i - 1] + P * S[1, i - 1] + c * S[0, i]
        R[i, 0] = d * S[i - 1, 0] + Q * S[i - 1, 1] + c * S[i, 0]
    return R


def ramp_mean(variance: Values, b: Values, highest: int) -> list[Values]:
    """Return the derivatives `∂_b^i E[max(U + b, 0)]` for i from 0 to `highest`."""
    N = normal_derivatives(variance, b, max(highest - 1, 1))
    root = np.sqrt(variance)
    return [b * N[0] + root * density(b / root), *N][: highest + 1]
