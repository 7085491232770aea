"""No stated error is smaller than the true one: random networks against arithmetic of many digits.

`python tests/spectrum/test_error_fuzz.py 10000` tries as many networks as one likes.
"""

import sys
import tempfile
from collections import Counter
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from flint import acb, acb_mat, arb, arb_mat

from hessweep.activations import activation
from hessweep.errors import ActivationError, PrecisionError
from hessweep.networks import Network
from hessweep.rank import ball
from hessweep.spectrum import spectrum_with_error

pytestmark = pytest.mark.fuzz

BITS = 1600
"""Enough for formulas in which terms cancel as far as weights of 1e-160 make them."""
INTEGRAL_BITS = 120
CASES = 200
"""Networks of the test; more are tried by hand."""

CLOSED = ["linear", "quadratic", "cubic", "erf", "gelu", "sin", "cos", "exp", "gaussian"]
RECTIFIED = ["relu"]
NUMERIC = ["tanh", "sigmoid", "softplus", "silu"]
OWN = {"own_exp": "exp", "own_erf": "erf", "own_sin": "sin", "own_cubic": "cubic",
       "own_gaussian": "gaussian", "own_relu": "relu"}  # fmt: skip
FILE = """
import numpy as np
from scipy.special import erf
def own_exp(x): return np.exp(x)
def own_erf(x): return erf(x / np.sqrt(2))
def own_sin(x): return np.sin(x)
def own_cubic(x): return x + x**2 + x**3
def own_gaussian(x): return np.exp(-x * x / 2)
def own_relu(x): return np.maximum(x, 0)
"""


def rectified_hessian(network):
    """H of ReLU by half-planes: `K = (√Δ + c (π - θ)) / 2π`, differentiated by hand."""
    W1 = [[arb(x) for x in row] for row in network.W1.tolist()]
    W2 = [arb(x) for x in network.W2.tolist()]
    N_h, N_i = network.W1.shape
    P1, pi = N_h * N_i, arb.pi()
    H = arb_mat(network.P, network.P)
    for m, k in product(range(N_h), repeat=2):
        w, v = W1[m], W1[k]
        p, q, c = (sum(a * b for a, b in zip(*s, strict=True)) for s in ((w, w), (v, v), (w, v)))
        if m == k or N_i == 1:
            inside = arb(int(c > 0)) / 2  # the probability that both are positive
            root = inverse = arb(0)
        else:
            root = (p * q - c * c).sqrt()
            inverse = 1 / root
            inside = (pi - arb.atan2(root, c)) / (2 * pi)
        H[P1 + m, P1 + k] = root / (2 * pi) + c * inside
        for n in range(N_i):
            entry = W2[m] * (inside * v[n] + root / (2 * pi * p) * w[n])
            H[m * N_i + n, P1 + k] = H[P1 + k, m * N_i + n] = entry
            for j in range(N_i):
                # K_cc (v_n w_j + w_n v_j) + 2 K_pc w_n w_j + 2 K_qc v_n v_j
                bent = v[n] * w[j] - c / p * w[n] * w[j] - c / q * v[n] * v[j]
                bent = (bent + w[n] * v[j]) * inverse / (2 * pi)
                H[m * N_i + n, k * N_i + j] = W2[m] * W2[k] * (inside * (n == j) + bent)
    return H


FUNCTIONS = {
    "tanh": (lambda u: u.tanh(), lambda u: 1 - u.tanh() ** 2),
    "sigmoid": (lambda u: (1 + (u / 2).tanh()) / 2, lambda u: (1 - (u / 2).tanh() ** 2) / 4),
    # Where the real part of u is negative, and where it is positive.
    "softplus": (
        lambda u, positive: u + (1 + (-u).exp()).log() if positive else (1 + u.exp()).log(),
        lambda u: (1 + (u / 2).tanh()) / 2,
    ),
    "silu": (
        lambda u: u * (1 + (u / 2).tanh()) / 2,
        lambda u: (1 + (u / 2).tanh()) / 2 + u * (1 - (u / 2).tanh() ** 2) / 4,
    ),
}


