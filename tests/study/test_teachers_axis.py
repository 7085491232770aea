"""The axes `samples` and `teachers` of a sweep: what they take, and how mistakes are told."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from distributed.protocol.serialize import deserialize, serialize

from hessweep import open_results, spectrum
from hessweep.errors import InputError, StudyError
from hessweep.figures import batch_agreement
from hessweep.networks import Network, sample_teacher
from hessweep.running import verify
from hessweep.running.task import compute_batch
from hessweep.setup import key_of_row
from hessweep.store import publish, table
from hessweep.study import Study, parse_study, read_study

TEACHERS = [sample_teacher("erf", 3, 2, seed, biases="both", N_o=2) for seed in range(3)]
STACK = {
    name: np.stack([getattr(teacher, name) for teacher in TEACHERS])
    for name in ("W1", "W2", "b1", "b2")
}


def study_with(folder: Path, *lines: str) -> Study:
    path = folder / "study.yaml"
    path.write_text(
        "name: demo\nsweeps:\n  one:\n    activation: erf\n"
        + "".join(f"    {line}\n" for line in lines)
    )
    return read_study(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.savez(tmp_path / "three.npz", **STACK)
    np.savez(tmp_path / "single.npz", W1=np.ones((4, 2)), W2=np.arange(4.0), b2=0.5)
    np.savez(tmp_path / "no-W2.npz", W1=np.ones((4, 2)))
    np.savez(tmp_path / "other.npz", W1=np.ones((4, 2)), W2=np.ones(4), W3=np.ones(4))
    np.savez(tmp_path / "shapes.npz", W1=np.ones((4, 2)), W2=np.ones(5))
    np.savez(tmp_path / "biases.npz", W1=np.ones((4, 2)), W2=np.ones(4), b1=np.ones(2))
    np.savez(tmp_path / "mixed.npz", W1=np.ones((3, 4, 2)), W2=np.ones(4))
    np.savez(tmp_path / "nan.npz", W1=np.full((4, 2), np.nan), W2=np.ones(4))
    np.savez(tmp_path / "text.npz", W1=np.array([["a"]]), W2=np.ones(1))
    np.savez(tmp_path / "objects.npz", W1=np.array([{}], dtype=object), W2=np.ones(1))
    np.save(tmp_path / "one.npy", np.ones((4, 2)))
    (tmp_path / "one.npy").rename(tmp_path / "array.npz")
    (tmp_path / "broken.npz").write_bytes((tmp_path / "three.npz").read_bytes()[:200])
    return tmp_path


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["teachers: none.npz"], "No such file"),
        (["teachers: three.npy"], r"path of a \.npz file"),
        (["teachers: 3"], r"path of a \.npz file"),
        (["teachers: []"], "empty list"),
        (["teachers: no-W2.npz"], "without W2"),
        (["teachers: other.npz"], "W1 .N_h x N_i."),
        (["teachers: shapes.npz"], r"got W1 \(4, 2\), W2 \(5,\)"),
        (["teachers: biases.npz"], r"b1 \(2,\)"),
        (["teachers: mixed.npz"], "one more axis in front"),
        (["teachers: nan.npz"], "W1: expected finite numbers"),
        (["teachers: text.npz"], "W1: expected real numbers"),
        (["teachers: objects.npz"], "could run code"),
        (["teachers: array.npz"], "the other kind of file"),
        (["teachers: broken.npz"], "expected"),
        (["teachers: three.npz", "N: 3"], "N: does not go with teachers"),
        (["teachers: three.npz", "biases: both"], "biases: does not go with teachers"),
        (["teachers: three.npz", "weights: uniform"], "weights: does not go with teachers"),
        (["teachers: three.npz", "outputs: 2"], "outputs: does not go with teachers"),
        (["teachers: three.npz", "widths: [[2, 3, 3, 1]]"], "widths: does not go with teachers"),
        (["teachers: three.npz", "seeds: 4"], "places in the file of teachers, from 0 to 2"),
        (["teachers: three.npz", "inputs: {mean: [1, 2]}"], "expected a mean of 3 inputs"),
        (["N: 3"], "seeds"),
        (["N: 3", "seeds: 1", "samples: 0"], "samples: expected population"),
        (["N: 3", "seeds: 1", "samples: all"], "samples: expected population"),
        (["N: 3", "seeds: 1", "samples: []"], "samples: expected population"),
        (["N: 3", "seeds: 1", "samples: 1.5"], "samples: expected population"),
        (["N: 3", "seeds: 1", "samples: yes"], "samples: expected population"),
        (["N: 3", "seeds: 1", "samples: 5", "kind: density"], "with kind: exact only"),
        (["widths: [[2, 3, 3, 1]]", "seeds: 1", "samples: 5"], "samples: does not go with widths"),
        (["N: 3", "seeds: 1", "samples: 5", "student: {split: 1}"], "does not go with student"),
    ],
)
def test_mistakes_are_told(folder: Path, lines: list[str], message: str) -> None:
    with pytest.raises(StudyError, match=message) as caught:
        study_with(folder, *lines)
    assert "sweeps.one" in str(caught.value)


def test_networks_of_a_file_are_points(folder: Path) -> None:
    study = study_with(folder, "teachers: three.npz")
    points = study.points()
    assert [point.seed for point in points] == [0, 1, 2]
    setup = points[0].setup
    assert (setup.N_i, setup.N_h, setup.N_o, setup.biases, setup.P) == (3, 2, 2, "both", 14)
    sent = deserialize(*serialize(points))
    (folder / "three.npz").unlink()
    for point, teacher in zip(sent, TEACHERS, strict=True):
        np.testing.assert_array_equal(point.network().parameters, teacher.parameters)
        np.testing.assert_array_equal(point.compute().eigenvalues, spectrum(teacher))
    with pytest.raises(InputError, match="from 0 to 2"):
        setup.network(3)


def test_one_network_and_a_list_of_files(folder: Path) -> None:
    study = study_with(folder, "teachers: [single.npz, three.npz]")
    setups = list(study.sweeps["one"].setups())
    assert [(s.N_i, s.N_h, s.N_o, s.biases) for s in setups] == [
        (2, 4, 1, "output"), (3, 2, 2, "both"),
    ]  # fmt: skip
    assert study.sweeps["one"].cells == len(study.points()) == 4
    [single] = setups[0].networks([0])
    assert single.W2.tolist() == [0, 1, 2, 3]
    assert single.b2.tolist() == [0.5]
    chosen = study_with(folder, "teachers: three.npz", "seeds: [0, 2]")
    assert [point.seed for point in chosen.points()] == [0, 2]


def test_a_study_as_data_is_the_same_study(folder: Path) -> None:
    np.save(folder / "mean.npy", np.ones(3))
    laws = (
        "[{mean: mean.npy, covariance: [1, 0, 2]}, {rank: 2}, {covariance: power-law}, standard]"
    )
    study = study_with(
        folder, "teachers: three.npz", "samples: [population, 4]", f"inputs: {laws}"
    )
    data = json.loads(json.dumps(study.model_dump(mode="json")))
    again = parse_study(data)
    assert [point.key for point in again.points()] == [point.key for point in study.points()]
    assert len(study.points()) == 3 * 2 * 4


def test_the_content_is_the_identity(folder: Path) -> None:
    keys = [point.key for point in study_with(folder, "teachers: three.npz").points()]
    np.savez_compressed(folder / "moved.npz", **dict(reversed(STACK.items())))
    assert [point.key for point in study_with(folder, "teachers: moved.npz").points()] == keys
    np.savez(folder / "three.npz", **{**STACK, "W1": STACK["W1"] * 2})
    changed = [point.key for point in study_with(folder, "teachers: three.npz").points()]
    assert set(keys).isdisjoint(changed)


def test_results_know_them(folder: Path) -> None:
    study = study_with(folder, "teachers: three.npz", "samples: [population, 4]")
    root = folder / "results"
    assert compute_batch(study.points(), root)[1] == {}
    publish(root)
    found = table(open_results(root), "batch == 4")
    text = study.points()[0].setup.weights
    assert found["weights"].unique().tolist() == [text]
    assert found["rank"].tolist() == [8, 8, 8]
    assert (found["rank_certificate"] == "proved").all()
    assert all(key_of_row(row) == row["key"] for row in found.to_dict("records"))
    alone = verify(root)
    assert (alone.recomputed, alone.skipped, alone.ok) == (0, 6, True)
    assert verify(root, files=study.sweeps["one"].files).recomputed == 6


def test_figure_of_agreement(tmp_path: Path) -> None:
    study = study_with(tmp_path, "N: 3", "seeds: 6", "samples: [population, 6, 40, 4000]")
    root = tmp_path / "results"
    assert compute_batch(study.points(), root)[1] == {}
    publish(root)
    tables = batch_agreement.data(open_results(root))
    distances = tables["distances"].set_index(["place", "samples"])["distance"]
    H = [np.linalg.eigvalsh(_batch(seed, 40)) for seed in range(6)]
    true = [spectrum(sample_teacher("erf", 3, 3, seed)) for seed in range(6)]
    expected = np.median([abs(h[-1] / t[-1] - 1) for h, t in zip(H, true, strict=True)])
    assert distances["largest", 40] == pytest.approx(expected, rel=1e-9)
    assert distances["smallest", 6] == pytest.approx(1)
    assert distances["largest", 4000] < 0.1
    ranks = tables["ranks"].set_index("samples")
    assert ranks["rank_max"].to_dict() == {6: 6, 40: 12, 4000: 12}
    assert len(batch_agreement.plot(tables).axes) == 1
    assert "from N = 40 on" in batch_agreement.caption(tables)
    population = study_with(tmp_path, "N: 2", "seeds: 1")
    compute_batch(population.points(), tmp_path / "other")
    publish(tmp_path / "other")
    with pytest.raises(InputError, match=r"samples: .population"):
        batch_agreement.data(open_results(tmp_path / "other"))


def test_agreement_lasts_from_the_number_of_inputs_that_is_told() -> None:
    """A median that is within 10 % by chance and leaves it again does not count."""
    curves = {
        "largest": {4: 0.05, 40: 0.2, 400: 0.08, 4000: 0.01},
        "median": {4: 0.05, 40: 0.02, 400: 0.01, 4000: 0.002},
        "smallest": {4: 0.05, 40: 0.02, 400: 0.01, 4000: 0.2},
    }
    distances = pd.DataFrame(
        {"activation": "erf", "N_i": 3, "N_h": 3, "place": place, "samples": N, "distance": value}
        for place, curve in curves.items()
        for N, value in curve.items()
    )
    for rows in (distances, distances.sort_values("distance")):
        found = batch_agreement._agreement(rows).set_index("place")["samples"]
        assert found.to_dict() == {"largest": 400, "median": 4, "smallest": -1}


def _batch(seed: int, n: int) -> np.ndarray:
    from hessweep.networks import sample_inputs

    network: Network = sample_teacher("erf", 3, 3, seed)
    phi = network.gradient(sample_inputs(3, seed, n))
    return phi.T @ phi / n
