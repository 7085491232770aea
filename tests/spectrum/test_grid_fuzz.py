"""Stated errors with biases, several outputs and other inputs, and of numeric kernels, on a grid.

For a smooth function the sum over a regular grid converges to the Gaussian mean exponentially, as
2 pi d / h: d is how far the closest pole is from the real axis, h the distance of the nodes. In 64
bits of mantissa the sums have 18 digits. `python tests/spectrum/test_grid_fuzz.py 1000 SEED`
tries as many networks as one likes.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from flint import acb_mat, arb, arb_mat, ctx

from hessweep.activations import activation
from hessweep.errors import ActivationError, PrecisionError
from hessweep.networks import Inputs, Network
from hessweep.spectrum import spectrum_with_error

pytestmark = pytest.mark.fuzz

CASES = 100
BITS = 800
"""Enough for eigenvalues of matrices whose entries differ by 1e-120."""
LONG = np.longdouble
REACH = 12.0
"""The grid ends where the Gaussian weight is e^-72."""
POLE = 0.1
"""The distance of the nodes over the distance of the closest pole: an error of e^-62."""


def sigmoid(u):
    return (1 + np.tanh(u / 2)) / 2


class Function(NamedTuple):
    """A function, its derivative, and how far its closest pole is from the real axis."""

    value: Callable
    slope: Callable
    pole: float


def with_sigmoid(value, slope):
    return Function(
        lambda u: value(u, sigmoid(u)),
        lambda u: slope(u, sigmoid(u), sigmoid(u) * sigmoid(-u)),
        np.pi,
    )


ENTIRE = 2.0
FUNCTIONS = {
    "linear": Function(lambda u: u, np.ones_like, ENTIRE),
    "quadratic": Function(lambda u: u + u**2, lambda u: 1 + 2 * u, ENTIRE),
    "cubic": Function(lambda u: u + u**2 + u**3, lambda u: 1 + 2 * u + 3 * u**2, ENTIRE),
    "sin": Function(np.sin, np.cos, ENTIRE),
    "cos": Function(np.cos, lambda u: -np.sin(u), ENTIRE),
    "exp": Function(np.exp, np.exp, ENTIRE),
    "gaussian": Function(lambda u: np.exp(-u * u / 2), lambda u: -u * np.exp(-u * u / 2), ENTIRE),
    "tanh": Function(np.tanh, lambda u: 1 / np.cosh(u) ** 2, np.pi / 2),
    "sigmoid": with_sigmoid(lambda u, s: s, lambda u, s, ds: ds),
    "softplus": with_sigmoid(
        lambda u, s: np.maximum(u, 0) + np.log1p(np.exp(-abs(u))), lambda u, s, ds: s
    ),
    "silu": with_sigmoid(lambda u, s: u * s, lambda u, s, ds: s + u * ds),
    "own_sech": Function(lambda u: 1 / np.cosh(u), lambda u: -np.tanh(u) / np.cosh(u), np.pi / 2),
    "own_sin": Function(np.sin, np.cos, ENTIRE),
    "own_tanh": Function(np.tanh, lambda u: 1 / np.cosh(u) ** 2, np.pi / 2),
}
FILE = """
import numpy as np
def own_sech(x): return 1 / np.cosh(np.clip(x, -700, 700))
def own_sin(x): return np.sin(x)
def own_tanh(x): return np.tanh(x)
"""


def nodes(N_i, step, reach):
    """The nodes and weights of a regular grid in N_i dimensions."""
    line = np.arange(-round(reach / step), round(reach / step) + 1).astype(LONG) * LONG(step)
    weight = np.exp(-line * line / 2) * LONG(step) / np.sqrt(2 * LONG(np.pi))
    weight /= weight.sum()  # the sum is 1 but for pi in float64
    axes = np.meshgrid(*[line] * N_i, indexing="ij")
    weights = weight
    for _ in range(N_i - 1):
        weights = np.multiply.outer(weights, weight)
    return np.stack([axis.ravel() for axis in axes], 1), weights.ravel()


def summed_hessian(network, function, factor, mean):
    """H as the mean of the outer products of the gradients of each output."""
    W1, W2 = network.W1.astype(LONG), np.atleast_2d(network.W2).astype(LONG)
    rows = W1 @ factor.astype(LONG)
    length = float(np.abs(rows).sum(1).max())
    # The Gaussian weight itself asks for 0.5.
    step = min(0.4, POLE * function.pole / max(length, 1e-9))
    # The square of exp(w z) moves the weight by 2 w.
    reach = REACH + (2 * length if function.value is np.exp else 0)
    z, weights = nodes(network.N_i, step, reach)
    x = mean.astype(LONG) + z @ factor.astype(LONG).T
    u = x @ W1.T + (0 if network.b1 is None else network.b1.astype(LONG))
    value, slope = function.value(u), function.slope(u)
    H = np.zeros((network.P, network.P), LONG)
    for o, outputs in enumerate(W2):
        first = (slope * outputs)[:, :, None] * x[:, None, :]
        parts = [first.reshape(len(x), -1)]
        if network.b1 is not None:
            parts.append(slope * outputs)
        parts += [value if k == o else np.zeros_like(value) for k in range(len(W2))]
        if network.b2 is not None:
            parts.append(np.tile((np.arange(len(W2)) == o).astype(LONG), (len(x), 1)))
        gradient = np.concatenate(parts, 1)
        H += (gradient * weights[:, None]).T @ gradient
    return H


def exact_value(number):
    high = float(number)
    return arb(high) + arb(float(number - LONG(high)))


def eigenvalues(H):
    """The eigenvalues, ascending, of a matrix of long floats."""
    scale = arb(float(np.abs(H).max()))
    matrix = arb_mat([[exact_value(entry) / scale for entry in row] for row in H])
    found = acb_mat(matrix).eig(algorithm="approx")
    return sorted((value.real.mid() * scale for value in found), key=float)


def draw(rng, file):
    """A random network with whatever a network may have, and the factor and mean of its inputs."""
    name = str(rng.choice(list(FUNCTIONS)))
    N_i, N_h, N_o = int(rng.integers(1, 3)), int(rng.integers(1, 4)), int(rng.integers(1, 3))
    W1, W2 = rng.normal(size=(N_h, N_i)), rng.normal(size=(N_o, N_h))
    W1 *= min(1, 1.5 / np.abs(W1).sum(1).max())
    form = rng.integers(4)
    if form == 1:
        W1 *= 10.0 ** rng.uniform(-5, 0)
    elif form == 2:
        W1 *= 10.0 ** rng.uniform(-60, 0, size=(N_h, 1))
    elif form == 3 and N_i == 1 and name != "exp":
        W1 *= 10.0 ** rng.uniform(0, 1.5)
    if rng.integers(4) == 0:
        W2 *= 10.0 ** rng.uniform(-50, 8)
    has_hidden, has_output = rng.integers(2, size=2)
    b1 = rng.normal(size=N_h) * 10.0 ** rng.uniform(-8, 0.5) if has_hidden else None
    b2 = rng.normal(size=N_o) if has_output else None
    factor, mean, inputs = np.eye(N_i), np.zeros(N_i), None
    if rng.integers(2):
        # Short binary fractions, so that the covariance is exact.
        factor = np.tril(np.round(rng.normal(size=(N_i, N_i)) * 8) / 8)
        mean = np.round(rng.normal(size=N_i) * 8) / 8 if rng.integers(2) else mean
        inputs = Inputs(mean, factor @ factor.T)
    own = name.startswith("own")
    g = activation(name, file=str(file)) if own else activation(name)
    W2 = W2[0] if N_o == 1 and rng.integers(2) else W2
    return name, Network(W1, W2, g, b1=b1, b2=b2, inputs=inputs), factor, mean


def compare(name, network, factor, mean):
    """Return true and stated error, or None if the package refuses the network."""
    try:
        found = spectrum_with_error(network)
    except (ActivationError, PrecisionError):
        return None
    H = summed_hessian(network, FUNCTIONS[name], factor, mean)
    if not np.abs(H).max():
        return float(np.abs(found.eigenvalues).max()), found.error
    with ctx.workprec(BITS):
        true = eigenvalues(H)
        pairs = zip(found.eigenvalues.tolist(), true, strict=True)
        return float(max(abs(arb(x) - y) for x, y in pairs)), found.error


def attack(count, seed, folder):
    """Return the networks whose stated error is too small, and how many of each were tried."""
    file = folder / "own.py"
    file.write_text(FILE)
    rng = np.random.default_rng(seed)
    wrong, tried = [], Counter()
    for case in range(count):
        name, network, factor, mean = draw(rng, file)
        outcome = compare(name, network, factor, mean)
        tried[name if outcome else f"{name}, refused"] += 1
        if outcome and not outcome[0] <= outcome[1]:
            wrong.append((case, name, network, factor.tolist(), mean.tolist(), *outcome))
    return wrong, tried


def test_no_stated_error_is_too_small_on_a_grid(tmp_path):
    wrong, tried = attack(CASES, 0, tmp_path)
    assert wrong == []
    assert {name.partition(",")[0] for name in tried} == set(FUNCTIONS)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        wrong, tried = attack(int(sys.argv[1]), int(sys.argv[2]), Path(folder))
    for case in wrong:
        sys.stdout.write(f"{case}\n")
    sys.stdout.write(f"{len(wrong)} wrong of {tried}\n")
