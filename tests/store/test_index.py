import errno
import shutil

import pyarrow as pa
import pytest

from hessweep.errors import StoreAccessError
from hessweep.store import DamagedSegmentWarning, index, stored_points, write_segment
from hessweep.store.segments import list_segments, read_segment
from hessweep.store.storage import FolderStorage

from .conftest import failed, with_seed
from .test_segments import exit_code, in_child


def expected(computed):
    return {result.point.key: result.status for result in computed}


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def count_reads(monkeypatch):
    read = []
    original = index.read_columns
    monkeypatch.setattr(
        index, "read_columns", lambda path: read.append(path.name) or original(path)
    )
    return read


def test_every_stored_point_has_its_status(root, computed):
    assert stored_points(root) == expected(computed)


def test_an_empty_or_absent_folder_has_no_points(tmp_path):
    assert stored_points(tmp_path) == {}
    assert stored_points(tmp_path / "absent") == {}


def test_only_new_segments_are_read(root, computed, monkeypatch):
    stored_points(root)
    read = count_reads(monkeypatch)
    assert stored_points(root) == expected(computed)
    assert read == []
    new = with_seed(computed[0], 77)
    name = write_segment(root, [new])
    assert stored_points(root) == expected([*computed, new])
    assert read == [name]


@pytest.mark.parametrize("first", ["done", "failed"])
def test_done_wins_over_failed_in_either_order(tmp_path, computed, first):
    pair = [computed[0], failed(computed[0])]
    for result in pair if first == "done" else pair[::-1]:
        write_segment(tmp_path, [result])
        # Once a segment is in the cache, later ones stand behind it, whatever their names.
        found = stored_points(tmp_path)
    assert found == {computed[0].point.key: "done"}


@pytest.mark.parametrize(
    "spoil",
    [lambda c: c[:100], lambda c: b"junk" + c, lambda c: c[:-9] + bytes([c[-9] ^ 4]) + c[-8:]],
)
def test_a_spoiled_cache_is_built_anew(root, computed, spoil, monkeypatch):
    cache = root / index.CACHE
    cache.write_bytes(spoil(cache.read_bytes()))
    read = count_reads(monkeypatch)
    assert stored_points(root) == expected(computed)
    assert len(read) == len(list_segments(root))
    read.clear()
    stored_points(root)
    assert not read


