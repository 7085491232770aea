"""Predictions that learn from stored times, and say how far off they were."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hessweep.activations import activation
from hessweep.running.calibration import COLUMNS, NEIGHBOURS, Calibration, _factor, calibrate
from hessweep.running.cost import OVERHEAD_SECONDS, blas_threads, predicted_seconds
from hessweep.setup import Setup
from hessweep.store import open_results, publish, table, write_segment
from hessweep.store.schema import identity_json

ERF, SIN, TANH = map(activation, ("erf", "sin", "tanh"))
SIZES = [(N, N) for N in (2, 3, 5, 8)]


def stored(root, factor, activations=(ERF,), noise=0.0):
    """Publish points whose stored times are the prediction times a factor, with noise."""
    rng = np.random.default_rng(0)
    results = [
        Setup(function, *size).point(seed).compute()
        for function in activations
        for size in SIZES
        for seed in range(20)
    ]
    slow = [
        replace(
            result,
            scalars={
                **result.scalars,
                "spectrum_time": factor
                * np.exp(noise * rng.standard_normal())
                * result.point.setup.cost.seconds,
                "rank_time": 0.0,
            },
        )
        for result in results
    ]
    write_segment(root, slow)
    publish(root)
    return calibrate(root, activations)


def test_without_stored_points_the_model_speaks_alone(tmp_path):
    calibration = calibrate(tmp_path, {ERF})
    points = [Setup(ERF, 4, 4).point(seed) for seed in range(3)]
    assert calibration.deviation() is None
    assert calibration.seconds(points) == pytest.approx(
        sum(predicted_seconds(point) for point in points)
    )


def test_a_slower_machine_is_learnt_from_its_points(tmp_path):
    calibration = stored(tmp_path, factor=7.0)
    new = Setup(ERF, 40, 40).point(0)
    expected = OVERHEAD_SECONDS + 7 * Setup(ERF, 40, 40).cost.seconds
    assert calibration.seconds([new]) == pytest.approx(expected)
    # An activation that was never measured: the machine is as slow for it.
    other = OVERHEAD_SECONDS + 7 * Setup(TANH, 5, 5).cost.seconds
    assert calibration.seconds([Setup(TANH, 5, 5).point(0)]) == pytest.approx(other)
    deviation = calibration.deviation()
    assert (deviation.points, deviation.total) == (80, pytest.approx(1))
    assert (deviation.low, deviation.high) == (pytest.approx(1), pytest.approx(1))


def test_a_measured_size_counts_for_itself(tmp_path):
    stored(tmp_path, factor=1.0)
    rows = table(open_results(tmp_path))
    rows.loc[rows["N_i"] == 8, "spectrum_time"] = 5.0
    calibration = Calibration(rows, {ERF})
    assert calibration.seconds([Setup(ERF, 8, 8).point(99)]) == pytest.approx(5.0, rel=1e-3)
    # The prediction of each size leaves its own times out: nobody could know of the 5 s.
    deviation = calibration.deviation()
    assert deviation.low < 0.01
    assert deviation.high == pytest.approx(1)
    assert deviation.total < 0.01


def test_deviation_covers_nine_points_in_ten(tmp_path):
    deviation = stored(tmp_path, factor=3.0, noise=0.5).deviation()
    assert 0.7 < deviation.total < 1.4
    # A normal law of width 0.5 has 90 % within ±0.82.
    assert np.log(deviation.high / deviation.low) == pytest.approx(2 * 0.82, rel=0.3)
    assert f"For {deviation.points} stored points" in str(deviation)


def slow_by(factors):
    """Return a calibration that knows one point of each setup.

    Args:
        factors: The measured time of each point as a multiple of the predicted time.
    """
    rows = [
        {
            "activation_spec": identity_json(setup.activation),
            **setup.columns,
            "status": "done",
            "spectrum_time": factor * setup.cost.seconds,
            "rank_time": 0.0,
        }
        for setup, factor in factors.items()
    ]
    return Calibration(pd.DataFrame(rows), {setup.activation for setup in factors})


def test_a_size_does_not_predict_itself():
    two, three = (Setup(ERF, N, N) for N in (2, 3))
    deviation = slow_by({two: 2.0, three: 8.0}).deviation()
    # Each is predicted by the factor of the other.
    expected = 8 * two.cost.seconds + 2 * three.cost.seconds
    measured = 2 * two.cost.seconds + 8 * three.cost.seconds
    assert deviation.total == pytest.approx(expected / measured)
    assert 0.25 <= deviation.low < 1 < deviation.high <= 4


def test_sizes_of_the_same_activation_correct_a_prediction():
    one, other = (Setup(function, 6, 6) for function in (ERF, SIN))
    calibration = slow_by({Setup(ERF, 5, 5): 2.0, Setup(SIN, 5, 5): 50.0, Setup(SIN, 6, 5): 50.0})
    for setup, factor in ((one, 2), (other, 50)):
        expected = OVERHEAD_SECONDS + factor * setup.cost.seconds
        assert calibration.seconds([setup.point(0)]) == pytest.approx(expected)


def test_failed_points_and_other_activations_do_not_count(tmp_path):
    calibration = stored(tmp_path, factor=2.0, activations=(ERF, SIN))
    rows = calibration.points
    assert len(Calibration(rows.assign(status="failed"), {ERF, SIN}).points) == 0
    assert len(Calibration(rows, {ERF}).points) == 80


def rows_of(factors):
    """The table of one done point each of several sizes, whose times are off by these factors."""
    setups = [Setup(ERF, N, N) for N in range(10, 10 + len(factors))]
    return pd.DataFrame(
        {
            "activation_spec": identity_json(ERF),
            **{name: [setup.columns[name] for setup in setups] for name in setups[0].columns},
            "status": "done",
            "spectrum_time": [s.cost.seconds * f for s, f in zip(setups, factors, strict=True)],
            "rank_time": 0.0,
        }
    )


@pytest.mark.parametrize("factors", [(1, 2, 3, 10, 100), (100, 3, 1, 10, 2), (3, 3, 3, 0.01, 9)])
def test_one_size_off_by_far_does_not_mislead(factors):
    """The correction is the median over the nearest sizes."""
    new = Setup(ERF, 40, 40)
    expected = OVERHEAD_SECONDS + 3 * new.cost.seconds
    assert Calibration(rows_of(factors), {ERF}).seconds([new.point(0)]) == pytest.approx(expected)


def test_only_the_nearest_sizes_correct_a_prediction():
    """Ten sizes: the five small ones are off by 50, the five large ones by 2."""
    calibration = Calibration(rows_of([50] * NEIGHBOURS + [2] * NEIGHBOURS), {ERF})
    large, small = Setup(ERF, 40, 40), Setup(ERF, 8, 8)
    for setup, factor in ((large, 2), (small, 50)):
        expected = OVERHEAD_SECONDS + factor * setup.cost.seconds
        assert calibration.seconds([setup.point(0)]) == pytest.approx(expected)


def test_both_times_of_a_point_count():
    rows = rows_of([1, 1]).assign(rank_time=0.5)
    [seconds] = {Calibration(rows, {ERF}).seconds([Setup(ERF, 10, 10).point(0)])}
    own = rows["spectrum_time"][0] + 0.5
    assert seconds == pytest.approx(OVERHEAD_SECONDS + own)


def test_times_are_near_by_their_ratio():
    """Of 10 s, 100 s is as near as 1 s, and 11 sizes of 0.01 s are further away than both."""
    far, near = 11 * [0.01], [1.0, 2.0, 50.0, 90.0, 100.0]
    assert len(near) == NEIGHBOURS
    measured = [*(5 * time for time in far), *(3 * time for time in near)]
    assert _factor(10.0, far + near, measured) == pytest.approx(3)


def test_threads_that_share_a_point_shorten_the_time_of_a_worker(tmp_path):
    """Two for a density of 10^7 parameters; what is stored is the time of both together."""
    huge, small = Setup(ERF, 3162, 3162, kind="density"), Setup(ERF, 8, 8)
    assert (blas_threads(huge), blas_threads(small)) == (2, 1)
    alone = calibrate(tmp_path, {ERF})
    assert alone.worker_seconds([huge.point(0)]) == pytest.approx(
        alone.seconds([huge.point(0)]) / 2, rel=1e-3
    )
    assert alone.worker_seconds([small.point(0)]) == alone.seconds([small.point(0)])
    measured = {
        **dict.fromkeys(COLUMNS, None),
        **huge.columns,
        "activation_spec": identity_json(ERF),
        "status": "done",
        "spectrum_time": 1000.0,
        "rank_time": 1.0,
    }
    after = Calibration(pd.DataFrame([measured]), {ERF})
    assert after.worker_seconds([huge.point(1)]) == pytest.approx(1001, rel=1e-3)
    assert after.seconds([huge.point(1)]) == pytest.approx(2002, rel=1e-3)
