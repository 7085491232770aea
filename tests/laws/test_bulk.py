"""The bulk of non-linear networks: counting against density, matrices, moments, test values."""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from hessweep import sample_teacher
from hessweep.errors import InputError, ShapeError
from hessweep.laws import bulk_law, coefficients
from hessweep.laws.gamma import Gamma
from hessweep.laws.gaps import edges
from hessweep.laws.moved import Scaled
from hessweep.laws.output_weights import LAWS, output_weights
from hessweep.laws.pair_sums import bulk_density, bulk_tail
from hessweep.networks import WEIGHTS

RELU = coefficients("relu")
z_relu, z_quadratic = np.array([0.01, 0.1, 0.5, 1, 2]), np.array([0.4, 4, 12, 32])


@lru_cache(maxsize=32)
def law(name, ratio, **options):
    return bulk_law(name, ratio, **options)


def operator(W1, W2, a1, a2):
    """T as a matrix, from its definition."""
    N_h, N_i = W1.shape
    chi = N_h * W2**2
    M = np.sqrt(chi)[:, None] * W1
    basis = np.eye(N_h * N_i).reshape(-1, N_h, N_i)
    images = a1 * (M @ M.T @ basis + M @ basis.swapaxes(1, 2) @ M) + a2 * chi[:, None] * basis
    return images.reshape(N_h * N_i, -1)


@pytest.mark.parametrize(
    ("name", "single", "z", "expected"),
    [
        ("relu", False, z_relu, [0.7902, 0.4375, 0.1613, 0.0651, 0.0096]),
        ("relu", True, z_relu, [0.8120, 0.4791, 0.1601, 0.0565, 0.0068]),
        ("quadratic", False, z_quadratic, [0.4296, 0.2563, 0.1179, 0.0176]),
        ("quadratic", True, z_quadratic, [0.6049, 0.2757, 0.1050, 0.0108]),
    ],
)
def test_values_known_from_an_independent_derivation(name, single, z, expected):
    np.testing.assert_allclose(law(name, 1.0, single=single).sf(z), expected, atol=6e-5)


@pytest.mark.parametrize(
    ("weights", "ratio", "a1", "a2"),
    [
        ("normal", 0.3, 0.16, 0.09), ("normal", 1.0, 4.0, 0.0), ("normal", 0.01, 0.16, 0.09),
        ("uniform", 2.0, 0.16, 0.09), ("student-t", 1.0, 0.05, 0.1),
    ],
)  # fmt: skip
def test_density_is_the_derivative_of_the_count(weights, ratio, a1, a2):
    """Two integrals that share only G: a density of pairs, and a count by logarithms."""
    gamma = Gamma(LAWS[weights], a2, ratio)
    z = np.array([0.2, 0.9]) * (a1 * (1 + ratio) + a2)
    step = 1e-3 * z
    with np.errstate(all="ignore"):
        low, below, above, high = (bulk_tail(gamma, a1, z + k * step) for k in (-2, -1, 1, 2))
        density, error = bulk_density(gamma, a1, z)
    assert (error * z < 1e-9).all()
    slope = (8 * (below - above) - (low - high)) / (12 * step)
    np.testing.assert_allclose(slope, density, rtol=2e-7, atol=1e-7 / z.max())


@pytest.mark.parametrize(
    ("name", "ratio", "weights"),
    [("relu", 1.0, "normal"), ("quadratic", 1.0, "normal"), ("cubic", 1 / 3, "student-t"),
     ("relu", 2.0, "rademacher"), ("quadratic", 0.01, "normal")],
)  # fmt: skip
def test_table_against_count_moments_and_inverse(name, ratio, weights):
    found = law(name, ratio, weights=weights)
    assert found.continuous.error * (1 - found.atom) < 1e-8
    c = coefficients(name)
    q = np.linspace(found.atom + 0.02, 0.98, 4)
    z = found.ppf(q)
    if weights != "rademacher":
        np.testing.assert_allclose(found.cdf(z), q, atol=1e-11)
        with np.errstate(all="ignore"):
            counted = bulk_tail(Gamma(LAWS[weights], c.a2, ratio), c.a1, z)
        np.testing.assert_allclose(found.sf(z), counted, atol=1e-8)
    # Gauss-Legendre in log z: no quantiles, and nothing that made the table.
    low, high = max(found.support()[0], 1e-12 * found.mean()), min(found.support()[1], 1e6)
    edges = np.geomspace(low, high, 400)
    u, w = np.polynomial.legendre.leggauss(8)
    half = np.diff(np.log(edges))[:, None] / 2
    x = np.exp(np.log(edges[:-1])[:, None] + half * (1 + u))
    mass = found.pdf(x) * x * half * w
    if weights == "rademacher":
        assert mass.sum() == pytest.approx(0.25, abs=1e-5)  # the rest is an atom at a2
        return
    rel = 3e-3 if weights == "student-t" else 2e-6
    assert mass.sum() == pytest.approx(1 - found.atom, abs=2e-6)
    assert (mass * x).sum() == pytest.approx(found.mean(), rel=2e-6)
    if weights != "student-t":
        assert (mass * x**2).sum() - found.mean() ** 2 == pytest.approx(found.var(), rel=rel)


