"""Laws of the bulk for given weights against closed forms and eigenvalues of matrices."""

import numpy as np
import pytest
from flint import acb, ctx
from test_bulk import operator

from hessweep import sample_teacher
from hessweep.laws import (
    bulk_law,
    coefficients,
    marchenko_pastur,
    order_one_law,
)
from hessweep.laws.output_weights import LAWS, scaled_exp1


@pytest.mark.parametrize("name", ["relu", "quadratic", "erf"])
@pytest.mark.parametrize(("N_i", "N_h"), [(5, 9), (9, 5)])
def test_the_exact_count_of_one_teacher_is_a_law_like_others(name, N_i, N_h):
    """Its quantiles are order statistics of the eigenvalues, zeros included."""
    teacher, c = sample_teacher("erf", N_i, N_h, 2), coefficients(name)
    law = bulk_law(name, N_h / N_i, W1=teacher.W1, W2=teacher.W2)
    eigenvalues = np.linalg.eigvalsh(operator(teacher.W1, teacher.W2, c.a1, c.a2))
    top = eigenvalues[-1]
    eigenvalues[np.abs(eigenvalues) < 1e-12 * top] = 0
    q = (np.arange(45) + 0.5) / 45
    np.testing.assert_allclose(law.ppf(q), eigenvalues, rtol=1e-10, atol=1e-14 * top)
    assert law.ppf(1.0) == pytest.approx(top, rel=1e-10)
    assert np.isnan(law.ppf(np.array([-0.1, 1.1, np.nan]))).all()
    zeros = (eigenvalues == 0).mean()
    assert (zeros > 0) == (name == "quadratic")
    at_zero = law.cdf(np.array([-1e-9, 0.0, 1e-9 * top]))
    np.testing.assert_allclose(at_zero, [0, zeros, zeros], atol=1e-15)
    np.testing.assert_allclose(law.sf(np.array([-1e-9, 0.0])), [1, 1 - zeros], atol=1e-15)
    assert law.sf(top * 1.001) == 0 < law.sf(top * 0.999)
    low, high = law.support()
    assert low == 0
    assert (1 - 1e-12) * top <= high < 4 * top
    if name == "quadratic":
        assert high == pytest.approx(top)
    np.testing.assert_array_equal(law.pdf(np.array([0.0, 1.0, top])), 0)


def test_the_bound_on_the_count_is_reached():
    """With one input and equal neurons, T is `a2` and once `2 a1 |M|² + a2`."""
    W1, W2 = np.full((4, 1), 0.5), np.full(4, 0.5)
    c = coefficients("relu")
    law = bulk_law("relu", 4.0, W1=W1, W2=W2)
    assert law.support() == pytest.approx((0, 2 * c.a1 + c.a2))
    assert law.ppf(1.0) == pytest.approx(2 * c.a1 + c.a2)
    assert law.ppf(0.7) == pytest.approx(c.a2)


def sums_of_pairs(ratio, a1, n=1200):
    """Eigenvalues of `a1 (M M^T V + M V^T M)` for equal neurons, N_h times N_i of them.

    In the singular directions of W1 they are `a1 (σ_j² + σ_k²)` for j <= k, then each `a1 σ_j²`
    as often as the longer side is longer; all others are 0.
    """
    sigma2 = marchenko_pastur(min(ratio, 1 / ratio)).ppf((np.arange(n) + 0.5) / n)
    sigma2 = a1 * sigma2 * max(ratio, 1)  # W1 W1^T has entries of variance 1/N_i.
    j, k = np.triu_indices(n)
    longer = round(n * max(ratio, 1 / ratio))
    single = np.repeat(sigma2, longer - n) if ratio < 1 else np.zeros(0)
    both = np.sort(np.r_[sigma2[j] + sigma2[k], single])
    return np.r_[np.zeros(n * longer - len(both)), both]


@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_equal_neurons_have_sums_of_pairs(ratio):
    """Two nearly equal weights are bracketed; what is exactly equal is tabulated.

    Sums are those of 1200 equally likely values, whose count errs by about 1/1200² but in steps
    of 1/1200.
    """
    a1 = coefficients("quadratic").a1
    sums = sums_of_pairs(ratio, a1)
    x = np.quantile(sums[sums > 0], [0.05, 0.5, 0.95])
    expected = 1 - np.searchsorted(sums, x) / len(sums)
    bracketed = bulk_law("quadratic", ratio, W2=np.array([1, 1 + 1e-9]) / np.sqrt(2))
    tabulated = bulk_law("quadratic", ratio, weights="rademacher")
    assert bracketed.atom == pytest.approx((sums == 0).mean(), abs=1e-3)
    np.testing.assert_allclose(bracketed.sf(x), expected, atol=1e-3)
    np.testing.assert_allclose(bracketed.sf(x), tabulated.sf(x), atol=1e-5)


