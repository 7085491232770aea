"""The exact law of the smallest eigenvalue: closed cases, its derivative, simulation, limit."""

import numpy as np
import pytest
from scipy import stats

from hessweep.errors import ShapeError
from hessweep.hessian import hessian
from hessweep.laws import ks_distance, smallest_eigenvalue_law
from hessweep.laws.smallest import GapProbability, smallest_wishart_part
from hessweep.networks import sample_teacher


@pytest.mark.parametrize("N", [1, 2, 3, 10, 41, 150])
def test_one_more_column_is_exponential(N):
    """For M = N + 1 the smallest eigenvalue is exponential of rate N/2 (Edelman)."""
    gap = GapProbability(N, N + 1)
    for s in np.array([1e-3, 0.1, 1.0, 4.0]) * 2 / N:
        probability, density = gap(s)
        assert probability == pytest.approx(np.exp(-N * s / 2), abs=1e-11)
        assert density == pytest.approx(N / 2 * np.exp(-N * s / 2), rel=1e-9)


@pytest.mark.parametrize(("N", "M"), [(1, 1), (1, 6), (4, 4), (5, 9), (8, 30), (31, 31)])
def test_density_is_the_derivative(N, M):
    gap = GapProbability(N, M)
    centre = smallest_wishart_part(N, M, 1.0).ppf(np.array(0.4))
    for s in centre * np.array([0.3, 1.0, 2.0]):
        step = 1e-3 * s
        near, far = (gap(s - k * step)[0] - gap(s + k * step)[0] for k in (1, 2))
        assert gap(s)[1] == pytest.approx((8 * near - far) / (12 * step), rel=1e-7)


def test_closed_moments():
    for M in (1, 2, 7):
        part = smallest_wishart_part(1, M, 1 / M)
        x = np.linspace(0.01, 4, 50)
        np.testing.assert_allclose(part.cdf(x), stats.chi2.cdf(x, M, scale=1 / M), atol=1e-11)
    # 2 x 2: λ_max + λ_min = |X|², of mean 4; λ_max - λ_min = (σ1 + σ2)(σ1 - σ2), the lengths of
    # the independent normal pairs (a + d, b - c) and (a - d, b + c): mean √π √π.
    assert smallest_wishart_part(2, 2, 1.0).moments()[0] == pytest.approx(2 - np.pi / 2, abs=1e-10)
    mean, variance = smallest_wishart_part(6, 7, 1.0).moments()
    assert mean == pytest.approx(2 / 6, rel=1e-10)
    assert variance == pytest.approx((2 / 6) ** 2, rel=1e-9)


@pytest.mark.parametrize(("N", "M"), [(4, 4), (3, 8), (10, 20), (11, 13)])
def test_against_simulated_matrices(N, M):
    X = np.random.default_rng(N).standard_normal((20_000, N, M))
    smallest = np.linalg.svd(X, compute_uv=False)[:, -1] ** 2
    part = smallest_wishart_part(N, M, 1.0)
    # Matrices are independent, and so are these; 2.23: probability 1e-4 by chance.
    assert stats.ks_1samp(smallest, part.cdf).statistic < 2.23 / np.sqrt(len(smallest))


@pytest.mark.parametrize(("N_i", "N_h"), [(4, 4), (3, 8), (8, 3)])
def test_against_hessians(N_i, N_h):
    count = 1500
    smallest = []
    for seed in range(count):
        eigenvalues = np.linalg.eigvalsh(hessian(sample_teacher("linear", N_i, N_h, seed)))
        smallest.append(eigenvalues[-N_i])  # N_i non-zero ones
    law = smallest_eigenvalue_law(N_i, N_h)
    assert ks_distance(np.array(smallest), law) < 2.23 / np.sqrt(count)
    assert np.mean(smallest) == pytest.approx(law.mean(), abs=4.5 * law.std() / np.sqrt(count))


def test_square_matrices_approach_edelmans_limit():
    """`P(N λ_min > x) -> e^{-x/2 - √x}`, at a rate 1/N."""
    x = np.linspace(0.01, 8, 60)
    distances = [
        np.abs(
            1 - smallest_wishart_part(N, N, float(N)).cdf(x) - np.exp(-x / 2 - np.sqrt(x))
        ).max()
        for N in (8, 16, 32)
    ]
    ratios = np.array(distances[:-1]) / distances[1:]
    np.testing.assert_allclose(ratios, 2, atol=0.2)


def test_refuses_sizes_below_one():
    with pytest.raises(ShapeError, match="N_h"):
        smallest_eigenvalue_law(2, 0)


@pytest.mark.parametrize(("N_i", "N_h"), [(3, 5), (6, 2)])
def test_mean_and_variance_are_those_of_the_distribution(N_i, N_h):
    law = smallest_eigenvalue_law(N_i, N_h)
    x = np.linspace(0, 40, 20_001)
    above = law.sf(x)
    mean = np.trapezoid(above, x)
    assert law.mean() == pytest.approx(mean, rel=1e-5)
    assert law.var() == pytest.approx(2 * np.trapezoid(x * above, x) - mean**2, rel=1e-5)