@pytest.mark.parametrize("name", ["relu", "quadratic", "erf", "gelu"])
@pytest.mark.parametrize(("N_i", "N_h"), [(9, 14), (14, 9), (11, 11)])
def test_given_weights_the_count_is_exact(name, N_i, N_h):
    teacher = sample_teacher("erf", N_i, N_h, 1)
    c = coefficients(name)
    T = operator(teacher.W1, teacher.W2, c.a1, c.a2)
    eigenvalues = np.linalg.eigvalsh(T)
    counted = bulk_law(name, N_h / N_i, W1=teacher.W1, W2=teacher.W2)
    edges = eigenvalues[eigenvalues > 1e-9]
    z = np.r_[1e-8, (edges[1:] + edges[:-1])[np.diff(edges) > 1e-9 * edges[-1]] / 2, 1e3]
    expected = [(eigenvalues > at).mean() for at in z]
    np.testing.assert_allclose(counted.sf(z), expected, atol=1e-12)
    assert counted.mean() == pytest.approx(eigenvalues.mean())
    assert counted.var() == pytest.approx(eigenvalues.var())


@pytest.mark.parametrize(
    ("name", "ratio", "weights"), [("relu", 1.0, "normal"), ("quadratic", 0.01, "normal"),
                                   ("relu", 2.0, "rademacher"), ("cubic", 1 / 3, "student-t")]
)  # fmt: skip
def test_limit_of_large_matrices(name, ratio, weights):
    """Large teachers of the same four laws."""
    N_h = 240 if ratio > 0.1 else 12
    N_i = round(N_h / ratio)
    rng = np.random.default_rng(4)
    W1 = rng.standard_normal((N_h, N_i)) / np.sqrt(N_i)
    # Quantiles of the law of χ: no fluctuation of W2 hides an error.
    chi = LAWS[weights].ppf((np.arange(N_h) + 0.5) / N_h)
    counted = bulk_law(name, 1.0, W1=W1, W2=np.sqrt(chi / N_h))
    limit = law(name, ratio, weights=weights)
    q = np.array([0.3, 0.6, 0.9])
    z = limit.ppf(limit.atom + (1 - limit.atom) * q)
    z = z[np.abs(z - coefficients(name).a2) > 1e-6]
    np.testing.assert_allclose(counted.sf(z), limit.sf(z), atol=0.01 if ratio > 0.1 else 0.06)


def test_given_output_weights():
    """Two values of χ; the count at N = 210 is within O(1/N)."""
    N = 210
    W1 = np.random.default_rng(1).standard_normal((N, N)) / np.sqrt(N)
    W2 = np.where(np.arange(N) < 140, 0.5, np.sqrt(2.5)) / np.sqrt(N)
    given = bulk_law("relu", 1.0, W2=W2[::70] * np.sqrt(70))
    counted = bulk_law("relu", 1.0, W1=W1, W2=W2)
    z = np.array([0.03, 0.3, 1.2])
    np.testing.assert_allclose(given.sf(z), counted.sf(z), atol=0.006)
    same = bulk_law("relu", 2.0, W2=np.array([1.0, -1.0]) / np.sqrt(2))
    np.testing.assert_allclose(same.sf(z), law("relu", 2.0, weights="rademacher").sf(z), atol=1e-9)


@pytest.mark.parametrize("weights", LAWS)
def test_odd_activations_have_scaled_chi(weights):
    found = law("erf", 1.0, weights=weights)
    sample = WEIGHTS[weights](np.random.default_rng(3), 40_000) ** 2 * coefficients("erf").a2
    if weights == "rademacher":
        assert found.cdf(coefficients("erf").a2 * np.array([0.999, 1.001])).tolist() == [0, 1]
        return
    assert stats.ks_1samp(sample, found.cdf).statistic < 2.23 / np.sqrt(len(sample))
    q = np.linspace(0.01, 0.99, 9)
    np.testing.assert_allclose(found.cdf(found.ppf(q)), q, atol=1e-12)


