"""Activations that grow as fast as a normal density falls, against their kernel in closed form.

`python tests/spectrum/test_growth_fuzz.py 1000 SEED` tries as many networks as one likes.
"""

import sys
import tempfile
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from flint import acb_mat, arb, arb_mat, ctx

from hessweep.activations import load_activation
from hessweep.errors import ActivationError, PrecisionError
from hessweep.networks import Network
from hessweep.spectrum import spectrum_with_error

pytestmark = pytest.mark.fuzz

CASES = 100
BITS = 400
FILE = """
import numpy as np
def squared(x, rate=0.125): return np.exp(rate * x * x)
"""


def hessian(network, rate):
    """H of `g(x) = exp(rate x²)`: `K = D^(-1/2)`, `D = (1 - ap)(1 - aq) - a²c²`, `a = 2 rate`."""
    W1 = [[arb(x) for x in row] for row in network.W1.tolist()]
    W2 = [arb(x) for x in network.W2.tolist()]
    N_h, N_i = network.W1.shape
    P1, a = N_h * N_i, 2 * arb(rate)
    H = arb_mat(network.P, network.P)
    for m, k in product(range(N_h), repeat=2):
        w, v = W1[m], W1[k]
        p, q, c = (sum(x * y for x, y in zip(*pair, strict=True)) for pair in ((w, w), (v, v),
                   (w, v)))  # fmt: skip
        D = (1 - a * p) * (1 - a * q) - (a * c) ** 2
        first, second = -1 / (2 * D * D.sqrt()), 3 / (4 * D * D * D.sqrt())
        D_p, D_q, D_c = -a * (1 - a * q), -a * (1 - a * p), -2 * a * a * c
        H[P1 + m, P1 + k] = 1 / D.sqrt()
        K_pq = second * D_p * D_q + first * a * a
        K_cc = second * D_c * D_c - 2 * first * a * a
        for n in range(N_i):
            entry = W2[m] * first * (2 * D_p * w[n] + D_c * v[n])
            H[m * N_i + n, P1 + k] = H[P1 + k, m * N_i + n] = entry
            for j in range(N_i):
                of_p = 2 * w[n] * (2 * K_pq * v[j] + second * D_p * D_c * w[j])
                of_c = v[n] * (2 * second * D_q * D_c * v[j] + K_cc * w[j])
                total = of_p + of_c + first * D_c * (n == j)
                H[m * N_i + n, k * N_i + j] = W2[m] * W2[k] * total
    return H


def attack(count, seed, folder):
    """Return the networks with a stated error that is too small, or wrongly taken or refused."""
    file = folder / "grown.py"
    file.write_text(FILE)
    rng = np.random.default_rng(seed)
    wrong, tried = [], Counter()
    with ctx.workprec(BITS):
        for _ in range(count):
            rate = float(rng.choice([0.01, 0.05, 0.125, 0.2]))
            N_i, N_h = int(rng.integers(1, 4)), int(rng.integers(1, 5))
            W1 = rng.normal(size=(N_h, N_i))
            # Means are finite where the longest row has |w|² < 1/(4 rate).
            lengths = rng.uniform(0, 1.3, size=N_h) if rng.integers(3) else rng.random(N_h) ** 3
            W1 *= (np.sqrt(lengths / (4 * rate)) / np.linalg.norm(W1, axis=1))[:, None]
            network = Network(
                W1, rng.normal(size=N_h), load_activation(file, "squared", rate=rate)
            )
            finite = lengths.max() < 1
            try:
                found = spectrum_with_error(network)
            except (ActivationError, PrecisionError):
                tried["refused" if finite else "infinite"] += 1
                # Near the limit no quadrature reaches far enough.
                if finite and lengths.max() < 0.9:
                    wrong.append((rate, lengths.tolist(), "refused"))
                continue
            tried["compared"] += 1
            if not finite:
                wrong.append((rate, lengths.tolist(), "taken"))
                continue
            H = hessian(network, rate)
            exact = sorted(float(e.real) for e in acb_mat(H).eig(algorithm="approx"))
            off = float(np.abs(found.eigenvalues - exact).max())
            if off > found.error + 2e-16 * exact[-1]:
                wrong.append((rate, lengths.tolist(), off, found.error))
    return wrong, tried


def test_stated_errors_of_functions_that_grow(tmp_path):
    wrong, tried = attack(CASES, 0, tmp_path)
    assert wrong == []
    assert min(tried["compared"], tried["infinite"]) > CASES / 10


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        wrong, tried = attack(int(sys.argv[1]), int(sys.argv[2]), Path(folder))
    for case in wrong:
        sys.stdout.write(f"{case}\n")
    sys.stdout.write(f"{len(wrong)} wrong of {tried}\n")
