"""Seeds until a mean is known: which points are asked for, and that they are the same always."""

import math
import statistics
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from distributed import Client
from faulty_activations import Raising
from hypothesis import given, settings
from hypothesis import strategies as st

import hessweep
from hessweep.activations import activation
from hessweep.analysis import results_of
from hessweep.kinds import PointResult
from hessweep.report.progress import progress, requested_keys
from hessweep.running import Summary, find_work, run
from hessweep.running.clusters import cluster_client
from hessweep.running.driver import Failure
from hessweep.running.requested import (
    PublishedValues,
    SegmentValues,
    cells,
    request,
    requested_of,
)
from hessweep.running.sweep import _Rounds
from hessweep.setup import Setup
from hessweep.store import open_results, publish, stored_points, write_segment
from hessweep.store.segments import list_segments, segments_folder
from hessweep.study import LocalCluster, Sweep, parse_study

SEEDS = {"until": {"relative_error": 0.1, "of": "lambda_max"}, "at_most": 400}
GRID = {"activation": ["erf", "quadratic"], "N": [2, 3], "seeds": SEEDS}


def sweep_of(**changes) -> Sweep:
    return parse_study({"name": "demo", "sweeps": {"one": {**GRID, **changes}}}).sweeps["one"]


def with_error(error: float, **others) -> Sweep:
    return sweep_of(
        seeds={**SEEDS, "until": {**SEEDS["until"], "relative_error": error}, **others}
    )


def taken(sweep: Sweep, root: Path) -> list[int]:
    return [len(cell.points) for cell in cells(sweep, SegmentValues(root))]


@pytest.fixture(scope="module")
def client():
    with cluster_client(LocalCluster(workers=2)) as client:
        yield client