def integrated_hessian(network):
    """H for one input: `E[phi phi^T]` by adaptive integration with error bounds."""
    g, slope = FUNCTIONS[network.activation.name]
    W1, W2 = network.W1[:, 0].tolist(), network.W2.tolist()
    H = arb_mat(network.P, network.P)
    for side in (-1, 1):
        phi = [lambda z, w=w, a=a: a * z * slope(w * z) for w, a in zip(W1, W2, strict=True)]
        for w in W1:
            of_side = (side * w > 0,) if network.activation.name == "softplus" else ()
            phi.append(lambda z, w=w, of_side=of_side: g(w * z, *of_side))
        # Up to where the narrowest of them has become flat, and beyond.
        places = sorted({0.0, *(min(40 / abs(w), 15.0) for w in W1), 15.0})
        for (i, j), ends in product(product(range(network.P), repeat=2), pairwise(places)):
            if i <= j:
                total = acb.integral(
                    lambda z, _, f=phi[i], h=phi[j]: f(z) * h(z) * (-z * z / 2).exp(),
                    *sorted(side * end for end in ends),
                    abs_tol=arb(2) ** -2000,  # entries of short rows are small
                )
                H[i, j] += total.real / (2 * arb.pi()).sqrt()
    for i, j in product(range(network.P), repeat=2):
        H[max(i, j), min(i, j)] = H[min(i, j), max(i, j)]
    return H


def eigenvalues(H):
    """The eigenvalues of a symmetric matrix, ascending, to some hundred digits of the largest."""
    largest = max(abs(entry).mid() for entry in H.entries())
    if largest == 0:
        return [arb(0)] * H.nrows()
    found = acb_mat(H * (1 / largest).mid()).eig(algorithm="approx")
    return sorted((value.real.mid() * largest for value in found), key=lambda x: x)


def draw(rng, names):
    """A random network whose rows have lengths from 1e-160 to 1e8, mostly usual ones."""
    name = str(rng.choice(names))
    N_i = 1 if name in NUMERIC else int(rng.integers(1, 4))
    N_h = int(rng.integers(1, 3 if name in NUMERIC else 4))
    W1, W2 = rng.normal(size=(N_h, N_i)), rng.normal(size=N_h)
    kind = rng.integers(4)
    if kind == 1:
        W1 *= 10.0 ** rng.uniform(-4, 3)
    elif kind == 2:
        W1 *= 10.0 ** rng.uniform(-160, 8, size=(N_h, 1))
    elif kind == 3:
        W1 *= 10.0 ** rng.uniform(-160, 8)
    if rng.integers(4) == 0:
        W2 *= 10.0 ** rng.uniform(-100, 8)
    return name, W1, W2


def compare(name, W1, W2, file):
    """Return true and stated error; None if the package refuses, or the integrator fails."""
    g = activation(name, file=str(file)) if name in OWN else activation(name)
    try:
        found = spectrum_with_error(Network(W1, W2, g))
    except (ActivationError, PrecisionError):
        return None
    twin = Network(W1, W2, OWN.get(name, name))
    bits = INTEGRAL_BITS if name in NUMERIC else BITS
    with ball.working_precision(bits):
        if twin.activation.name in RECTIFIED:
            H = rectified_hessian(twin)
        elif name in NUMERIC:
            H = integrated_hessian(twin)
        else:
            H = ball.hessian(twin)
        radius = max(float(entry.rad()) for entry in H.entries())
        true = eigenvalues(H)
        off = max(abs(arb(x) - y) for x, y in zip(found.eigenvalues.tolist(), true, strict=True))
        # The integrator may give up; then nothing is known.
        return None if radius > 1e-3 * found.error else (float(off), found.error)


def attack(count, seed, folder):
    """Return the networks whose stated error is too small, and how many of each were tried."""
    file = folder / "own.py"
    file.write_text(FILE)
    rng = np.random.default_rng(seed)
    wrong, tried = [], Counter()
    for _ in range(count):
        name, W1, W2 = draw(rng, CLOSED + RECTIFIED + NUMERIC + list(OWN))
        outcome = compare(name, W1, W2, file)
        tried[name if outcome else f"{name}, not compared"] += 1
        if outcome and not outcome[0] <= outcome[1]:
            wrong.append((name, W1.tolist(), W2.tolist(), *outcome))
    return wrong, tried


def test_no_stated_error_is_too_small(tmp_path):
    wrong, tried = attack(CASES, 0, tmp_path)
    assert wrong == []
    assert {name.partition(",")[0] for name in tried} >= {*CLOSED, *RECTIFIED, *NUMERIC, *OWN}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        wrong, tried = attack(int(sys.argv[1]), int(sys.argv[2]), Path(folder))
    for case in wrong:
        sys.stdout.write(f"{case}\n")
    sys.stdout.write(f"{len(wrong)} wrong of {tried}\n")
