"""Each law against quadrature of its own density, closed forms, and its own inverse."""

import numpy as np
import pytest
from scipy import integrate, stats

from hessweep.errors import InputError, PrecisionError, ShapeError
from hessweep.laws import (
    block_A_law,
    block_B_law,
    chi_square_law,
    hessian_law,
    ks_distance,
    marchenko_pastur,
)
from hessweep.laws.tabulated import tabulate

LAWS = {
    "chi1": chi_square_law(1),
    "chi20": block_A_law(20),
    "mp<1": marchenko_pastur(0.5, 2.0),
    "mp=1": marchenko_pastur(1.0),
    "mp>1": marchenko_pastur(2.5),
    "B(4,4)": block_B_law(4, 4, exact=True),
    "B(3,8)": block_B_law(3, 8, exact=True),
    "B(9,4)": block_B_law(9, 4, exact=True),
    **{
        f"H({N_i},{N_h},{exact})": hessian_law(N_i, N_h, exact)
        for N_i, N_h in [(1, 1), (2, 1), (4, 4), (3, 8), (8, 3), (30, 10)]
        for exact in (False, True)
    },
}
laws = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())


def integral(law, moment, low, high):
    """`∫ x^moment pdf`, by SciPy's adaptive rule in √(x - left end)."""
    left = law.continuous.support()[0]
    kinks = [np.sqrt(x - left) for x in kinks_of(law) if low < x < high]

    def integrand(u):
        x = left + u * u
        return x**moment * float(law.pdf(x)) * 2 * u if u else 0.0

    return integrate.quad(
        integrand, np.sqrt(max(low - left, 0)), np.sqrt(high - left),
        points=kinks or None, limit=400, epsabs=1e-12, epsrel=1e-12,
    )[0]  # fmt: skip


def kinks_of(law):
    """Where the asymptotic laws of H are not smooth: Marchenko-Pastur's edges."""
    if not law.name.startswith("law of H"):
        return []
    N_i, N_h = (int(n) for n in law.name.removeprefix("law of H(").rstrip(")").split(","))
    return [(1 - np.sqrt(N_h / N_i)) ** 2, (1 + np.sqrt(N_h / N_i)) ** 2]


def top(law):
    return float(min(law.support()[1], law.mean() + 60 * law.std()))


@laws
def test_density_integrates_to_cdf(law):
    low = law.continuous.support()[0]
    assert integral(law, 0, low, top(law)) == pytest.approx(1 - law.atom, abs=2e-9)
    for x in law.mean() + law.std() * np.array([-0.9, -0.3, 0.4, 1.5]):
        if x > low:
            expected = law.atom + integral(law, 0, low, x)
            assert law.cdf(x) == pytest.approx(expected, abs=2e-9)


@laws
def test_moments_by_quadrature(law):
    low = law.continuous.support()[0]
    mean = integral(law, 1, low, top(law))
    second = integral(law, 2, low, top(law))
    assert law.mean() == pytest.approx(mean, abs=1e-7)
    assert law.var() == pytest.approx(second - mean**2, abs=1e-6)
    assert law.std() ** 2 == pytest.approx(law.var())


@laws
def test_complement_inversion_and_order(law):
    q = np.r_[1e-9, np.linspace(0.0005, 0.9995, 1500), 1 - 1e-9]
    x = law.ppf(q)
    above = q > law.atom
    np.testing.assert_allclose(law.cdf(x)[above], q[above], atol=1e-12)
    assert (x[~above] == 0).all()
    np.testing.assert_allclose(law.cdf(x) + law.sf(x), 1, atol=1e-11)
    assert (np.diff(x[above]) > 0).all()
    assert (np.diff(law.cdf(np.sort(np.r_[x, x + 1e-9]))) >= -1e-15).all()
    low, high = law.support()
    assert law.ppf(0.0) == low
    assert law.ppf(1.0) == high
    assert np.isnan(law.ppf(np.array([-0.1, 1.1, np.nan]))).all()
    assert law.cdf(-1.0) == 0
    assert law.sf(-1.0) == 1
    assert law.pdf(-1.0) == 0


