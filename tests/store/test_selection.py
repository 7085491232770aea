"""What is published of what is stored, and under which names."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hessweep.setup import Setup
from hessweep.store import publish, selection, write_segment
from hessweep.store.index import read_index
from hessweep.store.selection import Group, select

from .conftest import ACTIVATIONS, Hump, failed
from .test_publish import assert_holds, published


@pytest.mark.parametrize("first", ["done", "failed"])
def test_a_point_appears_once_and_done_wins(tmp_path, computed, first):
    pair = [computed[0], failed(computed[0])]
    for result in pair if first == "done" else pair[::-1]:
        write_segment(tmp_path, [result])
        publish(tmp_path)
    write_segment(tmp_path, [computed[0], computed[3]])
    publish(tmp_path)
    assert_holds(published(tmp_path), [computed[0], computed[3]])
    assert publish(tmp_path) is False


def test_the_newest_kernel_wins_even_over_a_done_point(tmp_path, computed, monkeypatch):
    write_segment(tmp_path, [computed[0]])
    monkeypatch.setattr("hessweep.setup.FIRST_VERSION", 99)
    version = computed[0].point.setup.kernel_version
    assert version >= 99
    write_segment(tmp_path, [failed(computed[0])])
    publish(tmp_path)
    assert published(tmp_path)["kernel_version"].values.tolist() == [version]
    assert published(tmp_path)["status"].values.tolist() == ["failed"]


def test_what_is_chosen_does_not_depend_on_the_order_of_writing(tmp_path, computed):
    frames = []
    for number, results in enumerate((computed, computed[::-1])):
        folder = tmp_path / str(number)
        for start in range(0, len(results), 5):
            write_segment(folder, results[start : start + 5])
        frames.append([g.points[["key", "status"]] for g in select(read_index(folder).points)])
    assert all(a.equals(b) for a, b in zip(*frames, strict=True))


@pytest.mark.parametrize("column", ["key", "segment", "row"])
def test_a_group_is_published_anew_if_its_points_lie_elsewhere(untouched, column):
    """As after a segment was lost and its points were computed again."""
    group = select(read_index(untouched).points)[0]
    moved = group.points.astype({"segment": str})
    moved.loc[1, column] = 77 if column == "row" else "0" * 32
    assert replace(group, points=moved).digest != group.digest
    assert replace(group, points=group.points.copy()).digest == group.digest
    assert replace(group, label="other").digest != group.digest


@pytest.mark.parametrize(("rows", "values"), [(4, 50), (1000, 30), (3, 10**6), (1, 1)])
def test_blocks_hold_as_many_rows_as_fit(monkeypatch, rows, values):
    monkeypatch.setattr(selection, "_BLOCK_ROWS", rows)
    monkeypatch.setattr(selection, "_BLOCK_VALUES", values)
    sizes = np.random.default_rng(0).integers(0, 25, 60)
    bounds = selection._block_bounds(sizes)
    assert [row for start, stop in bounds for row in range(start, stop)] == list(range(60))
    for start, stop in bounds:
        fits = stop - start <= rows and sizes[start:stop].sum() <= values
        assert fits or stop - start == 1
        one_more = sizes[start : stop + 1]
        assert stop == 60 or len(one_more) > rows or one_more.sum() > values


def test_two_activations_of_one_label_get_two_groups(tmp_path, computed):
    def hump(beta):
        return Hump(parameters=(("beta", beta),), default_parameters=(("beta", beta),))

    results = [
        replace(computed[0], point=Setup(hump(beta), 2, 2).point(0)) for beta in (1.0, 1.0000001)
    ]
    assert {result.point.setup.activation.label for result in results} == {"hump"}
    write_segment(tmp_path, results)
    publish(tmp_path)
    groups = sorted((tmp_path / "published").glob("hump-beta-1.0*.zarr"))
    labels = [xr.open_zarr(group)["activation"].values.tolist() for group in groups]
    assert sorted(labels) == [["hump(beta=1.0)"], ["hump(beta=1.0000001)"]]


@given(st.lists(st.text(min_size=1, max_size=80), min_size=2, max_size=4, unique=True))
def test_slugs_are_safe_and_unique_without_regard_to_case(labels):
    slugs = [Group(label, "", None).slug for label in labels]
    assert len({slug.casefold() for slug in slugs}) == len(labels)
    for slug in slugs:
        assert slug == slug.lower()
        assert len(slug) < 60
        assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
        assert not slug.startswith((".", "-"))


def test_readable_slugs():
    assert Group("erf", "", None).slug == "erf"
    assert Group("ERF", "", None).slug.startswith("erf-")
    assert Group(ACTIVATIONS[2].label, "", None).slug.startswith("quadratic-epsilon-0.5-")
    assert Group("σ", "", None).slug.startswith("activation-")


def test_choice_and_digest_are_those_of_a_plain_sort(tmp_path, computed, monkeypatch):
    """As pandas finds them with all columns as they are, in one piece."""
    for start in range(0, len(computed), 4):
        write_segment(tmp_path, computed[start : start + 4])
        write_segment(tmp_path, [failed(computed[start])])
    monkeypatch.setattr(selection, "_BLOCK_ROWS", 3)
    points = read_index(tmp_path).points
    plain = points.astype(
        {c: points[c].cat.categories.dtype for c in points if hasattr(points[c], "cat")}
    )
    cell = ["activation_spec", *selection.ORDER]
    rank = plain.assign(done=plain["status"] == "done")
    rank = rank.sort_values([*cell, "kernel_version", "done", "segment", "row"])
    chosen = rank.drop_duplicates(cell, keep="last")
    groups = select(points)
    assert len(points) > len(chosen) == sum(len(group.points) for group in groups)
    for group in groups:
        own = chosen[chosen["activation_spec"] == group.spec]
        for name in ("key", "segment", "row", "status", "seed", "row_size"):
            assert group.points[name].tolist() == own[name].tolist()
        texts = ["\n".join(own[name].tolist()) for name in ("key", "segment")]
        rows = own["row"].to_numpy().astype("<i8").tobytes().hex()
        columns = [f"{column.name} {column.dtype}" for column in group.columns]
        head = [str(selection.FORMAT), group.label, *columns]
        assert group.digest == selection.digest([*head, *texts, rows])
