"""What plan, run and status say of a study that takes seeds until a mean is known."""

import json
import math
import statistics

import pytest

import hessweep
from hessweep.cli import main

STUDY = """
name: demo
sweeps:
  plain: {activation: linear, N: 2, seeds: 3}
  until:
    activation: [erf, quadratic]
    N: [2, 3]
    seeds: {until: {relative_error: 0.15, of: lambda_max}, at_most: 60}
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What each command prints, in a folder of its own, with its exit code."""
    folder = tmp_path_factory.mktemp("seeds")
    (folder / "study.yaml").write_text(STUDY)
    (folder / "finer.yaml").write_text(STUDY.replace("0.15", "0.01"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)

        def command(capsys, *arguments):
            code = 0
            try:
                main(list(arguments))
            except SystemExit as end:
                code = end.code or 0
            return capsys.readouterr().out, code

        yield command


def test_plan_says_at_least_and_at_most(told, capsys):
    out, code = told(capsys, "plan", "study.yaml", "--json")
    rows = json.loads(out)["sweeps"]
    assert code == 0
    assert (rows["until"]["points"], rows["until"]["points_at_most"]) == (120, 240)
    assert (rows["all"]["missing"], rows["all"]["missing_at_most"]) == (123, 243)
    assert rows["until"]["core_seconds_at_most"] == pytest.approx(
        2 * rows["until"]["core_seconds"]
    )
    assert "points_at_most" not in rows["plain"]
    out, _ = told(capsys, "plan", "study.yaml")
    assert "120 to 240" in out
    assert " ms to " in out


def test_status_says_what_became_of_each_setup(told, capsys):
    out, code = told(capsys, "status", "study.yaml")
    assert code == 1
    assert "until: of 4 setups 4 not finished" in out
    assert "erf N_i=2 N_h=2: 0 seeds, not finished" in out
    out, code = told(capsys, "run", "study.yaml", "--workers", "1", "--json")
    counts = json.loads(out.splitlines()[-1])
    assert (code, counts["failed"]) == (0, 0)
    out, code = told(capsys, "status", "study.yaml", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["sweeps"]["all"] == {"done": counts["requested"], "missing": 0, "failed": 0}
    assert len(found["seeds"]["until"]) == 4
    assert "plain" not in found["seeds"]
    table = hessweep.table(hessweep.open_results("results/demo"))
    for cell in found["seeds"]["until"]:
        activation, N_i, _ = cell["setup"].split()
        rows = table[(table["activation"] == activation) & (table["N_i"] == int(N_i[4:]))]
        values = rows["lambda_max"].tolist()
        error = statistics.stdev(values) / math.sqrt(len(values)) / statistics.mean(values)
        assert cell["seeds"] == cell["values"] == len(values)
        assert cell["relative_error"] == pytest.approx(error)
        assert cell["largest_share"] == pytest.approx(max(values) / sum(values))
        reached = error <= 0.15
        assert cell["state"] == ("reached the error" if reached else "stopped at `at_most`")


def test_a_finer_study_goes_on_from_there(told, capsys):
    """It runs after the study above, in the same results folder."""
    before = json.loads(told(capsys, "status", "study.yaml", "--json")[0])["sweeps"]["all"]["done"]
    plan = json.loads(told(capsys, "plan", "finer.yaml", "--json")[0])["sweeps"]["until"]
    assert 0 < plan["missing"] <= plan["missing_at_most"] == 243 - before
    out, _ = told(capsys, "run", "finer.yaml", "--workers", "1", "--json")
    counts = json.loads(out.splitlines()[-1])
    assert counts == {"requested": 243, "computed": 243 - before, "reused": before, "failed": 0}
    out, code = told(capsys, "status", "finer.yaml")
    assert code == 0
    assert "until: of 4 setups 4 stopped at `at_most`" in out
    assert "60 seeds, mean ± " in out


def test_a_value_that_makes_up_much_of_the_sum_is_told():
    from hessweep.cli.cells import cell_lines
    from hessweep.running.requested import Cell
    from hessweep.setup import Setup
    from hessweep.study.seeds_until import look_at

    setup = Setup(hessweep.activation("erf"), 2, 2)
    values = [1.0] * 39 + [math.nan]
    for largest, told in ((3.0, ""), (20.0, ", 34 % of the sum from one seed")):
        look = look_at([largest, *values])
        lines = cell_lines("one", [Cell(setup, setup.points(range(41)), 0, look, 0, "at most")])
        error = f"{100 * look.relative_error:.2g}"
        assert lines == [
            "one: of 1 setup 1 stopped at `at_most`",
            f"  erf N_i=2 N_h=2: 41 seeds, 1 without a value, mean ± {error} %{told}, "
            "stopped at `at_most`",
        ]
