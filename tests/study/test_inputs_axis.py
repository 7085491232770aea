"""The axis `inputs` of a sweep: what it takes, and how its mistakes are told."""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from distributed.protocol.serialize import deserialize, serialize

from hessweep.errors import StudyError
from hessweep.running import verify
from hessweep.running.task import compute_batch
from hessweep.store import publish
from hessweep.study import Study, Sweep, read_study

MATRIX = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.1], [0.0, 0.1, 0.5]])


def study_with(folder: Path, inputs: str, more: str = "") -> Study:
    path = folder / "study.yaml"
    path.write_text(
        "name: demo\nsweeps:\n  one:\n    activation: erf\n    N_i: 3\n    N_h: 2\n"
        f"    seeds: 2\n    inputs: {inputs}\n{more}"
    )
    return read_study(path)


def laws(study: Study) -> list[str]:
    return [setup.inputs for setup in study.sweeps["one"].setups()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "matrix.npy", MATRIX)
    np.save(tmp_path / "mean.npy", np.array([1.0, 0.0, 2.0]))
    np.save(tmp_path / "negative.npy", -MATRIX)
    np.save(tmp_path / "cube.npy", np.zeros((3, 3, 3)))
    np.save(tmp_path / "complex.npy", 1j * MATRIX)
    np.save(tmp_path / "nan.npy", MATRIX * np.nan)
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object))
    np.save(tmp_path / "small.npy", np.eye(2))
    np.savez(tmp_path / "several.npz", a=MATRIX)
    (tmp_path / "several.npz").rename(tmp_path / "several.npy")
    (tmp_path / "text.npy").write_text("1 2 3")
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps([1, 2]))
    return tmp_path


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("standard", ["standard"]),
        ("{mean: 0.5}", ["mean(0.5)"]),
        ("{mean: 0}", ["standard"]),
        ("{mean: [1, 2, 3]}", ["mean(1,2,3)"]),
        ("{covariance: power-law}", ["power-law(1)"]),
        ("{covariance: power-law, exponent: 2}", ["power-law(2)"]),
        ("{covariance: [1, 0.5, 0], mean: 1}", ["diagonal(1,0.5,0) mean(1)"]),
        ("[standard, {rank: 2}]", ["standard", "rank(2)"]),
        ("[{rank: 2}, {rank: 2}]", ["rank(2)"]),
    ],
)
def test_a_law_is_read(tmp_path: Path, written: str, meant: list[str]) -> None:
    assert laws(study_with(tmp_path, written)) == meant


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("normal", "expected standard"),
        ("[]", "expected standard"),
        ("{}", "expected standard"),
        ("{mean: 1, variance: 2}", "expected standard"),
        ("{mean: yes}", "mean: expected a number"),
        ("{mean: [1, 2]}", "expected a mean of 3 inputs"),
        ("{covariance: 2}", "covariance: expected power-law"),
        ("{covariance: [1, -1, 1]}", "variances of at least 0"),
        ("{covariance: [1, 1, 1, 1]}", "expected a covariance of 3 inputs"),
        ("{covariance: power-law, exponent: -1}", "exponent: expected a number from 0"),
        ("{exponent: 1}", "belongs to covariance: power-law"),
        ("{rank: 4}", "rank of at most N_i = 3"),
        ("{rank: 1.5}", "expected a whole number"),
        ("{rank: 2, covariance: power-law}", "got both"),
        ("{covariance: none.npy}", "No such file"),
        ("{covariance: matrix.txt}", ".npy file"),
        ("{covariance: negative.npy}", "positive semidefinite"),
        ("{covariance: small.npy}", "expected a covariance of 3 inputs"),
        ("{covariance: cube.npy}", "expected a vector or a square matrix"),
        ("{covariance: complex.npy}", "expected real numbers"),
        ("{covariance: nan.npy}", "expected finite numbers"),
        ("{covariance: objects.npy}", "could run code"),
        ("{covariance: several.npy}", "the other kind of file"),
        ("{covariance: text.npy}", "expected"),
        ("{covariance: empty.npy}", "expected"),
        ("{covariance: pickle.npy}", "could run code"),
        ("{mean: matrix.npy}", "mean: expected a vector"),
        ("{covariance: [1, 1, 1], mean: [1, 2]}", "same number of inputs|expected a mean of 3"),
        ("{covariance: $NO_SUCH_THING/a.npy}", "NO_SUCH_THING"),
    ],
)
def test_other_laws_are_refused_in_one_message(folder: Path, written: str, message: str) -> None:
    with pytest.raises(StudyError, match=message) as caught:
        study_with(folder, written)
    assert "sweeps.one" in str(caught.value)
    assert "inputs" in str(caught.value)


