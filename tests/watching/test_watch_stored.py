"""What the watcher counts, against the same numbers from the segments by other ways."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from watching.conftest import fill, store

import hessweep
from hessweep.kinds import PointResult
from hessweep.outputs import load_study
from hessweep.store import publish, repair, write_segment
from hessweep.store.segments import list_segments
from hessweep.units import show_seconds
from hessweep.watching import view
from hessweep.watching.progress import Counts, Pace
from hessweep.watching.stored import BINS_PER_DECADE, DECADES, Stored, grouped
from hessweep.watching.watcher import Watcher


def test_counts_are_those_of_the_published_results(folder):
    study = load_study("study.yaml")
    fill(study)
    stored = Stored(study.results)
    stored.look()
    repair(study.results)
    publish(study.results)
    results = hessweep.open_results(study.results)
    table = hessweep.table(results)
    assert stored.status == dict(zip(table["key"], table["status"], strict=True))
    assert len(stored.damaged) == 1
    done = table[table["status"] == "done"]
    for label, rows in done.groupby("activation"):
        seen = stored.seen[label]
        exact = rows[rows["effective_parameters_kind"] == "exact"]
        assert seen.points == len(rows)
        assert seen.proved == (rows["rank_certificate"] == "proved").sum()
        assert seen.compared == len(exact)
        assert seen.differing == (exact["rank"] != exact["effective_parameters"]).sum() == 0
        spectra = hessweep.store.each_of(results, "eigenvalues", f"activation == '{label}'")
        ranks = table[table["activation"] == label]["rank"]
        kept = np.concatenate(
            [values[len(values) - rank :] for values, rank in zip(spectra, ranks, strict=True)
             if rank > 0]
        )  # fmt: skip
        kept = kept[kept > 0]
        edges = np.arange(BINS_PER_DECADE * DECADES[0], BINS_PER_DECADE * DECADES[1] + 1)
        counts, _ = np.histogram(np.log10(kept), edges / BINS_PER_DECADE)
        assert seen.eigenvalues == len(kept) == rows["rank"].sum()
        assert seen.counts.tolist() == counts.tolist()


def test_each_segment_is_read_once_and_new_ones_as_they_come(folder, monkeypatch):
    study = load_study("study.yaml")
    points = study.sweeps["small"].points()
    stored = Stored(study.results)
    stored.look()
    assert (stored.segments, stored.status) == (0, {})
    read = []
    original = Stored._read
    monkeypatch.setattr(
        Stored, "_read", lambda self, name: (read.append(name), original(self, name))
    )
    for first in (0, 5, 10):
        store(study, points[first : first + 5])
        before = stored.revision
        stored.look()
        assert stored.revision is not before
        assert len(stored.status) == first + 5
        before = stored.revision
        stored.look()
        assert stored.revision is before
    assert sorted(read) == sorted(list_segments(study.results))


def test_a_look_that_ends_early_goes_on_later(folder):
    study = load_study("study.yaml")
    for point in study.sweeps["small"].points()[:8]:
        store(study, [point])
    names = sorted(list_segments(study.results))
    for place, name in enumerate(names):
        time = 1_000_000 * place
        os.utime(study.results / "segments" / name, (time, time))
    stored = Stored(study.results)
    stored.look(seconds=-1)
    assert len(stored.status) == stored.segments == stored.waiting == 8
    assert sum(one.points for one in stored.seen.values()) == 0
    # The newest come first, of what was there and of what comes.
    assert list(stored._waiting) == names[::-1]
    name = store(study, study.sweeps["small"].points()[8:9])
    stored.look(seconds=-1)
    assert list(stored._waiting) == [name, *names[::-1]]
    stored.look()
    assert (stored.segments, stored.waiting) == (9, 0)
    assert sum(one.points for one in stored.seen.values()) == 9


def test_results_that_are_removed_or_replaced_are_counted_anew(folder):
    study = load_study("study.yaml")
    fill(study)
    stored = Stored(study.results)
    stored.look()
    assert len(stored.errors) == 3
    shutil.rmtree(study.results)
    stored.look()
    assert (stored.status, stored.errors, stored.damaged, stored.segments) == ({}, {}, {}, 0)
    store(study, study.sweeps["small"].points()[:2])
    stored.look()
    assert list(stored.status.values()) == ["done", "done"]
    assert stored.seen["erf"].points == 2


def test_a_point_that_failed_once_and_is_done_since_is_done(folder):
    study = load_study("study.yaml")
    fill(study)
    stored = Stored(study.results, {"rank"})
    stored.look()
    point = study.sweeps["small"].points()[0]
    assert stored.status[point.key] == "failed"
    assert np.isnan(stored.values["rank"][point.key])
    store(study, [point])
    stored.look()
    assert stored.status[point.key] == "done"
    assert stored.values["rank"][point.key] == point.compute().scalars["rank"]


@pytest.mark.parametrize("failed_first", [True, False])
def test_the_value_of_a_point_that_failed_once_is_that_of_its_result(folder, failed_first):
    study = load_study("study.yaml")
    [point, other] = list(study.sweeps["small"].points())[:2]
    failed = PointResult(point, error="ValueError: by chance"), PointResult(other, error="E")
    stored = Stored(study.results, {"trace"})
    for is_failed in (failed_first, not failed_first):
        if is_failed:
            write_segment(study.results, failed)
        else:
            store(study, [point])
        stored.look()
    trace = point.compute().scalars["trace"]
    values = stored.values["trace"]
    assert values[point.key] == trace
    assert np.isnan(values[other.key])


def test_a_segment_that_can_not_be_opened_is_told_and_tried_again(folder, monkeypatch):
    study = load_study("study.yaml")
    store(study, study.sweeps["small"].points()[:2])
    stored = Stored(study.results)
    stored.look()
    name = store(study, study.sweeps["small"].points()[2:4])
    opened = Path.open

    def refused(path, *arguments, **others):
        if path.name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **others)

    # The tests run as root, whom no file refuses.
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refused)
        for _ in range(2):
            stored.look()
            assert list(stored.unreadable) == [name]
            assert len(stored.status) == 2
    stored.look()
    assert (stored.unreadable, len(stored.status)) == ({}, 4)


def test_errors_are_grouped_the_most_frequent_first():
    errors = [("a", "rare"), ("b", "often"), ("c", "often")]
    assert grouped(errors) == [("often", ["b", "c"]), ("rare", ["a"])]


@pytest.mark.parametrize("value", [1e-30, 1e30])
def test_eigenvalues_beyond_the_bins_count_at_their_ends(value):
    from hessweep.watching.charts import charts
    from hessweep.watching.stored import Seen

    seen = Seen(points=1, eigenvalues=1)
    seen.counts[0 if value < 1 else -1] += 1
    [chart] = charts({"erf": seen})
    assert chart.picture.count("<rect") == 1


def test_only_a_study_is_complete(folder):
    """Of results alone nobody knows what is missing."""
    (folder / "study.yaml").write_text(
        "name: demo\nsweeps: {one: {activation: erf, N: 2, seeds: 2}}\n"
    )
    study = load_study("study.yaml")
    points = study.points()
    for number in (0, 1, 2):
        if number:
            store(study, points[number - 1 : number])
        watchers = [Watcher(target) for target in (study, study.results)]
        shown = [watcher.now() for watcher in watchers]
        assert [one.is_complete for one in watchers] == [number == 2, False]
    assert "Every point has been computed." in shown[0]
    assert "Results without a study: what is missing can not be told." in shown[1]


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("counts", "pace", "state", "words"),
    [
        (Counts(2, 2, 0), Pace(NOON, False, 0.0, None), "done", "Every point has been computed."),
        (Counts(2, 1, 1), Pace(NOON, False, 0.0, None), "failed", "Every point has been computed"),
        (Counts(2, 1, 0), Pace(None, False, 0.0, None), "quiet", "Reading what is stored."),
        (Counts(2, 1, 0), Pace(NOON, True, 0.0, None), "running", "Running: the latest results"),
        (Counts(2, 1, 0), Pace(NOON, False, 0.0, None), "quiet", "the run has ended or waits;"),
        (Counts(2, 2, 0), None, "quiet", "Results without a study"),
    ],
)
def test_the_page_says_what_is_going_on(counts, pace, state, words):
    found = view._state(SimpleNamespace(segments=1), counts, pace, NOON + timedelta(seconds=7))
    assert found[0] == state
    assert words in found[1]
    assert ("7 s" in found[1]) == (state == "running" or "ended" in words)
    assert view._state(SimpleNamespace(segments=0), counts, pace, NOON)[1].startswith("No results")


@pytest.mark.parametrize(
    ("pace", "grows", "number", "note"),
    [
        (Pace(NOON, True, 4.0, 90.0), False, f"about {show_seconds(90)}", "4 points a second lat"),
        (Pace(NOON, True, 0.1, 90.0), True, f"at least {show_seconds(90)}", "10 s a point lately"),
        (Pace(NOON, True, 0.0, None), False, "–", "not known yet"),
        (Pace(NOON, False, 4.0, None), False, "–", "no run is going on"),
    ],
)
def test_the_time_left_is_told_with_the_speed_and_how_sure_it_is(pace, grows, number, note):
    found = view._time_tile(pace, Counts(9, 1, 1), grows)
    assert (found.number, found.state) == (number, "neutral")
    assert found.note.startswith(note)
    assert view._time_tile(pace, Counts(9, 8, 1), grows).number == "none"
