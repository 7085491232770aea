import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hessweep import analysis
from hessweep.activations import activation
from hessweep.errors import InputError
from hessweep.kinds import KINDS, PointResult
from hessweep.outputs import load_study
from hessweep.setup import Setup
from hessweep.store import open_results, publish, write_segment

STUDY = """
name: planted
results: {root}
sweeps:
  small: {{activation: erf, N: [1, 2], seeds: 2}}
  large: {{activation: [erf, cubic], N: 3, seeds: 1}}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study with planted results: the eigenvalues of a point are its number and on."""
    folder = tmp_path_factory.mktemp("planted")
    path = folder / "study.yaml"
    path.write_text(STUDY.format(root=folder / "results"))
    study = load_study(path)
    values = {"int64": 1, "float64": 1.0, "str": ""}
    scalars = {column.name: values[column.dtype] for column in KINDS["exact"].columns}
    results = [
        PointResult(point, scalars, {"eigenvalues": 100.0 * k + np.arange(point.setup.P)})
        for k, point in enumerate(study.points())
    ]
    failed = Setup(activation("erf"), 3, 3).point(7)
    write_segment(study.results, [*results, PointResult(failed, error="planted")])
    publish(study.results)
    return study


def test_realisations_come_sorted_with_their_own_eigenvalues(study):
    points = analysis.realisations(open_results(study.results), "N_i > 1")
    assert points["activation"].tolist() == ["cubic", "erf", "erf", "erf"]
    assert points["N_i"].tolist() == [3, 2, 2, 3]
    asked = {point.key: k for k, point in enumerate(study.points())}
    for key, row, P in points[["key", "eigenvalues", "row_size"]].itertuples(index=False):
        assert row.tolist() == [100.0 * asked[key] + mode for mode in range(P)]


def test_realisations_that_are_not_there(study):
    with pytest.raises(
        InputError,
        match=r"computed points with \(seed == 7\) and weights == 'normal' .*, found none",
    ):
        analysis.realisations(open_results(study.results), "seed == 7")


def test_results_of_sweeps_are_their_points_alone(study):
    results = analysis.results_of(study, ["small"])
    points = analysis.realisations(results, "N_i > 0")
    assert set(points["key"]) == {point.key for point in study.sweeps["small"].points()}
    both = analysis.realisations(analysis.results_of(study), "N_i > 0")
    assert len(both) == 6


def test_non_zero_eigenvalues_are_as_many_as_the_rank():
    rows = pd.Series([np.arange(4.0), np.arange(5.0)])
    kept = analysis.non_zero(pd.DataFrame({"eigenvalues": rows, "rank": [1, 3]}))
    assert [row.tolist() for row in kept] == [[3], [2, 3, 4]]


def test_histogram_integrates_to_the_fraction_inside():
    values = np.array([0.0, 1, 2, 3, 10, 11, 12, 13])
    table = analysis.histogram(values, np.array([0, 2.5, 5]))
    assert table["count"].tolist() == [3, 1]
    assert (table["density"] * (table["high"] - table["low"])).sum() == pytest.approx(0.5)


def test_log_histogram_integrates_to_the_positive_fraction_and_shares_edges():
    rng = np.random.default_rng(1)
    values = np.append(rng.lognormal(0, 3, 300), np.full(100, -1.0))
    table = analysis.log_histogram(values, 4)
    area = (table["density"] * np.log10(table["high"] / table["low"])).sum()
    assert area == pytest.approx(0.75)
    edges = np.log10(table["low"]) * 4
    np.testing.assert_allclose(edges, np.round(edges), atol=1e-9)
    for row in table.to_dict("records"):
        assert row["count"] == sum(row["low"] <= value < row["high"] for value in values)


@pytest.mark.parametrize("multiplicity", [1, 5])
def test_ks_noise_is_that_of_independent_realisations(multiplicity):
    rng = np.random.default_rng(3)
    n = 1000
    rows = [np.full(multiplicity, value) for value in rng.normal(size=n)]
    # Kolmogorov's distribution has mean sqrt(pi/2) ln 2 and standard deviation 0.26.
    expected, deviation = np.sqrt(np.pi / 2) * np.log(2) / np.sqrt(n), 0.26 / np.sqrt(n)
    resamples = 200
    noise = analysis.ks_noise(rows, resamples)
    # The discrete resample is below its limit by about 1/(2 sqrt n) of a standard deviation.
    assert abs(noise - expected) < 4 * deviation / np.sqrt(resamples) + 0.6 / n


def test_a_single_realisation_is_always_drawn_as_it_is():
    assert analysis.ks_noise([np.array([3.0, 1.0, 2.0, 2.0])]) == 0


@pytest.mark.parametrize("count", [3, 4, 5, 8, 10])
def test_planted_gap_is_found(count):
    rng = np.random.default_rng(count)
    large, bulk = rng.uniform(0.5, 2, count), rng.uniform(1e-3, 5e-3, 30)
    gap = analysis.largest_gap(rng.permutation(np.concatenate([large, bulk])), expected=5)
    assert (gap.count, gap.above, gap.below) == (count, large.min(), bulk.max())
    assert gap.ratio == large.min() / bulk.max()


