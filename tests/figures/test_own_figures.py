"""Figures of a user's own, beside the study."""

import pandas as pd
import pytest
import yaml

import hessweep
from hessweep.errors import StudyError
from hessweep.figures import figure_kind, make
from hessweep.outputs import load_study
from hessweep.running.receipts import Receipts
from hessweep.setup import Setup
from hessweep.store import publish, write_segment

OWN = """
from hessweep.analysis import realisations
from hessweep.figures import style


def data(results, activation="linear", least=0):
    points = realisations(results, f"activation == '{activation}' and seed >= {least}")
    return {"traces": points[["N_i", "seed", "trace"]]}


def plot(tables):
    with style.paper():
        figure = style.figure(style.SINGLE, 2)
        figure.subplots().plot(tables["traces"]["seed"], tables["traces"]["trace"])
        return figure


def caption(tables):
    return f"Traces of {len(tables['traces'])} teachers."
"""


@pytest.fixture
def study(tmp_path):
    """A study with computed points and a figure of its own."""
    (tmp_path / "mine.py").write_text(OWN)
    request = {"kind": "traces", "file": "mine.py", "options": {"least": 1}}
    document = {
        "name": "own",
        "results": str(tmp_path / "results"),
        "sweeps": {"one": {"activation": "linear", "N": 2, "seeds": 3}},
        "figures": {"mine": request, "other": {"kind": "architecture"}},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(document))
    setup = Setup(hessweep.activation("linear"), 2, 2)
    write_segment(tmp_path / "results", [setup.point(seed).compute() for seed in range(3)])
    publish(tmp_path / "results")
    return tmp_path / "study.yaml"


def test_a_file_beside_the_study_is_a_kind_of_figure(study, tmp_path):
    request = load_study(study).figures["mine"]
    results = hessweep.open_results(tmp_path / "results")
    paths = make(request.kind, results, tmp_path / "made", request.file, **request.options)
    table = pd.read_csv(paths[2])
    assert table["seed"].tolist() == [1, 2]
    expected = [
        hessweep.hessian(hessweep.sample_teacher("linear", 2, 2, s)).trace() for s in (1, 2)
    ]
    assert table["trace"].tolist() == pytest.approx(expected)
    assert paths[3].read_text() == "Traces of 2 teachers.\n"
    kind = figure_kind(request.kind, request.options, request.file)
    assert (kind.title, kind.options, kind.required) == ("traces", ("activation", "least"), ())


def test_an_edit_of_the_file_makes_its_figure_outdated_and_no_other(study, tmp_path):
    before = {n: Receipts(load_study(study)).output_content("figures", n)["request"]
              for n in ("mine", "other")}  # fmt: skip
    (tmp_path / "mine.py").write_text(OWN + "# edited\n")
    after = {n: Receipts(load_study(study)).output_content("figures", n)["request"]
             for n in ("mine", "other")}  # fmt: skip
    assert before["mine"] != after["mine"]
    assert before["other"] == after["other"]
    # Receipts of figures that name no file are what they were before there were such files.
    assert set(after["other"]) == {"kind", "sweeps", "title", "options"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (OWN.replace("def plot", "def draw"), "missing: plot"),
        ("def data(:", "expected Python, got SyntaxError"),
        (OWN.replace("least=0", "most=0"), "does not take least; it takes activation, most"),
        (None, "expected a readable Python file, got: No such file"),
    ],
)
def test_mistakes_are_told_when_the_study_is_read(study, tmp_path, text, told):
    file = tmp_path / "mine.py"
    file.unlink()
    if text is not None:
        file.write_text(text)
    with pytest.raises(StudyError, match=r"figures\.mine") as raised:
        load_study(study)
    assert told in str(raised.value)
    assert "mine.py" in str(raised.value) or "traces" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            OWN.replace('["N_i", "seed", "trace"]', '["nothing"]'),
            r"data failed with KeyError.*nothing",
        ),
        (OWN + "\n1 / 0\n", "expected a Python file that runs, got ZeroDivisionError"),
        (
            OWN.replace("len(tables", "length(tables"),
            r"caption failed with NameError.*\(line 19\)",
        ),
    ],
)
def test_what_fails_in_the_file_is_an_error_of_the_study(study, tmp_path, text, told):
    (tmp_path / "mine.py").write_text(text)
    request = load_study(study).figures["mine"]
    results = hessweep.open_results(tmp_path / "results")
    with pytest.raises(StudyError, match=told):
        make(request.kind, results, tmp_path / "made", request.file, **request.options)
