"""Upper bounds on the rank of two-layer polynomial networks with any outputs and biases."""

from math import comb, inf

from hessweep.rank.completed import second_degree
from hessweep.rank.formulas import double_points, support_rank


def dimension(degrees: frozenset[int] | None, variables: int) -> float:
    """Return the number of monomials of these degrees; infinite for None."""
    if degrees is None:
        return inf
    return sum(comb(variables + d - 1, d) for d in degrees)


def two_layer_bound(
    widths: tuple[int, ...], coefficients: tuple[float, ...], biased: bool, biased_output: bool
) -> int:
    """Return an upper bound on the rank of a two-layer polynomial network (docs/depth.md).

    For one output it is the rank for generic weights wherever that is known. For several outputs
    the network is a matrix of outputs and functions whose rank is at most N_h, and what is moved
    to first order is tangent to such matrices.
    """
    N_i, N_h, N_o = widths
    support = frozenset(d for d, c in enumerate(coefficients) if c)
    n = max(support)
    if N_o == 1:
        return _one_output(N_i, N_h, coefficients, biased, biased_output)
    functions = frozenset(range(n + 1)) if biased else support
    rescaled = _rescaled(coefficients, biased, biased_output)
    P = N_h * (N_i + biased) + N_o * (N_h + biased_output)
    D = int(dimension(functions | {0} if biased_output else functions, N_i))
    free = int(dimension(functions - {0} if biased_output else functions, N_i))
    r = min(N_h, N_o, free)
    bound = min(P - rescaled * N_h, N_o * D, r * (N_o + free - r) + biased_output * N_o)
    variables = _homogeneous_variables(N_i, support, coefficients, biased)
    if variables and not biased_output and bound == min(P - rescaled * N_h, N_o * D):
        bound -= _is_defective(n, N_o - 1, variables - 1, N_h)
    return bound


def _one_output(
    N_i: int, N_h: int, coefficients: tuple[float, ...], biased: bool, biased_output: bool
) -> int:
    n = len(coefficients) - 1
    if not biased:
        support = tuple(d for d, c in enumerate(coefficients) if c and (d or not biased_output))
        return (support_rank(support, N_i, N_h).value or 0) + biased_output
    D = comb(N_i + n, n)
    powers = double_points(n, N_i + 1, N_h)
    m = second_degree(coefficients)
    if m is None:
        return min(powers + biased_output, D)
    if m == 0:
        return min(powers + 1, D)
    everything = min(N_h * (N_i + 2) + biased_output, D)
    if m == 1:
        enough = N_h + biased_output <= N_i
        return everything if enough else double_points(n, N_i + 1, N_h + 1)
    lower = min(N_h + biased_output, comb(N_i + m, m))
    return min(N_h * (N_i + 1) + lower, everything)


def _rescaled(coefficients: tuple[float, ...], biased: bool, biased_output: bool) -> int:
    """Return 1 where a neuron can be rescaled without any change of the output, else 0."""
    if biased:
        second = second_degree(coefficients)
    else:
        second = max((d for d, c in enumerate(coefficients[:-1]) if c), default=None)
    return int(second is None or (second == 0 and biased_output))


def _homogeneous_variables(
    N_i: int, support: frozenset[int], coefficients: tuple[float, ...], biased: bool
) -> int:
    """Return in how many variables the neurons are powers of generic linear forms, or 0."""
    n = max(support)
    if biased:
        return N_i + 1 if second_degree(coefficients) is None else 0
    if support == {n}:
        return N_i
    return 0


def _is_defective(n: int, m: int, k: int, s: int) -> bool:
    """Return whether s points of the Segre-Veronese variety of P^m x P^k are defective.

    The embedding has degree 1 in the first and n in the second factor; these are the cases known
    in which the secant variety has one dimension less than expected (Abo and Brambilla 2009).
    """
    if n == 2:
        odd = m == 2 and k % 2 == 1 and k >= 3 and s == 3 * (k - 1) // 2 + 2
        return odd or (m, k, s) == (4, 3, 6)
    return n == 3 and (m, k, s) == (1, 2, 5)
