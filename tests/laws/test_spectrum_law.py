"""Coefficients, groups, order one, outliers and the whole spectrum against exact spectra."""

import numpy as np
import pytest
from scipy import integrate
from scipy.sparse import linalg as sparse
from scipy.stats import norm

from hessweep import activation, hessian_operator, sample_teacher, spectrum
from hessweep.errors import InputError, ShapeError
from hessweep.laws import (
    SpectrumLaw,
    block_B_law,
    coefficients,
    groups,
    order_one_eigenvalues,
    order_one_law,
    outlier_mean,
    outlier_std,
    spectrum_distance,
    spectrum_law,
)
from hessweep.laws.local import local_coefficients
from hessweep.networks import WEIGHTS, Network


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("erf", (0.31831, 0, 0.04924, 0.01502, 0.00259)),
        ("tanh", (0.36688, 0, 0.09752, 0.02742, 0.00413)),
        ("relu", (0.25, 0.15915, 0.09085, 0.09085, 0)),
        ("gelu", (0.25, 0.17905, 0.02680, 0.09564, 0.0059)),
        ("quadratic", (1, 4, 0, 2, 0)),
        ("cubic", (16, 4, 18, 8, 1.5)),
    ],
)
def test_coefficients_known_from_an_independent_derivation(name, expected):
    c = coefficients(name)
    np.testing.assert_allclose((c.a0, c.a1, c.a2, c.b2, c.kappa), expected, atol=3e-5)
    assert c.error < 1e-13


def test_coefficients_in_closed_form():
    erf = coefficients("erf")
    assert erf.a0 == pytest.approx(1 / np.pi, rel=1e-13)
    assert erf.b2 == pytest.approx(1 / 3 - 1 / np.pi, rel=1e-11)
    assert erf.a2 == pytest.approx(2 / np.pi / np.sqrt(3) - 1 / np.pi, rel=1e-11)
    relu = coefficients("relu")
    assert relu.h[0] == pytest.approx(1 / np.sqrt(2 * np.pi), rel=1e-13)
    assert relu.a1 == pytest.approx(1 / (2 * np.pi), rel=1e-13)
    sine = coefficients("sin")
    assert sine.h[1] == pytest.approx(np.exp(-0.5), rel=1e-13)
    assert sine.h[3] == pytest.approx(-np.exp(-0.5), rel=1e-11)


def test_coefficients_of_a_corner_that_is_named():
    """Of `max(x - a, 0)`, whose second derivative is one point: `h_l = φ(a) He_{l-2}(a)`."""
    a = 0.3
    c = coefficients(
        activation(lambda x: np.maximum(x - a, 0), derivative=lambda x: 1.0 * (x > a), kinks=[a])
    )
    at_a, above = norm.pdf(a), norm.sf(a)
    expected = [at_a - a * above, above, at_a, a * at_a, (a**2 - 1) * at_a, (a**3 - 3 * a) * at_a]
    np.testing.assert_allclose(c.h[:6], expected, atol=1e-14)
    assert c.squared_slope == pytest.approx(above, abs=1e-14)
    assert c.squared_mean == pytest.approx((1 + a * a) * above - a * at_a, abs=1e-14)
    assert c.error < 1e-13


def test_polynomials_agree_with_quadrature():
    """The closed form of κ and of the norms against integrals of g itself."""
    closed = coefficients(activation("polynomial", coefficients=[0.3, 1.0, -0.5, 0.2, 0.1]))
    g = np.polynomial.Polynomial([0.3, 1.0, -0.5, 0.2, 0.1])

    def mean(f):
        weight = np.exp(0) / np.sqrt(2 * np.pi)
        return weight * integrate.quad(lambda z: f(z) * np.exp(-z * z / 2), -12, 12, limit=200)[0]

    def rest(u, v):
        linear = mean(lambda z: z * u(z)) * mean(lambda z: z * v(z))
        return mean(lambda z: u(z) * v(z)) - mean(u) * mean(v) - linear

    def moved(z):
        return z * g.deriv()(z)

    b2 = rest(g, g)
    assert closed.b2 == pytest.approx(b2)
    assert closed.squared_slope == pytest.approx(mean(lambda z: g.deriv()(z) ** 2))
    assert closed.kappa == pytest.approx(rest(moved, moved) - rest(moved, g) ** 2 / b2)
    assert closed.alphas.sum() == pytest.approx(closed.a2)
    local = local_coefficients(activation("polynomial", coefficients=g.coef), np.array([1.0]))
    np.testing.assert_allclose(local.h[:5, 0], closed.h[:5], atol=1e-9)
    assert local.diagonal[0] == pytest.approx(closed.a2)


