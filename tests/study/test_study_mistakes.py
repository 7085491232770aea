"""What a study can not say: each refusal names the key, what it takes and what came."""

import json

import numpy as np
import pytest

from hessweep.activations import activation
from hessweep.errors import InputError, StudyError
from hessweep.setup import Setup
from hessweep.study import LocalCluster, Study, Sweep, array_files, document, parse_study
from hessweep.study.grid import MAX_POINTS, read_seeds
from hessweep.study.input_laws import NamedLaw, read_input_laws
from hessweep.study.paths import read_results
from hessweep.study.seeds_until import SeedsUntil
from hessweep.study.trainings import read_trainings

SWEEP = {"activation": "erf", "N": 3, "seeds": 2}


def study_of(**sweeps):
    return parse_study({"name": "demo", "sweeps": sweeps})


def test_all_sweeps_together_have_a_limit():
    half = {"activation": "erf", "N": 2, "seeds": MAX_POINTS // 2}
    assert sum(sweep.cells for sweep in study_of(a=half, b=half).sweeps.values()) == MAX_POINTS
    with pytest.raises(StudyError, match=r"at most 10,000,000 points in all, got 10,000,001; ma"):
        study_of(a=half, b=half, c={**SWEEP, "seeds": 1})


def test_a_range_has_at_most_as_many_numbers_as_a_study_has_points():
    assert len(read_seeds(f"5..{MAX_POINTS + 4}")) == MAX_POINTS
    with pytest.raises(ValueError, match="expected at most 10,000,000 numbers"):
        read_seeds(f"5..{MAX_POINTS + 5}")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"N": None, "sizes": [[3, 2], 4]}, "sizes: expected a list of pairs [N_i, N_h], each"),
        ({"N": None, "sizes": [[3, 2, 1]]}, "from 1 to 1000000, got [3, 2, 1]"),
        ({"N": None, "sizes": [[0, 2]]}, "sizes: expected a list of pairs [N_i, N_h]"),
        ({"activation": {"name": "mine", "file": 3}}, "file: expected the path of a Python file"),
        ({"biases": "all"}, "biases: expected one of none, hidden, output, both, got 'all'"),
        ({"biases": [["none"]]}, "expected one of none, hidden, output, both, got ['none']"),
        ({"inputs": {"mean": 10**400}}, "inputs: mean: expected a number, got 1000000000"),
        ({"inputs": {"mean": float("nan")}}, "inputs: mean: expected a number, got nan"),
        ({"training": [], "kind": "training"}, "training: expected how students are trained"),
        ({"training": {"draw": 1, "draws": 2}}, "training: expected `draws`, their number, or"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_with_its_key(keys, told):
    sweep = {key: value for key, value in {**SWEEP, **keys}.items() if value is not None}
    with pytest.raises(StudyError) as caught:
        study_of(one=sweep)
    [key] = keys.keys() - {"N", "kind"}
    assert str(caught.value).startswith(f"study: sweeps.one.{key}: ")
    assert told in str(caught.value)


def test_files_have_a_limit(tmp_path, monkeypatch):
    np.save(tmp_path / "mean.npy", np.ones(3))
    size = (tmp_path / "mean.npy").stat().st_size
    for limit in (size, size - 1):
        monkeypatch.setattr(array_files, "MAX_BYTES", limit)
        if limit == size:
            assert array_files.read_npy("mean.npy", tmp_path)["array"].tolist() == [1, 1, 1]
            continue
        with pytest.raises(
            ValueError, match=rf"mean\.npy: expected a file of at most {limit} bytes$"
        ):
            array_files.read_npy("mean.npy", tmp_path)
    text = b"name: demo\n"
    (tmp_path / "study.yaml").write_bytes(text)
    monkeypatch.setattr(document, "MAX_BYTES", len(text))
    assert document.read_document(tmp_path / "study.yaml") == {"name": "demo"}
    (tmp_path / "study.yaml").write_bytes(text + b"\n")
    with pytest.raises(StudyError, match="expected a study file of at most 11 bytes"):
        document.read_document(tmp_path / "study.yaml")


def test_whole_numbers_have_a_limit_of_digits(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("1" * document.MAX_DIGITS)
    assert document.read_document(path) == int("1" * 400)
    path.write_text("1" * (document.MAX_DIGITS + 1))
    with pytest.raises(StudyError, match="line 1, column 1: a whole number of more than 400 dig"):
        document.read_document(path)


def test_a_path_in_letters_that_the_locale_lacks_is_refused(monkeypatch):
    def fails(path):
        raise UnicodeEncodeError("ascii", path, 0, 1, "ordinal not in range")

    monkeypatch.setattr("hessweep.study.paths.os.fsencode", fails)
    with pytest.raises(StudyError, match="results: expected a path in the letters of this locale"):
        parse_study({"name": "demo", "results": "größe", "sweeps": {"one": SWEEP}})


def test_a_study_may_be_made_of_what_was_read_before(tmp_path):
    """In Python: sections, rules, laws and addresses are taken as they are."""
    rule = SeedsUntil(0.1, "rank", 50)
    laws = read_input_laws([{"mean": 0.5}, "standard"], tmp_path)
    address = read_results("s3://bucket/x")
    sweep = Sweep(activation=activation("erf"), N=3, seeds=rule, inputs=laws)
    assert sweep.seeds is rule
    assert all(isinstance(law, NamedLaw) for law in sweep.inputs)
    study = Study(name="demo", results=address, sweeps={"one": sweep}, cluster=LocalCluster())
    assert study.results is address
    assert study.sweeps["one"] == sweep
    written = json.loads(json.dumps(study.model_dump(mode="json")))
    assert parse_study(written) == study


def test_each_draw_is_a_training_of_its_own():
    texts = read_trainings([{"times": 5, "draws": 3}, "", {"times": 5, "draw": 1}])
    assert [json.loads(text) if text else {} for text in texts] == [
        {"times": 5}, {"draw": 1, "times": 5}, {"draw": 2, "times": 5}, {},
    ]  # fmt: skip


def test_a_batch_of_inputs_is_for_networks_of_two_layers():
    with pytest.raises(InputError, match="samples: expected networks of two layers, got widths"):
        Setup.of_widths(activation("erf"), [2, 3, 3, 1], samples=5, kind="exact")
    assert Setup.of_widths(activation("erf"), [2, 3, 1], samples=5).samples == 5
