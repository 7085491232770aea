"""Activations that grow fast: the quadrature reaches as far as it has to, or refuses."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import ndtr

from hessweep.activations import activation, load_activation
from hessweep.activations.reach import FIRST, reaches
from hessweep.errors import ActivationError
from hessweep.networks import Network, sample_teacher
from hessweep.spectrum import spectrum_with_error

GROWING = """\
import numpy as np
def squared(x, rate=0.125): return np.exp(rate * x * x)
def quartic(x, rate=1e-4): return np.exp(rate * x**4)
def exponential(x): return np.exp(x)
def eighth(x): return x**8
def table(x): return np.where(np.abs(x) <= 15, np.interp(x, [-15, 0, 15], [0, 1, 3]), np.nan)
"""

REFUSED = r"expected E\[g\(u\)²\] and E\[g'\(u\)²\] to be finite|expected finite values"


@pytest.fixture
def grown(tmp_path) -> Callable:
    (tmp_path / "grown.py").write_text(GROWING)
    return lambda name, **parameters: load_activation(tmp_path / "grown.py", name, **parameters)


def test_the_largest_eigenvalue_of_a_function_that_grows_as_a_gaussian_falls(grown) -> None:
    # 9.736985 from K = ((1 - p/4)(1 - q/4) - c²/16)^(-1/2), differentiated to 40 digits.
    found = spectrum_with_error(sample_teacher(grown("squared"), 2, 4, 0))
    assert abs(found.eigenvalues[-1] - 9.736985) < 1e-6
    assert found.error < 1e-11


@pytest.mark.parametrize("p", [0.3, 1.0, 1.7, 1.85])
@pytest.mark.parametrize("rho", [-1.0, -0.7, 0.2, 1.0])
def test_a_function_that_grows_as_a_gaussian_falls_has_its_kernel(grown, p, rho) -> None:
    q = 0.8 * p
    c = rho * np.sqrt(p * q)
    D = (1 - p / 4) * (1 - q / 4) - c**2 / 16
    got = grown("squared").dual(*(np.array([[x]]) for x in (p, q, c)))
    np.testing.assert_allclose(got.K, D**-0.5, rtol=1e-10)
    np.testing.assert_allclose(got.K_c, c / 16 * D**-1.5, rtol=1e-8)
    np.testing.assert_allclose(got.K_p, (1 - q / 4) / 8 * D**-1.5, rtol=1e-8)


@pytest.mark.parametrize("length", [4.0, 5.0, 6.0, 9.0])
def test_large_weights_of_an_exponential(grown, length) -> None:
    rows = np.array([[length, 0.3], [0.5, -0.2]])
    own, exact = (
        spectrum_with_error(Network(rows, np.array([1.0, 0.4]), g))
        for g in (grown("exponential"), "exp")
    )
    off = np.abs(own.eigenvalues - exact.eigenvalues).max()
    assert off <= own.error + exact.error
    assert own.error < 1e-10 * exact.eigenvalues[-1]


@pytest.mark.parametrize(
    ("name", "parameters", "length"),
    [
        ("squared", {}, np.sqrt(2)),
        ("squared", {}, 1.5),
        ("squared", {}, 40.0),
        ("squared", {"rate": 0.24}, 1.1),
        ("quartic", {}, 1.0),
        ("quartic", {"rate": 1e-3}, 0.3),
        ("exponential", {}, 40.0),
    ],
)
@pytest.mark.parametrize("biases", [None, np.zeros(1)])
def test_infinite_means_are_refused(grown, name, parameters, length, biases) -> None:
    network = Network([[length]], [1.0], grown(name, **parameters), b1=biases)
    with pytest.raises(ActivationError, match=REFUSED):
        spectrum_with_error(network)


def test_means_with_offsets_reach_as_far(grown) -> None:
    rows, offsets = np.array([[5.5, 0.3], [0.5, -0.2]]), np.array([0.7, -1.0])
    own, exact = (
        spectrum_with_error(Network(rows, np.array([1.0, 0.4]), g, b1=offsets))
        for g in (grown("exponential"), "exp")
    )
    assert np.abs(own.eigenvalues - exact.eigenvalues).max() <= own.error + exact.error
    assert own.error < 1e-9 * exact.eigenvalues[-1]


@pytest.mark.parametrize(("rate", "offset"), [(0.1, -2.0), (0.05, 4.0), (0.1, 4.0), (0.15, 8.0)])
def test_an_offset_moves_what_grows_on_one_side(rate, offset) -> None:
    """`E g(z + b)²` of `g(x) = exp(rate x²)` for x > 0, 1 elsewhere: completed squares."""

    def g(x):
        return np.exp(rate * np.maximum(x, 0) ** 2)

    def slope(x):
        return 2 * rate * np.maximum(x, 0) * g(x)

    own = activation(g, derivative=slope)
    found = spectrum_with_error(Network([[1.0]], [0.0], own, b1=[offset]))
    c = 2 * rate
    rest = 0.5 - c
    peak = np.exp(c * offset**2 * (1 + c / rest)) / np.sqrt(2 * rest)
    mean = ndtr(-offset) + peak * ndtr(offset * (1 + c / rest) * np.sqrt(2 * rest))
    assert abs(found.eigenvalues[-1] - mean) <= found.error + 1e-14 * mean
    assert found.error < 1e-6 * mean


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "silu", "gelu", "relu", "cubic"])
@pytest.mark.parametrize("p", [1e-12, 1e-3, 1.0, 30.0, 1e16])
def test_usual_functions_need_no_more_than_the_first(name, p) -> None:
    g = activation(name)
    assert reaches(g, g.derivative, np.array(p), name) == FIRST


def test_nothing_is_assumed_where_a_table_ends(grown) -> None:
    g = grown("table")
    np.testing.assert_array_equal(reaches(g, g.derivative, np.array([0.1, 1.2]), "table"), FIRST)
    with pytest.raises(ActivationError, match=r"finite values .* at x = -?1\d"):
        spectrum_with_error(Network([[2.0]], [1.0], g))


@pytest.mark.parametrize("end", [12.0, 15.0, 30.0, 100.0])
def test_a_table_may_raise_beyond_its_ends(end) -> None:
    def raising(x):
        if (np.abs(x) > end).any():
            raise ValueError("outside the table")
        return np.tanh(x)

    p = np.array([0.1, 1.0, 9.0])
    np.testing.assert_array_equal(reaches(raising, raising, p, "table"), FIRST)


def test_a_power_of_x_reaches_further(grown) -> None:
    g = grown("eighth")
    assert reaches(g, g.derivative, np.array(1.0), "eighth") == 2 * FIRST
    K = g.self_dual(np.array([[1.0]])).K
    np.testing.assert_allclose(K, 2027025, rtol=1e-13)  # 15!!


def test_a_slope_that_grows_faster_than_its_function_reaches_as_far_as_it_needs() -> None:
    """`cos(e^x)` is bounded, but its slope grows as `e^x`."""
    p = np.array([25.0])
    [wanted] = reaches(np.exp, np.exp, p, "exp")
    assert wanted > FIRST
    assert reaches(lambda x: np.cos(np.exp(x)), np.exp, p, "wave") == [wanted]


@pytest.mark.parametrize("lengths", [(9.0, 0.1), (0.1, 9.0)])
def test_a_parallel_pair_reaches_as_far_as_its_longer_row(grown, lengths) -> None:
    """The mean of `e^u e^v` is `e^{(|w| + |w'|)²/2 + b + d}`."""
    one, other = lengths
    arguments = [np.array([[x]]) for x in (one**2, other**2, one * other, 0.3, -0.2)]
    E = grown("exponential").offset_dual(*arguments)
    exact = np.exp((one + other) ** 2 / 2 + 0.1)
    for field in (E.E00, E.E01, E.E11):
        np.testing.assert_allclose(field, exact, rtol=1e-11)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_growth_on_either_side_counts(sign) -> None:
    """`e^{u}` and `e^{-u}` need the same width, beyond the usual one."""
    p = np.array([25.0])
    assert reaches(lambda x: np.exp(sign * x), lambda x: np.exp(sign * x), p, "one") > FIRST