@pytest.mark.parametrize("sizes", [(1, 1), (1, 5), (6, 1), (30, 10), (10, 30)])
def test_groups_sum_to_P(sizes, mish):
    N_i, N_h = sizes
    for name in ("linear", "quadratic", "relu", "erf", "cos", "softplus", mish):
        found = groups(name, N_i, N_h)
        assert sum(found.values()) == N_h * (N_i + 1)
        assert min(found.values()) >= 0
        assert found["outlier"] == (name not in ("linear", "erf"))
    expected = {"outlier": 0, "order_one": 40, "special": 10, "bulk": 260, "zeros": 0}
    assert groups("erf", 30, 10) == expected
    assert groups("relu", 30, 10) == {**expected, "outlier": 1, "order_one": 39, "special": 0,
                                      "zeros": 10}  # fmt: skip
    assert groups("linear", 30, 10) == {"outlier": 0, "order_one": 30, "special": 0, "bulk": 0,
                                        "zeros": 280}  # fmt: skip


@pytest.mark.parametrize(("N_i", "N_h"), [(30, 10), (10, 30), (20, 20)])
def test_order_one_is_a_matrix_and_its_mean_law(N_i, N_h):
    c = coefficients("erf")
    rng = np.random.default_rng(0)
    pooled = []
    for k in range(200):
        W1 = rng.standard_normal((N_h, N_i)) / np.sqrt(N_i)
        W2 = rng.standard_normal(N_h) / np.sqrt(N_h)
        values = order_one_eigenvalues("erf", W1, W2)
        pooled.append(values)
        if k < 3:
            r = np.linalg.norm(W2)
            corner = c.a0 * W1 @ W1.T + c.b2 * np.eye(N_h)
            H = np.block([[c.a0 * r * r * np.eye(N_i), c.a0 * r * W1.T], [c.a0 * r * W1, corner]])
            np.testing.assert_allclose(values, np.linalg.eigvalsh(H), rtol=1e-10)
    pooled = np.array(pooled)
    law = order_one_law("erf", N_i, N_h, exact=True)
    x = np.quantile(pooled, [0.05, 0.2, 0.35, 0.45, 0.6, 0.8, 0.95])
    x = x[np.abs(x - c.b2) > 1e-9]
    shares = (pooled[:, :, None] <= x).mean(axis=1)
    error = shares.std(axis=0) / np.sqrt(len(pooled))
    assert (np.abs(shares.mean(axis=0) - law.cdf(x)) < 4 * error + 1e-6).all()
    assert law.mean() == pytest.approx(pooled.mean(), rel=0.02)
    assert law.var() == pytest.approx(pooled.var(), rel=0.05)
    step = 1e-4 * x
    slope = (law.cdf(x + step) - law.cdf(x - step)) / (2 * step)
    np.testing.assert_allclose(law.pdf(x), slope, rtol=2e-4)


def test_order_one_without_b2_would_be_linear():
    """A nearly linear g: the N_i large ones are `r² + σ²`."""
    weak = activation("polynomial", coefficients=[0, 1, 0, 1e-4])
    law = order_one_law(weak, 8, 12, exact=True)
    sigma = block_B_law(12, 8, exact=True)
    assert law.mean() * 20 == pytest.approx(8 + 12 * sigma.mean(), rel=1e-2)
    assert law.cdf(0.01) == pytest.approx(12 / 20, abs=2e-3)


