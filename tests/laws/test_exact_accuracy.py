"""The exact law of H against plain quadrature in ball arithmetic, and its tails."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from flint import arb, ctx
from scipy import special, stats

from hessweep.laws import hessian_law, marchenko_pastur, wishart_density
from hessweep.laws.chi_density import chi_square_density
from hessweep.laws.wishart import wishart_error, wishart_part

# The reference is written once, in the benchmark that attacks the law at random sizes.
PATH = Path(__file__).parents[2] / "benchmarks" / "laws_accuracy.py"
SPEC = importlib.util.spec_from_file_location("laws_accuracy", PATH)
attack = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(attack)


@pytest.fixture(autouse=True)
def precision():
    before, ctx.prec = ctx.prec, attack.BITS
    yield
    ctx.prec = before


@pytest.mark.parametrize(
    ("N_i", "N_h", "nodes"), [(1, 1, 60), (4, 4, 80), (3, 7, 80), (9, 2, 80), (30, 5, 140)]
)
def test_exact_law_of_H_against_ball_arithmetic(N_i, N_h, nodes):
    law = hessian_law(N_i, N_h, True)
    stated = law.continuous.error
    assert stated < 1e-12
    for x in law.ppf(np.array([1e-25, 1e-12, 1e-3, 0.5, 1 - 1e-4])):
        cdf, pdf = attack.integrated(float(x), N_i, N_h, nodes)
        assert abs(float(law.cdf(x)) - cdf) < stated
        assert abs(float(law.sf(x)) - (1 - cdf)) < stated
        # The tails are accurate in comparison with themselves.
        assert abs(float(law.cdf(x)) / cdf - 1) < 1e-12
        assert abs(float(law.pdf(x)) / pdf - 1) < 1e-12
    x = law.mean() + 14 * law.std()
    cdf, pdf = attack.integrated(float(x), N_i, N_h, 2 * nodes)
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


@pytest.mark.parametrize(("N", "M"), [(2, 1000), (10, 400), (40, 300), (150, 150), (400, 400)])
def test_wishart_densities_of_large_matrices_keep_their_digits(N, M):
    """Powers and exponentials of hundreds cancel there; that costs a few digits at most."""
    x = marchenko_pastur(N / M).ppf((np.arange(5) + 0.5) / 5) * M
    with ctx.workprec(400 + 4 * (N + M)):
        expected = np.array([float(attack.wishart(arb(at), N, M)) for at in x.tolist()])
    off = np.abs(wishart_density(x, N, M) / expected - 1)
    assert off.mean() <= wishart_error(N, M) / 8
    assert off.max() < 3e-14


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


def test_windows_that_end_at_an_edge_do_not_reach_beyond_it():
    """Sizes of the paper's study at which rounding once put a window beyond the support."""
    for N_i, N_h in ((11, 1), (10, 1), (12, 1), (11, 2)):
        law = hessian_law(N_i, N_h)
        assert law.cdf(1e3) == pytest.approx(1, abs=1e-9)
        assert law.mean() == pytest.approx(1 + N_h / N_i)


@pytest.mark.parametrize(("N_i", "N_h"), [(1, 1), (3, 2), (40, 41), (30, 90)])
def test_the_limit_near_its_edges_against_panels_that_shrink_towards_them(N_i, N_h):
    law, ratio = hessian_law(N_i, N_h), N_h / N_i
    low, high = ((1 + side * np.sqrt(ratio)) ** 2 for side in (-1, 1))
    edges = np.unique(np.r_[0, np.pi / 2 * 2.0 ** np.arange(-30, 0.1, 0.5)])
    edges = np.unique(np.r_[edges, np.linspace(edges[-1] / 60, edges[-1], 60)])
    u, weights = special.roots_legendre(24)
    half = np.diff(edges)[:, None] / 2
    angle, weights = (edges[:-1, None] + half * (1 + u)).ravel(), (half * weights).ravel()

    def expected(x):
        width = min(x, high) - low
        total = max(0, 1 - ratio) * float(chi_square_density(np.array(x), N_h))
        sides = np.sin(angle / 2) ** 2, np.cos(angle / 2) ** 2
        for from_start, from_stop in (sides, sides[::-1]):
            chi = chi_square_density(max(x - high, 0) + width * from_stop, N_h)
            above, below = width * from_start, max(high - x, 0) + width * from_stop
            rho = np.sqrt(above * below) / (2 * np.pi * (low + above))
            total += weights @ (rho * chi * width * np.sin(angle) / 2)
        return total

    steps = 10.0 ** np.arange(-8, 0, 0.5)
    for x in [*high * (1 - steps), *high * (1 + steps), *(low + high * steps), law.mean()]:
        assert float(law.pdf(x)) == pytest.approx(expected(float(x)), rel=1e-13, abs=1e-40)
