"""Spectra of deep networks: closed form, exact nodes and samples, each against another route."""

import tracemalloc
from fractions import Fraction
from itertools import pairwise, product
from math import prod

import numpy as np
import pytest

from hessweep import activation, hessian, sample_deep_teacher, spectrum
from hessweep.hessian.factor import nodes_work, polynomial_rounding, qr_rounding
from hessweep.hessian.nodes import tensor_nodes
from hessweep.networks import Inputs, Network
from hessweep.rank import ball, float64
from hessweep.rank.deep_analytic import gradient_balls
from hessweep.spectrum import deep_linear, deep_plan, layer_shares, spectrum_with_error
from hessweep.spectrum.solver import solver_error

AFFINE = activation("polynomial", coefficients=[0.5, -1.5])


@pytest.mark.parametrize(
    ("g", "widths", "biases"),
    [
        ("linear", (3, 4, 2, 2), "none"),
        ("linear", (3, 4, 2, 2), "both"),
        ("linear", (2, 5, 4, 3), [False, True, False]),
        ("linear", (5, 2, 5), "hidden"),  # H itself is smaller than d_L (d_0 + 1)
        ("linear", (8, 8, 8, 8, 8, 8), "none"),
        (AFFINE, (3, 2, 4, 2), "output"),
        (AFFINE, (3, 2, 4, 1), "none"),
    ],
)
def test_linear_spectra_are_those_of_the_dense_matrix(g, widths, biases):
    for seed in range(5):
        network = sample_deep_teacher(g, widths, seed, biases=biases)
        # Points with the second moments of the normal distribution: exact for linear outputs.
        x = np.sqrt(widths[0]) * np.concatenate([np.eye(widths[0]), -np.eye(widths[0])])
        phi = network.gradient(x).reshape(-1, network.P)
        dense = np.linalg.eigvalsh(phi.T @ phi / len(x))
        found = spectrum_with_error(network)
        off = np.abs(found.eigenvalues - dense).max()
        assert off <= 1e-12 * dense[-1]
        assert off <= found.error + 1e-15 * network.P * dense[-1]
        assert found.error < 1e-10 * dense[-1]


def test_wide_linear_networks_need_no_dense_matrix():
    network = sample_deep_teacher("linear", (100, 100, 100, 100, 1), 0)
    assert spectrum_with_error(network).plan.size == 100
    # The trace: Σ_l |A_l|² |B_l|².
    A, B, trace = np.eye(1), [np.eye(100)], 0.0
    for W in network.weights[:-1]:
        B.append(W @ B[-1])
    for W, before in zip(network.weights[::-1], B[::-1], strict=True):
        trace += np.square(A).sum() * np.square(before).sum()
        A = A @ W
    assert spectrum(network).sum() == pytest.approx(trace, rel=1e-12)


class Polynomials:
    """A polynomial in a few variables: exponents -> rational coefficient."""

    def __init__(self, terms):
        self.terms = {powers: c for powers, c in terms.items() if c}

    def __add__(self, other):
        terms = dict(self.terms)
        for powers, c in other.terms.items():
            terms[powers] = terms.get(powers, 0) + c
        return Polynomials(terms)

    def __mul__(self, other):
        terms = {}
        for (p, a), (q, b) in product(self.terms.items(), other.terms.items()):
            powers = tuple(i + j for i, j in zip(p, q, strict=True))
            terms[powers] = terms.get(powers, 0) + a * b
        return Polynomials(terms)

    def mean(self):
        """Return the mean over standard normal variables, by their moments."""
        moment = lambda k: 0 if k % 2 else prod(range(1, k, 2))  # noqa: E731
        return sum((c * prod(map(moment, powers)) for powers, c in self.terms.items()), Fraction())