@pytest.mark.parametrize(
    ("name", "epsilon", "N_i", "N_h"),
    [("quadratic", 0.3, 80, 80), ("quadratic", 0.3, 40, 160), ("quadratic", 1.0, 240, 80),
     ("quadratic", 3.0, 40, 120), ("relu", None, 80, 80), ("gelu", None, 80, 80),
     ("softplus", None, 80, 80), ("swish", None, 80, 160)],
)  # fmt: skip
def test_outlier(name, epsilon, N_i, N_h):
    """Within standard errors; of smooth and piecewise smooth g, of the mean with controls.

    Controls are numbers of known mean that explain most of the scatter, which makes the term of
    order 1/N of `outlier_mean` visible: it is ten times the tolerance.
    """
    g = activation(name, epsilon=epsilon) if epsilon else activation(name)
    count = 40
    largest, controls = [], []
    for seed in range(count):
        teacher = sample_teacher(g, N_i, N_h, seed)
        H = hessian_operator(teacher)
        start = np.r_[np.zeros(N_h * N_i), np.ones(N_h)]
        largest.append(sparse.eigsh(H, 1, v0=start, tol=1e-7, return_eigenvectors=False)[0])
        excess, total = (teacher.W1**2).sum(axis=1) - 1, teacher.W1.sum(axis=0)
        controls.append([
            excess.sum(), total @ total / N_h - 1, (teacher.W2**2).sum() - 1,
            (excess**2).sum() - 2 * N_h / N_i, teacher.W2**2 @ excess,
        ])  # fmt: skip
    predicted = outlier_mean(g, N_i, N_h)
    assert abs(np.mean(largest) - predicted) < 3 * np.std(largest) / np.sqrt(count)
    # Three times the scatter of a standard deviation over 40 teachers.
    assert np.std(largest) == pytest.approx(outlier_std(g, N_i, N_h), rel=0.34)
    if not epsilon:
        columns = np.c_[np.ones(count), controls]
        fitted = np.linalg.lstsq(columns, largest)[0]
        left = np.asarray(largest) - columns @ fitted
        variance = left @ left / (count - 6) * np.linalg.inv(columns.T @ columns)[0, 0]
        assert abs(fitted[0] - predicted) < 3 * np.sqrt(variance) + 1e-3


@pytest.mark.parametrize("name", ["quadratic", "gelu"])
def test_with_many_inputs_the_outlier_scatters_by_the_output_weights(name):
    """There the limit, `|h_0 h_2| √(2γ)`, is less than 0.6 of the standard deviation."""
    N_i, N_h, count = 2000, 60, 80
    largest = []
    for seed in range(count):
        teacher = sample_teacher(name, N_i, N_h, seed)
        rows = np.linalg.qr(teacher.W1.T, mode="r").T  # H depends on inner products alone.
        H = hessian_operator(Network(rows, teacher.W2, name))
        start = np.r_[np.zeros(N_h * N_h), np.ones(N_h)]
        largest.append(sparse.eigsh(H, 1, v0=start, tol=1e-6, return_eigenvectors=False)[0])
    # Three times the scatter of a standard deviation over 80 teachers.
    assert np.std(largest) == pytest.approx(outlier_std(name, N_i, N_h), rel=0.24)


def test_no_outlier_of_odd_activations():
    assert outlier_mean("erf", 10, 10) is None
    assert outlier_std("erf", 10, 10) is None
    assert outlier_mean("quadratic", 100, 100) == pytest.approx(100 + 11 + 0.44)


@pytest.mark.parametrize("name", ["erf", "relu"])
def test_mean_spectrum_over_teachers(name):
    N = 24
    pooled = np.sort(np.concatenate([spectrum(sample_teacher(name, N, N, s)) for s in range(24)]))
    law = spectrum_law(name, N, N)
    assert spectrum_distance(pooled, law, points=40) < 0.06
    x = np.geomspace(1e-6, 30, 50)
    assert (np.diff(law.cdf(x)) >= 0).all()
    np.testing.assert_allclose(law.cdf(x) + law.sf(x), 1)
    zeros = 1 / (N + 1) if name == "relu" else 0
    assert law.atom == pytest.approx(zeros, abs=1e-6)


