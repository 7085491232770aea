import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from faults.malformed import plant

from hessweep.activations import load_activation
from hessweep.running import verification, verify
from hessweep.running.cost import needed_memory
from hessweep.setup import Setup, key_of_row
from hessweep.store import (
    flat_zarr,
    open_results,
    publish,
    repair,
    segments,
    stored_points,
    table,
    write_segment,
)
from hessweep.store.provenance import provenance
from hessweep.store.published import metadata_digest
from hessweep.store.segments import list_segments

from .conftest import ACTIVATIONS, Hump, with_seed
from .test_index import damage
from .test_publish import snapshot


def kinds(root, sample=0):
    return [problem.kind for problem in verify(root, sample=sample).problems]


def a_segment(root):
    return root / "segments" / next(iter(list_segments(root)))


def test_a_sound_folder_has_no_problem_and_is_not_changed(root, computed):
    before = snapshot(root)
    checked = verify(root, sample=100)
    assert checked.ok
    assert checked.segments == len(list_segments(root)) == 6
    assert checked.points == len(computed)
    assert checked.bytes == sum(list_segments(root).values())
    assert (checked.recomputed, checked.skipped) == (35, 0)
    assert snapshot(root).keys() == before.keys()


@pytest.mark.parametrize(
    "spoil", [damage, lambda p: p.write_bytes(p.read_bytes()[:-5]), lambda p: p.write_bytes(b"")]
)
def test_a_damaged_segment_is_found_and_moved_aside(root, computed, spoil):
    path = a_segment(root)
    spoil(path)
    content = path.read_bytes()
    found = verify(root, sample=0).problems
    assert {problem.kind for problem in found} >= {"damaged segment", "stale published"}
    assert found[0].path == path.relative_to(root)
    done = repair(root)
    assert done.published
    assert [root / moved for moved in done.moved] == [path.parent / "damaged" / path.name]
    assert (root / done.moved[0]).read_bytes() == content
    assert verify(root, sample=0).ok
    assert len(table(open_results(root))) == len(stored_points(root)) == len(computed) - 6


def test_repair_of_a_sound_folder_does_nothing(root):
    before = snapshot(root)
    done = repair(root)
    assert (done.moved, done.published) == ((), False)
    assert snapshot(root) == before


