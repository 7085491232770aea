"""A published group has the arrays of the kinds of measurement that it has points of."""

import numpy as np
import pytest

from hessweep.kinds import KINDS, SCALARS
from hessweep.running import verify
from hessweep.setup import IDENTITY, Setup
from hessweep.store import open_results, publish, table, write_segment
from hessweep.store.query import each_of
from hessweep.store.schema import DIMENSIONS, OUTCOME, PUBLISHED_COLUMNS

NODES = ("density_nodes", "density_weights", "density_probes", "node_size")


@pytest.fixture
def dense(computed):
    """A density of the setup that `small` has points of."""
    setup = computed[0].point.setup
    return Setup(setup.activation, setup.N_i, setup.N_h, kind="density").point(0).compute()


def arrays(root):
    return {path.parent.name for path in (root / "published" / "erf.zarr").glob("*/zarr.json")}


def named(root):
    return set(open_results(root)["erf"].to_dataset().variables)


def test_a_group_has_the_arrays_of_its_kinds_alone(small, dense):
    common = {column.name for column in (*IDENTITY, *OUTCOME)}
    common -= {"node_size", "record_size", "mode_size", "share_size"}
    exact = {column.name for column in KINDS["exact"].columns}
    assert named(small) == arrays(small) == common | exact | {"segment", "eigenvalues"}
    write_segment(small, [dense])
    publish(small)
    both = exact | {column.name for column in KINDS["density"].columns}
    assert named(small) == common | both | {"segment", "eigenvalues", *NODES}
    assert verify(small, sample=0).ok


def test_what_is_not_there_has_the_missing_value(small):
    rows = table(open_results(small))
    assert set(rows) == {c.name for c in PUBLISHED_COLUMNS if c.name not in DIMENSIONS}
    for column in SCALARS:
        if column.name in named(small):
            continue
        missing = np.array([column.missing_value] * 3, dtype=column.numpy_dtype)
        np.testing.assert_array_equal(rows[column.name].to_numpy(), missing)
    assert [len(values) for values in each_of(open_results(small), "density_nodes")] == [0, 0, 0]
    assert len(table(open_results(small), "node_size == 0")) == 3


def test_arrays_of_a_lost_kind_are_removed_once_no_reader_can_need_them(small, dense):
    """The version before stays readable; the next publish removes what only that one had."""
    stored = write_segment(small, [dense])
    publish(small)
    opened = open_results(small)["erf"].to_dataset()
    (small / "segments" / stored).unlink()
    publish(small)
    assert "density_nodes" not in named(small)
    assert (opened["density_nodes"].values == dense.flat["density_nodes"]).all()
    assert verify(small, sample=0).ok
    publish(small, force=True)
    assert arrays(small) == named(small)
    assert verify(small, sample=0).ok