@laws
def test_samples_follow_the_law(law):
    sample = law.rvs((40, 500), random_state=7)
    assert sample.shape == (40, 500)
    # Kolmogorov's limit: exceeded with probability 1e-4 by chance, and the seed is fixed.
    assert ks_distance(sample, law) < 2.23 / np.sqrt(sample.size)
    np.testing.assert_array_equal(sample, law.rvs((40, 500), random_state=7))
    assert np.ndim(law.rvs(random_state=1)) == 0


@pytest.mark.parametrize("ratio", [1e-3, 0.3, 0.999, 1.0, 1.001, 4.0])
def test_marchenko_pastur_against_its_closed_cdf(ratio):
    law = marchenko_pastur(ratio, 1.5)
    r = np.sqrt(min(ratio, 1 / ratio))
    phi = np.linspace(0, np.pi, 1001)
    series = np.arctan2(r * np.sin(phi), 1 - r * np.cos(phi))
    closed = 2 / np.pi * (phi / 2 + np.sin(phi) / (2 * r) - (1 - r**2) * series / (2 * r**2))
    x = 1.5 * (1 + ratio - 2 * np.sqrt(ratio) * np.cos(phi))
    np.testing.assert_allclose(law.cdf(x), law.atom + (1 - law.atom) * closed, atol=2e-11)


def test_marchenko_pastur_edges_and_atom():
    law = marchenko_pastur(2.5)
    assert law.atom == pytest.approx(0.6)
    assert law.support()[0] == 0
    assert law.cdf(0.0) == pytest.approx(0.6)
    assert law.cdf(-1e-300) == 0
    assert law.ppf(0.59) == 0 < law.ppf(0.61)
    assert marchenko_pastur(1.0).pdf(0.0) == np.inf
    assert marchenko_pastur(1.0).cdf(0.0) == 0
    assert marchenko_pastur(0.25).support() == pytest.approx((0.25, 2.25))
    assert marchenko_pastur(0.25).pdf(0.25) == 0


def test_chi_square_is_the_law_of_the_squared_output_weights():
    W2 = np.random.default_rng(3).standard_normal((50_000, 6)) / np.sqrt(6)
    assert ks_distance((W2**2).sum(axis=1), block_A_law(6)) < 2.23 / np.sqrt(50_000)


def test_ks_distance_is_scipys_where_there_is_no_atom():
    law = hessian_law(4, 4)
    sample = law.rvs(500, random_state=1) * 1.1
    assert ks_distance(sample, law) == pytest.approx(stats.ks_1samp(sample, law.cdf).statistic)


def test_ks_distance_with_an_atom():
    law = marchenko_pastur(2.0)
    half = law.ppf((np.arange(1000) + 1000.5) / 2000)
    assert ks_distance(np.r_[np.zeros(1000), half], law) == pytest.approx(0.5 / 2000, abs=1e-9)
    assert ks_distance(half, law) == pytest.approx(0.5, abs=1e-3)


def test_refusals():
    with pytest.raises(ShapeError, match="N_h"):
        hessian_law(3, 0)
    with pytest.raises(ShapeError, match="N_i"):
        block_B_law(0, 3)
    for bad in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(InputError, match="ratio"):
            marchenko_pastur(bad)
        with pytest.raises(InputError, match="variance"):
            marchenko_pastur(0.5, bad)
    with pytest.raises(PrecisionError, match=r"integrates to 0\.5 "):
        tabulate(lambda at: np.full(at.x.shape, 0.5), [0.0, 1.0], (0.0, 1.0))
    with pytest.raises(PrecisionError, match="integrates to"):
        tabulate(lambda at: 1 / at.x, [0.0, 1.0], (0.0, 1.0))
    with pytest.raises(PrecisionError, match=r"can not be integrated near x = 0\.3"):
        tabulate(lambda at: np.where(at.x < 0.3, 0.5, 1.0), [0.0, 1.0], (0.0, 1.0))
