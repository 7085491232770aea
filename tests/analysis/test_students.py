"""Tables, figures and claims on wide students and along training, from a small study."""

import numpy as np
import pandas as pd
import pytest

from hessweep import analysis
from hessweep.activations import activation
from hessweep.claims import students as claims
from hessweep.errors import InputError
from hessweep.figures import along_training, student_decay
from hessweep.kinds.training_options import Training
from hessweep.setup import Setup
from hessweep.store import open_results, publish, write_segment

NEAR = Training(
    noise=0.05, loss=1e-15, gradient=1e-16, time=1e6, first=0.1, times=30, spectra=False
).text
RANDOM = Training(time=1e3, losses=(1e-8,), times=20).text
STUDENTS = ("teacher", "zero_output=1", "split=1")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("students")
    quadratic = activation("quadratic")
    points = [
        point
        for student in STUDENTS
        for kind, training in (("exact", ""), ("training", NEAR))
        for point in Setup(quadratic, 2, 1, student=student, kind=kind, training=training).points(
            [0, 1]
        )
    ]
    points += Setup(quadratic, 2, 1, kind="training", training=RANDOM).points(range(4))
    write_segment(folder, [point.compute() for point in points])
    publish(folder)
    return open_results(folder)


def changed(results, name, change):
    dataset = results["quadratic"].to_dataset().load()
    values = change(dataset[name].values.copy(), dataset)
    tree = results.copy()
    tree["quadratic"] = type(tree)(dataset.assign({name: dataset[name].copy(data=values)}))
    return tree


def test_optima_are_compared_with_those_of_their_teachers(results):
    found = analysis.student_table(results).set_index("student")
    assert found["formula"].to_dict() == {"teacher": 3, "zero_output=1": 4, "split=1": 3}
    assert found.loc["teacher", "trace_ratio"] == pytest.approx(1)
    assert found.loc["zero_output=1", "trace_ratio"] > 1
    assert found["flattest"].sum() == 2
    assert found.loc["teacher", "flattest"] == 0
    traces = {
        student: [
            Setup(activation("quadratic"), 2, 1, student=student).point(seed).compute()
            .scalars["trace"] for seed in (0, 1)
        ] for student in STUDENTS
    }  # fmt: skip
    ratio = np.exp(np.mean(np.log(np.divide(traces["split=1"], traces["teacher"]))))
    assert found.loc["split=1", "trace_ratio"] == pytest.approx(ratio)


def test_only_proved_ranks_differ_from_a_formula(results):
    less = changed(results, "rank", lambda ranks, _: np.maximum(ranks - 1, 0))
    differ = analysis.student_table(less).set_index("student")["differ"]
    assert differ.to_dict() == dict.fromkeys(STUDENTS, 2)
    unproved = changed(
        less, "rank_certificate", lambda values, _: np.full_like(values, "undecided")
    )
    assert analysis.student_table(unproved)["differ"].sum() == 0
    assert analysis.student_table(results)["differ"].sum() == 0


def test_late_rates_of_few_records_are_those_of_the_last_third(tmp_path):
    few = Training(noise=0.05, loss=1e-15, gradient=1e-16, time=3, first=0.1, times=4).text
    setup = {"kind": "exact"}, {"kind": "training", "training": few}
    quadratic = activation("quadratic")
    points = [Setup(quadratic, 2, 1, student="teacher", **more).point(0) for more in setup]
    write_segment(tmp_path, [point.compute() for point in points])
    publish(tmp_path)
    results = open_results(tmp_path)
    [run], [late] = (
        analysis.training_runs(results),
        analysis.late_rates(results).to_dict("records"),
    )
    times, losses = run["time"].values, run["loss"].values
    assert 4 <= len(times) <= 8
    early = 2 * len(times) // 3
    slope = np.log(losses[early] / losses[-1]) / (times[-1] - times[early])
    assert late["ratio"] == pytest.approx(slope / 2 / late["lambda_min"])
    assert late["exponent"] == pytest.approx(
        np.log(losses[early] / losses[-1]) / np.log(times[early] / times[-1])
    )


def test_late_rates_tell_exponentials_from_powers(results):
    late = analysis.late_rates(results).groupby("student")
    assert late["ratio"].mean()["teacher"] == pytest.approx(1, abs=0.02)
    assert late["ratio"].max()["split=1"] < 0.01
    assert late.size().to_dict() == dict.fromkeys(STUDENTS, 2)


def test_endings_count_each_run_once(results):
    [row] = analysis.endings_table(results).to_dict("records")
    endings = ("converged", "other_minimum", "saddle", "still_falling")
    assert sum(row[name] for name in endings) == row["runs"] == 4
    runs = [
        run for run in analysis.training_runs(results, f"training == '{RANDOM}'")
        if run["loss"].values.min() <= 1.001e-8
    ]  # fmt: skip
    assert row["small"] == len(runs) > 0
    times = [run["time"].values[run["loss"].values <= 1.001e-8][0] for run in runs]
    assert row["time_to_small"] == pytest.approx(np.median(times))