def test_a_cache_with_one_other_bit_is_built_anew(root, computed, monkeypatch):
    content = (root / index.CACHE).read_bytes()
    read = count_reads(monkeypatch)
    for place in range(0, len(content), len(content) // 100):
        changed = bytes([content[place] ^ 1])
        (root / index.CACHE).write_bytes(content[:place] + changed + content[place + 1 :])
        assert stored_points(root) == expected(computed)
        assert len(read) == len(list_segments(root))
        read.clear()


def test_a_cache_of_another_version_is_built_anew(root, computed, monkeypatch):
    """With a column less, as before an axis was added."""
    (root / index.CACHE).unlink()
    older = index._SCHEMA.remove(index._SCHEMA.get_field_index("weights"))
    with monkeypatch.context() as patch:
        patch.setattr(index, "_SCHEMA", older)
        index.read_index(root)
    assert index.read_index(root).table.schema == index._SCHEMA
    assert stored_points(root) == expected(computed)


def test_a_cache_of_another_folder_is_not_believed(root, tmp_path, computed):
    other = tmp_path / "other"
    write_segment(other, [with_seed(computed[0], 5)])
    stored_points(other)
    shutil.copy(other / index.CACHE, root / index.CACHE)
    assert stored_points(root) == expected(computed)


def test_points_of_a_removed_segment_are_gone(root, computed):
    name = next(iter(list_segments(root)))
    lost = set(read_segment(root / "segments" / name)["key"].values.tolist())
    (root / "segments" / name).unlink()
    assert stored_points(root).keys() == expected(computed).keys() - lost


def test_a_damaged_segment_is_reported_and_the_others_count(root, computed):
    name = next(iter(list_segments(root)))
    path = root / "segments" / name
    lost = set(read_segment(path)["key"].values.tolist())
    damage(path)
    (root / index.CACHE).unlink()
    with pytest.warns(DamagedSegmentWarning, match=name):
        stored = stored_points(root)
    assert stored.keys() == expected(computed).keys() - lost
    assert [found.segment for found in stored.damaged] == [name]


@pytest.mark.parametrize("spoil", [lambda c: c[:-7], lambda c: c + b"more", lambda c: b""])
def test_a_segment_whose_size_has_changed_is_not_believed_from_the_cache(root, computed, spoil):
    stored_points(root)
    name = next(iter(list_segments(root)))
    path = root / "segments" / name
    lost = set(read_segment(path)["key"].values.tolist())
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.warns(DamagedSegmentWarning, match=name):
        stored = stored_points(root)
    assert stored.keys() == expected(computed).keys() - lost


def test_foreign_and_temporary_files_are_passed_over(root, computed):
    folder = root / "segments"
    (folder / ".tmp-0123").write_bytes(b"half a segm")
    (folder / "notes.txt").write_text("mine")
    (folder / "copy.zarr.zip").write_bytes(b"PK")
    (folder / "damaged").mkdir()
    assert stored_points(root) == expected(computed)
    assert (folder / ".tmp-0123").exists()


def test_processes_that_index_and_write_at_once_agree(root, computed):
    def write_and_index(first):
        for seed in range(first, first + 8):
            write_segment(root, [with_seed(computed[0], seed)])
            assert computed[0].point.key in stored_points(root)

    children = [in_child(lambda first=first: write_and_index(first)) for first in (100, 200)]
    assert [exit_code(pid) for pid in children] == [0, 0]
    new = [with_seed(computed[0], seed) for seed in (*range(100, 108), *range(200, 208))]
    assert stored_points(root) == expected([*computed, *new])
    (root / index.CACHE).unlink()
    assert stored_points(root) == expected([*computed, *new])


def test_runs_of_equal_values_hold_what_is_stored(root, computed):
    """In one piece, after some segments are gone, and in pandas."""
    stored = index.read_index(root)
    rows = {name: stored.table[name].to_pylist() for name in stored.table.column_names}
    assert {name: stored.points[name].tolist() for name in rows} == rows
    for name in set(rows) - {"key", "seed", "row"}:
        codes, values = index.runs(stored.table[name])
        assert values == sorted(set(rows[name]))
        assert [values[code] for code in codes] == rows[name]
    assert index.runs(stored.table["status"][3:9])[0].tolist() == [
        sorted(set(rows["status"][3:9])).index(status) for status in rows["status"][3:9]
    ]
    first = next(iter(stored.segments))
    parts = [stored.table.slice(0, 5), stored.table.slice(5)]
    several = pa.concat_tables(parts)
    left = index._select_segments(several, set(stored.segments) - {first})
    kept = [place for place, name in enumerate(rows["segment"]) if name != first]
    assert 0 < len(kept) < len(rows["segment"])
    for name, values in rows.items():
        assert left[name].to_pylist() == [values[place] for place in kept]


def test_a_cache_whose_bytes_are_no_table_is_built_anew(root, computed):
    for body in (b"", b"no table", (root / index.CACHE).read_bytes()[16:-50]):
        (root / index.CACHE).write_bytes(index._digest(body) + body)
        assert stored_points(root) == expected(computed)
        assert (root / index.CACHE).read_bytes()[16:] != body


def test_a_cache_that_can_not_be_read_is_told(root, monkeypatch):
    """Otherwise each run would read all segments, and nobody would know why."""

    def fails(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(FolderStorage, "reread", fails)
    with pytest.raises(StoreAccessError, match=r"can not read .*index\.cache: Input/output error"):
        stored_points(root)
