import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from hessweep.activations import activation
from hessweep.errors import DamagedStoreError, StoreAccessError
from hessweep.kinds import RAGGED
from hessweep.setup import IDENTITY
from hessweep.store import (
    DamagedSegmentWarning,
    group_writer,
    publish,
    publishing,
    selection,
    stored_points,
    write_segment,
)
from hessweep.store.index import read_index
from hessweep.store.segments import list_segments

from .conftest import failed, with_seed
from .test_index import damage
from .test_segments import exit_code, in_child


def published(root, name="erf"):
    return xr.open_zarr(root / "published" / f"{name}.zarr", chunks=None)


def snapshot(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def assert_holds(dataset, results):
    """The dataset holds these results, to the bit, in the published order."""
    order = sorted(
        results,
        key=lambda r: (r.point.setup.N_i, r.point.setup.N_h, r.point.setup.weights, r.point.seed),
    )
    assert dataset["key"].values.tolist() == [result.point.key for result in order]
    assert dataset["status"].values.tolist() == [result.status for result in order]
    eigenvalues = np.concatenate([result.eigenvalues for result in order])
    assert dataset["eigenvalues"].values.tobytes() == eigenvalues.tobytes()
    assert dataset["row_size"].values.tolist() == [len(r.eigenvalues) for r in order]
    for i, result in enumerate(order):
        for name, value in result.scalars.items():
            assert dataset[name].values[i] == value


def of(results, label):
    return [result for result in results if result.point.setup.activation.label == label]


def test_each_activation_is_published_to_the_bit(root, computed):
    folders = sorted(path.name for path in (root / "published").glob("*.zarr"))
    assert [name.split("-")[0].removesuffix(".zarr") for name in folders] == [
        "erf",
        "linear",
        "quadratic",
    ]
    for name in folders:
        dataset = published(root, name.removesuffix(".zarr")).load()
        assert_holds(dataset, of(computed, dataset.attrs["activation"]))


def test_plain_xarray_opens_it_without_this_package(root):
    code = """
import sys, xarray
dataset = xarray.open_zarr(sys.argv[1]).load()
assert not any(name.startswith("hessweep") for name in sys.modules)
print(dataset.sizes["point"], int(dataset.row_size.sum()) == dataset.sizes["eigenvalue"])
print(sorted(dataset.coords), dataset["rank"].attrs["long_name"], dataset.spectrum_time.units)
print(dataset.row_size.attrs["sample_dimension"], sorted(dataset.attrs))
"""
    process = subprocess.run(
        [sys.executable, "-c", code, str(root / "published" / "erf.zarr")],
        capture_output=True,
        text=True,
        check=True,
    )
    sizes, described, attrs = process.stdout.splitlines()
    assert sizes == "12 True"
    assert f"{sorted(column.name for column in IDENTITY)} rank of H" in described
    assert described.endswith(" s")
    assert attrs.startswith("eigenvalue ")
    for name in ("computed_with", "published_at", "published_with", "segments_digest"):
        assert name in attrs


def test_publishing_again_does_nothing(root):
    before = snapshot(root)
    assert publish(root) is False
    assert snapshot(root) == before


def test_publishing_again_looks_at_no_point(root, monkeypatch):
    """Until something is stored, or what is published changes."""

    def must_not_select(_):
        pytest.fail("points were looked at")

    monkeypatch.setattr("hessweep.store.publishing.select", must_not_select)
    assert publish(root) is False
    (root / "published" / "erf.zarr" / "zarr.json").write_text("{}")
    monkeypatch.undo()
    assert publish(root) is True
    assert publish(root) is False
    shutil.rmtree(root / "published" / "erf.zarr")
    assert publish(root) is True


def test_only_groups_with_news_are_written(root, computed):
    before = snapshot(root / "published" / "linear.zarr")
    new = with_seed(computed[0], 9)
    write_segment(root, [new])
    assert publish(root) is True
    assert snapshot(root / "published" / "linear.zarr") == before
    assert_holds(published(root), of([*computed, new], "erf"))


def test_nothing_stored_publishes_nothing(tmp_path):
    assert publish(tmp_path) is False
    assert not (tmp_path / "published").exists()


def test_groups_of_failed_points_only_are_published(tmp_path, computed):
    write_segment(tmp_path, [failed(computed[0])])
    assert publish(tmp_path)
    assert published(tmp_path)["status"].values.tolist() == ["failed"]
    assert published(tmp_path).sizes["eigenvalue"] == 0


def test_small_blocks_chunks_and_shards_give_the_same(root, computed, monkeypatch):
    monkeypatch.setattr(selection, "_BLOCK_ROWS", 5)
    monkeypatch.setattr(selection, "_BLOCK_VALUES", 17)
    monkeypatch.setattr(group_writer, "_TURNS", 1)
    monkeypatch.setattr(
        group_writer, "_CHUNK", {"point": 2} | dict.fromkeys((one.dimension for one in RAGGED), 3)
    )
    monkeypatch.setattr(
        group_writer, "_SHARD", {"point": 4} | dict.fromkeys((one.dimension for one in RAGGED), 12)
    )
    assert publish(root, force=True)
    assert_holds(published(root).load(), of(computed, "erf"))
    encoding = published(root)["eigenvalues"].encoding
    assert (encoding["chunks"], encoding["shards"]) == ((3,), (12,))
    assert len(list((root / "published/erf.zarr/N_i").glob("c*0*"))) >= 1


def test_an_open_reader_keeps_its_version_over_the_next_publish(small, computed):
    opened = published(small)
    write_segment(small, [with_seed(computed[0], 50)])
    publish(small)
    # Nothing but metadata was read before the publish.
    assert_holds(opened.load(), [computed[0], computed[3], computed[12]])


@pytest.mark.parametrize(("largest", "turns"), [(2, 8), (2**15, 2**9)])
def test_a_reader_of_an_older_version_fails_and_never_mixes_them(
    small, computed, monkeypatch, largest, turns
):
    """However much older; whether chunks are full, as in a large group, or of the group's size."""
    monkeypatch.setattr(group_writer, "_TURNS", turns)
    monkeypatch.setattr(group_writer, "_CHUNK", dict.fromkeys(group_writer._CHUNK, largest))
    monkeypatch.setattr(group_writer, "_SHARD", dict.fromkeys(group_writer._SHARD, largest + 20))
    publish(small, force=True)
    stored = [write_segment(small, [with_seed(computed[0], seed)]) for seed in range(50, 58)]
    readers = []
    for number in range(10):
        publish(small, force=True)
        for reader in readers[:-1]:
            # No point has a density: arrays without values have nothing to mix.
            for name in (name for name in reader.variables if reader[name].size):
                with pytest.raises((ValueError, RuntimeError)):
                    reader[name].copy().load()
        readers.append(published(small))
        # Fewer points and other ones: a version is never of the size of another.
        if number < len(stored):
            (small / "segments" / stored[number]).unlink()


def test_readers_see_whole_versions_while_publishing_goes_on(small, computed):
    versions_to_see = 6
    read_end, write_end = os.pipe()

    def read_on():
        versions = set()
        while len(versions) < versions_to_see:
            dataset = published(small).load()
            sizes = dataset["row_size"].values
            assert sizes.sum() == dataset.sizes["eigenvalue"]
            assert (dataset["status"].values == "done").all()
            last = dataset["eigenvalues"].values[np.cumsum(sizes) - 1]
            assert (last == dataset["lambda_max"].values).all()
            assert np.isfinite(dataset["trace"].values).all()
            versions.add(dataset.attrs["generation"])
            os.write(write_end, bytes([dataset.attrs["generation"]]))

    reader = in_child(read_on)
    os.close(write_end)
    for version in range(1, versions_to_see):
        # A read that began before one publish has ended before the next.
        while (seen := os.read(read_end, 1)) and seen[0] < version:
            pass
        write_segment(small, [with_seed(computed[0], 60 + version)])
        publish(small)
    os.close(read_end)
    assert exit_code(reader) == 0


def test_a_killed_publish_leaves_the_last_version_and_the_next_one_finishes(small, computed):
    chance = np.random.default_rng(2)
    written = [computed[0], computed[3], computed[12]]
    for seed in range(70, 76):
        written.append(with_seed(computed[0], seed))
        write_segment(small, written[-1:])
        before = published(small)["key"].values.tolist()
        pid = in_child(lambda: publish(small))
        time.sleep(chance.uniform(0, 0.15))
        os.kill(pid, signal.SIGKILL)
        exit_code(pid)
        dataset = published(small).load()
        expected = written if dataset.sizes["point"] > len(before) else written[:-1]
        assert_holds(dataset, expected)
        publish(small)
        assert_holds(published(small).load(), written)
    assert not (small / "published" / ".building").exists()


def test_two_publishes_at_once_give_one_whole_version(root, computed):
    new = with_seed(computed[0], 80)
    write_segment(root, [new])
    children = [in_child(lambda: publish(root)) for _ in range(2)]
    assert [exit_code(pid) for pid in children] == [0, 0]
    assert published(root).attrs["generation"] == 2
    assert_holds(published(root).load(), of([*computed, new], "erf"))


def test_what_is_stored_while_a_publish_waits_is_published(small, computed, monkeypatch):
    early, late = with_seed(computed[0], 80), with_seed(computed[0], 81)
    write_segment(small, [early])
    lock_at_once = publishing._lock_folder

    def lock_late(folder):
        write_segment(small, [late])
        return lock_at_once(folder)

    monkeypatch.setattr(publishing, "_lock_folder", lock_late)
    assert publish(small)
    assert_holds(published(small).load(), [computed[0], computed[3], computed[12], early, late])


def test_a_damaged_segment_is_left_out_with_a_warning(root, computed):
    name = next(iter(list_segments(root)))
    lost = {k for k, s in read_index(root).points[["key", "segment"]].to_numpy() if s == name}
    damage(root / "segments" / name)
    with pytest.raises(DamagedStoreError, match=name):
        publish(root, force=True)
    (root / "index.cache").unlink()
    with pytest.warns(DamagedSegmentWarning, match=name):
        assert publish(root)
    assert_holds(
        published(root).load(), [r for r in of(computed, "erf") if r.point.key not in lost]
    )


def test_a_group_without_points_disappears_and_foreign_folders_stay(small, computed):
    linear = write_segment(small, [computed[1]])
    publish(small)
    foreign = small / "published" / "mine.zarr"
    foreign.mkdir()
    (foreign / "zarr.json").write_text("{}")
    erf = snapshot(small / "published" / "erf.zarr")
    (small / "segments" / linear).unlink()
    assert publish(small) is True
    assert sorted(path.name for path in (small / "published").glob("*.zarr")) == [
        "erf.zarr",
        "mine.zarr",
    ]
    assert snapshot(small / "published" / "erf.zarr") == erf
    assert publish(small) is False


def test_where_publishing_is_impossible_it_says_so(root, computed):
    write_segment(root, [with_seed(computed[0], 90)])

    def publish_as_nobody():
        for folder in [root, *root.rglob("*")]:
            if folder.is_dir():
                folder.chmod(0o555)
        folder = os.open(root, os.O_RDONLY)
        os.fchdir(folder)
        if os.geteuid() == 0:
            os.setuid(65534)
        with pytest.raises(StoreAccessError, match="get permission"):
            publish(Path())
        assert len(stored_points(Path())) == len(computed) + 1

    assert exit_code(in_child(publish_as_nobody)) == 0


def test_activation_of_a_spec_is_what_was_published(root):
    for path in (root / "published").glob("*.zarr"):
        attrs = xr.open_zarr(path).attrs
        assert activation(**json.loads(attrs["activation_spec"])).label == attrs["activation"]
