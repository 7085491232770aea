"""Exact ranks of polynomial networks with biases and several outputs.

With `D_d = g^(d)(b)` the gradients of a neuron that sees `w.x + b` are, in the basis `x^β / β!`,

    by W2_o:   D_d w^β                      by b1:   D_{d+1} w^β
    by W1_n:   β_n D_d w^{β - e_n}          with d = |β|,

the last two times the neuron's output weights. The rank of these coefficients is that of H.
"""

from fractions import Fraction
from itertools import combinations_with_replacement
from math import comb, factorial

from hessweep.activations import Polynomial
from hessweep.rank.exact_neurons import Neurons, exact_rank

ENTRIES_LIMIT = 3e6
"""The most entries of a coefficient matrix that is computed: some ten seconds."""
RATIONAL_LIMIT = 1e11
"""The most bit operations, roughly, for which a rank over the rational numbers is computed."""

Monomial = tuple[int, ...]


def coefficient_entries(g: Polynomial, of: Neurons) -> int:
    """Return the number of entries of the coefficient matrix."""
    rows = len(of.w) * (of.N_o + of.inputs + of.constants)
    return rows * of.N_o * comb(of.inputs + g.degree, g.degree)


def coefficient_rows(g: Polynomial, of: Neurons) -> list[list[Fraction]]:
    """Return the coefficients of all gradients, a row for each parameter that has any."""
    monomials = [
        tuple(sorted(beta))
        for d in range(g.degree + 1)
        for beta in combinations_with_replacement(range(of.inputs), d)
    ]
    rows: list[list[Fraction]] = []
    zeros = [Fraction(0)] * len(monomials)
    for w, b, outputs in zip(of.w, of.b, of.outputs, strict=True):
        D = _derivatives(g, b)
        power = _powers(w, monomials)
        value = [D[len(beta)] * power[beta] for beta in monomials]
        for o in range(of.N_o):
            rows.append(_beside(value, zeros, o, of.N_o))
        if not any(outputs):
            continue
        slopes = [
            [
                beta.count(n) * D[len(beta)] * power[_without(beta, n)] if n in beta else zeros[0]
                for beta in monomials
            ]
            for n in range(of.inputs)
        ]
        if of.constants:
            slopes.append([D[len(beta) + 1] * power[beta] for beta in monomials])
        rows += [[out * v for out in outputs for v in slope] for slope in slopes]
    if of.output_biases:
        constant = [Fraction(1), *zeros[1:]]
        rows += [_beside(constant, zeros, o, of.N_o) for o in range(of.N_o)]
    return rows


def polynomial_rank(g: Polynomial, of: Neurons, upper: int) -> tuple[int, int, str]:
    """Return a proved lower bound, a proved upper bound, and the method that decided.

    Args:
        g: The activation.
        of: The neurons.
        upper: A proved upper bound.
    """
    if coefficient_entries(g, of) > ENTRIES_LIMIT:
        return 0, upper, "theorem"
    rows = coefficient_rows(g, of)
    found = exact_rank(rows, upper, RATIONAL_LIMIT)
    return found.lower, min(found.upper, upper), found.method


def _beside(values: list[Fraction], zeros: list[Fraction], o: int, N_o: int) -> list[Fraction]:
    """Return values as the coefficients of output o alone."""
    return zeros * o + values + zeros * (N_o - 1 - o)


def _derivatives(g: Polynomial, b: Fraction) -> list[Fraction]:
    """Return `g^(d)(b)` for d from 0 to one above the degree."""
    a = [Fraction(value) for value in g.coefficients]
    return [
        sum(
            (factorial(j) // factorial(j - d) * a[j] * b ** (j - d) for j in range(d, len(a))),
            Fraction(0),
        )
        for d in range(len(a) + 1)
    ]


def _powers(w: tuple[Fraction, ...], monomials: list[Monomial]) -> dict[Monomial, Fraction]:
    """Return `w^β` of all monomials, which come in the order of their degrees."""
    power: dict[Monomial, Fraction] = {(): Fraction(1)}
    for beta in monomials[1:]:
        power[beta] = power[beta[:-1]] * w[beta[-1]]
    return power


def _without(beta: Monomial, n: int) -> Monomial:
    at = beta.index(n)
    return beta[:at] + beta[at + 1 :]
