"""Ranks of polynomial networks with several outputs, for generic weights.

All are the least of some upper bounds, which random weights attain but for a few defective cases
of Segre-Veronese varieties. The arguments, and what is a theorem, are in docs/biases.md.
"""

from collections.abc import Sequence
from math import comb

from hessweep.rank.formulas import Formula, dimension, support_rank
from hessweep.rank.formulas_biases import degree_below_power, hidden_bias_rank

DEFECTIVE_QUADRATIC = frozenset({(3, 4, 5)})
"""(N_i, N_o, N_h) where `x + εx²` has one dimension less than counting says."""


def outputs_rank(support: tuple[int, ...], N_i: int, N_h: int, N_o: int) -> Formula:
    """Return the rank of a network without hidden biases.

    Args:
        support: The degrees with a non-zero coefficient.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        N_o: Number of outputs, at least 2.
    """
    positive = tuple(d for d in support if d > 0)
    n, constants = positive[-1], 0 in support
    if n == 1:
        known = _of_rank(min(N_i, N_h, N_o), N_i, N_o)
        return Formula(known, "exact") if not constants else _bounded(support, N_i, N_h, N_o)
    if support_rank(support, N_i, N_h) == (N_h * (N_i + 1), "exact"):
        # Each output needs its own functions, and these are independent.
        return Formula(N_h * (N_i + N_o), "exact")
    return _bounded(support, N_i, N_h, N_o)


def outputs_and_biases_rank(
    coefficients: Sequence[float], N_i: int, N_h: int, N_o: int, hidden: bool, output: bool
) -> Formula:
    """Return the rank of a network with several outputs and biases.

    Args:
        coefficients: Of g, from degree 0 up; exact binary fractions.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        N_o: Number of outputs, at least 2.
        hidden: Whether there are trained hidden biases.
        output: Whether there are trained output biases.
    """
    support = tuple(d for d, value in enumerate(coefficients) if value)
    n = support[-1]
    if not hidden and not output:
        return outputs_rank(support, N_i, N_h, N_o)
    if not hidden:
        others = outputs_rank(tuple(d for d in support if d > 0), N_i, N_h, N_o)
        return Formula((others.value or 0) + N_o, others.kind)
    single = hidden_bias_rank(coefficients, N_i, N_h, output)
    if single == (N_h * (N_i + 2) + output, "exact"):
        # Each output needs its own functions, and these are independent.
        return Formula(N_h * (N_i + 1 + N_o) + N_o * output, "exact")
    if n == 1:
        if output:
            return Formula(_of_rank(min(N_i, N_h, N_o), N_i, N_o) + N_o, "exact")
        return Formula(_of_rank(min(N_i + 1, N_h, N_o), N_i + 1, N_o), "exact")
    D, m = comb(N_i + n, n), degree_below_power(tuple(coefficients))
    top = _power_bound(n, N_i + 1, N_h, N_o)
    P = N_h * (N_i + 1 + N_o) + N_o * output
    bound = top + N_o * output if m is None else min(P, top + N_o * comb(N_i + m, m))
    # The matrix of the outputs' coefficients has rank N_h at most, up to the constants.
    whole = _of_rank(min(N_h, N_o, D), D, N_o)
    without_constants = _of_rank(min(N_h, N_o, D - 1), D - 1, N_o) + N_o
    bound = min(bound, without_constants if output else whole, N_o * D)
    if n == 2:
        # Up to constants, (w.x + b)² is a multiple of w'.x + (w'.x)² with w' = w / 2b.
        bound = min(bound, N_o + (outputs_rank((1, 2), N_i, N_h, N_o).value or 0))
    return Formula(bound, "upper bound")


def _of_rank(r: int, columns: int, rows: int) -> int:
    """Return the dimension of the matrices of that shape that have rank r."""
    return r * (rows + columns - r)


def _power_bound(n: int, N_i: int, N_h: int, N_o: int) -> int:
    """Return the bound for `x^n`: one direction for each neuron rescales it and does nothing."""
    D = comb(N_i + n - 1, n)
    r = min(N_h, N_o, D)
    expected = min(N_h * (N_i + N_o - 1), N_o * D, _of_rank(r, D, N_o))
    return expected - is_defective(n, N_o - 1, N_i - 1, N_h)


def is_defective(n: int, m: int, k: int, points: int) -> bool:
    """Return whether a secant variety of `P^m x P^k` in degrees (1, n) is defective.

    Args:
        n: Degree.
        m: Number of outputs, minus 1.
        k: Number of variables, minus 1.
        points: Number of points, `N_h`.
    """
    if n == 2 and m == 2 and k % 2 == 1 and k >= 3:
        return points == 3 * (k - 1) // 2 + 2
    return (n, m, k, points) in {(2, 4, 3, 6), (3, 1, 2, 5)}


def _bounded(support: tuple[int, ...], N_i: int, N_h: int, N_o: int) -> Formula:
    """Return the least of the bounds by counting."""
    n = support[-1]
    positive = tuple(d for d in support if d > 0)
    D = dimension(support, N_i)
    r = min(N_h, N_o, D)
    bound = min(N_h * (N_i + N_o), N_o * D, _of_rank(r, D, N_o))
    if support == (n,):
        bound = _power_bound(n, N_i, N_h, N_o)
    elif len(positive) == 1:
        bound = min(bound, _power_bound(n, N_i, N_h, N_o) + N_o)
    elif support == tuple(range(n + 1)):
        bound -= is_defective(n, N_o - 1, N_i, N_h)
    elif support == (1, 2) and (N_i, N_o, N_h) in DEFECTIVE_QUADRATIC:
        bound -= 1
    return Formula(bound, "upper bound")