def test_gap_far_from_the_expected_place_does_not_count():
    eigenvalues = np.concatenate([np.geomspace(1, 0.5, 4), np.geomspace(0.1, 0.01, 6), [1e-18]])
    assert analysis.largest_gap(eigenvalues, 4).count == 4


@pytest.mark.parametrize("expected", [0, 3])
def test_gap_needs_eigenvalues_on_both_sides(expected):
    with pytest.raises(InputError, match="from 1 to 2"):
        analysis.largest_gap(np.ones(3), expected)


def test_fit_is_that_of_polyfit():
    rng = np.random.default_rng(5)
    x, error = np.arange(1.0, 8), rng.uniform(0.1, 0.3, 7)
    y = 2 * x**2 - x + error * rng.normal(size=7) * 0.1
    fit = analysis.fit(np.vander(x, 3), y, error)
    coefficients, covariance = np.polyfit(x, y, 2, w=1 / error, cov="unscaled")
    np.testing.assert_allclose(fit.coefficients, coefficients, rtol=1e-8)
    assert fit.chi2 < 1
    np.testing.assert_allclose(fit.errors, np.sqrt(np.diag(covariance)), rtol=1e-8)


def test_misfit_widens_the_errors():
    x, error = np.arange(1.0, 8), np.full(7, 0.1)
    fit = analysis.fit(np.vander(x, 2), x**3, error)
    _, covariance = np.polyfit(x, x**3, 1, w=1 / error, cov=True)
    assert fit.chi2 > 100
    np.testing.assert_allclose(fit.errors, np.sqrt(np.diag(covariance)), rtol=1e-8)


def test_fit_needs_enough_sizes():
    with pytest.raises(InputError, match="at least 2 different sizes"):
        analysis.fit(np.ones((3, 2)), np.ones(3), np.ones(3))
    with pytest.raises(InputError, match="positive errors"):
        analysis.fit(np.vander(np.arange(3.0), 2), np.ones(3), np.zeros(3))


def test_growth_exponent_and_its_error_by_monte_carlo():
    rng = np.random.default_rng(6)
    N = np.repeat([5, 10, 20, 40], 30)
    laws = [analysis.power_law(N, 3 * N**0.7 * rng.lognormal(0, 0.3, len(N))) for _ in range(200)]
    pulls = np.array([(law.exponent - 0.7) / law.error for law in laws])
    assert abs(pulls.mean()) < 4 / np.sqrt(200)
    # The errors are widened by chi, never narrowed, so that pulls have at most unit variance.
    assert 0.6 < pulls.std() < 1.15
    prefactors = np.array([law.prefactor for law in laws])
    assert np.log(prefactors).mean() == pytest.approx(np.log(3), abs=0.03)


def test_one_seed_has_no_error():
    with pytest.raises(InputError, match=r"at least 2 for each size.*\[7\]"):
        analysis.by_size(np.array([5, 5, 7]), np.array([1.0, 2, 3]))


def test_mean_and_error_of_each_size():
    table = analysis.by_size(np.array([7, 5, 5, 7, 7]), np.array([1.0, 2, 6, 3, 2]))
    assert table["N"].tolist() == [5, 7]
    assert table["mean"].tolist() == [4, 2]
    assert table["error"].tolist() == pytest.approx([2, 1 / np.sqrt(3)])
    assert table["points"].tolist() == [2, 3]


def test_gap_between_two_expected_numbers():
    large, bulk = np.linspace(1, 2, 30), np.geomspace(1e-3, 1e-2, 60)
    both = np.concatenate([large, bulk])
    assert analysis.largest_gap(both, 10, 30).count == 30
    assert analysis.largest_gap(both, 10).count != 30
    with pytest.raises(
        InputError, match="from 1 to 89, one less than all eigenvalues, got 9 to 95"
    ):
        analysis.largest_gap(both, 9, 95)


def test_non_zero_takes_a_dataset_of_spectra_and_refuses_wrong_ranks():
    values = np.arange(12.0).reshape(2, 6)
    dataset = xr.Dataset({"eigenvalues": (("seed", "mode"), values), "rank": ("seed", [2, 5])})
    assert [row.tolist() for row in analysis.non_zero(dataset)] == [[4, 5], [7, 8, 9, 10, 11]]
    assert analysis.non_zero({"eigenvalues": [[1.0, 2.0]], "rank": [0]})[0].size == 0
    with pytest.raises(InputError, match="from 0 to 2, that of the eigenvalues, got 3"):
        analysis.non_zero({"eigenvalues": [[1.0, 2.0]], "rank": [3]})


def test_a_teacher_with_spectrum_and_density_counts_once_with_its_spectrum():
    erf = activation("erf")
    rows = [
        {"activation": "erf", "seed": seed, **Setup(erf, 3, 2, kind=kind).columns}
        for seed in (1, 0)
        for kind in ("exact", "density")
    ]
    points = analysis.one_a_teacher(pd.DataFrame([*rows, {**rows[1], "seed": 2}]))
    assert points["seed"].tolist() == [0, 1, 2]
    assert points["spectrum"].tolist() == ["exact", "exact", "density"]