def test_refusals():
    teacher = sample_teacher("erf", 4, 3, 0)
    with pytest.raises(InputError, match="both W1 and W2"):
        spectrum_law("erf", 4, 3, W2=teacher.W2)
    with pytest.raises(ShapeError, match="expected shapes"):
        spectrum_law("erf", 3, 4, W1=teacher.W1, W2=teacher.W2)
    with pytest.raises(ShapeError, match="N_h"):
        groups("erf", 4, 0)
    with pytest.raises(InputError, match="not linear"):
        order_one_law("linear", 4, 4)
    with pytest.raises(InputError, match="unknown distribution"):
        spectrum_law("erf", 4, 4, weights="cauchy")


@pytest.mark.parametrize(
    ("name", "weights"),
    [*((name, weights) for name in ("linear", "erf") for weights in WEIGHTS),
     ("quadratic", "normal"), ("quadratic", "rademacher")],
)  # fmt: skip
def test_mean_distribution_functions_rise_from_0_to_1(name, weights):
    law = spectrum_law(name, 6, 6, weights)
    p = law.cdf(np.r_[-1, 0, np.geomspace(1e-5, 1e4, 12)])
    assert p[0] == 0
    assert p[-1] == pytest.approx(1, abs=1e-6)
    assert (np.diff(p) >= -1e-12).all()


def test_a_slope_stretches_the_law_of_a_linear_network():
    steep = activation("polynomial", coefficients=(0, 2))
    one, other = spectrum_law("linear", 4, 5), spectrum_law(steep, 4, 5)
    x = np.array([0.3, 1.0, 2.5])
    np.testing.assert_allclose(other.sf(4 * x), one.sf(x), rtol=1e-12)


def test_quantiles_outside_of_the_search_are_zero_or_infinite():
    law = spectrum_law("linear", 4, 5)  # 21 of 25 eigenvalues are zero
    assert law.isf(0.5) == 0
    assert law.isf(2 / 25) == pytest.approx(law.isf(2 / 25, 1e-3, 1e3), rel=1e-3)
    assert np.isinf(law.isf(0.1, high=1e-3))
    assert np.isnan(law.isf(1.5))


def test_without_a_linear_part_the_eigenvalues_of_order_one_are_equal():
    """`E[z cos z] = 0`: N_h - 1 eigenvalues at the variance of the cosine, besides the outlier."""
    law = spectrum_law("cos", 12, 9)
    b2 = (1 + np.exp(-2)) / 2 - np.exp(-1)
    below, above = law.sf(b2 * np.array([1 - 1e-9, 1 + 1e-9]))
    assert (below - above) * 9 * 13 == pytest.approx(8, abs=1e-6)
    assert repr(law).startswith("SpectrumLaw('spectrum of cos(12, 9)', {'outlier': 1, ")


def test_zeros_that_a_law_does_not_have_count_as_distance():
    """The upper half of the quantiles of a law without zeros, and as many zeros."""
    law = SpectrumLaw("uniform", {"bulk": 100}, {"bulk": lambda x: np.clip(1 - x, 0, 1)})
    upper = np.linspace(0.51, 1, 50)
    assert spectrum_distance(np.r_[np.linspace(0.01, 0.5, 50), upper], law) < 0.02
    assert spectrum_distance(np.r_[np.zeros(50), upper], law) == pytest.approx(0.5)


def test_coefficients_that_are_rounding_are_zero():
    """Of the square and of the identity by quadrature, without their closed form."""
    square = coefficients(activation(lambda x: x * x, derivative=lambda x: 2 * x))
    assert square.a1 == pytest.approx(4)
    assert (square.a0, square.a2, square.kappa) == (0, 0, 0)
    identity = coefficients(
        activation(lambda x: 3 * x, derivative=lambda x: np.full(x.shape, 3.0))
    )
    assert identity.a0 == pytest.approx(9)
    assert (identity.a1, identity.a2, identity.b2) == (0, 0, 0)
