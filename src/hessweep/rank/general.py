"""The rank of networks with biases, several outputs and other inputs: what is proved about it."""

from dataclasses import replace
from math import comb

from hessweep.activations import Polynomial
from hessweep.networks import Network
from hessweep.rank.classes_exact import classes_rank, output_span
from hessweep.rank.effective import layout_formula
from hessweep.rank.exact_neurons import Neurons, neurons
from hessweep.rank.formulas import dimension, support_rank
from hessweep.rank.formulas_outputs import DEFECTIVE_QUADRATIC
from hessweep.rank.linear_exact import linear_rank
from hessweep.rank.polynomial_exact import polynomial_rank


def proved_bounds(network: Network) -> tuple[int, int, str]:
    """Return a proved lower bound, a proved upper bound, and the method that decided.

    They are equal for activations with a `theory`, by the theorem and exact arithmetic on these
    very weights. For polynomials counts bound the rank from above, and the coefficients of the
    gradients, modulo a prime or over the rational numbers, from below.
    """
    of = neurons(network)
    if of is None:
        return 0, network.P, "theorem"
    polynomial = network.activation.polynomial
    if polynomial is not None and polynomial.degree == 1:
        return linear_rank(polynomial, of)
    if polynomial is not None:
        upper = _polynomial_upper_bound(network, polynomial, of)
        return polynomial_rank(polynomial, of, upper)
    known = classes_rank(network.activation, of)
    if known is not None:
        return *known, "theorem"
    return 0, _functions(of), "theorem"


def theorem_bounds(network: Network) -> tuple[int, int]:
    """Return proved bounds that need no matrix of all gradients, for large networks."""
    polynomial = network.activation.polynomial
    if polynomial is None or polynomial.degree == 1:
        return proved_bounds(network)[:2]
    of = neurons(network)
    return 0, network.P if of is None else _polynomial_upper_bound(network, polynomial, of)


def _functions(of: Neurons) -> int:
    """Return the number of gradient functions, equal ones of neurons with equal (w, b) once."""
    members: dict[object, list[int]] = {}
    for k, seen in enumerate(zip(of.w, of.b, strict=True)):
        members.setdefault(seen, []).append(k)
    total = of.N_o * of.output_biases
    for equal in members.values():
        total += of.N_o + output_span(of, equal) * (of.inputs + of.constants)
    return total


def _polynomial_upper_bound(network: Network, g: Polynomial, of: Neurons) -> int:
    """Return the least of the bounds by counting functions and monomials, and by formulas."""
    bounds = [_functions(of), of.N_o * comb(of.inputs + g.degree, g.degree)]
    if of.inputs:
        layout = replace(
            network.layout,
            N_i=of.inputs,
            hidden_biases=of.constants,
            output_biases=of.output_biases,
        )
        known = layout_formula(g, layout)
        sizes = (layout.N_i, layout.N_o, layout.N_h)
        # This defect of x + εx² is known from exact arithmetic at random weights only.
        doubt = g.degree == 2 and sizes in DEFECTIVE_QUADRATIC
        bounds.append((known.value or network.P) + doubt)
        if of.N_o == 1 and not any(of.b):
            bounds.append(_without_offsets(g, of))
    return min(bounds)


def _without_offsets(g: Polynomial, of: Neurons) -> int:
    """Return a bound for offsets that are zero: biases add the functions `g'(w.x)` and 1."""
    N_h = len(of.w)
    total = support_rank(g.support, of.inputs, N_h).value or 0
    slopes = tuple(d - 1 for d in g.support if d > 0)
    if not of.constants:
        return total + of.output_biases
    if 0 in slopes:
        return total + min(N_h + of.output_biases, dimension(slopes, of.inputs))
    return total + min(N_h, dimension(slopes, of.inputs)) + of.output_biases
