"""Enclosures of the smallest eigenvalue against rational Hessians, for weights that coincide.

H of a polynomial network with dyadic weights has rational entries, by the moments of the normal
distribution. Its rank is that of a matrix over the rational numbers, and its eigenvalues have a
thousand digits. `python tests/rank/test_enclosure_fuzz.py 1000 SEED` tries as many as one
likes.
"""

import sys
from collections import Counter
from itertools import product
from math import prod

import numpy as np
import pytest
from flint import acb_mat, arb, arb_mat, ctx, fmpq, fmpq_mat

import hessweep
from hessweep.activations import Polynomial
from hessweep.errors import InputError

pytestmark = pytest.mark.fuzz

CASES = 120
BITS = 4000
COEFFICIENTS = [(0, 1, 1), (0, 1, 1, 1), (0, 1, 1, 1, 1), (0, 0, 1), (0, 0, 0, 1), (0, 1, 0, 1)]


def times(one, other):
    """The product of two polynomials, each a dictionary from exponents to coefficients."""
    found = {}
    for (a, x), (b, y) in product(one.items(), other.items()):
        key = tuple(i + j for i, j in zip(a, b, strict=True))
        found[key] = found.get(key, fmpq(0)) + x * y
    return found


def composed(coefficients, w):
    """`g(w.x)` as a polynomial of x, by Horner's rule."""
    n = len(w)
    u = {tuple(int(i == k) for i in range(n)): x for k, x in enumerate(w)}
    total = {(0,) * n: fmpq(coefficients[-1])}
    for coefficient in coefficients[-2::-1]:
        total = times(total, u)
        total[(0,) * n] = total.get((0,) * n, fmpq(0)) + coefficient
    return total


def mean(polynomial):
    """The mean over standard normal inputs."""
    total = fmpq(0)
    for exponents, coefficient in polynomial.items():
        if all(e % 2 == 0 for e in exponents):
            total += coefficient * prod(prod(range(1, e, 2)) for e in exponents)
    return total


def exact_hessian(network, coefficients):
    W1 = [[fmpq(*x.as_integer_ratio()) for x in row] for row in network.W1.tolist()]
    W2 = [fmpq(*x.as_integer_ratio()) for x in network.W2.tolist()]
    n = network.N_i
    slope = [k * c for k, c in enumerate(coefficients)][1:]
    gradient = []
    for w, a in zip(W1, W2, strict=True):
        derived = {e: a * x for e, x in composed(slope, w).items()}
        for k in range(n):
            gradient.append(times(derived, {tuple(int(i == k) for i in range(n)): fmpq(1)}))
    gradient += [composed(coefficients, w) for w in W1]
    return fmpq_mat([[mean(times(f, g)) for g in gradient] for f in gradient])


def draw(rng):
    """A network whose rows coincide up to powers of two, signs or a last digit, now and then."""
    coefficients = COEFFICIENTS[rng.integers(len(COEFFICIENTS))]
    N_i, N_h = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    W1 = rng.choice([rng.normal(size=(N_h, N_i)), rng.integers(-3, 4, size=(N_h, N_i)) / 2])
    for row in range(1, N_h):
        kind = rng.integers(5)
        if kind == 0:
            W1[row] = W1[0] * rng.choice([-1, 1])
        elif kind == 1:
            W1[row] = np.ldexp(W1[0], int(rng.choice([-61, -30, -3, 1, 61, -122])))
        elif kind == 2:
            W1[row] = W1[0] * (1 + 2.0 ** -int(rng.integers(8, 53)))
    W2 = rng.choice([rng.normal(size=N_h), rng.integers(-1, 2, size=N_h)])
    return coefficients, W1, W2


def attack(count, seed):
    """Return the networks whose enclosure does not hold the truth, and how many were tried."""
    rng = np.random.default_rng(seed)
    wrong, tried = [], Counter()
    with ctx.workprec(BITS):
        for _ in range(count):
            coefficients, W1, W2 = draw(rng)
            g = Polynomial("polynomial", coefficients=tuple(map(float, coefficients)))
            network = hessweep.Network(W1, W2, g)
            H = exact_hessian(network, coefficients)
            rank = H.rank()
            if rank == 0:
                with pytest.raises(InputError, match="is 0"):
                    hessweep.lambda_min(network)
                tried["zero"] += 1
                continue
            balls = arb_mat([[arb(entry) for entry in row] for row in H.table()])
            values = sorted((e.real for e in acb_mat(balls).eig(algorithm="approx")), key=float)
            truth = values[network.P - rank]
            found = hessweep.lambda_min(network)
            proof = hessweep.rank(network)
            tried[found.method] += 1
            outside = not arb(found.lower) <= truth * (1 + arb(2) ** -60)
            outside |= not arb(found.upper) >= truth * (1 - arb(2) ** -60)
            if outside or not proof.lower <= rank <= proof.upper:
                case = (coefficients, W1.tolist(), W2.tolist())
                wrong.append((*case, found, float(truth), rank, proof))
    return wrong, tried


def test_the_smallest_eigenvalue_is_between_its_bounds():
    wrong, tried = attack(CASES, 0)
    assert wrong == []
    assert min(tried["ball"], tried["float64"]) > CASES / 20


if __name__ == "__main__":
    wrong, tried = attack(int(sys.argv[1]), int(sys.argv[2]))
    for case in wrong:
        sys.stdout.write(f"{case}\n")
    sys.stdout.write(f"{len(wrong)} wrong of {tried}\n")
