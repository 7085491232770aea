"""Ensembles against the points they sum up."""

import json

import numpy as np
import pytest
from scipy.integrate import trapezoid

from hessweep.activations import activation
from hessweep.laws import hessian_law, spectrum_law
from hessweep.report.ensembles import LAW_POINTS, TEACHER_COLUMNS, TEACHERS_SHOWN, ensembles
from hessweep.running.task import compute_batch
from hessweep.setup import Setup
from hessweep.store import open_results, publish


@pytest.fixture(scope="module")
def found(root):
    return [e for node in open_results(root).leaves for e in ensembles(node)]


def one(found, activation, N_i, N_h, weights="normal"):
    wanted = (activation, N_i, N_h, weights)
    (ensemble,) = [e for e in found if (e.activation, e.N_i, e.N_h, e.axes["weights"]) == wanted]
    return ensemble


def done(computed, ensemble):
    return [
        result
        for result in computed
        if result.status == "done"
        and result.point.setup.activation.label == ensemble.activation
        and result.point.setup.weights == ensemble.axes["weights"]
        and (result.point.setup.N_i, result.point.setup.N_h) == (ensemble.N_i, ensemble.N_h)
    ]


def non_zero(results):
    return np.sort(np.concatenate([r.eigenvalues[-r.scalars["rank"] :] for r in results]))


def test_every_done_point_is_in_one_ensemble(found, computed):
    assert sum(e.teachers for e in found) == sum(r.status == "done" for r in computed)
    for ensemble in found:
        assert ensemble.teachers == len(done(computed, ensemble))


def test_histogram_holds_each_non_zero_eigenvalue_once(found, computed):
    for ensemble in found:
        results = done(computed, ensemble)
        assert sum(ensemble.histogram.counts) == sum(r.scalars["rank"] for r in results)
        assert ensemble.zeros == len(results) * ensemble.P - sum(ensemble.histogram.counts)


def test_histogram_is_that_of_the_computed_eigenvalues(found, computed):
    ensemble = one(found, "linear", 3, 6)
    values = non_zero(done(computed, ensemble))
    histogram = ensemble.histogram
    edges = np.linspace(histogram.low, histogram.high, len(histogram.counts) + 1)
    # Each count by the places of the edges in the sorted values; the last bin is closed.
    places = np.searchsorted(values, edges)
    places[-1] = len(values)
    assert np.diff(places).tolist() == histogram.counts
    assert histogram.low == 0
    assert np.isclose(histogram.high, values[-1], rtol=1e-14)


def test_log_histogram_leaves_out_what_float64_does_not_resolve(found, computed):
    ensemble = one(found, "erf", 1, 12)
    results = done(computed, ensemble)
    lost = sum((non_zero([r]) <= r.scalars["eigenvalue_error"]).sum() for r in results)
    assert ensemble.unresolved == lost
    assert sum(ensemble.log_histogram.counts) == sum(ensemble.histogram.counts) - lost
    assert 10**ensemble.log_histogram.high == pytest.approx(non_zero(results)[-1])


def test_spread_of_lambda_min_is_over_the_teachers(found, computed):
    ensemble = one(found, "linear", 6, 3, "laplace")
    values = sorted(r.scalars["lambda_min"] for r in done(computed, ensemble))
    middle = (values[29] + values[30]) / 2
    assert len(values) == 60
    assert ensemble.lambda_min == pytest.approx((values[0], middle, values[-1]), rel=1e-15)


def test_large_networks_of_other_activations_have_the_law_at_large_sizes(published, tree):
    erf = published("erf", [(24, 20), (8, 24)], seeds=2)
    [small, large] = ensembles(tree(erf)["erf"])
    assert small.law is None
    law = large.law
    assert not law.exact
    u = (np.arange(len(law.limit)) + 0.5) / len(law.limit)
    x = law.low * (law.high / law.low) ** u
    share = spectrum_law("erf", 24, 20)
    step = np.sqrt(x[1] / x[0])
    # All of its eigenvalues are not zero.
    below = np.cumsum(np.array(law.limit) * x) * np.log(x[1] / x[0])
    np.testing.assert_allclose(below, share.cdf(x * step) - share.cdf(law.low), atol=2e-4)


def test_small_networks_have_a_law_if_they_are_linear(found):
    assert {e.activation for e in found if e.law} == {"linear"}
    assert all(e.law for e in found if e.activation == "linear")


def test_law_curve_is_the_density_of_the_pooled_eigenvalues(found):
    ensemble = one(found, "linear", 3, 6)
    law, x = ensemble.law, (np.arange(LAW_POINTS) + 0.5) * ensemble.law.high / LAW_POINTS
    tail = hessian_law(3, 6, exact=True).sf(law.high)
    assert trapezoid(law.exact, x) == pytest.approx(1 - tail, abs=2e-3)
    counts = ensemble.histogram.counts
    middles = (np.arange(len(counts)) + 0.5) * ensemble.histogram.high / len(counts)
    mean = np.average(middles, weights=counts)
    # 60 teachers: |W2|² and the mean of three eigenvalues scatter by about 0.8.
    assert trapezoid(law.exact * x, x) == pytest.approx(mean, abs=4 * 0.9 / np.sqrt(60))


def test_listed_points_hold_the_extremes_and_are_few(found, computed):
    ensemble = one(found, "linear", 3, 6)
    results = done(computed, ensemble)
    assert len(ensemble.listed) == TEACHERS_SHOWN < len(results)
    rows = [dict(zip(TEACHER_COLUMNS, row, strict=True)) for row in ensemble.listed]
    keys = {row["key"] for row in rows}
    for name in ("lambda_min", "lambda_max"):
        for pick in (min, max):
            assert pick(results, key=lambda r: r.scalars[name]).point.key in keys
    by_key = {r.point.key: r for r in results}
    for row in rows:
        assert row["lambda_min"] == by_key[row["key"]].scalars["lambda_min"]
        assert row["seed"] == by_key[row["key"]].point.seed
    assert [row["seed"] for row in rows] == sorted(row["seed"] for row in rows)


def test_json_is_strict(found):
    text = json.dumps([e.to_json() for e in found], allow_nan=False)
    again = json.loads(text)
    assert again[0]["lambda_max"][2] == pytest.approx(found[0].lambda_max[2], rel=1e-5)


def test_sampled_spectra_are_resolved_by_their_relative_errors(tmp_path):
    """Each eigenvalue is known to a part of itself, however far below the error of the largest."""
    setup = Setup.of_widths(activation("erf"), (4, 2, 2, 1), kind="sampled")
    _, errors = compute_batch(setup.points([0, 1]), tmp_path)
    assert errors == {}
    publish(tmp_path)
    [ensemble] = ensembles(open_results(tmp_path)["erf"])
    results = setup.compute([0, 1])
    assert all(r.eigenvalues[0] < r.scalars["eigenvalue_error"] for r in results)
    assert ensemble.unresolved == 0
    assert sum(ensemble.log_histogram.counts) == 2 * setup.P
    assert ensemble.axes["widths"] == "4-2-2-1"


@pytest.mark.parametrize("read_at_once", [1, 50])
def test_how_far_is_read_ahead_changes_nothing(root, found, monkeypatch, read_at_once):
    monkeypatch.setattr("hessweep.report.ensembles.READ_AHEAD", read_at_once)
    again = [e for node in open_results(root).leaves for e in ensembles(node)]
    assert [e.to_json() for e in again] == [e.to_json() for e in found]
