"""What laws state as their errors: it holds the error of each part, and is above the true one."""

from dataclasses import replace

import numpy as np
import pytest
from directed_rounding import spread
from scipy import stats

from hessweep.errors import PrecisionError
from hessweep.laws import hessian_law, marchenko_pastur, wishart_density
from hessweep.laws import pair_sums as pairs
from hessweep.laws.chi_density import chi_square_density
from hessweep.laws.convolution import Summand, chi_square_table, sum_law, with_chi_square
from hessweep.laws.gamma import Gamma
from hessweep.laws.log_table import tabulate_log
from hessweep.laws.output_weights import LAWS
from hessweep.laws.tabulated import EPS, tabulate
from hessweep.laws.wishart import wishart_error, wishart_part


def places_in_the_support(N, M, count=40):
    return marchenko_pastur(N / M).ppf((np.arange(count) + 0.5) / count) * M


@pytest.mark.parametrize(
    ("N", "M"), [(1, 1), (1, 30), (10, 400), (100, 1000), (300, 300), (1500, 1501)]
)
def test_bound_on_the_rounding_of_a_wishart_density(N, M):
    """All roundings in one direction, each of which may be twice as large as otherwise."""
    x = places_in_the_support(N, M)
    reference = wishart_density(x, N, M)
    off = spread(lambda: [np.mean(wishart_density(x, N, M) / reference)])
    assert off <= 4 * wishart_error(N, M)
    assert wishart_error(N, M) == 2 * EPS * (N + M + 20)


@pytest.mark.parametrize("M", [62, 4000, 10**6, 10**7])
def test_wishart_densities_of_one_row_of_any_length(M):
    """That x is rounded moves the density by up to its slope, some `√M` times its value."""
    x = np.array([M - 2 * np.sqrt(2 * M), M, M + 3 * np.sqrt(2 * M)])
    expected = chi_square_density(x / M, M) / M
    np.testing.assert_allclose(
        wishart_density(x, 1, M), expected, rtol=1e-14 + 3 * EPS * np.sqrt(M)
    )


@pytest.mark.parametrize("k", [1, 2, 61, 62, 1000])
def test_bound_on_the_rounding_of_a_density_of_chi_square(k):
    s = stats.chi2.ppf((np.arange(40) + 0.5) / 40, k) / k
    reference = chi_square_density(s, k)
    assert spread(lambda: [np.mean(chi_square_density(s, k) / reference)]) <= 4 * (k + 20) * EPS


def test_the_error_of_a_table_holds_each_of_its_parts():
    def linear(at):
        return 2 * at.x

    table = tabulate(linear, [0.0, 1.0], (0.0, 1.0))
    x = np.linspace(0, 1, 300)
    off = spread(lambda: tabulate(linear, [0.0, 1.0], (0.0, 1.0)).cdf(x))
    assert 0 < off <= 4 * table.error < 40 * off
    assert table.error >= 68 * EPS
    given = tabulate(linear, [0.0, 1.0], (0.0, 1.0), 1e-3).error
    assert given == pytest.approx(1e-3 - 4 * EPS + table.error, abs=EPS)
    more = tabulate(lambda at: linear(at) * (1 + 5e-10), [0.0, 1.0], (0.0, 1.0))
    assert more.cdf(0.999999) - 0.999999**2 > 4.9e-10
    assert 5e-10 < more.error < 5.01e-10
    less = tabulate(lambda at: linear(at) * (1 - 5e-10), [0.0, 1.0], (0.0, 1.0))
    assert 5e-10 < less.error < 5.01e-10


@pytest.mark.parametrize("floor", [1e-8, 1e-7])
def test_the_error_of_a_table_holds_what_its_floor_leaves_out(floor):
    n = 46

    def wave(at):
        return 1 + np.cos(2 * np.pi * n * at.x)

    table = tabulate(wave, [0.0, 1.0], (0.0, 1.0), floor=floor)
    x = np.linspace(0, 1, 4001)
    off = np.abs(table.cdf(x) - x - np.sin(2 * np.pi * n * x) / (2 * np.pi * n)).max()
    rest = abs(table.below[-1] - 1) + 68 * EPS
    assert 2 * rest < off < table.error


def test_convolutions_hold_the_errors_of_their_parts():
    part, other = wishart_part(2, 5, 0.2), chi_square_table(3)
    plain = with_chi_square(part, 0.0, 40).relative_error
    assert plain == pytest.approx(60 * EPS + part.error, abs=EPS)
    assert with_chi_square(part, 0.0, 40, error=1e-6).relative_error > 1e-6
    wrong = replace(part, error=1e-5)
    assert with_chi_square(wrong, 0.0, 40).relative_error > 1e-5
    assert with_chi_square(wrong, 0.3, 2, floor=1e-15).error > 1e-5
    clear = Summand(part, 0.2), Summand(other, 0.0)
    plain = sum_law(*clear, 2, 0.0, 1e-15).relative_error
    assert plain == pytest.approx(40 * EPS + part.error + other.error, abs=EPS)
    assert sum_law(*clear, 2, 1e-6, 1e-15).relative_error > 1e-6
    assert sum_law(Summand(wrong, 0.2), clear[1], 2, 0.0, 1e-15).relative_error > 1e-5
    wrong = replace(other, error=1e-5)
    assert sum_law(clear[0], Summand(wrong, 0.0), 2, 0.0, 1e-15).error > 1e-5


