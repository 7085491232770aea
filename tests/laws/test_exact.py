"""The exact finite-size laws against simulation, moment identities and the large-size limit."""

import numpy as np
import pytest
from scipy import integrate, stats

from hessweep.errors import ShapeError
from hessweep.laws import (
    block_B_law,
    hessian_law,
    ks_distance,
    law_distance,
    wishart_density,
)
from hessweep.laws.tabulated import tabulate
from hessweep.laws.wishart import wishart_part

EIGENVALUES = 200_000
SIZES = [(4, 4), (3, 8), (8, 3), (10, 20), (30, 10)]


def simulated(N_i, N_h, seed=0):
    """Non-zero eigenvalues of H and all of block B, one matrix a row."""
    count = EIGENVALUES // N_i
    rng = np.random.default_rng(seed)
    W1 = rng.standard_normal((count, N_h, N_i)) / np.sqrt(N_i)
    W2 = rng.standard_normal((count, N_h)) / np.sqrt(N_h)
    B = np.linalg.svd(W1, compute_uv=False) ** 2
    fill = lambda n: np.pad(B, ((0, 0), (0, n - B.shape[1])))  # noqa: E731
    return (W2**2).sum(axis=1, keepdims=True) + fill(N_i), fill(N_h)


def deviation(matrices, law):
    """Deviation of the mean cdf from the law on a grid, and its standard error.

    Eigenvalues of one matrix depend on one another, matrices do not: the empirical cdf is a
    mean over matrices, and the scatter of its terms gives its error whatever the dependence.
    """
    x = law.ppf(law.atom + (1 - law.atom) * np.linspace(0.005, 0.995, 100))
    columns = np.ascontiguousarray(matrices.T)
    each = np.array([(columns <= value).sum(axis=0) for value in x]) / len(columns)
    error = each.std(axis=1, ddof=1) / np.sqrt(len(matrices))
    return np.abs(each.mean(axis=1) - law.cdf(x)), error


@pytest.mark.parametrize(("N_i", "N_h"), SIZES)
def test_exact_laws_against_simulation(N_i, N_h):
    H, B = simulated(N_i, N_h)
    for sample, exact, limit in [
        (H, hessian_law(N_i, N_h, True), hessian_law(N_i, N_h)),
        (B, block_B_law(N_i, N_h, True), block_B_law(N_i, N_h)),
    ]:
        gap, error = deviation(sample, exact)
        # 4.5 standard errors: 100 correlated chances of 7e-6 each.
        assert (gap / error).max() < 4.5
        assert ks_distance(sample, exact) < gap.max() + 4.5 * error.max()
        # For N_i > N_h most eigenvalues of H are |W2|², whose scatter hides the rest.
        if N_i * N_h <= 24 and (sample is B or N_i <= N_h):
            gap, error = deviation(sample, limit)
            assert (gap / error).max() > 15


@pytest.mark.parametrize("N", [2, 5, 8, 31, 300])
@pytest.mark.parametrize("excess", [0, 1, 2, 17, 300])
def test_wishart_moments(N, excess):
    M = N + excess
    high = (np.sqrt(N) + np.sqrt(M) + 10) ** 2
    # √x takes the pole away; 3 nodes for each eigenvalue see every oscillation.
    nodes, weights = np.polynomial.legendre.leggauss(3 * N + 200)
    u = np.sqrt(high) * (1 + nodes) / 2
    mass = wishart_density(u**2, N, M) * u * np.sqrt(high) * weights
    moments = [float(mass @ u ** (2 * k)) for k in range(4)]
    expected = [
        N,
        N * M,
        N * M * (N + M + 1),
        N * M * (N**2 + M**2 + 3 * N * M + 3 * N + 3 * M + 4),
    ]
    np.testing.assert_allclose(moments, expected, rtol=1e-11)


def test_wishart_of_one_row_is_chi_square():
    x = np.linspace(0.01, 40, 200)
    for M in (1, 2, 3, 10):
        np.testing.assert_allclose(wishart_density(x, 1, M), stats.chi2.pdf(x, M), rtol=1e-12)


