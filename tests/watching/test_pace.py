"""How far a study is and how long it takes, against numbers that are counted by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from watching.conftest import fill, store

from hessweep.activations import activation
from hessweep.outputs import load_study
from hessweep.running import run
from hessweep.running.cost import predicted_seconds
from hessweep.running.requested import request
from hessweep.setup import Setup
from hessweep.study import LocalCluster
from hessweep.watching.progress import StudyProgress, columns_of_rules
from hessweep.watching.stored import Stored

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def progress_of(study):
    stored = Stored(study.results, columns_of_rules(study))
    stored.look()
    return StudyProgress(study, stored), stored


def test_sweeps_are_counted(folder):
    study = load_study("study.yaml")
    progress, _ = progress_of(study)
    states, counts, missing = progress.sweeps()
    assert [(s.counts.requested, s.counts.missing) for s in states] == [(120, 120), (30, 30)]
    fill(study)
    progress, _ = progress_of(study)
    states, counts, missing = progress.sweeps()
    assert (states[0].counts.done, states[0].counts.failed, states[0].counts.missing) == (
        55,
        3,
        62,
    )
    assert (counts.requested, counts.done, counts.failed, len(missing)) == (150, 55, 3, 92)
    assert "0 of 1 setups finished" in states[1].rule
    assert progress.grows


def test_a_rule_is_followed_to_its_end(folder):
    study = load_study("study.yaml")
    sweep = study.sweeps["until"]
    run(request([sweep], study.results), study.results, LocalCluster(workers=1))
    progress, stored = progress_of(study)
    [_, state] = progress.sweeps()[0]
    assert state.counts.requested == state.counts.done == len(stored.status) > 30
    assert "1 of 1 setups finished, 1 reached the error" in state.rule


def commits(stored, points, every, start=NOON, at_once=1):
    """Pretend that so many points are committed again and again after so many seconds."""
    for place, first in enumerate(range(0, len(points), at_once)):
        keys = tuple(point.key for point in points[first : first + at_once])
        time = start + timedelta(seconds=place * every)
        stored.commits[f"{start}{place}"] = (time, keys)
        stored.status |= dict.fromkeys(keys, "done")
    stored.revision = object()


def test_the_time_left_is_that_of_the_same_pace(folder):
    study = load_study("study.yaml")
    points = study.sweeps["small"].points()
    progress, stored = progress_of(study)
    commits(stored, points[:20], every=3)
    missing = progress.sweeps()[2]
    now = NOON + timedelta(seconds=60)
    pace = progress.pace(missing, now)
    assert pace.is_active
    assert pace.points_per_second == pytest.approx(19 / 57)
    wanted = 57 * sum(map(predicted_seconds, missing)) / sum(map(predicted_seconds, points[1:20]))
    assert pace.seconds_left == pytest.approx(wanted)


@pytest.mark.parametrize("before", [timedelta(hours=5), timedelta(minutes=8)])
def test_an_earlier_run_does_not_slow_this_one_down(folder, before):
    study = load_study("study.yaml")
    points = study.sweeps["small"].points()
    progress, stored = progress_of(study)
    commits(stored, points[:5], every=60, start=NOON - before)
    commits(stored, points[5:10], every=1)
    pace = progress.pace(progress.sweeps()[2], NOON + timedelta(seconds=5))
    assert pace.points_per_second == pytest.approx(1)


def test_nothing_is_said_of_a_run_that_has_ended_or_has_hardly_begun(folder):
    study = load_study("study.yaml")
    points = study.sweeps["small"].points()
    progress, stored = progress_of(study)
    missing = progress.sweeps()[2]
    assert progress.pace(missing, NOON).latest is None
    commits(stored, points[:1], every=1)
    pace = progress.pace(missing, NOON)
    assert (pace.is_active, pace.seconds_left, pace.points_per_second) == (True, None, 0)
    commits(stored, points[:10], every=1)
    pace = progress.pace(missing, NOON + timedelta(minutes=5))
    assert (pace.is_active, pace.seconds_left) == (False, None)
    assert progress.pace([], NOON).is_active is False


def test_a_run_of_long_points_is_not_taken_for_dead_between_two_of_them(folder):
    study = load_study("study.yaml")
    points = study.sweeps["small"].points()
    progress, stored = progress_of(study)
    commits(stored, points[:5], every=10)
    large = Setup(activation("erf"), 130, 130).points([0])
    patience = 4 * predicted_seconds(large[0])
    assert patience > 600
    last = NOON + timedelta(seconds=40)
    for wait, is_active in ((0.9 * patience, True), (1.1 * patience, False)):
        pace = progress.pace([*points[5:9], *large], last + timedelta(seconds=wait))
        assert pace.is_active is is_active


def test_points_of_other_studies_count_for_the_pace_alone(folder):
    study = load_study("study.yaml")
    store(study, [setup.point(77) for setup in study.sweeps["small"].setups()])
    progress, _ = progress_of(study)
    counts = progress.sweeps()[1]
    assert (counts.requested, counts.done) == (150, 0)
