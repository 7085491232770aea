"""Ranks of polynomial networks with biases and one output, for generic weights.

A hidden bias turns `g(w.x)` into `g(w.x + b)`, whose gradients are those of a network with one
more input that is always 1. The arguments are in docs/biases.md.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import comb

from hessweep.rank.formulas import Formula, double_points, support_rank


def output_bias_rank(support: tuple[int, ...], N_i: int, N_h: int) -> Formula:
    """Return the rank with an output bias alone: 1, and that of the network without constants.

    Args:
        support: The degrees with a non-zero coefficient.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
    """
    others = support_rank(tuple(d for d in support if d > 0), N_i, N_h)
    return Formula((others.value or 0) + 1, others.kind)


def hidden_bias_rank(
    coefficients: Sequence[float], N_i: int, N_h: int, output_bias: bool
) -> Formula:
    """Return the rank with hidden biases, and one of the output if there is one.

    Args:
        coefficients: Of g, from degree 0 up; exact binary fractions.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        output_bias: Whether there is a trained output bias.
    """
    n = len(coefficients) - 1
    if n == 1:
        return Formula(N_i + 1, "exact")
    all_polynomials = comb(N_i + n, n)
    m = degree_below_power(tuple(coefficients))
    if m is None or m == 0:
        constant = m == 0 or output_bias
        top = double_points(n, N_i + 1, N_h)
        return Formula(min(top + constant, all_polynomials), "exact")
    if m == 1:
        if N_h + output_bias > N_i:
            return Formula(double_points(n, N_i + 1, N_h + 1), "exact")
        return Formula(min(N_h * (N_i + 2) + output_bias, all_polynomials), "exact")
    lower_part = min(N_h + output_bias, comb(N_i + m, m))
    bound = min(
        N_h * (N_i + 1) + lower_part,
        double_points(n, N_i + 1, N_h) + comb(N_i + m, m),
        all_polynomials,
    )
    return Formula(bound, "exact" if N_h <= N_i else "upper bound")


@lru_cache(maxsize=256)
def degree_below_power(coefficients: tuple[float, ...]) -> int | None:
    """Return the degree of what completing the n-th power leaves of a polynomial of degree n.

    With `t` such that `g - a_n (x + t)^n` has no term of degree n - 1, the rest has a degree of at
    most n - 2. It is computed exactly.

    Returns:
        That degree, or None where nothing is left: then g is a shifted pure power.
    """
    a = [Fraction(value) for value in coefficients]
    n = len(a) - 1
    t = a[n - 1] / (n * a[n])
    rest = [value - a[n] * comb(n, d) * t ** (n - d) for d, value in enumerate(a)]
    return max((d for d, value in enumerate(rest) if value), default=None)
