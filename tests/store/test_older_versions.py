"""Results that older versions wrote: read rightly, or refused with what to do.

`tests/reference/store` has results folders as they were left by `hessweep run`, and what the same
version read from them: numbers in hexadecimal, exact to the bit.
"""

import json
import zipfile
from pathlib import Path

import pytest

from hessweep.activations import Own
from hessweep.activations.erf import Erf
from hessweep.activations.polynomial import Polynomial
from hessweep.errors import StoreError
from hessweep.kinds.density import Density
from hessweep.outputs import load_study
from hessweep.running import find_work, verification, verify
from hessweep.setup import FIRST_VERSION
from hessweep.store import each_of, open_results, publish, repair, spectra, stored_points, table

REFERENCE = Path(__file__).parents[1] / "reference" / "store"
KERNELS = {"kernel5_format2": 5, "kernel1_format1": 1}


def unpacked(name: str, folder: Path) -> Path:
    with zipfile.ZipFile(REFERENCE / f"{name}.zip") as archive:
        archive.extractall(folder / name)
    return folder / name


def expected(name: str) -> dict[str, dict[str, object]]:
    return json.loads((REFERENCE / f"{name}.json").read_text())


def assert_same(rows, name: str) -> None:
    known = expected(name)
    assert sorted(rows["key"]) == sorted(known)
    for row in rows.to_dict("records"):
        for column, value in known[row["key"]].items():
            found = row[column].hex() if isinstance(row[column], float) else row[column]
            assert found == value, (row["key"], column)


def test_what_is_published_in_todays_format_is_read_as_it_is(tmp_path):
    root = unpacked("kernel5_format2", tmp_path)
    rows = table(open_results(root))
    assert_same(rows, "kernel5_format2")
    # Columns that it lacks have the values that stand for none.
    assert set(rows["large"]) == set(rows["order_one_by_law"]) == {-1}
    assert rows["large_ratio"].isna().all()
    # Published anew, it has the columns of newer axes.
    assert publish(root) is True
    assert publish(root) is False
    assert_same(table(open_results(root)), "kernel5_format2")
    results = open_results(root)
    assert spectra(results, "relu", 3, 2, weights="laplace")["eigenvalues"].shape == (2, 8)
    [nodes] = each_of(results, "density_nodes", "spectrum == 'density'")
    assert len(nodes) == 51
    assert table(results, "status == 'failed'")["error"].tolist() == [
        "ValueError: this point failed"
    ]


def test_what_is_published_in_another_format_is_refused_until_it_is_published_anew(tmp_path):
    root = unpacked("kernel1_format1", tmp_path)
    with pytest.raises(StoreError, match="in format 1 and not 2; `hessweep publish`"):
        open_results(root)
    assert publish(root) is True
    assert_same(table(open_results(root)), "kernel1_format1")
    rows = table(open_results(root))
    assert set(rows["spectrum"]) == {"exact"}
    assert set(rows["node_size"]) == {0}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("lost", ["index.cache", "published"])
def test_segments_alone_are_enough(tmp_path, name, lost):
    root = unpacked(name, tmp_path)
    for path in sorted(root.glob(f"{lost}/**/*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (root / "index.cache").unlink(missing_ok=True)
    publish(root)
    assert_same(table(open_results(root)), name)
    assert repair(root).moved == ()
    assert stored_points(root).keys() == expected(name).keys()
    assert verify(root, sample=0).ok


@pytest.mark.parametrize("name", KERNELS)
def test_points_count_as_stored_only_for_the_mathematics_that_computed_them(tmp_path, name):
    root = unpacked(name, tmp_path)
    study = load_study(root / "study.yaml")
    work = find_work(study.points(), root)
    if KERNELS[name] == FIRST_VERSION:
        # The numbers of a user's own activations, of erf and polynomials, and of densities have
        # later revisions.
        revised = [
            point
            for point in study.points()
            if isinstance(point.setup.activation, Own | Erf | Polynomial)
            or point.setup.kind == Density.name
        ]
        assert {point.key for point in work.missing} == {point.key for point in revised}
        assert (len(work.missing), work.done) == (11, 2)
    else:
        assert (len(work.missing), work.done) == (8, 0)


def test_numbers_of_the_same_mathematics_are_computed_again_alike(tmp_path):
    root = unpacked("kernel5_format2", tmp_path)
    study = load_study(root / "study.yaml")
    own = {one for sweep in study.sweeps.values() for one in sweep.activation}
    publish(root)
    found = verify(root, sample=100, activations=own)
    assert (found.ok, found.recomputed) == (True, 2)
    assert found.skipped_because == {verification.OTHER_KERNEL: 11}


def test_numbers_of_older_mathematics_are_skipped(tmp_path):
    root = unpacked("kernel1_format1", tmp_path)
    publish(root)
    found = verify(root, sample=100)
    assert (found.ok, found.skipped_because) == (True, {verification.OTHER_KERNEL: 8})
