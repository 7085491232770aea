"""`J^T J` of a polynomial network, where J is `grad_theta y` in the orthonormal Hermite basis.

With `mu_j = E[g^(j)(w.x)]` the Hermite coefficients of degree k are the tensors

    of g(w.x):        mu_k w^k / √k!
    of x_n g'(w.x):   (mu_{k+2} w_n w^k + k mu_k Sym(e_n w^{k-1})) / √k!

so that the sum over n in `J^T J` can be carried out analytically (docs/spectra.md), and J, which
has P rows, is never formed.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations_with_replacement
from math import comb, factorial, sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hessweep.activations import Polynomial
from hessweep.activations.polynomial import mean_of_derivative, mean_with_offset
from hessweep.hessian.general import Weights
from hessweep.spectrum.plan import gram_size, hermite_degrees


class Monomials(NamedTuple):
    """The monomials of one degree k in N_i variables, as products of a parent and a variable."""

    parent: Int[ndarray, " D"]
    """Position of `alpha - e_n` among the monomials of degree k - 1; n is the last variable."""
    variable: Int[ndarray, " D"]
    """The last variable n."""
    scale: Float[ndarray, " D"]
    """`√(k / alpha_n)`, the factor that makes the tensor basis orthonormal."""
    child: Int[ndarray, "N_i D_below"]
    """Position of `alpha' + e_n`, for each variable and each monomial of degree k - 1."""
    weight: Float[ndarray, "N_i D_below"]
    """`√(alpha_n / k)` of that child."""


def stacked_gram(
    activation: Polynomial, W1: Float[ndarray, "S N_h N_i"], W2: Float[ndarray, "S N_h"]
) -> Float[ndarray, "S D D"]:
    """Return the upper triangles of `J^T J`, whose non-zero eigenvalues are those of H.

    The columns are the Hermite polynomials of `hermite_degrees`, degree by degree. Entries below
    the diagonal blocks of the degrees are not set.
    """
    D = gram_size(activation, W1.shape[-1])
    p = np.einsum("smn,smn->sm", W1, W1)
    mu = [mean_of_derivative(activation.coefficients, j, p) for j in range(activation.degree + 3)]
    neurons = _Neurons(p, mu, _powers(W1, activation.degree))
    G = np.empty((len(W1), D, D))
    _add_gram(hermite_degrees(activation), neurons, W2**2, G)
    return G


class _Neurons(NamedTuple):
    """What the hidden neurons of a stack of networks contribute."""

    p: Float[ndarray, "S N_h"]
    """Variances of what they see."""
    mu: Sequence[Float[ndarray, "S N_h"]]
    """Means of the derivatives of g, up to two orders above its degree."""
    powers: Sequence[Float[ndarray, "S D_k N_h"]]
    """Tensor powers of the rows of W1."""


def stacked_general_gram(
    activation: Polynomial, weights: Weights
) -> Float[ndarray, "S N_o*D N_o*D"]:
    """Return the upper triangles of `J^T J` of networks with biases and several outputs.

    The columns are, output by output, all Hermite polynomials up to the degree of g; the inputs
    are standard normal. With biases the means mu_j are those at `w.x + b`, and the coefficients of
    `∂y/∂b1 = W2 g'(w.x + b)` are `W2 mu_{k+1} w^k / √k!`. Entries below the diagonal blocks of the
    degrees are not set for an output with itself.
    """
    layout, degree = weights.layout, activation.degree
    W1, W2 = np.ascontiguousarray(weights.W1), weights.W2
    p = np.einsum("smn,smn->sm", W1, W1)
    coefficients = np.asarray(activation.coefficients)
    mu = [mean_with_offset(coefficients, j, p, weights.b1) for j in range(degree + 3)]
    neurons = _Neurons(p, mu, _powers(W1, degree))
    degrees = tuple(range(degree + 1))
    D = comb(layout.N_i + degree, degree)
    G = np.empty((len(W1), layout.N_o, D, layout.N_o, D))
    for o in range(layout.N_o):
        for other in range(o, layout.N_o):
            block = G[:, o, :, other]
            products = W2[:, o] * W2[:, other]
            _add_gram(degrees, neurons, products, block, layout.hidden_biases, o == other)
            if o == other:
                block[:, 0, 0] += layout.output_biases
            else:
                for row in range(1, D):
                    block[:, row, :row] = block[:, :row, row]
    return G.reshape(len(W1), layout.N_o * D, layout.N_o * D)


def _add_gram(
    degrees: Sequence[int],
    neurons: _Neurons,
    products: Float[ndarray, "S N_h"],
    G: Float[ndarray, "S D D"],
    hidden_biases: bool = False,
    same_output: bool = True,
) -> None:
    """Write the upper triangle of the block of two outputs.

    Args:
        degrees: The degrees of the Hermite polynomials, ascending.
        neurons: What the hidden neurons contribute.
        products: The products of the weights of both outputs.
        G: The block.
        hidden_biases: Whether hidden biases are trained.
        same_output: Whether it is one output, which then has gradients by its own W2.
    """
    p, mu, powers = neurons
    N_i = powers[1].shape[-2]
    row = 0
    for k in degrees:
        rows = slice(row, row + powers[k].shape[-2])
        row, column = rows.stop, rows.start
        for l in (degree for degree in degrees if degree >= k):  # noqa: E741
            columns = slice(column, column + powers[l].shape[-2])
            column = columns.stop
            norm = 1 / sqrt(factorial(k) * factorial(l))
            along = products * (p * mu[k + 2] * mu[l + 2] + l * mu[k + 2] * mu[l])
            along += k * products * mu[k] * mu[l + 2] + same_output * (mu[k] * mu[l])
            if hidden_biases:
                along += products * mu[k + 1] * mu[l + 1]
            block = G[:, rows, columns]
            np.matmul(powers[k] * (norm * along)[:, None], powers[l].swapaxes(1, 2), out=block)
            if k:
                across = k * l * norm * products * mu[k] * mu[l]
                _add_across(block, powers[k - 1], powers[l - 1], across, (N_i, k, l))


def _add_across(
    block: Float[ndarray, "S D_k D_l"],
    below_k: Float[ndarray, "S D_k1 N_h"],
    below_l: Float[ndarray, "S D_l1 N_h"],
    factor: Float[ndarray, "S N_h"],
    sizes: tuple[int, int, int],
) -> None:
    """Add `Σ_n Sym(e_n w^{k-1}) ⊗ Sym(e_n w^{l-1})`, weighted over the neurons by `factor`.

    The product of the lower powers is the same for every n; only its position differs.
    """
    N_i, k, l = sizes  # noqa: E741
    product = (below_k * factor[:, None]) @ below_l.swapaxes(1, 2)
    of_k, of_l = monomials(N_i, k), monomials(N_i, l)
    for n in range(N_i):
        where = np.ix_(of_k.child[n], of_l.child[n])
        block[:, where[0], where[1]] += of_k.weight[n][:, None] * of_l.weight[n] * product


def _powers(W1: Float[ndarray, "S N_h N_i"], degree: int) -> list[Float[ndarray, "S D N_h"]]:
    """Return the tensor powers of the rows of W1 in the orthonormal basis, from degree 0 up."""
    S, N_h, N_i = W1.shape
    rows = np.ascontiguousarray(W1.swapaxes(1, 2))
    powers = [np.ones((S, 1, N_h))]
    for k in range(1, degree + 1):
        basis = monomials(N_i, k)
        power = powers[-1][:, basis.parent]
        power *= rows[:, basis.variable]
        power *= basis.scale[:, None]
        powers.append(power)
    return powers


@lru_cache(maxsize=32)
def monomials(N_i: int, k: int) -> Monomials:
    """Return the monomials of degree k >= 1 in N_i variables, in lexicographic order."""
    below = {alpha: i for i, alpha in enumerate(_multisets(N_i, k - 1))}
    here = {alpha: i for i, alpha in enumerate(_multisets(N_i, k))}
    child = np.empty((N_i, len(below)), dtype=np.intp)
    weight = np.empty((N_i, len(below)))
    for alpha, i in below.items():
        for n in range(N_i):
            child[n, i] = here[tuple(sorted((*alpha, n)))]
            weight[n, i] = sqrt((alpha.count(n) + 1) / k)
    return Monomials(
        parent=np.array([below[alpha[:-1]] for alpha in here]),
        variable=np.array([alpha[-1] for alpha in here]),
        scale=np.array([sqrt(k / alpha.count(alpha[-1])) for alpha in here]),
        child=child,
        weight=weight,
    )


def _multisets(N_i: int, k: int) -> list[tuple[int, ...]]:
    return list(combinations_with_replacement(range(N_i), k))
