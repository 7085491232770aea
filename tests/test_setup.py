"""Each axis of a setup, from the key to the query: two setups that differ in one axis alone."""

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hessweep.activations import activation
from hessweep.kinds import KINDS
from hessweep.running import verify
from hessweep.running.task import compute_batch
from hessweep.setup import AXES, FIRST_VERSION, IDENTITY, Setup, key_of_row
from hessweep.store import open_results, publish, spectra, write_segment
from hessweep.store.index import read_index
from hessweep.store.reservations import _ranges
from hessweep.store.segments import columns_of_row, list_segments, read_columns, segments_folder
from hessweep.store.selection import select

ERF = activation("erf")
BASE = Setup(ERF, 3, 4)
SAMPLED = replace(BASE, kind="sampled")
BASES = {
    "widths": SAMPLED,
    "training": replace(BASE, kind="training"),
    "asked_error": SAMPLED,
}
"""The setup of a pair where it is not `BASE`: axes that only some kinds have."""

OTHER = {
    axis: replace(BASES.get(axis, BASE), **{axis: value})
    for axis, value in {
        "N_i": 4,
        "N_h": 5,
        "weights": "laplace",
        "biases": "both",
        "N_o": 2,
        "inputs": "power-law(1) mean(0.5)",
        "samples": 20,
        "widths": "3-2-2-1",
        "student": "split=2",
        "kind": "density",
        "training": '{"stop": {"time": 5.0}, "times": 3}',
        "asked_error": 0.1,
    }.items()
}
"""The same setup with another value of one axis; a new axis needs a line here."""

AXIS = {axis.field: axis for axis in AXES}
SEEDS = {field: 10 + place for place, field in enumerate(OTHER)}
"""The seed of each pair of points."""

PAIRS = {
    field: (BASES.get(field, BASE).point(SEEDS[field]), other.point(SEEDS[field]))
    for field, other in OTHER.items()
}
each_axis = pytest.mark.parametrize("field", OTHER)


