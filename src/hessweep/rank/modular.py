"""Ranks of polynomial networks by exact arithmetic: modulo a prime and over the rationals."""

from itertools import combinations_with_replacement

import numpy as np
from flint import fmpz_mat
from jaxtyping import Float, Int, Num
from numpy import ndarray

from hessweep.activations import Polynomial
from hessweep.networks import Network, require_plain
from hessweep.rank import mersenne
from hessweep.rank.field import Field, highest_rank
from hessweep.rank.formulas import dimension
from hessweep.rank.residues import polynomial

SEED = 20251215
"""Seed of the random points. It is fixed, so that a certificate is the same in every run."""


def modular_rank(network: Network, points: int) -> int:
    """Return a lower bound on the rank of a polynomial network's Hessian, proved modulo p.

    The rank of H is the number of independent functions among the `grad_theta y(x)`. The rank of
    their values at any points, reduced modulo p, is at most that. At as many random points as the
    rank it is smaller with a probability below `points · degree / p` only, and that twice where p
    is small (`highest_rank`).

    Args:
        network: A network with a polynomial activation.
        points: The number of points: an upper bound on the rank, because more cannot show more.
    """
    require_plain(network, "modular_rank")
    return highest_rank(lambda field: gradient_residues(network, points, field)[1], points)


def gradient_residues(
    network: Network, points: int, field: Field = mersenne
) -> tuple[Int[ndarray, " rows"], Num[ndarray, "rows points"]]:
    """Return the parameters with a non-zero gradient, and `∂y/∂theta(x_s) mod p` of these.

    Output weights that are not 0 are replaced by 1, because they only scale rows.
    """
    require_plain(network, "gradient_residues")
    coefficients = np.array(_polynomial(network).coefficients)
    g, derived = polynomial(coefficients, field)
    x = field.random(np.random.default_rng(SEED), (network.N_i, points))
    u = field.product(field.residues(network.W1), x)
    slope = derived(u[network.W2 != 0])
    dW1 = field.multiply(slope[:, None, :], x[None, :, :])
    active = np.repeat(network.W2 != 0, network.N_i)
    parameters = np.flatnonzero(np.append(active, np.ones(network.N_h, dtype=bool)))
    return parameters, np.concatenate([dW1.reshape(-1, points), g(u)])


def rank_of_rows(W1: Float[ndarray, "N_h N_i"]) -> int:
    """Return the exact rank of a float64 matrix; in most cases the rank modulo p decides."""
    lower = mersenne.matrix_rank(mersenne.residues(W1))
    return lower if lower == min(W1.shape) else int(fmpz_mat(_integers(W1)).rank())


def rational_rank(network: Network) -> int:
    """Return the exact rank of a polynomial network's Hessian, over the rational numbers.

    It is the rank of the coefficient Jacobian. After its columns are divided by the multinomial
    coefficients and by the coefficients of `g`, the rows of a neuron w are the monomials `w^alpha`
    whose degree is in the support and, if its output weight is not 0, their derivatives by `w_n`.
    """
    require_plain(network, "rational_rank")
    rows = coefficient_rows(_polynomial(network).support, _integers(network.W1), network.W2 != 0)
    # Elimination is cheaper with fewer rows than columns.
    matrix = fmpz_mat(rows)
    return (matrix if matrix.nrows() <= matrix.ncols() else matrix.transpose()).rank()


def rational_cost(network: Network) -> float:
    """Return the cost of `rational_rank` in bit operations, up to a constant factor."""
    require_plain(network, "rational_cost")
    activation = _polynomial(network)
    widest = max(int(abs(w)).bit_length() for row in _integers(network.W1) for w in row)
    columns = dimension(activation.support, network.N_i)
    short, long = sorted((network.P, columns))
    return float(short) ** 3 * long * max(widest, 1) * activation.degree


def coefficient_rows(
    support: tuple[int, ...], W1: list[list[int]], active: ndarray
) -> list[list[int]]:
    """Return the rows of the matrix in `rational_rank` for integer weights."""
    N_i = len(W1[0])
    monomials = [a for d in support for a in combinations_with_replacement(range(N_i), d)]
    rows = []
    for w, has_output in zip(W1, active, strict=True):
        values = _monomial_values(w, support[-1])
        rows.append([values[a] for a in monomials])
        for n in range(N_i) if has_output else ():
            rows.append([_derivative(values, a, n) for a in monomials])
    return rows


def _monomial_values(w: list[int], degree: int) -> dict[tuple[int, ...], int]:
    """Return the values of all monomials at w up to a degree, by their sorted variables."""
    values: dict[tuple[int, ...], int] = {(): 1}
    for d in range(1, degree + 1):
        for a in combinations_with_replacement(range(len(w)), d):
            values[a] = values[a[:-1]] * w[a[-1]]
    return values


def _derivative(values: dict[tuple[int, ...], int], a: tuple[int, ...], n: int) -> int:
    times = a.count(n)
    if not times:
        return 0
    where = a.index(n)
    return times * values[a[:where] + a[where + 1 :]]


def _integers(W1: Float[ndarray, "N_h N_i"]) -> list[list[int]]:
    """Return the weights, multiplied by one common factor, as coprime integers."""
    ratios = [[value.as_integer_ratio() for value in row] for row in W1.tolist()]
    common = max(denominator for row in ratios for _, denominator in row)
    whole = [[n * (common // denominator) for n, denominator in row] for row in ratios]
    divisor = int(np.gcd.reduce([value for row in whole for value in row], dtype=object)) or 1
    return [[value // divisor for value in row] for row in whole]


def _polynomial(network: Network) -> Polynomial:
    """Return the activation of a polynomial network."""
    polynomial = network.activation.polynomial
    if polynomial is None:
        raise TypeError(f"expected a polynomial activation, got {network.activation}")
    return polynomial