def exact_hessian(network):
    """Return H by rational arithmetic on the coefficients of the gradients."""
    inputs, step = network.widths[0], Fraction(1)
    constant = lambda c: Polynomials({(0,) * (inputs + 1): Fraction(c)})  # noqa: E731
    # One more variable t: the gradient is the coefficient of t after θ -> θ + t e.
    x = [Polynomials({tuple(int(i == n) for i in range(inputs + 1)): step}) for n in range(inputs)]
    t = Polynomials({(0,) * inputs + (1,): step})

    def output(parameter):
        theta = [constant(value) for value in network.parameters]
        theta[parameter] = theta[parameter] + t
        h = x
        for place, W, b, number in zip(
            network.layout,
            network.weights,
            network.biases,
            range(len(network.weights)),
            strict=True,
        ):
            rows = [
                theta[place.weights][i * W.shape[1] : (i + 1) * W.shape[1]] for i in range(len(W))
            ]
            u = [sum((w * v for w, v in zip(row, h, strict=True)), constant(0)) for row in rows]
            if b is not None:
                u = [value + bias for value, bias in zip(u, theta[place.biases], strict=True)]
            if number == len(network.activations):
                return u
            h = []
            for value in u:
                total = constant(0)
                for c in network.activations[number].coefficients[::-1]:
                    total = first_order(total * value + constant(c))
                h.append(total)
        return None

    def first_order(polynomial):
        return Polynomials({p: c for p, c in polynomial.terms.items() if p[-1] <= 1})

    def slope(polynomial):
        return Polynomials({p[:-1]: c for p, c in polynomial.terms.items() if p[-1] == 1})

    phi = [[slope(y) for y in output(k)] for k in range(network.P)]
    H = np.empty((network.P, network.P))
    for i, j in product(range(network.P), repeat=2):
        H[i, j] = float(sum((a * b).mean() for a, b in zip(phi[i], phi[j], strict=True)))
    return H


@pytest.mark.parametrize(
    ("g", "widths", "biases"),
    [
        ("quadratic", (2, 2, 2, 1), "none"),
        ("quadratic", (1, 2, 2, 2), "both"),
        (["cubic", "quadratic"], (1, 2, 2, 1), "hidden"),
        ("quadratic", (1, 2, 1, 2, 1), "none"),
    ],
)
def test_polynomial_spectra_are_those_of_rational_moments(g, widths, biases):
    network = sample_deep_teacher(g, widths, 1, biases=biases)
    H = exact_hessian(network)
    expected, found = np.linalg.eigvalsh(H), spectrum_with_error(network)
    off = np.abs(found.eigenvalues - expected).max()
    assert off <= 1e-10 * expected[-1]
    assert off <= found.error + 1e-15 * network.P * expected[-1]
    assert found.error <= 1e-10 * expected[-1]
    np.testing.assert_allclose(hessian(network), H, atol=1e-12 * expected[-1])


@pytest.mark.parametrize("widths", [(2, 3, 3, 1), (1, 4, 4, 2)])
def test_the_bound_on_rounding_in_gradients_is_one_and_not_far_off(widths):
    network = sample_deep_teacher(["cubic", "quadratic"], widths, 0, biases="hidden")
    [nodes] = tensor_nodes(widths[0], 7, 10**6)
    functions = [g.in_balls for g in network.activations]
    outputs = np.eye(widths[-1])
    total = 0.0
    with ball.working_precision(300):
        for o in range(widths[-1]):
            combined = np.repeat(outputs[o : o + 1], len(nodes.x), axis=0)
            exact = gradient_balls(network, functions, nodes.x, combined).table()
            rounded = network.gradient(nodes.x)[:, o]
            for weight, row, approximate in zip(nodes.weight, exact, rounded, strict=True):
                off = [
                    float((a - b).mid()) for a, b in zip(row, approximate.tolist(), strict=True)
                ]
                total += weight * np.square(off).sum()
    bound = polynomial_rounding(network, [nodes], 7)
    assert 0 < np.sqrt(total) <= bound <= 1e4 * np.sqrt(total)


@pytest.mark.parametrize("name", ["quadratic", "cubic"])
def test_two_layers_have_the_spectrum_of_a_network(name):
    deep = sample_deep_teacher(name, (3, 4, 1), 0)
    network = Network(deep.weights[0], deep.weights[1][0], name)
    found, expected = spectrum_with_error(deep), spectrum_with_error(network)
    off = np.abs(found.eigenvalues - expected.eigenvalues).max()
    assert off <= found.error + expected.error


def test_zeros_of_exact_nodes_are_far_below_the_rounding_of_the_matrix():
    network = sample_deep_teacher("quadratic", (3, 4, 3, 1), 0)  # P = 27, rank 24
    found = spectrum(network)
    assert found[2] < 1e-26 * found[-1]
    assert found[3] > 1e-12 * found[-1]


def test_plans_are_known_from_the_sizes():
    def plan(name, widths, biases="none"):
        return deep_plan([activation(name)] * (len(widths) - 2), widths, biases)

    assert plan("linear", (20,) * 6).method == "linear"
    assert plan("linear", (20,) * 6).size == 400
    assert plan("linear", (20,) * 6, "both").size == 420
    assert plan("linear", (5, 2, 5)).method == "dense"
    nodes = plan("quadratic", (3, 4, 3, 1))
    assert (nodes.method, nodes.nodes, nodes.is_exact) == ("nodes", 125, True)
    sampled = plan("erf", (3, 4, 3, 1))
    assert (sampled.method, sampled.is_exact) == ("sampled", False)
    assert sampled.nodes >= 30 * 27
    assert plan("quadratic", (60, 4, 3, 1)).method == "sampled"
    for name, widths in (("linear", (4, 4, 4)), ("quadratic", (3, 4, 3, 1)), ("erf", (4, 4, 1))):
        network = sample_deep_teacher(name, widths, 0)
        assert spectrum_with_error(network).plan == plan(name, widths)