@pytest.mark.parametrize("weights", ["uniform", "laplace", "student-t", "exponential", "normal"])
@pytest.mark.parametrize("q", [0.3 + 0.2j, -2 + 0.1j, 3 + 1j, 60 + 10j, 0.01 + 0.3j])
def test_means_over_chi_by_quadrature(weights, q):
    chi = LAWS[weights]

    def mean(f):
        points = np.array([-np.inf, -8, -3, -1, 0, 1, 3, 8, np.inf])
        points = np.unique(np.clip(points, *chi.x.support()))
        parts = [
            integrate.quad(lambda x: chi.x.pdf(x) * f(x * x), a, b, complex_func=True, limit=200)[
                0
            ]
            for a, b in pairwise(points)
        ]
        return sum(parts)

    n, above, slope = (part[0] for part in chi.n(np.array([q])))
    assert n == pytest.approx(mean(lambda c: c / (q - c)), abs=1e-7)
    assert above == pytest.approx(mean(lambda c: q / (q - c)), abs=1e-7)
    assert slope == pytest.approx(mean(lambda c: -c / (q - c) ** 2), abs=1e-7)
    log = chi.log_mean(np.array([np.sqrt(q)]))[0]
    assert log == pytest.approx(mean(lambda c: np.log(q - c)), abs=1e-6)


def test_gaps_of_the_law_of_gamma():
    rng = np.random.default_rng(0)
    N_i, N_h, z = 400, 1200, 1.0
    W1 = rng.standard_normal((N_h, N_i)) / np.sqrt(N_i)
    chi = stats.chi2.ppf((np.arange(N_h) + 0.5) / N_h, 1)
    mu = np.linalg.eigvalsh((W1.T * (chi / (z - RELU.a2 * chi))) @ W1)
    [[(low, high)]] = edges(Gamma(LAWS["normal"], RELU.a2, 3.0), np.array([z])).gaps
    assert not ((mu > low) & (mu < high - 0.02)).any()
    assert mu[mu > low].min() == pytest.approx(high, abs=0.03)


@pytest.mark.parametrize(
    ("name", "ratio"), [("relu", 1.5), ("relu", 2.0), ("gelu", 1.5), ("gelu", 2.0)]
)
def test_table_where_a_gap_opens_inside_the_law_of_gamma(name, ratio):
    found, c = law(name, ratio), coefficients(name)
    assert found.continuous.error < 2e-9
    z = found.ppf(np.linspace(0.05, 0.95, 12))
    with np.errstate(all="ignore"):
        counted = bulk_tail(Gamma(LAWS["normal"], c.a2, ratio), c.a1, z)
    np.testing.assert_allclose(found.sf(z), counted, atol=2e-9)


def test_table_where_a_gap_opens_against_a_large_matrix():
    """The exact count of Theorem 2 for one W1, with χ at even quantiles: no transform is in it."""
    N_i, N_h = 400, 800
    chi = stats.chi2.ppf((np.arange(N_h) + 0.5) / N_h, 1)
    W1 = np.random.default_rng(1).standard_normal((N_h, N_i)) / np.sqrt(N_i)
    found = law("relu", 2.0)
    z = found.ppf(np.linspace(0.1, 0.9, 9))
    counted = bulk_law("relu", 2.0, W1=W1, W2=np.sqrt(chi / N_h))
    np.testing.assert_allclose(counted.sf(z), found.sf(z), atol=1.5e-3)


def test_the_root_for_mu_is_never_the_real_one_beside_it():
    """Before a gap opens the density of μ is low, but positive, and G is nearly a cube root."""
    gamma = Gamma(LAWS["normal"], coefficients("gelu").a2, 1.5)
    z = np.array([0.0234, 0.0244, 0.0246])
    found = edges(gamma, z)
    assert found.gaps.size == 0
    assert np.isfinite(found.cusps).sum() == 3
    for at, cusp in zip(z, found.cusps[:, 0], strict=True):
        w = cusp + np.r_[-np.geomspace(0.5, 1e-5, 200), np.geomspace(1e-5, 0.5, 200)]
        at = np.full(len(w), at)
        G, converged = gamma.transform(w, at)
        assert converged.all()
        assert (G.imag < -1e-3 * np.abs(G)).all()
        # Inside the support the imaginary part of the equation for w is 0.
        chi = LAWS["normal"].ppf((np.arange(200_000) + 0.5) / 200_000)
        b = gamma.a2 + G[::40]
        square = (chi**2 / np.abs(at[0] - np.multiply.outer(b, chi)) ** 2).mean(axis=1)
        np.testing.assert_allclose(1.5 * np.abs(G[::40]) ** 2 * square, 1, rtol=1e-3)


