"""The tutorial, followed to the letter in an empty folder."""

import numpy as np
import pandas as pd
import pytest
from pages import blocks, follow

from hessweep.store import open_results, table


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return tmp_path_factory.mktemp("tutorial")


@pytest.fixture(scope="module")
def left(desk):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(desk)
        return follow("tutorial.md")


def test_both_studies_are_computed(left, desk):
    first = table(open_results(desk / "results" / "first"))
    assert len(first) == 3 * 16 * 3 + 100
    assert set(first["status"]) == {"done"}
    mine = table(open_results(desk / "results" / "mine"))
    assert len(mine) == 24
    labels = sorted(mine["activation"].unique())
    assert labels[0] == "erf"
    assert labels[1].startswith("mish@")


def test_ranks_are_those_of_the_formula(left):
    N_i, N_h = 4, 2
    missing = N_i - N_h
    expected = N_i + N_i * (N_i + 1) // 2 - (missing**2 + 3 * missing) // 2
    assert left["ranks"].loc[N_i, N_h] == expected
    assert left["eigenvalues"].size == 100 * 20 * 11


def test_own_activation_has_an_error_that_is_known(left):
    assert left["teacher"].activation.label.startswith("mish@")
    x = np.linspace(-2, 2, 5)
    assert left["teacher"].activation(x) == pytest.approx(x * np.tanh(np.log1p(np.exp(2 * x))))
    assert 0 < left["error"] < 1e-8


def test_reports_are_written(left, desk):
    for name in ("first", "mine"):
        page = (desk / "results" / name / "report.html").read_text(encoding="utf-8")
        assert f"<h1>{name}</h1>" in page


def test_commands_of_the_tutorial_are_all_there():
    commands = [b.text for b in blocks("tutorial.md") if b.language == "console"]
    for word in ("plan", "run", "status", "query", "report"):
        assert any(f"$ hessweep {word} " in text for text in commands)


def test_where_the_file_lies_is_no_part_of_a_point(left, desk):
    rows = pd.DataFrame(table(open_results(desk / "results" / "mine"), "activation != 'erf'"))
    assert rows["key"].is_unique
    assert not rows["activation_spec"].str.contains("mish.py").any()
