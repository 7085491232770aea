from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hessweep.activations import activation, load_activation
from hessweep.errors import DamagedStoreError, QueryError
from hessweep.kinds import KINDS, PointResult
from hessweep.setup import IDENTITY, Setup
from hessweep.store import (
    TABLE_COLUMNS,
    open_results,
    points,
    pooled_eigenvalues,
    publish,
    query,
    restrict,
    rows,
    spectra,
    table,
    write_segment,
)

from .conftest import ACTIVATIONS, with_seed


@pytest.fixture(scope="module")
def results(untouched):
    return open_results(untouched)


def in_order(computed):
    """The results as tables show them: by label, then as they are published."""
    return sorted(
        computed,
        key=lambda r: (
            r.point.setup.activation.label,
            r.point.setup.N_i,
            r.point.setup.N_h,
            r.point.seed,
        ),
    )


def pooled(computed):
    return np.concatenate([result.eigenvalues for result in in_order(computed)])


def test_the_root_its_published_folder_and_a_group_can_be_opened(untouched):
    whole = open_results(untouched)
    assert list(whole.children)[:2] == ["erf", "linear"]
    assert isinstance(whole, xr.DataTree)
    assert open_results(str(untouched / "published")).identical(whole)
    group = open_results(untouched / "published" / "erf.zarr")
    assert group["erf"].to_dataset().identical(whole["erf"].to_dataset())


def test_opening_reads_no_values(untouched):
    tree = open_results(untouched)
    assert not any(
        variable._in_memory
        for node in tree.leaves
        for variable in node.to_dataset(inherit=False).variables.values()
    )


def test_what_is_no_result_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    reasons = {"absent": "nothing published", "folder": "nothing published", "file": "a bundle"}
    for name, reason in reasons.items():
        with pytest.raises(QueryError, match=reason):
            open_results(tmp_path / name)


def test_a_missing_chunk_is_an_error_and_not_a_fill_value(root):
    chunk = next((root / "published" / "erf.zarr" / "rank").glob("c*/0"), None) or next(
        (root / "published" / "erf.zarr" / "rank").glob("c.0")
    )
    chunk.unlink()
    with pytest.raises(DamagedStoreError, match=r"rank.*missing"):
        open_results(root)


def test_the_table_has_every_point_and_column(results, computed):
    frame = table(results)
    assert list(frame) == list(TABLE_COLUMNS)
    # What a reader sees of a wide table is its first columns and its last ones.
    assert list(frame)[:6] == ["activation", "N_i", "N_h", "seed", "P", "rank"]
    assert list(frame)[-3:] == ["activation_spec", "segment", "key"]
    expected = in_order(computed)
    assert frame["key"].tolist() == [r.point.key for r in expected]
    assert frame["activation"].tolist() == [r.point.setup.activation.label for r in expected]
    assert frame["status"].tolist() == [r.status for r in expected]
    done = [r.status == "done" for r in expected]
    for column in KINDS["exact"].columns:
        values = [r.scalars[column.name] for r in expected if r.status == "done"]
        assert frame[column.name][done].tolist() == values


def test_a_column_that_is_named_twice_is_there_once(results):
    found = table(results, columns=["seed", "rank", "seed"])
    pd.testing.assert_frame_equal(found, table(results, columns=["seed", "rank"]))


def test_a_tree_without_points_has_empty_answers(results):
    nothing = restrict(results, [])
    assert table(nothing, "N_i == N_h").dtypes.equals(table(results, "N_i < 0").dtypes)
    assert len(table(nothing)) == 0
    assert len(table(restrict(nothing, []))) == 0
    assert pooled_eigenvalues(nothing).size == 0
    with pytest.raises(QueryError, match="no activation"):
        spectra(nothing, "erf", 2, 2)


def test_points_and_table_are_the_same(results):
    frame, dataset = table(results), points(results)
    assert set(dataset.coords) == {column.name for column in IDENTITY}
    for name in frame:
        assert dataset[name].dims == ("point",)
        pd.testing.assert_series_equal(
            frame[name],
            pd.Series(dataset[name].values.tolist(), dtype=frame[name].dtype, name=name),
        )


