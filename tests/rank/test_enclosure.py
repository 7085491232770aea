"""One call for the smallest non-zero eigenvalue: the truth is between its bounds."""

import re
from itertools import product

import numpy as np
import pytest
from flint import acb_mat, arb, arb_mat, ctx

import hessweep
from hessweep.errors import InputError
from hessweep.rank import enclosure
from hessweep.rank.float64 import proved_error
from hessweep.rank.smallest import SmallestEigenvalue
from hessweep.spectrum import spectrum_with_error


@pytest.fixture
def digits():
    before, ctx.prec = ctx.prec, 400
    yield
    ctx.prec = before


def erf_hessian(network):
    """Return the Hessian of an erf network in balls, by Gaussian integrals over the inputs.

    With M = 1 + w w^T + v v^T, E[g'(wx) g'(vx) x x^T] = (2/pi) M^-1 / sqrt(det M). The kernel and
    its derivatives, which the package uses, do not occur here except for E[g g].
    """
    W1 = [[arb(x) for x in row] for row in network.W1.tolist()]
    W2 = [arb(x) for x in network.W2.tolist()]
    N_h, N_i = network.W1.shape
    two = 2 / arb.pi()
    H = [[arb(0)] * network.P for _ in range(network.P)]
    for k, m in product(range(N_h), repeat=2):
        w, v = W1[k], W1[m]
        p, q, c = (sum(a * b for a, b in zip(*pair, strict=True)) for pair in ((w, w), (v, v),
                   (w, v)))  # fmt: skip
        H[N_h * N_i + k][N_h * N_i + m] = two * (c / ((1 + p) * (1 + q)).sqrt()).asin()
        M = arb_mat([[int(n == o) + w[n] * w[o] + v[n] * v[o] for o in range(N_i)]
                     for n in range(N_i)])  # fmt: skip
        inverse, root = M.inv(), M.det().sqrt()
        one = arb_mat([[int(n == o) + v[n] * v[o] for o in range(N_i)] for n in range(N_i)])
        for n in range(N_i):
            # E[g(wx) g'(vx) x_n] = w^T E[g'(wx) g'(vx)] (1 + v v^T)^-1 by Stein's lemma
            mean = two / root * sum(w[o] * one.inv()[o, n] for o in range(N_i))
            H[m * N_i + n][N_h * N_i + k] = H[N_h * N_i + k][m * N_i + n] = W2[m] * mean
            for o in range(N_i):
                H[k * N_i + n][m * N_i + o] = W2[k] * W2[m] * two * inverse[n, o] / root
    return arb_mat(H)


@pytest.mark.parametrize(("N_i", "N_h"), [(2, 3), (1, 5), (2, 8)])
def test_the_truth_lies_between_the_bounds(N_i, N_h, digits):
    network = hessweep.sample_teacher("erf", N_i, N_h, seed=3)
    found = hessweep.lambda_min(network)
    truth = min(float(value.real) for value in acb_mat(erf_hessian(network)).eig())
    assert found.lower <= truth <= found.upper
    assert found.upper / found.lower - 1 < 0.03
    assert found.certificate == "proved"
    worst = proved_error(spectrum_with_error(network), N_i, N_h)
    assert found.method == ("ball" if worst > 0.01 * truth else "float64")


def test_it_is_the_smallest_that_is_not_zero():
    network = hessweep.sample_teacher("linear", 4, 6, seed=0)
    found = hessweep.lambda_min(network)
    rank = hessweep.rank(network).value
    assert rank < network.P
    value = np.linalg.eigvalsh(hessweep.hessian(network))[network.P - rank]
    assert found.lower <= value * (1 + 1e-9)
    assert found.upper >= value * (1 - 1e-9)


def test_what_is_not_proved_says_so():
    estimated = hessweep.lambda_min(hessweep.sample_teacher("tanh", 2, 3, 0))
    assert estimated.certificate == "estimated"
    assert estimated.lower <= estimated.value <= estimated.upper
    deep = hessweep.lambda_min(hessweep.sample_deep_teacher("cubic", (2, 2, 2, 1), 0))
    assert deep.certificate == "estimated"
    assert 0 <= deep.lower <= deep.upper


def test_what_has_no_such_eigenvalue_is_refused():
    with pytest.raises(InputError, match=re.escape("expected a hessweep.Network")):
        hessweep.lambda_min(np.eye(3))
    zero = hessweep.Network(np.zeros((2, 2)), np.zeros(2), "linear")
    with pytest.raises(InputError, match="the Hessian is 0"):
        hessweep.lambda_min(zero)


def test_the_smallest_eigenvalue_of_an_undecided_rank_is_below_its_upper_bound():
    """A function whose values alone are known, and which is linear: the rank is 2 of 9."""
    network = hessweep.sample_teacher(hessweep.activation(lambda x: 1.0 * x), 2, 3, seed=1)
    found = hessweep.lambda_min(network)
    truth = hessweep.spectrum(hessweep.Network(network.W1, network.W2, "linear"))[-2]
    assert (found.method, found.lower) == ("rank", 0)
    assert truth <= found.upper


def test_bounds_are_relative_to_the_truth(monkeypatch):
    """`|value - truth| <= truth / 2` for all truths from 2/3 to 2 of a value of 1."""
    network = hessweep.sample_teacher("erf", 1, 8, 0)
    rough = SmallestEigenvalue(1.0, 0.5, "ball")
    monkeypatch.setattr(enclosure, "enclosed_smallest_eigenvalue", lambda *_: rough)
    found = hessweep.lambda_min(network)
    assert (found.lower, found.value, found.upper) == (pytest.approx(2 / 3), 1, 2)


def test_where_no_eigenvalue_is_proved_the_smallest_is_at_most_the_largest():
    teacher = hessweep.sample_teacher("tanh", 2, 3, 0)
    network = hessweep.Network(teacher.W1, teacher.W2, np.tanh)
    found, spectrum = hessweep.lambda_min(network), spectrum_with_error(network)
    assert hessweep.rank(network).lower == 0
    assert (found.value, found.lower, found.method) == (0, 0, "rank")
    assert found.upper == spectrum.eigenvalues[-1] + proved_error(spectrum, 2, 3)