SINGLE = [("quadratic", 0.5), ("quadratic", 2.0), ("relu", 0.5), ("relu", 2.0)]


@pytest.mark.parametrize(("name", "ratio"), SINGLE)
def test_single_law_of_equal_neurons_is_marchenko_pasturs(name, ratio):
    """It is the law of `a1 W1 W1^T + a2`, here of neurons that are equal but for 1e-9."""
    c = coefficients(name)
    law = bulk_law(name, ratio, W2=np.array([1, 1 + 1e-9]) / np.sqrt(2), single=True)
    closed = marchenko_pastur(ratio)
    x = closed.ppf(closed.atom + (1 - closed.atom) * np.linspace(0.05, 0.95, 7))
    z = c.a2 + c.a1 * x
    np.testing.assert_allclose(law.cdf(z), closed.cdf(x), atol=law.continuous.error / 100)
    np.testing.assert_allclose(law.pdf(z), closed.pdf(x) / c.a1, rtol=2e-3)
    np.testing.assert_allclose(law.ppf(closed.cdf(x)), z, rtol=2e-3)
    assert law.atom == pytest.approx(0 if c.a2 else closed.atom, abs=1e-12)
    assert law.cdf(0.0) == law.atom
    assert (law.cdf(-1.0), law.sf(-1.0), law.pdf(0.0), law.pdf(-1.0)) == (0, 1, 0, 0)
    assert np.isnan(law.ppf(np.array([-0.1, 1.1, np.nan]))).all()
    top = c.a2 + c.a1 * closed.support()[1]
    low, high = law.support()
    assert low == 0
    assert high == pytest.approx(2 * (top - c.a2) + c.a2)  # that of the law of all, too
    assert law.sf(high) < 1e-6
    assert law.mean() == pytest.approx(c.a2 + c.a1)
    assert law.var() == pytest.approx(c.a1**2 * closed.var())


@pytest.mark.parametrize("name", ["quadratic", "relu"])
@pytest.mark.parametrize("single", [False, True])
def test_neurons_without_output_weights_have_zeros(name, single):
    """Half of the neurons have no output weight: the law of the other half, and zeros."""
    W2 = np.array([1.0, 1.2, 0.0, 0.0])
    law = bulk_law(name, 1.6, W2=W2, single=single)
    half = bulk_law(name, 0.8, W2=np.sqrt(2) * W2[:2], single=single)  # the same χ
    z = half.mean() * np.array([0.1, 0.8, 2.0])
    np.testing.assert_allclose(law.sf(z), half.sf(z) / 2, atol=1e-5)
    assert law.mean() == pytest.approx(half.mean() / 2)
    assert law.atom == pytest.approx((1 + half.atom) / 2, abs=1e-12)


@pytest.mark.parametrize(("ratio", "name"), [(0.5, "relu"), (1.5, "quadratic"), (3.0, "relu")])
def test_single_law_of_two_kinds_of_neurons(ratio, name):
    """`D (a1 W1 W1^T + a2) D` of 600 neurons, whose count errs by about 1/600."""
    N_h, c = 600, coefficients(name)
    chi = np.where(np.arange(N_h) < 400, 0.25, 2.5)
    W1 = np.random.default_rng(3).standard_normal((N_h, round(N_h / ratio)))
    matrix = c.a1 * W1 @ W1.T / W1.shape[1] + c.a2 * np.eye(N_h)
    values = np.linalg.eigvalsh(np.sqrt(np.outer(chi, chi)) * matrix)
    law = bulk_law(name, ratio, W2=np.sqrt(chi[::200] / 3), single=True)
    x = np.quantile(values[values > 1e-9], [0.1, 0.2, 0.4, 0.8, 0.95])
    x = x[~np.isclose(x, c.a2 * chi[0])]  # an atom
    expected = (values[:, None] > x).mean(axis=0)
    np.testing.assert_allclose(law.sf(x), expected, atol=4 / N_h)


def test_laws_of_multiples_of_chi_end_where_the_weights_do():
    a2 = coefficients("erf").a2
    assert bulk_law("erf", 1.0).support() == (0, np.inf)
    assert bulk_law("erf", 1.0, weights="uniform").support() == pytest.approx((0, 3 * a2))
    assert bulk_law("erf", 1.0, weights="rademacher").support() == (a2, a2)
    W2 = np.array([0.5, -0.1, 0.3])
    given = bulk_law("erf", 1.0, W2=W2)
    assert given.support() == pytest.approx((0.03 * a2, 0.75 * a2))
    np.testing.assert_array_equal(given.pdf(np.array([0.0, 0.27 * a2])), 0)
    np.testing.assert_allclose(given.ppf(np.array([0.3, 0.6, 0.9])), a2 * 3 * np.sort(W2**2))