@pytest.mark.parametrize(("sizes", "fits"), [([3, 8], True), ([2, 8], False), ([8, 2], False)])
def test_a_law_has_to_fit_the_smallest_number_of_inputs(sizes: list[int], fits: bool) -> None:
    grid = {"activation": "erf", "N_i": sizes, "N_h": 2, "seeds": 1, "inputs": {"rank": 3}}
    if fits:
        assert Sweep(**grid).cells == 2
        return
    with pytest.raises(ValueError, match="expected a rank of at most N_i = 2, got 3"):
        Sweep(**grid)


@pytest.mark.parametrize("sizes", [[3], [3, 8], [2, 3], [2, 3, 8]])
@pytest.mark.parametrize("law", [{"covariance": [1, 2, 3]}, {"mean": [0.5, 0, 1]}])
def test_a_list_has_to_fit_every_number_of_inputs(sizes: list[int], law: dict) -> None:
    grid = {"activation": "erf", "N_i": sizes, "N_h": 2, "seeds": 1, "inputs": law}
    if sizes == [3]:
        assert Sweep(**grid).cells == 1
        return
    with pytest.raises(ValueError, match=r"of [28] inputs, as N_i says, got one of 3"):
        Sweep(**grid)


def test_a_file_goes_to_the_workers_and_is_looked_for_beside_the_study(folder: Path) -> None:
    study = study_with(folder, "[{covariance: matrix.npy, mean: mean.npy}, standard]")
    points = study.points()
    assert len({point.key for point in points}) == 4
    (folder / "matrix.npy").unlink()
    sent = deserialize(*serialize(points))
    network = sent[0].network()
    np.testing.assert_array_equal(network.inputs.covariance, MATRIX)
    np.testing.assert_array_equal(network.inputs.mean, [1, 0, 2])
    assert [point.key for point in sent] == [point.key for point in points]
    assert len(pickle.dumps(points)) < 20_000


def test_results_that_need_a_file_are_verified_with_their_study(folder: Path) -> None:
    study = study_with(folder, "{covariance: matrix.npy}")
    assert compute_batch(study.points(), folder / "results")[1] == {}
    publish(folder / "results")
    alone = verify(folder / "results")
    assert (alone.recomputed, alone.skipped, alone.ok) == (0, 2, True)
    assert "--study" in next(iter(alone.skipped_because))
    with_study = verify(folder / "results", files=study.sweeps["one"].files)
    assert (with_study.recomputed, with_study.skipped, with_study.ok) == (2, 0, True)


def test_another_content_is_another_point(folder: Path) -> None:
    before = study_with(folder, "{covariance: matrix.npy}").points()
    stream = io.BytesIO()
    np.save(stream, MATRIX.astype(">f8"))
    (folder / "matrix.npy").write_bytes(stream.getvalue())
    assert [p.key for p in study_with(folder, "{covariance: matrix.npy}").points()] == [
        p.key for p in before
    ]
    np.save(folder / "matrix.npy", MATRIX + np.eye(3))
    after = study_with(folder, "{covariance: matrix.npy}").points()
    assert {p.key for p in after}.isdisjoint({p.key for p in before})


def test_a_grid_counts_the_choices_of_every_axis():
    grid = Sweep(
        activation=["erf", "relu"],
        sizes=[[2, 2], [3, 2], [2, 3]],
        seeds=5,
        weights=["normal", "laplace"],
        biases=["none", "both"],
        outputs=[1, 2],
        inputs=["standard", {"mean": 0.5}],
        samples=["population", 4, 7],
    )
    assert grid.cells == len(grid.points()) == 3 * 2**5 * 5 * 3
