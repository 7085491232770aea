"""The exact law of H against plain quadrature in ball arithmetic, and its tails."""

import numpy as np
import pytest
from flint import arb, ctx
from scipy import special, stats

from hessweep.laws import hessian_law
from hessweep.laws.chi_density import chi_square_density
from hessweep.laws.wishart import wishart_part

BITS = 200


@pytest.fixture(autouse=True)
def precision():
    before, ctx.prec = ctx.prec, BITS
    yield
    ctx.prec = before


def gauss(nodes):
    """Gauss-Legendre in an angle, `t = x sin²`: any half-integer powers at 0 and x."""
    for i in range(nodes):
        u, weight = arb.legendre_p_root(nodes, i, weight=True)
        angle = (1 + u) * arb.pi() / 4
        sine, cosine = angle.sin(), angle.cos()
        yield sine**2, cosine**2, weight * arb.pi() / 2 * sine * cosine


def wishart(x, N, M):
    """The density of docs/laws.md, eq. 6, by the recurrences for L_j and its integrals."""
    a = M - N
    psi = ((a * x.log() - x - arb(a + 1).lgamma()) / 2).exp()
    total = (arb(a + 1) / 2 * arb(2).log() + (arb(a + 1) / 2).lgamma()).exp()
    total /= (arb(a + 1).lgamma() / 2).exp()
    J = total * (x / 2).gamma_lower(arb(a + 1) / 2, regularized=1)
    b = [arb(j * (j + a)).sqrt() for j in range(N + 1)]
    psi_before = J_before = total_before = squares = integral = arb(0)
    for j in range(N - 1):
        squares += psi**2
        integral = 2 * J - total
        J_before, J = J, (b[j] * J_before + 2 * x.sqrt() * psi) / b[j + 1]
        total_before, total = total, b[j] * total_before / b[j + 1]
        psi_before, psi = psi, ((2 * j + 1 + a - x) * psi - b[j] * psi_before) / b[j + 1]
    last = psi / x.sqrt()
    return squares - b[N - 1] / 4 * last * integral + (last / total if N % 2 else 0)


def reference(x, N_i, N_h, nodes):
    """The cdf and the pdf of `|W2|² + eig(W1^T W1)`."""
    N, M = sorted((N_i, N_h))
    x, order = arb(x), arb(N_h) / 2

    def chi(s):
        y = N_h * s / 2
        density = arb(N_h) / 2 * ((order - 1) * y.log() - y - order.lgamma()).exp()
        return y.gamma_lower(order, regularized=1), density

    cdf = pdf = arb(0)
    for share, rest, weight in gauss(nodes):
        rho = wishart(x * share * N_i, N, M) * N_i / N * weight * x
        below, density = chi(x * rest)
        cdf, pdf = cdf + rho * below, pdf + rho * density
    atom = arb(max(0, N_i - N_h)) / N_i
    below, density = chi(x)
    return (1 - atom) * cdf + atom * below, (1 - atom) * pdf + atom * density


@pytest.mark.parametrize(
    ("N_i", "N_h", "nodes"), [(1, 1, 60), (4, 4, 80), (3, 7, 80), (9, 2, 80), (30, 5, 140)]
)
def test_exact_law_of_H_against_ball_arithmetic(N_i, N_h, nodes):
    law = hessian_law(N_i, N_h, True)
    stated = law.continuous.error
    assert stated < 1e-12
    for x in law.ppf(np.array([1e-25, 1e-12, 1e-3, 0.5, 1 - 1e-4])):
        cdf, pdf = reference(float(x), N_i, N_h, nodes)
        assert abs(float(law.cdf(x)) - cdf) < stated
        assert abs(float(law.sf(x)) - (1 - cdf)) < stated
        # The tails are accurate in comparison with themselves.
        assert abs(float(law.cdf(x)) / cdf - 1) < 1e-12
        assert abs(float(law.pdf(x)) / pdf - 1) < 1e-12
    x = law.mean() + 14 * law.std()
    cdf, pdf = reference(float(x), N_i, N_h, 2 * nodes)
    assert abs(float(law.sf(x)) / (1 - cdf) - 1) < 1e-11
    assert abs(float(law.pdf(x)) / pdf - 1) < 1e-12


@pytest.mark.parametrize(
    ("N_i", "N_h"), [(300, 10), (150, 7), (300, 2), (300, 30), (2, 53), (1000, 1), (1000, 40)]
)
def test_wide_networks_have_their_exact_moments(N_i, N_h):
    law = hessian_law(N_i, N_h, True)
    mean, variance = law.continuous.moments()
    assert mean == pytest.approx(law.mean(), rel=1e-11)
    assert variance == pytest.approx(law.var(), rel=1e-10)
    assert law.continuous.error < 1e-11


def test_values_that_were_wrong():
    """Cdf of (300, 2) and (300, 30) at points where it missed by 1e-11 to 1e-10."""
    for N_i, N_h, x in [(300, 2, 1.0), (300, 30, 1.0)]:
        law = hessian_law(N_i, N_h, True)
        part, chi = wishart_part(N_h, N_i, 1 / N_i), stats.chi2(N_h, scale=1 / N_h)
        # Over equal steps of the angle, which all half-integer powers are smooth in.
        u, weights = special.roots_legendre(1200)
        t, weights = x * np.sin(np.pi / 4 * (1 + u)) ** 2, weights * np.pi / 4
        weights = weights * x * np.sin(np.pi / 2 * (1 + u))
        expected = float(weights @ (part.pdf(t) * chi.cdf(x - t))) * N_h / N_i
        expected += (1 - N_h / N_i) * chi.cdf(x)
        assert float(law.cdf(x)) == pytest.approx(expected, abs=2e-13)


@pytest.mark.parametrize("k", [1, 2, 7, 53, 62, 63, 1000])
def test_chi_square_density_is_accurate_everywhere(k):
    for s in np.r_[1e-30, 1e-3, 0.3, 1.0, 1.3, 4.0, 1000 / k]:
        y = k * arb(float(s)) / 2
        order = arb(k) / 2
        expected = arb(k) / 2 * ((order - 1) * y.log() - y - order.lgamma()).exp()
        if expected > 1e-290:
            assert abs(float(chi_square_density(s, k)) / expected - 1) < 3e-13


def test_densities_at_infinity_and_of_nan():
    for exact in (False, True):
        pdf = hessian_law(6, 3, exact).pdf(np.array([np.nan, -np.inf, np.inf, 1e200, -1.0]))
        assert np.isnan(pdf[0])
        np.testing.assert_array_equal(pdf[1:], 0)
