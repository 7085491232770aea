"""The eigenvalue that grows with the network where `E g ≠ 0` (docs/laws.md)."""

import numpy as np

from hessweep.activations import Activation, Polynomial
from hessweep.activations import activation as resolve
from hessweep.laws.coefficients import coefficients
from hessweep.networks import check_sizes


def outlier_mean(activation: str | Activation, N_i: int, N_h: int) -> float | None:
    """Return the mean of the largest eigenvalue, for normal weights; None where `E g = 0`.

    With `γ = N_h/N_i`,

        E λ = N_h h_0² + γ (h_0 h_4/2 + h_2²) + h_2² + E g² - h_0² + O(1/N),

    by second-order perturbation, not proved; for `c x + ε x²` the term of order 1/N is
    included. It needs `N_h h_0²` large beside the other eigenvalues of order one.

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
    mean = N_h * h0**2 + ratio * (h0 * h4 / 2 + h2**2) + h2**2 + c.squared_mean - h0**2
    g = resolve(activation)
    if isinstance(g, Polynomial) and g.degree == 2 and not g.coefficients[0]:
        one, two = g.coefficients[1] ** 2, g.coefficients[2] ** 2
        mean += (
            4 * one + 2 * two * (13 + 4 / ratio + 2 * ratio) + (1 + 1 / ratio) * one**2 / two
        ) / N_i
    return float(mean)


def outlier_std(activation: str | Activation, N_i: int, N_h: int) -> float | None:
    """Return the limiting standard deviation of that eigenvalue, `|h_0 h_2| √(2γ)`.

    Raises:
        ShapeError: If a size is below 1.
        ActivationError: If the activation is unknown.
    """
    check_sizes(N_i, N_h)
    c = coefficients(activation)
    if not c.h[0]:
        return None
    return float(abs(c.h[0] * c.h[2]) * np.sqrt(2 * N_h / N_i))