@pytest.fixture(scope="module")
def root(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reference")
    summary = run(request([sweep_of()], root), root, client)
    assert summary == Summary(summary.computed, summary.computed, 0, 0)
    return root


def slow_rule(values: list[float | None], error: float, at_least: int, at_most: int) -> int:
    """How many seeds the rule takes, written anew with exact fractions; None is no value."""
    number = at_least
    while True:
        known = [Fraction(value) for value in values[:number] if value is not None]
        mean = sum(known, Fraction(0)) / max(len(known), 1)
        if len(known) * 2 < number:
            return number
        if len(known) >= at_least and mean != 0:
            squared = sum(((value - mean) ** 2 for value in known), Fraction(0))
            if squared / (len(known) - 1) / len(known) <= (Fraction(error) * mean) ** 2:
                return number
        if number == at_most:
            return number
        larger = math.ceil(Fraction(5, 4) * number / 10) * 10
        number = min(at_most, max(larger, number + 10))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_the_rule_is_that_of_an_independent_program_however_work_is_interrupted(data):
    at_least = data.draw(st.integers(10, 40))
    at_most = data.draw(st.integers(at_least, 150))
    error = data.draw(st.sampled_from([0.02, 0.1, 0.3]))
    value = st.one_of(st.none(), st.integers(-3, 9), st.floats(0.5, 1.5))
    drawn = data.draw(st.lists(value, min_size=7, max_size=at_most))
    values = (drawn * at_most)[:at_most]
    sweep = with_error(error, at_least=at_least, at_most=at_most, start=5)
    keys = [[p.key for p in setup.points(sweep.seeds)] for setup in sweep.setups()]
    true = {
        key: math.nan if value is None else float(value)
        for of_setup in keys
        for key, value in zip(of_setup, values, strict=True)
    }
    stored: dict[str, float] = {}
    random = np.random.default_rng(data.draw(st.integers(0, 99)))

    def values_now(*_) -> dict[str, float]:
        return stored

    while True:
        asked = requested_of([sweep], values_now)
        missing = [point.key for point in asked if point.key not in stored]
        if not missing:
            break
        # A run that is killed has stored any part of what it was asked for.
        part = random.permutation(missing)[: random.integers(1, len(missing) + 1)]
        stored |= {key: true[key] for key in part.tolist()}
    wanted = slow_rule(values, error, at_least, at_most)
    assert [p.key for p in asked] == [key for of_setup in keys for key in of_setup[:wanted]]
    assert set(stored) == {point.key for point in asked}
    # With more stored than is asked for, it asks for the same.
    assert requested_of([sweep], lambda *_: true) == asked


def test_every_setup_stops_for_itself_and_its_numbers_are_those_of_the_table(root: Path):
    found = cells(sweep_of(), SegmentValues(root))
    assert [cell.end for cell in found] == ["error reached"] * 4
    assert len({len(cell.points) for cell in found}) > 1
    publish(root)
    table = hessweep.table(open_results(root))
    assert len(table) == sum(len(cell.points) for cell in found)
    for cell in found:
        mine = table[(table["activation"] == str(cell.setup.activation))]
        values = mine[mine["N_i"] == cell.setup.N_i].sort_values("seed")["lambda_max"].tolist()
        error = statistics.stdev(values) / math.sqrt(len(values))
        assert len(values) == cell.look.seeds == cell.look.values
        assert cell.look.mean == pytest.approx(statistics.mean(values))
        assert cell.look.relative_error == pytest.approx(error / statistics.mean(values))
        assert cell.look.relative_error <= 0.1
        before = [n for n in sweep_of().seeds.numbers() if n < len(values)]
        for number in before:
            part = values[:number]
            error = statistics.stdev(part) / math.sqrt(number)
            assert error > 0.1 * statistics.mean(part)


def test_the_stop_is_the_same_for_other_workers_and_batches(
    client: Client, root: Path, tmp_path: Path
):
    sweep = with_error(0.2)
    wanted = {point.key for point in requested_of([sweep], SegmentValues(root))}
    for name, cluster, seconds in (
        ("one worker", LocalCluster(workers=1), 1.0),
        ("batches of one", client, 0.0),
    ):
        here = tmp_path / name
        run(request([sweep], here), here, cluster, batch_seconds=seconds)
        assert set(stored_points(here)) == wanted
        assert taken(sweep, here) == taken(sweep, root)


def test_again_does_nothing_and_needs_no_cluster(root: Path):
    before = list_segments(root)
    points = len(stored_points(root))
    assert run(request([sweep_of()], root), root, None) == Summary(points, 0, points, 0)
    assert list_segments(root) == before


def test_published_and_stored_results_ask_for_the_same(root: Path):
    publish(root)
    published = PublishedValues(open_results(root))
    for sweep in (sweep_of(), with_error(0.2), with_error(0.05)):
        assert requested_of([sweep], published) == requested_of([sweep], SegmentValues(root))


def test_an_edit_computes_only_more(client: Client, root: Path, tmp_path: Path):
    here = tmp_path / "edited"
    segments_folder(here).mkdir(parents=True)
    for name in list_segments(root):
        (segments_folder(here) / name).write_bytes((segments_folder(root) / name).read_bytes())
    before = set(stored_points(here))
    finer = with_error(0.05)
    summary = run(request([finer], here), here, client)
    assert summary.reused == len(before)
    assert summary.computed == len(stored_points(here)) - len(before) > 0
    # A coarser rule asks for fewer points than are stored, and tables show these.
    publish(here)
    study = parse_study({"name": "demo", "sweeps": {"one": GRID}, "results": str(here)})
    keys = requested_keys(study, open_results(here))
    assert set(keys["one"]) == before
    row = progress(study, keys, hessweep.table(open_results(here))).iloc[0]
    assert (row["requested"], row["done"], row["missing"]) == (len(before), len(before), 0)
    assert "until the standard error of lambda_max is 10\u202f% of its mean" in row["seeds"]
    assert set(hessweep.table(results_of(study))["key"]) == before


def test_a_lost_segment_is_completed_to_the_same_stop(client: Client, root: Path, tmp_path: Path):
    here = tmp_path / "lost"
    segments_folder(here).mkdir(parents=True)
    names = list(list_segments(root))
    for name in names[1::2]:
        (segments_folder(here) / name).write_bytes((segments_folder(root) / name).read_bytes())
    summary = run(request([sweep_of()], here), here, client)
    assert summary.requested == summary.computed + summary.reused == len(stored_points(root))
    assert 0 < summary.computed < summary.requested
    assert set(stored_points(here)) == set(stored_points(root))


def test_a_setup_whose_points_all_fail_ends(client: Client, tmp_path: Path):
    sweep = sweep_of(activation=[Raising(), "erf"], N=2)
    summary = run(request([sweep], tmp_path), tmp_path, client)
    assert summary.failed == 30
    bad, good = cells(sweep, SegmentValues(tmp_path))
    assert (bad.end, bad.look.seeds, bad.look.values) == ("too few values", 30, 0)
    assert good.end == "error reached"
    again = run(request([sweep], tmp_path), tmp_path, client)
    assert (again.computed, again.failed) == (0, 30)
    # They are tried again when that is asked for, each once.
    again = run(request([sweep], tmp_path), tmp_path, client, retry_failed=True)
    assert (again.computed, again.failed, len(again.failures)) == (0, 30, 30)


def test_failed_points_count_as_seeds_until_they_have_a_result(client: Client, tmp_path: Path):
    sweep = sweep_of(activation="erf", N=2)
    [setup] = sweep.setups()
    failed = setup.points([0, 7])
    write_segment(tmp_path, [PointResult(point, error="no luck") for point in failed])
    run(request([sweep], tmp_path), tmp_path, client)
    [cell] = cells(sweep, SegmentValues(tmp_path))
    assert cell.look.seeds - cell.look.values == 2
    assert cell.look.values >= 30
    summary = run(request([sweep], tmp_path), tmp_path, client, retry_failed=True)
    assert (summary.failed, summary.computed) == (0, 2)
    [cell] = cells(sweep, SegmentValues(tmp_path))
    assert cell.look.seeds == cell.look.values


def test_constant_and_vanishing_columns_end(client: Client, tmp_path: Path):
    for column, seeds, end in (("rank", 30, "error reached"), ("zeros_by_law", 60, "at most")):
        rule = {"until": {"relative_error": 0.01, "of": column}, "at_most": 60}
        sweep = sweep_of(activation="erf", N=2, seeds=rule)
        run(request([sweep], tmp_path), tmp_path, client)
        [cell] = cells(sweep, SegmentValues(tmp_path))
        assert (len(cell.points), cell.end) == (seeds, end)


def test_plain_sweeps_ask_for_all_their_points_whatever_is_stored(tmp_path: Path):
    plain = sweep_of(seeds=3)
    asked = request([plain], tmp_path)
    assert asked == plain.points()
    both = request([plain, sweep_of()], tmp_path)
    assert len(both()) == 4 * 30
    assert find_work(both, tmp_path).missing == both()
    assert isinstance(both, partial)


def test_a_setup_has_not_ended_while_one_of_its_points_is_missing():
    """30 values scatter by more than 15 % of the mean; with 9 of the next 10 it is less."""
    sweep = with_error(0.15, at_least=30)
    assert list(sweep.seeds.numbers())[:2] == [30, 40]
    setup = next(iter(sweep.setups()))
    points = setup.points(sweep.seeds[:40])
    values = [*[1.0, 100.0] * 15, *[50.0] * 10]
    stored = {point.key: value for point, value in zip(points, values, strict=True)}
    [cell, *_] = cells(sweep, lambda *_: stored)
    assert (len(cell.points), cell.missing, cell.end) == (40, 0, "error reached")
    assert cell.further == 0
    del stored[points[35].key]
    [cell, *_] = cells(sweep, lambda *_: stored)
    assert cell.look.relative_error < 0.15
    assert (len(cell.points), cell.missing, cell.end) == (40, 1, "")
    assert cell.further > 0


def test_only_points_that_are_still_asked_for_are_summed_up(tmp_path):
    """What is asked for may change with what is stored: failures of others do not count."""
    good, bad, later = Setup(activation("erf"), 2, 2).points(range(3))
    asked = [[good, bad], [good, later], [good, later]]
    rounds = _Rounds(lambda: asked.pop(0), tmp_path, retry_failed=False)
    for missing in rounds:
        for point in missing:
            write_segment(
                tmp_path, [PointResult(bad, error="E") if point == bad else point.compute()]
            )
    summary = rounds.summary([Failure(bad, "E")])
    assert (summary.requested, summary.computed, summary.reused, summary.failed) == (2, 2, 0, 0)
