"""The exact rank of linear networks with biases, several outputs and other inputs.

For `g(u) = a0 + a1 u` the gradients are affine functions, with values in the outputs. Those by W2
and b2 are all of `R^{N_o} ⊗ U`, U spanned by what the hidden neurons give, and by 1 where there
are output biases; those by W1 and b1 span `V ⊗ L`, V the column space of W2 and L spanned by the
inputs, and by 1 where there are hidden biases. As V is in `R^{N_o}`,

    rank H = N_o dim U + dim V (dim(U + L) - dim U).
"""

from fractions import Fraction

from hessweep.activations import Polynomial
from hessweep.rank.exact_neurons import Neurons, RankBounds, exact_rank


def linear_rank(g: Polynomial, of: Neurons) -> RankBounds:
    """Return the rank for an activation of degree 1.

    Args:
        g: The activation.
        of: The hidden neurons, exactly.
    """
    a0, a1 = (Fraction(coefficient) for coefficient in g.coefficients)
    n, one = of.inputs, [Fraction(0)] * of.inputs + [Fraction(1)]
    U = [[*(a1 * v for v in w), a1 * b + a0] for w, b in zip(of.w, of.b, strict=True)]
    if of.output_biases:
        U.append(one)
    both = n + (of.constants or any(row[-1] for row in U))
    of_U, of_V = exact_rank(U), exact_rank([list(row) for row in of.outputs])
    rank = of.N_o * of_U.lower + of_V.lower * (both - of_U.lower)
    methods = {of_U.method, of_V.method}
    return RankBounds(rank, rank, "rational" if "rational" in methods else "modular")