def test_a_flipped_bit_in_any_region_of_any_published_file_is_found(small):
    for column in ("eigenvalues", "rank_method", "seed"):
        folder = small / "published" / "erf.zarr" / column
        (chunk,) = (path for path in folder.rglob("*") if path.name in ("0", "c.0"))
        content = chunk.read_bytes()
        # Chunks, their checksums, the shard's index and the index's checksum.
        for place in (0, 7, len(content) // 2, len(content) - 25, len(content) - 12, -1):
            spoilt = bytearray(content)
            spoilt[place] ^= 1 << place % 8
            chunk.write_bytes(spoilt)
            (problem,) = verify(small, sample=0).problems
            assert problem.kind == "damaged published"
            assert small / problem.path == folder
        chunk.write_bytes(content)
    assert verify(small, sample=0).ok


@pytest.mark.parametrize("where", ["erf.zarr/zarr.json", "linear.zarr/rank/zarr.json"])
def test_a_changed_letter_of_metadata_is_found(root, where):
    path = root / "published" / where
    path.write_bytes(path.read_bytes().replace(b"number of effective", b"number of affective"))
    (problem,) = verify(root, sample=0).problems
    assert (problem.kind, root / problem.path) == ("damaged published", path)
    assert repair(root).published
    assert verify(root, sample=0).ok


def test_missing_published_files_are_found_and_rebuilt(root):
    for path in (root / "published" / "erf.zarr" / "trace").rglob("*"):
        if path.is_file():
            path.unlink()
    assert kinds(root) == ["damaged published"] * 2
    assert repair(root).published
    assert verify(root, sample=0).ok


def test_published_values_that_no_checksum_can_doubt_are_compared_with_the_segments(root):
    array = xr.open_zarr(root / "published" / "erf.zarr", chunks=None)["rank"].load()
    array[:] = array + 1
    array.drop_vars(array.coords).drop_attrs().to_dataset().to_zarr(
        root / "published" / "erf.zarr", region={"point": slice(None)}, consolidated=False
    )
    found = verify(root, sample=0).problems
    assert {problem.kind for problem in found} == {"damaged published"}
    assert any("differs from the segments at row 0" in problem.message for problem in found)


def retype(array):
    array.update(data_type="int64", fill_value=0)


def shorten(array):
    array["shape"] = [array["shape"][0] - 1]


@pytest.mark.parametrize(
    ("alter", "told"),
    [
        (retype, "expected 3 of float64, got 3 of int64"),
        (shorten, "expected 3 of float64, got 2 of float64"),
    ],
)
def test_published_bytes_that_are_read_as_something_else_are_found(small, alter, told):
    """All checksums and digests are right, and all metadata say the same."""
    folder = small / "published" / "erf.zarr"
    array, group = (json.loads((folder / at / "zarr.json").read_bytes()) for at in ("trace", ""))
    alter(array)
    alter(group["consolidated_metadata"]["metadata"]["trace"])
    group["attributes"]["metadata_digest"] = metadata_digest(group)
    (folder / "trace" / "zarr.json").write_text(json.dumps(array))
    (folder / "zarr.json").write_text(json.dumps(group))
    (problem,) = verify(small, sample=0).problems
    assert (problem.kind, small / problem.path) == ("damaged published", folder / "trace")
    assert problem.message == told


def test_points_that_are_not_published_yet_are_found(root, computed):
    write_segment(root, [with_seed(computed[0], 40)])
    assert kinds(root) == ["stale published"]
    publish(root)
    assert kinds(root) == []


def test_foreign_files_are_found_and_left(root):
    foreign = {
        root / "segments" / "notes.txt": "foreign file",
        root / "segments" / "copy.zarr.zip": "foreign file",
        root / "published" / "erf.zarr" / "rank" / "old": "foreign file",
        root / "published" / "mine.zarr": "foreign file",
        root / "published" / "notes.txt": "foreign file",
    }
    for path in foreign:
        path.write_text("mine")
    found = {root / problem.path: problem.kind for problem in verify(root, sample=0).problems}
    assert found == foreign
    before = snapshot(root)
    assert not repair(root).published
    assert snapshot(root) == before


@pytest.mark.parametrize("folder", [".", "segments", "published", "published/erf.zarr"])
@pytest.mark.parametrize("remove", [repair, publish])
def test_temporary_files_count_once_their_writer_must_be_dead(root, folder, remove):
    left = root / folder / ".tmp-12"
    left.write_text("half")
    assert kinds(root) == []
    remove(root)
    assert left.exists()
    os.utime(left, (time.time() - 2 * 86400,) * 2)
    assert kinds(root) == ["stale temporary file"]
    assert left.exists()
    remove(root)
    assert not left.exists()
    assert kinds(root) == []


def test_a_key_of_another_point_is_found(tmp_path, computed, monkeypatch):
    monkeypatch.setitem(vars(computed[0].point), "key", "0" * 32)
    write_segment(tmp_path, computed[:1])
    monkeypatch.undo()
    assert "wrong key" in kinds(tmp_path)
    assert len(repair(tmp_path).moved) == 1
    assert stored_points(tmp_path) == {}


def one_stored(tmp_path, result, **scalars):
    write_segment(tmp_path, [replace(result, scalars={**result.scalars, **scalars})])
    publish(tmp_path)
    return verify(tmp_path)


def test_a_result_one_bit_off_is_found_when_it_is_computed_again(tmp_path, computed):
    trace = np.nextafter(computed[0].scalars["trace"], 9)
    (problem,) = one_stored(tmp_path / "a", computed[0], trace=trace).problems
    assert problem.kind == "different result"
    assert "trace differ" in problem.message
    (problem,) = one_stored(tmp_path / "b", computed[0], route="guess").problems
    assert "route differ" in problem.message
    eigenvalues = np.nextafter(computed[0].eigenvalues, 9)
    (problem,) = one_stored(
        tmp_path / "c", replace(computed[0], flat={"eigenvalues": eigenvalues})
    ).problems
    assert "eigenvalues differ" in problem.message


def test_a_result_that_can_not_be_computed_again_is_found(tmp_path, computed, monkeypatch):
    def fails(*_):
        raise ArithmeticError("no longer")

    monkeypatch.setattr(Setup, "compute", fails)
    (problem,) = one_stored(tmp_path, computed[0]).problems
    assert problem.kind == "different result"
    assert problem.message.endswith("computed again, it fails: ArithmeticError: no longer")


def test_times_may_differ(tmp_path, computed):
    assert one_stored(tmp_path, computed[0], spectrum_time=9.0).ok


def test_elsewhere_eigenvalues_agree_within_their_error_bounds(tmp_path, computed, monkeypatch):
    monkeypatch.setattr(verification, "_is_same_machine", lambda _: False)
    result = computed[0]
    error = result.scalars["eigenvalue_error"]
    near = replace(result, flat={"eigenvalues": result.eigenvalues + 1.5 * error})
    far = replace(result, flat={"eigenvalues": result.eigenvalues + 3 * error})
    assert one_stored(tmp_path / "near", near).ok
    assert [p.kind for p in one_stored(tmp_path / "far", far).problems] == ["different result"]


def test_points_that_this_package_can_not_compute_are_skipped(tmp_path, computed, monkeypatch):
    setup = replace(computed[0].point.setup, activation=Hump())
    point = setup.point(computed[0].point.seed)
    write_segment(tmp_path, [replace(computed[0], point=point)])
    publish(tmp_path)
    assert (verify(tmp_path).recomputed, verify(tmp_path).skipped) == (0, 1)
    assert verify(tmp_path).skipped_because == {verification.UNKNOWN_ACTIVATION: 1}
    write_segment(tmp_path, [computed[1]])
    publish(tmp_path)
    monkeypatch.setattr("hessweep.setup.FIRST_VERSION", 99)
    assert (verify(tmp_path).recomputed, verify(tmp_path).skipped) == (0, 2)
    assert verify(tmp_path).skipped_because[verification.OTHER_KERNEL] == 1


def test_points_that_do_not_fit_into_memory_are_skipped_and_not_called_different(
    tmp_path, computed, monkeypatch
):
    write_segment(tmp_path, computed[:1])
    publish(tmp_path)
    needed = needed_memory(computed[0].point.setup)
    monkeypatch.setattr(verification, "_memory_limit", lambda: needed - 1)
    found = verify(tmp_path)
    assert (found.ok, found.recomputed) == (True, 0)
    assert found.skipped_because == {verification.TOO_LARGE: 1}
    monkeypatch.setattr(verification, "_memory_limit", lambda: needed)
    assert verify(tmp_path).recomputed == 1

    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(Setup, "compute", fails)
    assert verify(tmp_path).skipped_because == {verification.TOO_LARGE: 1}


OWN = """
import pathlib
import numpy as np

pathlib.Path(__file__).with_name("ran").touch()


def bump(x):
    return np.exp(-x * x / 2) * (1 + x)
"""


@pytest.fixture
def own(tmp_path):
    """A results folder with a point of a user's activation, and that activation."""
    file = tmp_path / "own.py"
    file.write_text(OWN)
    function = load_activation(str(file), "bump")
    write_segment(tmp_path / "results", [Setup(function, 2, 2).point(0).compute()])
    publish(tmp_path / "results")
    (tmp_path / "ran").unlink()
    return tmp_path / "results", function


def test_no_code_that_results_name_is_run(own, tmp_path):
    """Neither if a segment has the hash of the file alone nor if it names the file."""
    root, function = own
    assert verify(root).skipped_because == {verification.NEEDS_STUDY: 1}
    [segment] = list_segments(root)
    arrays, _ = segments.read_columns(root / "segments" / segment)
    spec = json.dumps(function.spec, sort_keys=True)
    assert str(tmp_path / "own.py") in spec
    row = {name: arrays[name][0].item() for name in ("N_i", "N_h", "seed", "kernel_version")}
    key = key_of_row({**row, "activation_spec": spec})
    content = with_columns(arrays, activation_spec=[spec], key=[key])
    (root / "segments" / segment).unlink()
    plant(root, content)
    publish(root)
    found = verify(root)
    assert found.ok
    assert found.skipped_because == {verification.NEEDS_STUDY: 1}
    for work in (open_results, publish, stored_points, repair):
        work(root)
    assert not (tmp_path / "ran").exists()


def test_activations_that_are_passed_are_computed_again(own):
    root, function = own
    found = verify(root, activations=[function])
    assert (found.ok, found.recomputed, found.skipped) == (True, 1, 0)


def test_a_spec_that_makes_no_activation_is_skipped(tmp_path, computed):
    for spec in ('{"name": "erf", "beta": 1}', '{"name": "power", "degree": 1e9}'):
        write_segment(tmp_path / "other", computed[:1])
        [name] = list_segments(tmp_path / "other")
        path = tmp_path / "other" / "segments" / name
        arrays, _ = segments.read_columns(path)
        path.unlink()
        row = {name: arrays[name][0].item() for name in ("N_i", "N_h", "seed", "kernel_version")}
        key = key_of_row({**row, "activation_spec": spec})
        plant(tmp_path, with_columns(arrays, activation_spec=[spec], key=[key]))
    publish(tmp_path)
    found = verify(tmp_path)
    assert found.ok
    assert found.skipped_because == {verification.UNKNOWN_ACTIVATION: 2}


def with_columns(arrays, **values):
    """Return the bytes of a segment in which these columns have other values."""
    changed = {k: np.array(v, arrays[k].dtype) for k, v in values.items()}
    encoded = flat_zarr.encode(
        segments._arrays({**arrays, **changed}), segments._provenance_attributes()
    )
    return segments._zip(encoded)


def test_an_empty_folder_has_no_problem(tmp_path):
    assert verify(tmp_path) == verify(tmp_path / "absent")
    assert verify(tmp_path).ok


def test_the_sample_is_drawn_from_all_activations(root):
    seen = set()
    original = Setup.compute

    def watching(setup, seeds):
        seen.add(setup.activation)
        return original(setup, seeds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Setup, "compute", watching)
        assert verify(root, sample=12, seed=3).recomputed == 12
    assert seen == set(ACTIVATIONS)


ELSEWHERE = {
    "processor": lambda machine: {**machine, "processor": "another"},
    "blas": lambda machine: {**machine, "blas": "openblas 0.1 Haswell"},
    **{
        name: lambda machine, name=name: {
            **machine,
            "versions": {**machine["versions"], name: "0.1"},
        }
        for name in ("numpy", "scipy", "python-flint", "xarray", "zarr", "python")
    },
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_bits_are_compared_where_processor_and_libraries_are_the_same(what):
    there = ELSEWHERE[what](json.loads(json.dumps(provenance())))
    assert there != provenance()
    decides = what not in ("xarray", "zarr", "python")
    assert verification._is_same_machine(json.dumps(there)) == (not decides)


def test_points_of_a_kind_of_a_newer_version_are_skipped(tmp_path, computed, monkeypatch):
    write_segment(tmp_path, computed[:1])
    publish(tmp_path)
    monkeypatch.setattr(verification, "KINDS", {})
    found = verify(tmp_path)
    assert (found.ok, found.recomputed) == (True, 0)
    assert found.skipped_because == {verification.UNKNOWN_KIND: 1}


def test_a_lack_of_memory_is_no_unknown_activation(tmp_path, computed, monkeypatch):
    write_segment(tmp_path, computed[:1])
    publish(tmp_path)

    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(verification, "needed_memory", fails)
    with pytest.raises(MemoryError):
        verify(tmp_path)
