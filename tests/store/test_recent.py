"""A segment that was just read for the index is not read again to be published."""

import numpy as np
import pytest

from hessweep.activations import activation
from hessweep.setup import Setup
from hessweep.store import open_results, publish, recent, table, write_segment
from hessweep.store.recent import RecentSegments
from hessweep.store.segments import read_columns, segments_folder


@pytest.fixture
def reads(monkeypatch):
    """The segments that are read, in order."""
    found = []

    def noting(path):
        found.append(path.name)
        return read_columns(path)

    monkeypatch.setattr(recent, "read_columns", noting)
    return found


def filled(root, count):
    """Write segments, and return their names."""
    setup = Setup(activation("erf"), 2, 2)
    return [write_segment(root, setup.compute([seed, seed + 100])) for seed in range(count)]


def test_a_publisher_reads_each_new_segment_once(tmp_path, reads):
    names = filled(tmp_path, 3)
    publish(tmp_path)
    assert sorted(reads) == sorted(names)
    assert table(open_results(tmp_path))["seed"].tolist() == [0, 1, 2, 100, 101, 102]


def test_what_does_not_fit_is_read_again(tmp_path, reads):
    [first, second] = filled(tmp_path, 2)
    paths = [segments_folder(tmp_path) / name for name in (first, second)]
    size = sum(array.nbytes for array in read_columns(paths[0])[0].values())
    kept = RecentSegments(most_bytes=size)
    for path in paths:
        kept.read(path)
    taken = [kept.take(path) for path in paths]
    assert reads == [first, second, second]
    for path, (arrays, attributes) in zip(paths, taken, strict=True):
        expected, expected_attributes = read_columns(path)
        assert attributes == expected_attributes
        assert all(np.array_equal(arrays[n], expected[n], equal_nan=False) for n in ("key", "P"))
    # What was taken leaves its room to others.
    kept.read(paths[1])
    kept.take(paths[1])
    assert reads == [first, second, second, second]
