"""No certificate "proved" is wrong, on networks that are made to mislead.

The rank is that of the gradients at many random inputs, in arithmetic of the test's own: modulo a
prime for polynomials and ReLU, with 1500 bits for the others.
"""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx, nmod_mat

from hessweep import Inputs, Network, rank
from hessweep.activations import activation

PRIME = 18446744073709551557
"""The largest prime below 2^64, and not the one that the package computes with."""

BITS, ZERO = 1500, arb(2) ** -700
SAMPLED, ALL = 150, 5000

DYADIC = [0.0, 0.25, 0.5, 1.0, 1.0, 2.0, -0.5, -1.0, -1.0, -2.0, 2.0**-61, 1 + 2.0**-52, 3.0]


def sigmoid(z):
    return 1 / (1 + (-z).exp())


def normal(z):
    return (-z * z / 2).exp() / (2 * arb.pi()).sqrt()


def below(z):
    return (1 + (z / arb(2).sqrt()).erf()) / 2


SMOOTH = {
    "erf": (lambda z: 2 * below(z) - 1, lambda z: 2 * normal(z)),
    "gaussian": (lambda z: (-z * z / 2).exp(), lambda z: -z * (-z * z / 2).exp()),
    "gelu": (lambda z: z * below(z), lambda z: below(z) + z * normal(z)),
    "tanh": (lambda z: z.tanh(), lambda z: 1 - z.tanh() ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "softplus": (lambda z: (1 + z.exp()).log(), sigmoid),
    "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * (1 - sigmoid(z)))),
    "sin": (lambda z: z.sin(), lambda z: z.cos()),
    "cos": (lambda z: z.cos(), lambda z: -z.sin()),
    "exp": (lambda z: z.exp(), lambda z: z.exp()),
}
POLYNOMIALS = {
    "linear": [0, 1],
    "quadratic": [0, 1, 1],
    "square": [0, 0, 1],
    "cube": [0, 0, 0, 1],
    "cubic": [0, 1, 1, 1],
    "shifted square": [1, 2, 1],
    "odd": [0, 1, 0, 1],
    "constant": [1, 0, 1],
}


def adversarial(seed):
    """A network with equal pairs, opposite pairs, cancelling biases and dyadic coincidences."""
    rng = np.random.default_rng(seed)
    names = [*SMOOTH, *POLYNOMIALS, "relu"]
    name = names[seed % len(names)]
    N_i, N_h, N_o = (int(n) for n in rng.integers((1, 1, 1), (3, 5, 3)))
    coarse = rng.random() < 0.7

    def draw(*shape):
        return rng.choice(DYADIC, shape) if coarse else rng.standard_normal(shape)

    W1, W2, b1, b2 = draw(N_h, N_i), draw(N_o, N_h), draw(N_h), draw(N_o)
    for m in range(1, N_h):
        other, trick = int(rng.integers(m)), rng.integers(7)
        factor = {0: 1.0, 1: -1.0, 2: 2.0, 3: -0.5}.get(int(trick))
        if factor is not None:
            W1[m] = factor * W1[other]
            # The same function up to sign, a parallel one, or a multiple whose output cancels.
            b1[m] = rng.choice([factor * b1[other], b1[other], -b1[other], b1[m]])
            if rng.random() < 0.5:
                W2[:, m] = rng.choice([-1.0, 1.0]) * W2[:, other]
        elif trick == 4:
            W1[m] = 0.0
        elif trick == 5:
            W2[:, m] = 0.0
    hidden, output = rng.random(2) < 0.6
    inputs = None
    if rng.random() < 0.4:
        variances = rng.choice([0.0, 0.5, 1.0], N_i, p=[0.4, 0.3, 0.3])
        inputs = Inputs(mean=rng.choice([0.0, 1.0, -0.5], N_i), covariance=variances)
    if name in POLYNOMIALS:
        g = activation("polynomial", coefficients=[float(c) for c in POLYNOMIALS[name]])
    else:
        g = activation(name)
    network = Network(
        W1, W2[0] if N_o == 1 else W2, g,
        b1=b1 if hidden else None, b2=b2 if output else None, inputs=inputs,
    )  # fmt: skip
    return name, network


def points(network, count, rng):
    """Random dyadic inputs; those of variance 0 have their mean."""
    x = np.round(rng.standard_normal((count, network.N_i)) * 3 * 2**20) / 2**20
    if network.inputs is not None:
        x = np.where(network.inputs.covariance > 0, x, 0) + network.inputs.mean
    return x.tolist()


def beside_kinks(network, rng):
    """Exact inputs on both sides of each neuron's kink, as far away and as near as it takes."""
    N_i = network.N_i
    b1 = np.zeros(network.N_h) if network.b1 is None else network.b1
    mean, varying = [Fraction(0)] * N_i, [True] * N_i
    if network.inputs is not None:
        mean = [Fraction(float(m)) for m in network.inputs.mean]
        varying = (network.inputs.covariance > 0).tolist()
    found = []
    for row, bias in zip(network.W1.tolist(), b1.tolist(), strict=True):
        w = [Fraction(v) * vary for v, vary in zip(row, varying, strict=True)]
        square = sum(v * v for v in w)
        if not square:
            continue
        fixed = sum(
            Fraction(v) * m for v, m, vary in zip(row, mean, varying, strict=True) if not vary
        )
        foot = [-(Fraction(bias) + fixed) * v / square for v in w]
        size = 1 + max(abs(v) for v in foot)
        for exponent in (-80, -70, -64, -60, -54, -45, -30, -10, -3, 0, 5):
            for _ in range(network.P):
                drawn = rng.standard_normal(N_i).tolist()
                along = [Fraction(v) * vary * size for v, vary in zip(drawn, varying, strict=True)]
                out = sum(a * v for a, v in zip(along, w, strict=True)) / square
                step = Fraction(2) ** exponent * int(rng.choice([-3, -1, 1, 3])) * size
                # Along the kink, then a step across it.
                found.append([
                    f + a - out * v + step * v if vary else m
                    for f, a, v, vary, m in zip(foot, along, w, varying, mean, strict=True)
                ])  # fmt: skip
    return found


def gradients(network, x, of, g, derivative):
    """The rows ∂y_o/∂θ at each input, in numbers that `of` makes of float64."""
    W1 = [[of(w) for w in row] for row in network.W1.tolist()]
    W2 = [[of(w) for w in row] for row in network.output_rows.tolist()]
    b1 = [of(b) for b in (np.zeros(network.N_h) if network.b1 is None else network.b1).tolist()]
    rows = []
    for point in x:
        at = [of(v) for v in point]
        z = [sum((w * v for w, v in zip(row, at, strict=True)), b)
             for row, b in zip(W1, b1, strict=True)]  # fmt: skip
        values, slopes = [g(v) for v in z], [derivative(v) for v in z]
        for o, out in enumerate(W2):
            row = [w * s * v for w, s in zip(out, slopes, strict=True) for v in at]
            if network.b1 is not None:
                row += [w * s for w, s in zip(out, slopes, strict=True)]
            for p in range(network.N_o):
                row += [v if p == o else of(0.0) for v in values]
            if network.b2 is not None:
                row += [of(float(p == o)) for p in range(network.N_o)]
            rows.append(row)
    return rows


def rank_in_bits(network, g, derivative, x):
    """Gaussian elimination with full pivoting: pivots are far above or far below 2^-700."""
    rows = gradients(network, x, arb, g, derivative)
    rows = [[v.mid() for v in row] for row in rows]
    found, columns = 0, list(range(len(rows[0])))
    while rows and columns:
        size, i, k = max(
            ((abs(row[k]), i, k) for i, row in enumerate(rows) for k in columns),
            key=lambda entry: float(entry[0].log()) if entry[0] > 0 else -1e9,
        )
        if not size > ZERO:
            break
        found += 1
        pivot = rows.pop(i)
        columns.remove(k)
        for row in rows:
            factor = (row[k] / pivot[k]).mid()
            for n in columns:
                row[n] = (row[n] - factor * pivot[n]).mid()
    return found


def rank_modulo(network, g, derivative, x):
    rows = gradients(network, x, Fraction, g, derivative)
    entries = [v.numerator * pow(v.denominator, -1, PRIME) % PRIME for row in rows for v in row]
    return int(nmod_mat(len(rows), len(rows[0]), entries, PRIME).rank())


def true_rank(name, network, seed):
    rng = np.random.default_rng([seed, 1])
    if name in SMOOTH:
        g, derivative = SMOOTH[name]
        before, ctx.prec = ctx.prec, BITS
        try:
            return rank_in_bits(network, g, derivative, points(network, network.P + 6, rng))
        finally:
            ctx.prec = before
    if name == "relu":
        x = points(network, 10 * network.P, rng) + beside_kinks(network, rng)
        return rank_modulo(network, lambda z: max(z, Fraction(0)), lambda z: Fraction(z > 0), x)
    coefficients = [Fraction(c) for c in POLYNOMIALS[name]]
    return rank_modulo(
        network,
        lambda z: sum(c * z**k for k, c in enumerate(coefficients)),
        lambda z: sum(k * c * z ** (k - 1) for k, c in enumerate(coefficients) if k),
        points(network, network.P + 10, rng),
    )


def check(seeds):
    """Return how many ranks are proved; fails on one that is wrong."""
    proved = 0
    for seed in seeds:
        name, network = adversarial(seed)
        found = rank(network)
        truth = true_rank(name, network, seed)
        told = f"seed {seed}: {name}, {network.layout}, {found}, truth {truth}"
        assert found.lower <= truth <= found.upper, told
        if found.certificate == "proved":
            assert found.value == truth, told
            proved += 1
    return proved


@pytest.mark.parametrize("name", [*SMOOTH])
def test_the_functions_here_are_the_activations(name):
    z = np.linspace(-2, 3, 11)
    for function, known in zip(SMOOTH[name], (activation(name), activation(name).derivative),
                               strict=True):  # fmt: skip
        np.testing.assert_allclose([float(function(arb(v))) for v in z], known(z), atol=1e-14)


def test_networks_that_mislead_are_told_right():
    assert check(range(SAMPLED)) > 0.95 * SAMPLED


@pytest.mark.fuzz
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("part", range(10))
def test_no_certificate_is_wrong(part):
    share = ALL // 10
    seeds = range(SAMPLED + part * share, SAMPLED + (part + 1) * share)
    assert check(seeds) > 0.95 * share