def test_gaps_are_found_however_narrow_they_are():
    """A gap opens at one z; its width then grows as the power 3/2, from nothing."""
    gamma = Gamma(LAWS["normal"], coefficients("gelu").a2, 1.5)
    low, high = 0.0246, 0.0248
    for _ in range(40):
        middle = (low + high) / 2
        opened = edges(gamma, np.array([middle])).gaps.size > 0
        low, high = (low, middle) if opened else (middle, high)
    beyond = np.array([1e-8, 1e-6, 1e-4])
    ends = edges(gamma, high + beyond).gaps[:, 0]
    np.testing.assert_allclose(np.diff(np.log(np.diff(ends)[:, 0])) / np.log(100), 1.5, atol=0.01)
    cusp = edges(gamma, np.array([low])).cusps[0, 0]
    np.testing.assert_allclose(ends[:2], cusp, atol=1e-3)


def test_refusals():
    with pytest.raises(InputError, match="hessian_law"):
        bulk_law("linear", 1.0)
    for ratio in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(InputError, match="ratio"):
            bulk_law("relu", ratio)
    with pytest.raises(InputError, match="unknown distribution"):
        bulk_law("relu", 1.0, weights="cauchy")
    with pytest.raises(InputError, match="W2"):
        bulk_law("relu", 1.0, W1=np.eye(2))
    with pytest.raises(ShapeError, match="N_h x N_i"):
        bulk_law("relu", 1.0, W1=np.eye(2), W2=np.ones(3))
    with pytest.raises(ShapeError, match="vector"):
        bulk_law("relu", 1.0, W2=np.ones((2, 2)))
    with pytest.raises(InputError, match="all zero"):
        bulk_law("relu", 1.0, W2=np.zeros(3))


@pytest.mark.parametrize("ratio", [0.25, 0.5, 0.9])
def test_multiple_eigenvalues_of_the_quadratic_network_are_not_0(ratio):
    """`(W2 W2^T) ∘ K_c` has full rank for `N_h < N_i`, so that its law has no atom at 0."""
    found = law("quadratic", ratio, single=True)
    assert found.cdf(0.0) == 0
    teacher = sample_teacher("quadratic", 40, round(40 * ratio), seed=0)
    K_c = teacher.activation.self_dual(teacher.W1).K_c
    assert np.linalg.matrix_rank(np.outer(teacher.W2, teacher.W2) * K_c) == teacher.N_h
    np.testing.assert_allclose(found.sf(0.0), 1, atol=1e-8)
    np.testing.assert_allclose(found.cdf(found.mean() * 1e-15), 0, atol=1e-3)


@pytest.mark.parametrize("name", ["relu", "cubic"])
@pytest.mark.parametrize("single", [False, True])
def test_the_stated_moments_are_those_of_the_distribution(name, single):
    found = law(name, 0.5, single=single)
    t = np.linspace(-30, 12, 40_001)
    z = found.mean() * np.exp(t)
    tail = found.sf(z)
    assert np.trapezoid(z * tail, t) == pytest.approx(found.mean(), rel=1e-6)
    square = np.trapezoid(2 * z**2 * tail, t)
    assert square - found.mean() ** 2 == pytest.approx(found.var(), rel=1e-5)


def test_the_density_of_a_scaled_law_is_the_slope_of_its_distribution_function():
    law, x = Scaled(output_weights("normal", None), 3.0), np.array([0.5, 2.0, 9.0])
    step = 1e-5
    slope = (law.cdf(x + step) - law.cdf(x - step)) / (2 * step)
    np.testing.assert_allclose(law.pdf(x), slope, rtol=1e-8)


@pytest.mark.parametrize("ratio", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("name", ["relu", "cubic", "gelu"])
def test_the_single_law_is_that_of_matrices_of_neurons(name, ratio):
    """`D (a1 W1 W1^T + a2) D` for 400 neurons, with χ at even quantiles of its law."""
    N_h, c = 400, coefficients(name)
    D = np.sqrt(stats.chi2(1).ppf((np.arange(N_h) + 0.5) / N_h))
    W1 = np.random.default_rng(0).normal(size=(N_h, round(N_h / ratio)))
    gram = W1 @ W1.T / W1.shape[1]
    values = np.linalg.eigvalsh(D[:, None] * (c.a1 * gram + c.a2 * np.eye(N_h)) * D)

    def distance(found):
        cdf, places = found.cdf(values), np.arange(N_h)
        return max((cdf - places / N_h).max(), ((places + 1) / N_h - cdf).max())

    found = distance(law(name, ratio, single=True))
    assert found < 0.01
    # It is seen where the law is that of other numbers of neurons.
    assert distance(law(name, 10 * ratio, single=True)) > 2 * found
