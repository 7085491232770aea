"""Numeric dual kernels: accuracy where g is smooth, and honest errors where it is not."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polar import composite, dual_by_quadrature
from scipy.stats import multivariate_normal

from hessweep.activations import Activation, Numeric, activation, hermite, mehler
from hessweep.activations.kinks import rectifiers_dual
from hessweep.errors import ActivationError
from hessweep.hessian import hessian, hessian_error
from hessweep.networks import Network

SMOOTH = ["tanh", "sigmoid", "softplus", "silu", "swish"]


@dataclass(frozen=True)
class Twin(Numeric):
    """A closed-form activation computed numerically."""

    closed: Activation | None = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.closed(x)

    def derivative(self, x: np.ndarray) -> np.ndarray:
        return self.closed.derivative(x)

    def second_derivative(self, x: np.ndarray) -> np.ndarray:
        return self.closed.second_derivative(x)


@dataclass(frozen=True)
class Piecewise(Numeric):
    """Piecewise linear: slopes between corners, which it may or may not admit to have."""

    corners: tuple[float, ...] = ()
    slopes: tuple[float, ...] = ()
    admits: bool = False

    @property
    def kinks(self) -> tuple[float, ...]:
        return self.corners if self.admits else ()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        bends = zip(self.corners, np.diff(self.slopes), strict=True)
        return self.slopes[0] * x + sum(bend * np.maximum(x - at, 0) for at, bend in bends)

    def derivative(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.slopes)[np.searchsorted(self.corners, x)]

    def second_derivative(self, x: np.ndarray) -> np.ndarray:
        return np.zeros_like(x)


@pytest.mark.parametrize("name", SMOOTH)
@settings(max_examples=8, deadline=None)
@given(p=st.floats(0.3, 2.5), q=st.floats(0.3, 2.5), rho=st.floats(-0.9, 0.9))
def test_smooth_activations_against_quadrature(name: str, p: float, q: float, rho: float) -> None:
    g = activation(name)
    c = rho * np.sqrt(p * q)
    got = np.array(g.dual(np.float64(p), np.float64(q), np.float64(c)))
    expected = np.array(dual_by_quadrature(g, p, q, c))
    scale = 1 + max(p, q) / (p * q - c * c)
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12 * scale**2)


@pytest.mark.parametrize("name", ["erf", "gelu", "sin", "cos", "gaussian", "exp", "cubic"])
@pytest.mark.parametrize("N_i", [1, 3])
def test_the_series_gives_the_closed_forms(name: str, N_i: int) -> None:
    # N_i = 1 makes every pair of rows parallel: the series at the edge of its convergence.
    W1 = np.random.default_rng(5).standard_normal((6, N_i)) / np.sqrt(N_i)
    closed = activation(name)
    known = closed.self_dual(W1)
    # Where a derivative is exactly 0, as K_pp of the cubic, rounding is what is left.
    rounding = 1e-13 * np.abs(known.K).max()
    for got, expected in zip(Twin("twin", closed=closed).self_dual(W1), known, strict=True):
        atol = max(1e-10 * np.abs(expected).max(), rounding)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=atol)


@pytest.mark.parametrize("N_i", [2, 3])
def test_relu_by_the_series_is_within_its_error(N_i: int) -> None:
    rng = np.random.default_rng(0)
    W1, W2 = rng.standard_normal((8, N_i)), rng.standard_normal(8)
    exact = hessian(Network(W1, W2, activation("relu")))
    network = Network(W1, W2, Twin("twin", closed=activation("relu")))
    off = np.linalg.norm(hessian(network) - exact, 2)
    assert off <= hessian_error(network)
    # and the estimate says something
    assert hessian_error(network) < 0.05 * np.linalg.norm(exact, 2)


def piecewise_reference(g: Piecewise, W1: np.ndarray, W2: np.ndarray) -> np.ndarray:
    """E[phi phi^T] for N_i = 1: panels end at every corner of every neuron."""
    corners = (np.asarray(g.corners)[:, None] / W1[:, 0]).ravel()
    z, w = composite(np.sort(np.concatenate([np.linspace(-13, 13, 53), corners])))
    phi = Network(W1, W2, g).gradient(z[:, None])
    return (phi.T * (w * np.exp(-z * z / 2) / np.sqrt(2 * np.pi))) @ phi


CORNERED = {
    "hard tanh": ((-1.0, 1.0), (0.0, 1.0, 0.0)),
    "leaky": ((0.0,), (0.1, 1.0)),
    "shifted relu": ((0.37,), (0.0, 1.0)),
    "zigzag": ((-0.8, 0.1, 0.5), (1.0, -1.0, 2.0, -0.5)),
}


@pytest.mark.parametrize("shape", CORNERED)
@pytest.mark.parametrize("admits", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_errors_of_cornered_functions_are_honest(shape: str, admits: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    W1, W2 = rng.standard_normal((5, 1)), rng.standard_normal(5)
    g = Piecewise(shape, (), (), *CORNERED[shape], admits)
    network = Network(W1, W2, g)
    off = np.linalg.norm(hessian(network) - piecewise_reference(g, W1, W2), 2)
    assert off <= hessian_error(network) + 1e-12
    if admits or shape == "leaky":
        assert off < 1e-10


@pytest.mark.parametrize("shape", CORNERED)
@pytest.mark.parametrize("rho", [0.3, -0.8, 0.9])
def test_second_derivatives_of_cornered_functions(shape: str, rho: float) -> None:
    # g'' is a delta function at each corner, so that K_cc is the normal density at the corners:
    # the field that is hardest for the series, which never looks at a derivative.
    g = Piecewise(shape, (), (), *CORNERED[shape], True)
    p, q = 0.9, 1.3
    c = rho * np.sqrt(p * q)
    bends = np.diff(g.slopes)
    s, t = np.meshgrid(g.corners, g.corners, indexing="ij")
    D = p * q - c * c
    density = np.exp(-(q * s * s - 2 * c * s * t + p * t * t) / (2 * D)) / (2 * np.pi * D**0.5)
    got = g.dual(np.float64(p), np.float64(q), np.float64(c)).K_cc
    np.testing.assert_allclose(got, bends @ density @ bends, rtol=1e-10, atol=1e-12)


def test_a_series_that_does_not_converge_says_so() -> None:
    # Rows 1e-4 apart and a corner in g: the terms do not fall within ORDERS.
    W1 = np.array([[1.0, 0.0], [1.0, 1e-4]])
    leaky = Piecewise("leaky", (), (), *CORNERED["leaky"], True)
    assert hessian_error(Network(W1, np.ones(2), leaky)) > 1e-3
    assert hessian_error(Network(W1, np.ones(2), activation("tanh"))) < 1e-11


def test_zero_rows() -> None:
    W1 = np.array([[0.0, 0.0], [0.6, -0.3]])
    for name in ("erf", "gelu", "gaussian"):
        closed = activation(name)
        twin = Twin("twin", closed=closed)
        W2 = np.array([0.7, -1.1])
        exact = hessian(Network(W1, W2, closed))
        network = Network(W1, W2, twin)
        assert np.abs(hessian(network) - exact).max() <= hessian_error(network) + 1e-12
        assert hessian_error(network) < 1e-8


def test_closed_forms_have_no_error() -> None:
    W1 = np.random.default_rng(1).standard_normal((3, 2))
    assert hessian_error(Network(W1, np.ones(3), activation("erf"))) == 0
    assert 0 < hessian_error(Network(W1, np.ones(3), activation("tanh"))) < 1e-11


def test_a_function_that_grows_too_fast() -> None:
    explode: Callable[[np.ndarray], np.ndarray] = activation("exp")
    twin = Twin("blast", closed=explode)
    with pytest.raises(ActivationError, match=r"blast: expected finite values.*at x = 7\d\d"):
        twin.self_dual(np.array([[100.0]]))


@pytest.mark.parametrize("length", [1e2, 1e3, 1e4, 1e6, 1e8])
def test_steep_functions_of_long_rows(length: float) -> None:
    # tanh² is 1 but for a width of 1/length around 0, where ∫ (1 - tanh²(u)) du = 2; the next term
    # of E[tanh²] is smaller by the square of the length.
    half = 1 / (length * np.sqrt(2 * np.pi))
    tanh = activation("tanh").self_dual(np.array([[length]])).K[0, 0]
    sigmoid = activation("sigmoid").self_dual(np.array([[length]])).K[0, 0]
    assert abs(tanh - (1 - 2 * half)) < 1e-9 + length**-3
    assert abs(sigmoid - (0.5 - half)) < 1e-9 + 8 * length**-3
    for name in SMOOTH:
        assert hessian_error(Network([[length]], [1.0], activation(name))) < 1e-3 * length


@pytest.mark.parametrize("name", ["tanh", "softplus"])
@pytest.mark.parametrize("biases", [False, True])
def test_a_long_row_does_not_change_the_bits_of_another(name: str, biases: bool) -> None:
    g, p = activation(name), np.array([0.7, 1.3])
    both = np.array([0.7, 1.3, 1e5])
    if biases:
        alone = g.offset_dual(*(p for _ in range(3)), 0.2 * p, 0.2 * p)
        beside = g.offset_dual(*(both for _ in range(3)), 0.2 * both, 0.2 * both)
    else:
        alone, beside = g.dual(p, p, p), g.dual(both, both, both)
    for one, other in zip(alone, beside, strict=True):
        assert one.tobytes() == other[:2].tobytes()


@pytest.mark.parametrize("length", [1.0, 1e-2, 1e-4])
def test_rounding_of_coefficients_is_covered(length):
    """Every coefficient off by up to four units changes no field by more than is stated."""
    g = activation("sigmoid")
    rng = np.random.default_rng(0)
    W1 = length * rng.normal(size=(3, 2))
    p, c = np.square(W1).sum(axis=1)[:, None], W1 @ W1.T
    a = hermite.coefficients(g, p, (), hermite.PANELS)
    [kernel] = mehler.Series(a, None, p, p.T, c).kernels()
    stated = mehler.Series(a, None, p, p.T, c).kernel_rounding()
    unit = np.finfo(float).eps * np.sqrt(np.vecdot(a, a))[..., None]
    largest = np.zeros(len(kernel))
    off = ~np.eye(3, dtype=bool)
    for _ in range(100):
        moved = np.where(a == 0, 0, a + 4 * unit * rng.choice([-1, 1], a.shape))
        [other] = mehler.Series(moved, None, p, p.T, c).kernels()
        for field, (one, two, bound) in enumerate(zip(kernel, other, stated, strict=True)):
            change = np.abs(one - two)[off] / bound[off]
            largest[field] = max(largest[field], change.max())
    # Some changes are as large as stated; the sums have rounding errors of their own.
    assert (largest < 1.2).all()
    assert largest.max() > 0.9


def test_rows_of_equal_lengths_of_two_networks() -> None:
    """Lengths alone do not make the kernel of two networks that of one network with itself."""
    g, one = activation("tanh"), np.ones((2, 1))
    c = np.array([[0.2, 0.7], [-0.4, 0.1]])
    together = g.dual(one, one.T, c)
    for at in np.ndindex(c.shape):
        alone = g.dual(*(np.array([[value]]) for value in (1.0, 1.0, c[at])))
        for field, values in zip(alone, together, strict=True):
            np.testing.assert_allclose(values[at], field[0, 0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("offset", [None, 0.2])
@pytest.mark.parametrize("which", ["first", "second"])
def test_one_steep_row_of_a_parallel_pair(offset, which) -> None:
    """Panels have to be fine where the longer row is steep, whichever of the two it is."""
    g, scale = activation("tanh"), 200.0
    p, q = (scale**2, 1.0) if which == "first" else (1.0, scale**2)
    arguments = [np.array([[value]]) for value in (p, q, scale)]
    b, other = offset or 0.0, 0.0
    if offset is None:
        K = g.dual(*arguments).K[0, 0]
    else:
        b, other = (offset, 0.1)
        K = g.offset_dual(*arguments, np.array([[b]]), np.array([[other]])).E00[0, 0]
    breaks = np.r_[-12:12:49j, -other / scale + np.linspace(-0.2, 0.2, 81), -b / scale]
    z, w = composite(np.unique(breaks))
    w = w * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    assert pytest.approx(w @ (g(np.sqrt(p) * z + b) * g(np.sqrt(q) * z + other)), rel=1e-11) == K


PLACES = [(0.0, 0.0), (0.0, 0.4), (0.0, -0.4), (0.7, 0.0), (-0.7, 0.4)]


@pytest.mark.parametrize(("a", "b"), PLACES)
@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.6])
def test_two_rectifiers_are_active_at_once_as_often_as_normal_variables_are_above(a, b, rho):
    p, q = 1.3, 0.5
    c = rho * np.sqrt(p * q)
    of_a, of_b, of_both = (
        rectifiers_dual(jumps, *(np.array(x) for x in (p, q, c))).K_c
        for jumps in ([(a, 1.0)], [(b, 1.0)], [(a, 1.0), (b, 1.0)])
    )

    def above(one, other):
        return multivariate_normal(cov=[[p, c], [c, q]]).cdf([-one, -other])

    # Of the four pairs of two rectifiers, those of different ones: both (u > a, v > b) and the
    # other way round.
    crossed = above(a, b) + above(b, a)
    assert of_both - of_a - of_b == pytest.approx(crossed, abs=1e-7)
    assert of_a == pytest.approx(above(a, a), abs=1e-7)