def test_claims_hold_and_are_seen_to_fail(results):
    assert claims.wide_ranks(results).verdict == "holds"
    assert claims.late_decay(results).verdict == "holds with correction"
    assert claims.visible_ranks(results).verdict == "holds"

    def one_less(ranks, dataset):
        wide = (dataset["student"].values != "teacher") & (ranks > 0)
        return np.where(wide, ranks - 1, ranks)

    assert claims.wide_ranks(changed(results, "rank", one_less)).verdict == "fails"
    slower = changed(results, "lambda_min", lambda values, _: 5 * values)
    assert claims.late_decay(slower).verdict == "fails"
    higher = changed(results, "visible_rank", lambda values, _: values + 3)
    assert claims.visible_ranks(higher).verdict == "fails"


def test_each_claim_fails_for_one_run_that_is_otherwise(results):
    def of_split(dataset, *seeds):
        return (dataset["student"].values == "split=1") & np.isin(dataset["seed"].values, seeds)

    def one_exponential(values, dataset):
        return np.where(of_split(dataset, 0), 1e-6 * values, values)

    assert claims.late_decay(changed(results, "lambda_min", one_exponential)).verdict == "fails"

    def one_less(ranks, dataset):
        return np.where(of_split(dataset, 1) & (ranks > 0), ranks - 1, ranks)

    assert claims.wide_ranks(changed(results, "rank", one_less)).verdict == "fails"

    def a_kind_without_proofs(certificates, dataset):
        return np.where(of_split(dataset, 0, 1), "undecided", certificates)

    unproved = changed(results, "rank_certificate", a_kind_without_proofs)
    assert claims.wide_ranks(unproved).verdict == "fails"

    def one_record_above(ranks, _):
        ranks[np.argmax(ranks)] += 1
        return ranks

    above = changed(results, "visible_rank", one_record_above)
    assert claims.visible_ranks(above).verdict == "fails"
    still = changed(results, "visible_rank", lambda ranks, _: 0 * ranks + 2)
    assert claims.visible_ranks(still).verdict == "fails"


def test_the_figure_along_training_shows_the_stored_runs(results):
    tables = along_training.data(results, "quadratic")
    rows = tables["runs"].set_index("quantity")
    runs = analysis.training_runs(results, f"training == '{RANDOM}'")
    assert rows.loc["visible_rank", "middle"].iloc[-1] == pytest.approx(
        np.mean([run["visible_rank"].values[-1] for run in runs])
    )
    assert (rows["low"] <= rows["high"]).all()
    assert tables["facts"]["largest"][0] <= 3
    axes = along_training.plot(tables).axes
    loss = next(line for line in axes[0].get_lines() if line.get_label() == "loss")
    np.testing.assert_array_equal(loss.get_ydata(), rows.loc["loss", "middle"])
    drawn = np.concatenate([line.get_ydata() for line in axes[2].get_lines()])
    assert sorted(drawn) == sorted(tables["spectrum"]["eigenvalue"].abs())
    assert "4 runs" in along_training.caption(tables)
    with pytest.raises(InputError, match="runs from random weights with activation == 'erf'"):
        along_training.data(results, "erf")


def test_the_figure_of_decays_shows_rates_over_twice_lambda_min(results):
    tables = student_decay.data(results)
    losses = tables["losses"]
    own = losses[(losses["student"] == "teacher") & (losses["seed"] == 0)]
    assert own["rate"].iloc[-1] == pytest.approx(1, abs=0.02)
    axes = student_decay.plot(tables).axes
    drawn = {line.get_label(): line for line in axes[0].get_lines()}
    np.testing.assert_array_equal(drawn["teacher"].get_ydata(), own["loss"])
    assert "split=1" in student_decay.caption(tables)
    with pytest.raises(InputError, match="near optima whose spectra are there"):
        student_decay.data(results.filter(lambda node: False))


def test_runs_of_sizes_whose_rank_is_not_known_do_not_count(results, monkeypatch):
    """Nothing is measured at them; the verdict is that of the others."""
    whole = claims.visible_ranks(results)
    of_others = Setup(activation("quadratic"), 2, 1)
    table = analysis.student_table(results)
    monkeypatch.setattr(analysis, "student_table", lambda _: table.assign(N_h=of_others.N_h + 1))
    found = claims.visible_ranks(results)
    assert (whole.verdict, whole.points > 0) == ("holds", True)
    assert (found.verdict, found.points) == ("fails", 0)
    both = pd.concat([table.assign(N_h=7), table])
    monkeypatch.setattr(analysis, "student_table", lambda _: both)
    assert claims.visible_ranks(results) == whole
