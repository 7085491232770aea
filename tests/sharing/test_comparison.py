"""What `hessweep diff` finds, against changes that the tests make to stored results."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hessweep.activations import activation
from hessweep.errors import StoreError
from hessweep.kinds import PointResult
from hessweep.kinds.training_options import Training
from hessweep.setup import Setup
from hessweep.sharing import comparison
from hessweep.sharing.comparison import compare
from hessweep.store import publish, write_segment

from .conftest import call, hessweep

KINDS = {"exact": {}, "density": {}, "sampled": {"asked_error": 0.5},
         "training": {"training": Training(time=1.0, times=3).text}}  # fmt: skip


@pytest.fixture(scope="module")
def points() -> list[PointResult]:
    """Points of every kind; the last one has failed."""
    found = [
        Setup(activation(name), 2, 3, kind=kind, **options).point(seed).compute()
        for name in ("erf", "quadratic")
        for kind, options in KINDS.items()
        for seed in (0, 1)
    ]
    return [*found, PointResult(Setup(activation("erf"), 3, 3).point(0), error="no luck")]


def store(folder: Path, results: list[PointResult]) -> Path:
    write_segment(folder, results)
    publish(folder)
    return folder


def changed(result: PointResult, **values: object) -> PointResult:
    """The same point with other values in some columns."""
    scalars = {**result.scalars, **{k: v for k, v in values.items() if k in result.scalars}}
    flat = {**result.flat, **{k: v for k, v in values.items() if k in result.flat}}
    return replace(result, scalars=scalars, flat=flat)


def test_the_same_points_in_another_order_are_the_same(points, tmp_path):
    one = store(tmp_path / "one", points)
    store(tmp_path / "two", points[:5])
    other = store(tmp_path / "two", points[:4:-1])
    found = compare(one, other)
    assert found.is_same
    assert found.points == (17, 17)
    assert found.same == 17
    assert compare(one, other, exactly=True).is_same


@pytest.mark.parametrize("rows", [1, 3, 10_000])
def test_differences_are_named_by_point_and_column(points, tmp_path, monkeypatch, rows):
    """Whatever the size of the blocks in which points are compared."""
    monkeypatch.setattr(comparison, "_BLOCK_ROWS", rows)
    monkeypatch.setattr(comparison, "_BLOCK_VALUES", 20 * rows)
    exact, density, training = points[1], points[2], points[6]
    error = exact.scalars["eigenvalue_error"]
    moved = exact.eigenvalues.copy()
    moved[3] += 3 * error
    inside = points[0].eigenvalues + points[0].scalars["eigenvalue_error"]
    others = [
        changed(points[0], eigenvalues=inside),
        changed(exact, eigenvalues=moved, rank=7, rank_lower=7, rank_upper=7),
        changed(density, rank=5, rank_lower=4, rank_upper=5),
        *points[3:6],
        changed(training, loss=2 * training.flat["loss"]),
        *points[7:],
    ]
    found = compare(store(tmp_path / "one", points), store(tmp_path / "two", others))
    named = {str(one.point): one.columns for one in found.different}
    assert named == {
        "erf N_i=2 N_h=3 seed=1": ("eigenvalues", "rank"),
        "erf N_i=2 N_h=3 spectrum=density seed=0": ("rank",),
        f"erf N_i=2 N_h=3 spectrum=training training={KINDS['training']['training']} seed=0": (
            "loss",
        ),
    }
    assert found.same == 14
    assert not found.only_in_first
    assert not found.only_in_second
    to_the_bit = compare(tmp_path / "one", tmp_path / "two", exactly=True)
    extra = {str(one.point): one.columns for one in to_the_bit.different}
    assert extra["erf N_i=2 N_h=3 seed=0"] == ("eigenvalues",)


def test_each_kind_of_point_is_compared_with_its_own_arrays(points, tmp_path):
    """Of every point in turn the arrays are changed; that point and no other is named."""
    one = store(tmp_path / "one", points)
    for number, point in enumerate(points[:8]):
        name = "loss" if "loss" in point.flat else "eigenvalues"
        other = [*points[:number], changed(point, **{name: point.flat[name] * 1.5 + 1}),
                 *points[number + 1 :]]  # fmt: skip
        [different] = compare(one, store(tmp_path / f"{number}", other)).different
        assert different.point.key == point.point.key
        assert name in different.columns


def test_points_that_one_lacks_and_a_point_that_failed(points, tmp_path):
    one = store(tmp_path / "one", points[1:9])
    done = Setup(activation("erf"), 3, 3).point(0).compute()
    other = store(tmp_path / "two", [*points[:8], done])
    found = compare(one, other)
    assert [point.key for point in found.only_in_first] == [points[8].point.key]
    assert {point.key for point in found.only_in_second} == {points[0].point.key, done.point.key}
    failed = compare(store(tmp_path / "three", [points[-1]]), store(tmp_path / "four", [done]))
    assert [one.columns for one in failed.different] == [("status",)]


def test_points_of_an_older_version_of_the_mathematics_are_compared(points, tmp_path, monkeypatch):
    """Their keys differ, and they are the same points."""
    one = store(tmp_path / "one", points[:1])
    monkeypatch.setattr(type(points[0].point.setup), "kernel_version", 4)
    old = Setup(activation("erf"), 2, 3).point(0)
    assert old.key != points[0].point.key
    other = store(tmp_path / "two", [replace(points[0], point=old)])
    found = compare(one, other)
    assert found.is_same
    assert found.same == 1


def test_the_command(computed, bundle, results, tmp_path):
    """A folder and its bundle are the same; a folder with one point more is not."""
    same = hessweep(tmp_path, "diff", "demo", bundle)
    assert (same.returncode, same.stdout) == (0, "16 points the same within their stated errors\n")
    store(results, [Setup(activation("linear"), 2, 2).point(7).compute()])
    other = hessweep(tmp_path, "diff", bundle, "demo", "--json")
    assert other.returncode == 1
    assert json.loads(other.stdout) == {
        "points": [16, 17], "same": 16, "different": [],
        "only_in_first": [], "only_in_second": ["linear N_i=2 N_h=2 seed=7"],
    }  # fmt: skip
    shown = hessweep(tmp_path, "diff", bundle, "demo")
    assert "1 point in demo alone:\n  linear N_i=2 N_h=2 seed=7\n" in shown.stdout


def break_chunk(folder: Path) -> None:
    chunk = next((folder / "published" / "erf.zarr" / "eigenvalues").rglob("*0"))
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)


BAD: dict[str, Callable[[Path], None]] = {
    "nothing there": shutil.rmtree,
    "damaged": break_chunk,
    "no metadata": lambda folder: (folder / "published" / "erf.zarr" / "zarr.json").unlink(),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_can_not_be_read_is_no_difference(results, bundle, bad, capsys):
    BAD[bad](results)
    assert call("diff", bundle, results) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "erf" in shown.err or "demo" in shown.err


def test_many_differences_are_counted(points, tmp_path, capsys):
    many = [replace(points[0], point=replace(points[0].point, seed=seed)) for seed in range(30)]
    one = store(tmp_path / "one", many)
    other = store(tmp_path / "two", [changed(p, eigenvalues=p.eigenvalues * np.pi) for p in many])
    assert call("diff", one, other) == 1
    shown = capsys.readouterr().out
    assert "30 points different:\n" in shown
    assert shown.endswith("  and 10 more, which --json names\n")


def test_points_of_a_kind_that_is_not_known_are_not_called_the_same(points, tmp_path, monkeypatch):
    one, other = (store(tmp_path / name, points[:4]) for name in ("one", "two"))
    monkeypatch.delitem(comparison.KINDS, "density")
    with pytest.raises(StoreError, match="does not know the kind of points density"):
        compare(one, other)