def test_every_axis_has_a_pair_of_setups_here():
    assert OTHER.keys() == AXIS.keys()
    for field, (point, other) in PAIRS.items():
        differing = [
            name for name in AXIS if getattr(point.setup, name) != getattr(other.setup, name)
        ]
        assert differing == [field]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Both points of each pair beside each other in one batch, as a worker computes it."""
    folder = tmp_path_factory.mktemp("axes")
    _, errors = compute_batch([point for pair in PAIRS.values() for point in pair], folder)
    assert errors == {}
    publish(folder)
    return folder


@pytest.fixture(scope="module")
def rows(root):
    """The stored values of each point by its key."""
    [name] = list_segments(root)
    arrays, _ = read_columns(segments_folder(root) / name)
    stored = (columns_of_row(arrays, row) for row in range(len(arrays["key"])))
    return {row["key"]: row for row in stored}


def as_plain_data(row):
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in row.items()}


@each_axis
def test_another_value_is_another_point(field):
    point, other = PAIRS[field]
    assert point.key != other.key
    assert point != other
    assert str(point) != str(other)
    assert _ranges({point.setup}) != _ranges({other.setup})
    assert set(OTHER[field].points([0, 1])).isdisjoint(point.setup.points([0, 1]))


def test_keys_are_hashes_of_every_axis():
    """Written out, so that the keys of stored points can not change by mistake."""
    for setup, version, end in (
        (BASE, 6, '"weights": "normal"}'),
        (OTHER["weights"], 6, '"weights": "laplace"}'),
        (OTHER["kind"], 8, '"spectrum": "density", "weights": "normal"}'),
    ):
        start = '{"N_h": 4, "N_i": 3, "activation": {"name": "erf"}, '
        start += f'"kernel_version": {version}, "seed": 7, '
        assert setup.key(7) == hashlib.sha256((start + end).encode()).hexdigest()[:32]


@each_axis
def test_a_batch_computes_each_point_with_its_own_value(rows, field):
    for point in PAIRS[field]:
        result = point.compute()
        assert result.point == point
        assert list(point.setup.measurement.differences(result.values, rows[point.key])) == []


@each_axis
def test_each_row_has_its_value_and_makes_the_setup_again(rows, field):
    for point in PAIRS[field]:
        row = as_plain_data(rows[point.key])
        assert row[AXIS[field].column.name] == getattr(point.setup, field)
        assert Setup.from_columns(ERF, row) == point.setup
        assert key_of_row(row) == point.key


@each_axis
def test_the_index_knows_the_value(root, field):
    indexed = read_index(root).points.set_index("key")
    for point in PAIRS[field]:
        row = indexed.loc[point.key]
        assert row[AXIS[field].column.name] == getattr(point.setup, field)
        assert Setup.from_columns(ERF, row.to_dict()) == point.setup


@each_axis
def test_both_points_are_published_with_their_values(root, field):
    dataset = open_results(root)["erf"].to_dataset()
    keys = dataset["key"].values.tolist()
    assert len(keys) == 2 * len(PAIRS)
    for point in PAIRS[field]:
        row = dataset.isel(point=keys.index(point.key))
        assert row[AXIS[field].column.name].item() == getattr(point.setup, field)
        assert row["P"].item() == point.setup.P


@each_axis
def test_points_of_one_setup_are_published_side_by_side(root, field):
    """The seeds would mix the two setups if the axis had no part in the order."""
    points = read_index(root).points
    first = points[points["key"] == PAIRS[field][0].key]
    other = points[points["key"] == PAIRS[field][1].key]
    mixed = [
        rows.assign(seed=seed, key=str(seed), segment=str(seed))
        for seed, rows in enumerate([first, other, first, other])
    ]
    [group] = select(pd.concat(mixed, ignore_index=True))
    assert group.points["seed"].tolist() in ([0, 2, 1, 3], [1, 3, 0, 2])


def test_a_column_that_tells_points_apart_is_a_coordinate(root):
    dataset = open_results(root)["erf"].to_dataset()
    assert {axis.column for axis in AXES} <= set(IDENTITY)
    assert {column.name for column in IDENTITY} <= set(dataset.coords)


def test_every_point_is_computed_again_as_it_is_stored(root):
    checked = verify(root, sample=100)
    assert checked.ok, checked.problems
    assert (checked.recomputed, checked.skipped) == (2 * len(PAIRS), 0)


@each_axis
def test_a_row_with_another_value_under_the_same_key_is_found(tmp_path, field):
    """Right numbers with a wrong column: only the key can tell."""
    point, other = PAIRS[field]
    result = other.compute()
    disguised = other.setup.point(other.seed)
    vars(disguised)["key"] = point.key
    write_segment(tmp_path, [replace(result, point=disguised)])
    found = [problem.kind for problem in verify(tmp_path, sample=0).problems]
    assert "wrong key" in found


def of_teacher(setup):
    return {a.column.name: getattr(setup, a.field) for a in AXES if a.is_of_teacher}


@each_axis
def test_spectra_selects_by_the_value(root, field):
    """Neither the other setup's points nor those of a kind without all eigenvalues."""
    results = open_results(root)
    for setup in (BASES.get(field, BASE), OTHER[field]):
        if not setup.measurement.has_full_spectrum:
            continue
        found = spectra(results, ERF, **of_teacher(setup))
        full = [p for pair in PAIRS.values() for p in pair]
        full = [p for p in full if p.setup.measurement.has_full_spectrum]
        own = [p for p in full if of_teacher(p.setup) == of_teacher(setup)]
        # Of a teacher that was sampled twice, the spectrum with the smaller asked error.
        best = {p.seed: p for p in sorted(own, key=lambda p: -p.setup.asked_error)}
        assert found["seed"].values.tolist() == sorted(best)
        for seed, point in best.items():
            values = found["eigenvalues"].sel(seed=seed).values
            assert np.array_equal(values, point.compute().eigenvalues)


def test_the_version_of_a_point_counts_all_revisions_that_concern_it():
    exact, general = KINDS["exact"], replace(BASE, biases="both")
    assert exact.general_revision > 0
    plain = FIRST_VERSION + exact.revision + ERF.revision
    assert BASE.kernel_version == plain
    for setup in (general, replace(BASE, N_o=2), replace(BASE, inputs="mean(0.5)")):
        assert setup.kernel_version == plain + exact.general_revision
    tanh = activation("tanh")
    assert tanh.revision > 0
    expected = FIRST_VERSION + KINDS["density"].revision + tanh.revision
    assert replace(BASE, activation=tanh, kind="density").kernel_version == expected


def test_a_revision_concerns_the_points_of_its_own_networks_alone(monkeypatch):
    """Of plain networks, of general ones, of batches and of deep ones: each has its own."""
    exact = KINDS["exact"]
    for name, revision in (("general", 10), ("samples", 200), ("deep", 3000)):
        monkeypatch.setattr(exact, f"{name}_revision", revision)
    first = FIRST_VERSION + exact.revision + ERF.revision
    versions = {
        BASE: 0,
        replace(BASE, biases="both"): 10,
        replace(BASE, samples=20): 200,
        replace(BASE, samples=20, biases="both"): 200,
        Setup.of_widths(ERF, [3, 2, 2, 1]): 3000,
        Setup.of_widths(ERF, [3, 2, 2, 1], biases="both"): 3000,
    }
    assert {setup: setup.kernel_version - first for setup in versions} == versions
