"""The rank formula of linear networks against elimination over the rational numbers."""

from fractions import Fraction

import pytest
from flint import fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from hessweep import Inputs, Network, rank
from hessweep.activations import activation

WHOLE = st.integers(-1, 1)


@st.composite
def networks(draw):
    """Small networks with whole weights, many of them of deficient rank."""
    N_i, N_h, N_o = (draw(st.integers(1, 3)) for _ in range(3))

    def matrix(rows, columns):
        return [[draw(WHOLE) for _ in range(columns)] for _ in range(rows)]

    g = activation("polynomial", coefficients=[draw(WHOLE), draw(st.sampled_from([1, 2]))])
    b1 = draw(st.none() | st.lists(WHOLE, min_size=N_h, max_size=N_h))
    b2 = draw(st.none() | st.lists(WHOLE, min_size=N_o, max_size=N_o))
    inputs = None
    if draw(st.booleans()):
        variances = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=N_i, max_size=N_i))
        inputs = Inputs(draw(st.lists(WHOLE, min_size=N_i, max_size=N_i)), variances)
    W2 = matrix(N_o, N_h)
    return Network(matrix(N_h, N_i), W2[0] if N_o == 1 else W2, g, b1=b1, b2=b2, inputs=inputs)


def rank_by_points(network):
    """The rank of all gradients at inputs that determine an affine function, exactly."""
    N_i, N_h, N_o = network.N_i, network.N_h, network.N_o
    mean = [Fraction(0)] * N_i
    variances = [1.0] * N_i
    if network.inputs is not None:
        mean = [Fraction(float(m)) for m in network.inputs.mean]
        variances = network.inputs.covariance.tolist()
    points = [mean]
    for n in range(N_i):
        if variances[n] > 0:
            points.append([m + (k == n) for k, m in enumerate(mean)])
    a0, a1 = (Fraction(c) for c in network.activation.polynomial.coefficients)
    W1 = [[Fraction(w) for w in row] for row in network.W1.tolist()]
    W2 = [[Fraction(w) for w in row] for row in network.output_rows.tolist()]
    b1 = [Fraction(0)] * N_h if network.b1 is None else [Fraction(b) for b in network.b1.tolist()]
    columns = []
    for x in points:
        z = [sum(w * v for w, v in zip(row, x, strict=True)) + b
             for row, b in zip(W1, b1, strict=True)]  # fmt: skip
        for o in range(N_o):
            phi = [a1 * W2[o][m] * x[n] for m in range(N_h) for n in range(N_i)]
            if network.b1 is not None:
                phi += [a1 * W2[o][m] for m in range(N_h)]
            phi += [(a0 + a1 * z[k]) * (p == o) for p in range(N_o) for k in range(N_h)]
            if network.b2 is not None:
                phi += [Fraction(p == o) for p in range(N_o)]
            columns.append([fmpq(v.numerator, v.denominator) for v in phi])
    return int(fmpq_mat(columns).rank())


@settings(deadline=None, max_examples=300)
@given(networks())
def test_rank_is_that_of_the_gradients(network):
    if network.is_plain:
        return
    found = rank(network)
    assert (found.certificate, found.value) == ("proved", rank_by_points(network))


@pytest.mark.parametrize("seed", range(3))
def test_large_networks_take_no_matrix_of_all_gradients(seed):
    from hessweep import sample_teacher

    network = sample_teacher("linear", 200, 150, seed, biases="both", N_o=30)
    found = rank(network)
    assert (found.certificate, found.value) == ("proved", 30 * (201 + 30 - 30))
