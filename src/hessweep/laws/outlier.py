"""The eigenvalue that grows with the network where `E g ≠ 0` (docs/laws.md)."""

import numpy as np

from hessweep.activations import Activation
from hessweep.laws.coefficients import Coefficients, coefficients
from hessweep.networks import check_sizes


def outlier_mean(activation: str | Activation, N_i: int, N_h: int) -> float | None:
    """Return the mean of the largest eigenvalue, for normal weights; None where `E g = 0`.

    With `γ = N_h/N_i`, and c1 as in docs/laws.md, sec. 12,

        E λ = N_h h_0² + γ (h_0 h_4/2 + h_2²) + h_2² + E g² - h_0² + c1/N_h + O(1/N²),

    by perturbation, not proved. It needs `N_h h_0²` large beside the other eigenvalues of order
    one.

    Raises:
        ShapeError: If a size is below 1.
        ActivationError: If the activation is unknown.
    """
    check_sizes(N_i, N_h)
    c = coefficients(activation)
    h0, h2, h4 = (float(c.h[l]) for l in (0, 2, 4))  # noqa: E741
    if not h0:
        return None
    ratio = N_h / N_i
    constant = ratio * (h0 * h4 / 2 + h2**2) + h2**2 + c.squared_mean - h0**2
    return float(N_h * h0**2 + constant + _next_order(c, ratio, constant) / N_h)


def _next_order(c: Coefficients, ratio: float, constant: float) -> float:
    """Return the c1 of `outlier_mean` (docs/laws.md, sec. 12).

    Everything is expanded in the `p_m = |w_m|²`, of mean 1 and variance `2/N_i`.
    """
    h0, h1, h2, _, h4, _, h6, _, h8 = (float(h) for h in c.h[:9])
    variance = c.squared_mean - h0**2
    # First and second derivatives in p of h_0², of the variance of g(√p z), and of h_0 h_2.
    square, square_1, square_2 = h0**2, h0 * h2, (h2**2 + h0 * h4) / 2
    variance_1 = c.square_2 / 2 - square_1
    variance_2 = c.square_4 / 4 - square_2
    product_2 = h2**2 + 0.75 * h2 * h4 + h0 * h4 + h0 * h6 / 4
    # Degree 0 with itself.
    itself = ratio**2 * (h2 * h4 + h0 * h6 / 3 + (h0 * h8 + 4 * h2 * h6 + 3 * h4**2) / 16)
    itself += ratio * (2 * h2 * h4 + h4**2 / 2 + h2 * h6 / 2)
    # Degree 0 with all others: the same neuron twice, then two neurons in degrees 2 and 4.
    others = ratio * (square_2 * variance + 2 * square_1 * variance_1 + square * variance_2)
    others += square_1 * (c.square_2 - 2 * square_1)
    others += square_1 * (ratio**2 * product_2 + ratio * h2 * (h4 + 2 * h2))
    others += ratio**2 * (h0 * h4) ** 2 / 8 - ratio * square_1**2 / 2
    # Third order, and the shift of the eigenvalue in the denominator of the second.
    second = variance + ratio * h2**2 / 2
    third = second**2 + (1 + ratio) * h1**4
    return itself + (others - second * constant + third) / square


def outlier_std(activation: str | Activation, N_i: int, N_h: int) -> float | None:
    """Return the standard deviation of that eigenvalue, `|h_0 h_2| √(2γ)` in the limit.

    The variance includes its terms of order 1/N (docs/laws.md, sec. 12), by perturbation.

    Raises:
        ShapeError: If a size is below 1.
        ActivationError: If the activation is unknown.
    """
    check_sizes(N_i, N_h)
    c = coefficients(activation)
    h0, h1, h2, _, h4, _, h6 = (float(h) for h in c.h[:7])
    if not h0:
        return None
    ratio = N_h / N_i
    # Derivatives of h_0² in p, and what a change of all p adds to the rest of the eigenvalue.
    first, second, third = h0 * h2, (h2**2 + h0 * h4) / 2, (3 * h2 * h4 + h0 * h6) / 4
    rest = c.square_2 / 2 - first + ratio * h2 * (2 * h2 + h4) / 2 + h2**2 + h2 * h4
    variance = 2 * ratio * first**2
    variance += ratio / N_i * (8 * first * second + 2 * second**2 + 4 * first * third)
    variance += (4 * first * rest + 2 * h1**4) / N_i + 2 * h2**4 / N_h
    # Too few neurons for the expansion: the limit is all there is.
    return float(np.sqrt(variance if variance > 0 else 2 * ratio * first**2))
