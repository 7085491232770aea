"""Segments with a right digest and a malformed content are refused with their name, in bounds."""

import os
import resource

import pytest
from faults import malformed

from hessweep.errors import DamagedStoreError, InputError
from hessweep.store import flat_zarr, segments, write_segment
from hessweep.store.index import read_index
from hessweep.store.segments import read_columns

from .test_segments import exit_code, in_child


def test_there_are_at_least_fifty_kinds():
    assert len(malformed.KINDS) >= 50


def test_the_segment_that_they_are_made_from_is_good(tmp_path):
    path = malformed.plant(tmp_path, segments._zip(malformed.files()))
    arrays, _ = read_columns(path)
    assert len(arrays["key"]) == malformed.COUNT
    assert read_index(tmp_path).damaged == ()


@pytest.mark.parametrize("kind", malformed.KINDS)
def test_a_malformed_segment_is_refused_with_its_name(tmp_path, kind):
    path = malformed.plant(tmp_path, malformed.KINDS[kind]())
    with pytest.raises(DamagedStoreError) as caught:
        read_columns(path)
    assert path.name in str(caught.value)
    assert len(str(caught.value)) < 2000
    index = read_index(tmp_path)
    assert [damage.segment for damage in index.damaged] == [path.name]
    assert index.table.num_rows == 0


def test_no_malformed_segment_takes_much_memory(tmp_path):
    """One after the other in a process of its own, whose peak is then below 1 GB."""
    paths = [malformed.plant(tmp_path, make()) for make in malformed.KINDS.values()]

    def read_all() -> None:
        for path in paths:
            with pytest.raises(DamagedStoreError):
                read_columns(path)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1_000_000

    assert exit_code(in_child(read_all)) == 0


def test_a_segment_that_readers_would_refuse_is_not_written(tmp_path, computed, monkeypatch):
    monkeypatch.setattr(flat_zarr, "MAX_DECODED_BYTES", 1000)
    with pytest.raises(InputError, match="too large for one segment"):
        write_segment(tmp_path, computed)
    assert not (tmp_path / "segments").exists()


def test_folders_and_pipes_are_not_taken_for_segments(tmp_path, computed):
    name = write_segment(tmp_path, computed[:1])
    (tmp_path / "segments" / ("0" * 32 + segments.SUFFIX)).mkdir()
    os.mkfifo(tmp_path / "segments" / ("1" * 32 + segments.SUFFIX))
    assert list(segments.list_segments(tmp_path)) == [name]