@pytest.mark.parametrize(
    ("g", "widths", "biases", "mean"),
    [
        ("linear", (3, 4, 4, 2), "none", False),
        ("linear", (3, 4, 4, 2), "none", True),
        ("linear", (3, 4, 4, 2), "output", False),
        (AFFINE, (3, 4, 4, 2), "none", False),
        (AFFINE, (5, 2, 2, 5), "hidden", False),
        ("linear", (5, 2, 2, 5), "none", False),
    ],
)
def test_the_planned_size_is_that_of_the_matrix_that_is_solved(
    monkeypatch, g, widths, biases, mean
):
    sizes, solve = [], deep_linear.stacked_eigenvalues

    def seen(matrices):
        sizes.append(matrices.shape[-1])
        return solve(matrices)

    monkeypatch.setattr(deep_linear, "stacked_eigenvalues", seen)
    inputs = Inputs(mean=np.ones(widths[0])) if mean else None
    network = sample_deep_teacher(g, widths, 0, biases=biases, inputs=inputs)
    plan = spectrum_with_error(network).plan
    assert sizes == [plan.size]
    assert plan.method == ("linear" if plan.size < network.P else "dense")


def test_the_predicted_memory_is_enough_and_not_far_more():
    for name, widths in (
        ("linear", (20,) * 6),
        ("linear", (30, 3, 30)),
        ("quadratic", (3, 20, 20, 1)),
        ("erf", (2, 8, 8, 1)),
    ):
        network = sample_deep_teacher(name, widths, 0)
        spectrum(network)  # imports
        tracemalloc.start()
        predicted = spectrum_with_error(network).plan.peak_bytes
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert used <= predicted < 15 * used + 2**22, (name, widths)


@pytest.mark.parametrize("name", ["quadratic", "linear"])
def test_shares_by_layer_are_those_of_the_eigenvectors(name):
    network = sample_deep_teacher(name, (2, 3, 2, 1), 0, biases="both")
    _, vectors = np.linalg.eigh(hessian(network))
    shares = layer_shares(network, 3)
    assert shares.shape == (3, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    ends = [0, 9, 17, 20]  # 3 (2 + 1), 2 (3 + 1), 1 (2 + 1)
    for k in range(3):
        squares = np.square(vectors[:, -1 - k])
        expected = [squares[a:b].sum() for a, b in pairwise(ends)]
        np.testing.assert_allclose(shares[k], expected, atol=1e-9)


@pytest.mark.parametrize("P", [1, 10, 1000])
def test_the_bound_on_a_factorisation_grows_as_that_of_the_solvers_and_with_its_rows(P):
    R = np.triu(np.random.default_rng(P).normal(size=(P, P)))
    for rows in (P, 400 * P):
        expected = solver_error(P + rows**0.5, np.linalg.norm(R))
        assert qr_rounding(R, rows) == pytest.approx(expected, rel=1e-12)


def test_more_nodes_than_floats_can_count_do_not_fit():
    """Three nodes in each of 800 inputs are 10^381."""
    assert nodes_work(3, (200, 2, 1), 100) == pytest.approx(2 * 3.0**200 * 100**2)
    assert nodes_work(3, (800, 2, 1), 100) == np.inf
    wide = deep_plan([activation("quadratic")], (800, 2, 1))
    assert (wide.method, wide.is_exact) == ("sampled", False)


def test_a_plan_says_its_route_in_words():
    quadratic, linear, erf = (
        deep_plan([activation(name)] * 2, (2, 3, 2, 1)) for name in ("quadratic", "linear", "erf")
    )
    assert quadratic.in_words == "exact by 25 Gauss-Hermite nodes"
    assert linear.in_words == "exact, of a matrix of size 2"
    assert erf.in_words == "estimated from 1,024 samples or more"


def test_deep_spectra_bound_the_rank_without_a_row_space():
    network = sample_deep_teacher("linear", (4, 3, 2), 0)
    found = spectrum_with_error(network)
    assert not found.plan.row_space
    assert float64.proved_error(found, 4, 3) == found.error + float64.solver_bound(found)
    assert float64.lower_bound(found, 4, 3) == 2 * (4 + 2 - 2)