@pytest.mark.parametrize("M", [2, 3, 6])
def test_wishart_of_two_rows_by_integrating_the_joint_density(M):
    """ρ(x) = 2 ∫ f(x, y) dy with f ∝ (x y)^{(M-3)/2} e^{-(x+y)/2} |x - y|; here in √x, √y."""

    def joint(v, u):
        return 4 * (u * v) ** (M - 2) * np.exp(-(u * u + v * v) / 2) * abs(u * u - v * v)

    def one(u):
        return sum(
            integrate.quad(joint, *ends, args=(u,), epsabs=1e-12)[0] for ends in ((0, u), (u, 12))
        )

    norm = integrate.quad(one, 0, 12, epsabs=1e-9)[0]
    for x in (0.3, 2.0, 9.0):
        expected = 2 * one(np.sqrt(x)) / norm / (2 * np.sqrt(x))
        assert wishart_density(x, 2, M) == pytest.approx(expected, rel=1e-7)


def test_wishart_at_zero_and_below():
    assert wishart_density(0.0, 3, 3) == np.inf
    assert wishart_density(0.0, 3, 5) == 0
    assert wishart_density(-1.0, 3, 3) == 0
    # α = 1: smooth at 0, so the value there continues those beside it.
    beside = wishart_density(np.array([0.0, 1e-9, 2e-9]), 4, 5)
    assert beside[0] == pytest.approx(2 * beside[1] - beside[2], rel=1e-9)


@pytest.mark.parametrize(("N_i", "N_h"), [(300, 300), (200, 600), (600, 200)])
def test_large_sizes_approach_the_limit_and_keep_their_moments(N_i, N_h):
    for law_of in (hessian_law, block_B_law):
        distance = law_distance(law_of(N_i, N_h, exact=True), law_of(N_i, N_h))
        assert 0 < distance < 0.3 / min(N_i, N_h)
    law = hessian_law(N_i, N_h, True)
    x = np.linspace(0, law.mean() + 12 * law.std(), 20_001)
    mean = integrate.simpson(law.sf(x), x=x)
    second = integrate.simpson(2 * x * law.sf(x), x=x)
    assert mean == pytest.approx(law.mean(), rel=1e-9)
    assert second - mean**2 == pytest.approx(law.var(), rel=1e-7)


@pytest.mark.parametrize(("N_i", "N_h"), [(5, 12), (12, 5)])
def test_convolution_against_a_mean_over_chi_square(N_i, N_h):
    """The cdf of the sum is the mean of cdf_χ²(x - t) over equally likely t."""
    part = wishart_part(min(N_i, N_h), max(N_i, N_h), 1 / N_i)
    t = part.ppf((np.arange(400_000) + 0.5) / 400_000)
    law, chi = hessian_law(N_i, N_h, True), stats.chi2(N_h, scale=1 / N_h)
    share = min(1, N_h / N_i)
    for x in (0.7, 1.5, 3.0, 5.0):
        expected = share * chi.cdf(x - t).mean() + (1 - share) * chi.cdf(x)
        assert law.cdf(x) == pytest.approx(expected, abs=1e-7)


def test_refuses_more_rows_than_columns():
    with pytest.raises(ShapeError, match="swap"):
        wishart_density(1.0, 3, 2)


def test_a_density_is_tabulated_when_more_than_it_is_asked_for(monkeypatch):
    law = hessian_law(3, 5, exact=True, floor=1e-14)  # a law that no other test has asked for
    tables = []
    monkeypatch.setattr(
        "hessweep.laws.on_demand.tabulate",
        lambda *arguments: tables.append(tabulate(*arguments)) or tables[-1],
    )
    x = np.linspace(0.1, 8, 30)
    density = law.pdf(x)
    assert law.support() == (0.0, np.inf)
    assert not tables
    assert law.cdf(x) + law.sf(x) == pytest.approx(1)
    assert law.continuous.error < 1e-9
    [table] = tables
    assert density == pytest.approx(table.pdf(x), rel=1e-12)