@pytest.mark.parametrize(
    "where",
    [
        "activation == 'erf' and N_i == N_h",
        "activation in ['linear', 'quadratic(epsilon=0.5)'] and (seed > 0 or lambda_max < 0.1)",
        "status == 'failed'",
        "N_i > 99",
        "not rank_certificate == 'proved' and 2 * N_i - 1 >= N_h",
        "trace > lambda_max + lambda_min",
    ],
)
@pytest.mark.parametrize("short", [0, rows._SHORT])
def test_a_condition_selects_what_pandas_selects(untouched, monkeypatch, where, short):
    monkeypatch.setattr(rows, "_SHORT", short)
    results = open_results(untouched)
    columns = ["seed", "key", "activation", "trace"]
    expected = table(results).query(where, engine="python")[columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(table(results, where, columns), expected)


def test_unknown_names_are_refused(results):
    with pytest.raises(QueryError, match="no column lambda_maximum"):
        table(results, "lambda_maximum > 1")
    with pytest.raises(QueryError, match="no column eigenvalues"):
        points(results, columns=["seed", "eigenvalues"])
    with pytest.raises(QueryError, match="no activation 'relu'; there is erf, linear"):
        spectra(results, "relu", 2, 2)
    with pytest.raises(QueryError, match="no point of erf, N_i = 7"):
        spectra(results, "erf", 7, 2)
    with pytest.raises(QueryError, match="weights = laplace"):
        spectra(results, "erf", 2, 2, weights="laplace")
    with pytest.raises(QueryError, match="no axis wieghts; axes are N_i, N_h, weights"):
        spectra(results, "erf", 2, 2, wieghts="laplace")


@pytest.mark.parametrize("function", ACTIVATIONS, ids=str)
def test_spectra_are_those_of_the_points(results, computed, function):
    found = spectra(results, function, 3, 2)
    assert found["eigenvalues"].dims == ("seed", "mode")
    assert found["mode"].values.tolist() == list(range(1, 9))
    of_size = {
        r.point.seed: r
        for r in computed
        if (r.point.setup.activation, r.point.setup.N_i, r.point.setup.N_h) == (function, 3, 2)
    }
    assert found["seed"].values.tolist() == sorted(of_size)
    for seed, result in of_size.items():
        row = found.sel(seed=seed)
        assert row["eigenvalues"].values.tobytes() == result.eigenvalues.tobytes()
        assert row["trace"].item() == result.scalars["trace"]


def test_spectra_of_a_teacher_that_was_measured_in_several_ways_are_the_best(tmp_path):
    """Exact before sampled, and of sampled ones that of which the smaller error was asked."""
    exact = Setup(activation("relu"), 2, 3)
    rough, fine = (replace(exact, kind="sampled", asked_error=error) for error in (0.2, 0.01))
    for setup, seeds in ((exact, [0]), (rough, [0, 1, 2]), (fine, [0, 1])):
        write_segment(tmp_path, setup.compute(seeds))
    publish(tmp_path)
    found = spectra(open_results(tmp_path), "relu", 2, 3)
    assert found["seed"].values.tolist() == [0, 1, 2]
    best = [exact.compute([0]), fine.compute([1]), rough.compute([2])]
    expected = [one.eigenvalues for [one] in best]
    [other] = rough.compute([1])
    assert (other.eigenvalues != expected[1]).all()
    np.testing.assert_array_equal(found["eigenvalues"], expected)


def test_spectra_leave_failed_points_out(results):
    assert spectra(results, "quadratic(epsilon=0.5)", 1, 1)["seed"].values.tolist() == [0, 2]


@pytest.mark.parametrize(
    "where", ["seed == 1", "activation == 'erf'", "N_i == 2 and N_h == 3", "N_i > 99", "True"]
)
@pytest.mark.parametrize(("gap", "block"), [(2**17, 2**23), (0, 2**23), (3, 10)])
def test_pooled_eigenvalues_are_those_of_the_selection(
    results, computed, where, gap, block, monkeypatch
):
    monkeypatch.setattr(rows, "_GAP", gap)
    monkeypatch.setattr(rows, "_BLOCK", block)
    keys = set(table(results, where, ["key"])["key"])
    expected = [r for r in computed if r.point.key in keys]
    found = pooled_eigenvalues(results, where)
    assert found.dims == ("eigenvalue",)
    assert found.values.tobytes() == (pooled(expected).tobytes() if expected else b"")


@pytest.mark.parametrize("block", [1, 30, 100])
def test_blocks_of_eigenvalues_are_no_longer_than_they_may_be(results, block, monkeypatch):
    """A point of more is a block of its own."""
    monkeypatch.setattr(rows, "_BLOCK", block)
    lengths = [len(values) for values in query.eigenvalue_blocks(results)]
    each = table(results, None, ["row_size"])["row_size"]
    assert max(lengths) <= max(block, each.max())
    assert sum(lengths) == each.sum()
    assert len(lengths) < (each > 0).sum() if block > each.max() else max(lengths) == each.max()


def test_all_eigenvalues_are_pooled_without_a_condition(results, computed):
    assert pooled_eigenvalues(results).values.tobytes() == pooled(computed).tobytes()


def test_open_results_keep_answering_over_a_publish(root, computed):
    opened = open_results(root)
    write_segment(root, [with_seed(computed[0], 5)])
    publish(root)
    assert len(table(opened)) == len(computed)
    assert len(table(open_results(root))) == len(computed) + 1


def test_an_activation_may_be_given_as_itself(results):
    assert spectra(results, activation("erf"), 2, 2).identical(spectra(results, "erf", 2, 2))


def test_an_own_activation_is_found_with_and_without_its_parameters(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def bent(x, a=1.0): return x + a * x**2\n")
    plain, steep = (load_activation(file, "bent", a=a) for a in (1.0, 2.0))
    write_segment(
        tmp_path,
        [
            PointResult(Setup(function, 1, 1).point(seed), error="not computed")
            for function, seed in ((plain, 0), (steep, 1))
        ],
    )
    publish(tmp_path)
    opened = open_results(tmp_path)

    def seeds(label):
        return sorted(table(opened, f"activation == '{label}'", ["seed"])["seed"])

    assert steep.label == f"{plain.label}(a=2)"
    assert seeds("bent") == [0, 1]
    assert seeds("bent(a=2)") == [1]
    assert seeds(steep.label) == [1]
    assert seeds(plain.label) == [0]
    assert seeds("bent(a=3)") == []


def test_a_chunk_that_is_damaged_is_an_error_when_it_is_read(root):
    for path in (root / "published" / "erf.zarr" / "eigenvalues").rglob("c*0"):
        content = bytearray(path.read_bytes())
        content[len(content) // 3] ^= 16
        path.write_bytes(content)
    opened = open_results(root)
    assert len(table(opened, "activation == 'erf'", ["rank"])) == 12
    with pytest.raises(DamagedStoreError, match="eigenvalues of erf can not be read"):
        pooled_eigenvalues(opened)


@pytest.mark.parametrize(
    "ask",
    [
        table,
        points,
        pooled_eigenvalues,
        lambda results: spectra(results, "erf", 2, 2),
        lambda results: restrict(results, []),
        lambda results: query.each_of(results, "eigenvalues"),
    ],
)
@pytest.mark.parametrize("given", ["results/x", None, xr.Dataset()])
def test_a_path_is_not_opened_results(ask, given):
    with pytest.raises(QueryError, match=r"results: expected what hessweep\.open_results\(path\)"):
        ask(given)


def test_spectra_of_another_length_than_the_number_of_parameters_are_damage(results, computed):
    dataset = results["erf"].to_dataset().load()
    changed = dataset["P"].copy(data=dataset["P"].values + (dataset["N_i"].values == 2))
    spoilt = xr.DataTree.from_dict({"erf": dataset.assign(P=changed)})
    with pytest.raises(DamagedStoreError, match=r"erf, 2 x 2: expected 7 eigenvalues a point"):
        spectra(spoilt, "erf", 2, 2)
    assert spectra(spoilt, "erf", 3, 2).sizes["mode"] == 8


def test_only_arrays_that_are_not_along_points_are_given_point_by_point(results):
    with pytest.raises(QueryError, match="no flat array lambda_min; there are eigenvalues, "):
        query.each_of(results, "lambda_min")