def test_the_law_without_diagonal_is_shifted_by_it():
    """Equal neurons of ReLU: `a2` plus a multiple of what the quadratic network has."""
    relu, quadratic = coefficients("relu"), coefficients("quadratic")
    law = bulk_law("relu", 2.0, weights="rademacher")
    other = bulk_law("quadratic", 2.0, weights="rademacher")
    x = other.mean() * np.array([-0.1, 0.0, 0.5, 1.0, 3.0])
    z = relu.a2 + relu.a1 / quadratic.a1 * x
    np.testing.assert_allclose(law.cdf(z + 1e-12), other.cdf(x), atol=1e-7)
    np.testing.assert_allclose(law.cdf(z) + law.sf(z), 1, atol=1e-12)
    assert law.continuous.error == pytest.approx(other.continuous.error, rel=1e-3)


@pytest.mark.parametrize(("N_i", "N_h"), [(5, 9), (9, 5), (4, 4)])
@pytest.mark.parametrize("exact", [False, True])
def test_quantiles_of_the_eigenvalues_of_order_one(N_i, N_h, exact):
    law, b2 = order_one_law("relu", N_i, N_h, exact), coefficients("relu").b2
    q = np.linspace(0.01, 0.99, 25)
    x = law.ppf(q)
    at_b2 = np.abs(x - b2) < 1e-9
    np.testing.assert_allclose(law.cdf(x)[~at_b2], q[~at_b2], atol=1e-10)
    # N_h - N_i of them are b2.
    assert at_b2.mean() == pytest.approx(max(N_h - N_i, 0) / (N_i + N_h), abs=1 / 25)
    assert law.support() == (0, np.inf)
    assert law.ppf(1.0) == np.inf
    assert 0 <= law.ppf(0.0) < 1e-9
    assert np.isnan(law.ppf(np.array([-0.1, 1.1, np.nan]))).all()


@pytest.mark.parametrize("modulus", [0.1, 5.0, 34.0, 36.0, 200.0])
def test_exponential_integrals_near_and_far(modulus):
    angle = np.pi * np.array([0.02, 0.3, 0.5, 0.8, 0.999])
    a = modulus * np.exp(1j * angle)
    value, slope = scaled_exp1(a)
    with ctx.workprec(200):
        balls = [acb(x.real, x.imag) for x in a]
        scaled = [x.exp() * x.expint(acb(1)) for x in balls]
        expected = np.array([complex(x) for x in scaled])
        rest = np.array([complex(y - 1 / x) for x, y in zip(balls, scaled, strict=True)])
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(slope, rest, atol=3e-15)


def mean_over_chi(weights, f):
    """`E f(χ)` by Gauss-Legendre sums over x, for Student's t over its angle."""
    if weights == "student-t":
        # x = √3 tan θ has the density cos⁴ θ: equal steps converge as the strip of analyticity.
        theta = (np.arange(40_000) + 0.5) * np.pi / 40_000
        return 8 / 3 * np.mean(np.cos(theta) ** 4 * f(3 * np.tan(theta) ** 2))
    law = LAWS[weights].x
    low, high = np.clip(law.support(), -50, 50)
    u, w = np.polynomial.legendre.leggauss(60)
    ends = np.unique(np.r_[np.linspace(low, high, 41), min(max(low, 0.0), high)])
    half = np.diff(ends)[:, None] / 2
    x = ends[:-1, None] + half * (1 + u)
    return (half * w * law.pdf(x) * f(x * x)).sum()


@pytest.mark.parametrize("weights", ["normal", "uniform", "laplace", "student-t", "exponential"])
@pytest.mark.parametrize("modulus", [20.0, 290.0, 310.0, 9e3, 2e4, 1e6])
def test_means_over_chi_far_away(weights, modulus):
    """`E[χ/(q - χ)]` and its derivative where most digits of `E[q/(q - χ)]` are those of 1."""
    q = modulus * np.exp(1j * np.array([0.8, 2.0, np.pi]))

    def by_sums(at):
        return (
            mean_over_chi(weights, lambda chi: chi / (at - chi)),
            mean_over_chi(weights, lambda chi: -chi / (at - chi) ** 2),
        )

    value, above, slope = LAWS[weights].n(q)
    expected, derivative = np.array([by_sums(at) for at in q]).T
    np.testing.assert_allclose(value, expected, rtol=1e-11)
    np.testing.assert_allclose(above, 1 + expected, rtol=1e-14 * np.sqrt(modulus))
    np.testing.assert_allclose(slope, derivative, rtol=1e-10)


def test_chi_of_given_weights():
    """Means, tail and quantiles of χ of one teacher by hand."""
    law = bulk_law("erf", 1.0, W2=np.array([1.0, -2.0]))
    a2 = coefficients("erf").a2
    assert law.mean() == pytest.approx(5 * a2)
    assert law.var() == pytest.approx(9 * a2**2)
    np.testing.assert_array_equal(law.sf(a2 * np.array([1.9, 2.0, 7.9, 8.0])), [1, 0.5, 0.5, 0])