@pytest.mark.parametrize(("N_i", "N_h", "N_o"), [(900, 20, 2), (2, 20, 900)])
def test_laws_of_several_outputs_hold_the_errors_of_both_matrices(N_i, N_h, N_o):
    law = hessian_law(N_i, N_h, exact=True, N_o=N_o)
    large = wishart_error(20, 900)
    small = wishart_error(2, 20)
    # Once for the density of each, and once for its table.
    assert law.continuous.relative_error > 2 * (large + small)


def lognormal(z):
    return 0.25 * stats.lognorm.pdf(z, 0.4), np.zeros(z.shape)


def test_the_error_of_a_table_in_log_x_holds_each_of_its_parts():
    x = np.geomspace(0.1, 10, 999)
    table = tabulate_log(lognormal, 1e-6, 1e6, 0.25, (0, np.inf))
    assert np.abs(table.cdf(x) - stats.lognorm.cdf(x, 0.4)).max() < table.error < 1e-8
    # The integral is 0.25 of what is known up to 2e-9 of it.
    more = tabulate_log(lognormal, 1e-6, 1e6, 0.25 * (1 + 2e-9), (0, np.inf))
    assert more.error == pytest.approx(table.error + 2e-9, abs=1e-12)

    def uncertain(z):
        return lognormal(z)[0], 1e-8 * lognormal(z)[0]

    wide = tabulate_log(uncertain, 1e-6, 1e6, 0.25, (0, np.inf), most_defect=1e-6)
    assert 1e-8 + table.error < wide.error < 1e-7
    with pytest.raises(PrecisionError, match=r"integrates to 0\.25, expected 0\.26 to 1e-08"):
        tabulate_log(lognormal, 1e-6, 1e6, 0.26, (0, np.inf))
    with pytest.raises(PrecisionError, match=r"expected 0\.25 to 1e-09"):
        tabulate_log(uncertain, 1e-6, 1e6, 0.25, (0, np.inf), most_defect=1e-9)


def test_the_interpolation_of_a_table_in_log_x_is_part_of_its_error():
    """A step inside of a panel: only its last coefficients tell of it."""

    def with_a_step(z):
        return np.where(z < 2, 0.1, 0.3) * np.where(z < 2, 1.0, 0.5) / 0.25, np.zeros(z.shape)

    table = tabulate_log(with_a_step, 1.0, 3.0, 1.0, (1, 3), most_defect=0.1)
    x = np.linspace(1, 3, 2001)
    exact = np.where(x < 2, 0.4 * (x - 1), 0.4 + 0.6 * (x - 2))
    assert 1e-9 < np.abs(table.cdf(x) - exact).max() < table.error


def test_tables_of_densities_that_are_not_finite_are_refused():
    with pytest.raises(PrecisionError, match="expected finite values"):
        tabulate(lambda at: np.where(at.x < 0.7, 1.0, np.nan), [0.0, 1.0], (0.0, 1.0))


def test_sums_over_pairs_that_do_not_converge_are_refused(monkeypatch):
    gamma = Gamma(LAWS["normal"], 0.09, 1.0)
    monkeypatch.setattr(pairs, "MAX_LEVELS", 1)
    with (
        np.errstate(all="ignore"),
        pytest.raises(
            PrecisionError, match=r"does not converge at N_h λ = 0\.3: the error may be"
        ),
    ):
        pairs.bulk_density(gamma, 0.16, np.array([0.3]))


def test_what_did_not_converge_is_told(monkeypatch):
    """With few halvings and a threshold that lets them pass, the error is that of the integral."""
    gamma, z = Gamma(LAWS["normal"], 0.09, 1.0), np.array([0.1, 0.3])
    with np.errstate(all="ignore"):
        density, lost = pairs.bulk_density(gamma, 0.16, z)
        assert (lost < 1e-12).all()
        monkeypatch.setattr(pairs, "MAX_LEVELS", 1)
        monkeypatch.setattr(pairs, "NEGLIGIBLE", np.inf)
        rough, told = pairs.bulk_density(gamma, 0.16, z)
        _, of_larger = pairs.bulk_density(Gamma(LAWS["normal"], 0.9, 1.0), 1.6, 10 * z)
    assert (np.abs(rough - density) < told).all()
    np.testing.assert_allclose(10 * of_larger, told, rtol=1e-6)  # a density of ten times as much
