"""Polynomials with the highest power completed, `g(x) = a (x + s)^n + Σ_{j <= n-2} c_j (x + s)^j`.

A neuron with a bias sees the powers of `x + s` only, so what matters is which c_j are not zero.
"""

from fractions import Fraction
from functools import lru_cache
from math import comb


@lru_cache(maxsize=1024)
def second_degree(coefficients: tuple[float, ...]) -> int | None:
    """Return the largest j below the degree with c_j not zero, by exact arithmetic; None: none.

    Args:
        coefficients: Of g, from degree 0 up, the last one not zero.
    """
    exact = [Fraction(c) for c in coefficients]
    n = len(exact) - 1
    shift = -exact[n - 1] / (n * exact[n])
    # The coefficients of g(x - s) in x: those of g in x + s.
    for j in range(n - 1, -1, -1):
        if sum(exact[k] * comb(k, j) * shift ** (k - j) for k in range(j, n + 1)):
            return j
    return None
