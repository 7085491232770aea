"""The kind `training`: bits, keys, what a sweep may say, and what is published."""

import numpy as np
import pytest
from pydantic import ValidationError

import hessweep
from hessweep.activations import activation
from hessweep.analysis import mean_on_grid
from hessweep.dynamics import Experiment, random_weights, train
from hessweep.errors import InputError
from hessweep.kinds.training_options import Training
from hessweep.running import verify
from hessweep.setup import Setup
from hessweep.store import each_of, open_results, publish, restrict, table, write_segment
from hessweep.store.schema import columns_of
from hessweep.store.segments import columns_of_row
from hessweep.study import Sweep
from hessweep.tables import methods_table, rank_table

SHORT = Training(noise=0.1, time=5.0, times=5)
SGD = Training(noise=0.1, method="sgd", learning_rate=0.1, time=5.0, times=5)
GRID = {"activation": "erf", "N": 2, "seeds": 1, "kind": "training"}


def setup_of(training=SHORT):
    return Setup(activation("quadratic"), 2, 2, kind="training", training=training.text)


@pytest.mark.parametrize("training", [SHORT, SGD])
def test_runs_are_the_same_to_the_bit_whichever_seeds_come_together(training):
    setup = setup_of(training)
    for together in setup.compute([0, 1, 2]):
        alone = together.point.compute()
        for name, values in together.flat.items():
            assert values.tobytes() == alone.flat[name].tobytes(), name
        stored = columns_of_row(columns_of([together]), 0)
        assert not list(setup.measurement.differences(alone.values, stored))
        assert not list(setup.measurement.deviations(alone.values, stored))


def test_a_point_is_the_run_that_its_training_describes():
    training = Training(time=3.0, times=4, draw=2, losses=(0.1,))
    point = setup_of(training).point(5)
    teacher = point.network()
    times = np.append(0, np.geomspace(0.01, 3.0, 4))
    expected = train(teacher, random_weights(teacher, 5, 2), times, losses=[0.1])
    found = point.compute()
    np.testing.assert_allclose(found.flat["time"], expected.time, rtol=1e-12)
    np.testing.assert_allclose(found.flat["loss"], expected.loss, rtol=1e-9)
    assert found.flat["mode_eigenvalues"].reshape(-1, 6).shape == expected.eigenvalues.shape
    assert found.scalars["final_time"] == expected.time[-1] == 3.0


def test_draws_near_the_teacher_are_those_of_an_experiment():
    """SGD of each draw is what `Experiment` trains, so that its figures stay what they are."""
    teacher = setup_of().network(3)
    experiment = Experiment(
        teacher, seed=3, noise=0.1, learning_rate=0.1, iterations=50, records=6, draws=2
    )
    losses = experiment.sgd_losses()
    for draw in (0, 1):
        training = Training(
            noise=0.1, method="sgd", learning_rate=0.1, time=5.0, times=5, spacing="even",
            draw=draw,
        )  # fmt: skip
        found = setup_of(training).point(3).compute()
        np.testing.assert_allclose(found.flat["time"], experiment.times, rtol=1e-12)
        np.testing.assert_allclose(found.flat["loss"], losses[draw], rtol=1e-9)


def test_another_loss_is_a_deviation():
    result = setup_of().point(0).compute()
    stored = {**result.scalars, **result.flat, "loss": result.flat["loss"] * 1.01}
    assert list(result.point.setup.measurement.deviations(result.values, stored)) == ["loss"]
    stored = {**result.scalars, **result.flat, "ended": "saddle"}
    assert list(result.point.setup.measurement.deviations(result.values, stored)) == ["ended"]


def test_every_value_of_a_training_is_part_of_the_key():
    sgd = {"method": "sgd", "learning_rate": 0.1}
    others = [
        {},
        {"start": {"noise": 0.2}},
        {"stop": {"time": 5.0}},
        {"stop": {"loss": 1e-10}},
        {"stop": {"gradient": 1e-10}},
        {"times": 6},
        {"first": 0.1},
        {"spacing": "even"},
        {"losses": [1e-3]},
        {"spectra": False},
        {"draw": 1},
        sgd,
        {**sgd, "batch": 8},
        {**sgd, "learning_rate": 0.2},
    ]
    trainings = [Training.from_mapping(values) for values in others]
    assert len({setup_of(training).key(0) for training in trainings}) == len(others)
    for values, training in zip(others, trainings, strict=True):
        assert Training.from_text(training.text) == training
        assert training.mapping == values


def test_defaults_are_no_part_of_the_key():
    assert Training.from_mapping({"start": "random", "times": 60, "stop": {}}).text == ""
    with_batch = {"method": "sgd", "learning_rate": 0.1, "batch": 32}
    assert Training.from_mapping(with_batch).text.count("batch") == 0
    erf = activation("erf")
    assert Setup(erf, 5, 5).point(0).key == "52c48d7a0dc228220982717f35074966"


def test_a_sweep_takes_trainings_with_its_kind_only():
    several = [{"start": {"noise": 0.1}, "draws": 3}, {"times": 5}]
    sweep = Sweep(**GRID, training=several)
    texts = [setup.training for setup in sweep.setups()]
    assert [Training.from_text(text).draw for text in texts] == [0, 1, 2, 0]
    assert sweep.cells == len(sweep.points()) == 4
    assert Sweep(**sweep.model_dump(exclude_none=True)) == sweep
    [default] = Sweep(**GRID).setups()
    [explicit] = Sweep(**GRID, training={"stop": {"time": 10000}}).setups()
    assert default.key(0) == explicit.key(0)
    with pytest.raises(ValidationError, match="expected with kind: training only, got exact"):
        Sweep(**{**GRID, "kind": "exact"}, training={"times": 5})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"strat": "random"}, "did you mean 'start'"),
        ({"start": "near"}, "expected a mapping of noise, got 'near'"),
        ({"start": {}}, "expected `random` or {noise: 0.01}"),
        ({"start": {"noise": -1}}, "start: noise: expected a number above 0, got -1"),
        ({"start": {"noise": None}}, "start: noise: expected a number"),
        ({"stop": {"loss": 1e-20}}, "loss: expected a number above 1e-14"),
        ({"stop": {"loss": "1e-10"}}, "YAML takes 1.0e-12"),
        ({"stop": {"time": float("inf")}}, "time: expected a number above 0"),
        ({"stop": {"time": True}}, "time: expected a number above 0"),
        ({"stop": 5}, "stop: expected a mapping of loss, gradient, time, got 5"),
        ({"first": 1e5}, "first: expected a time before the last one, 10000"),
        ({"times": 0}, "times: expected a whole number of at least 1"),
        ({"times": 2.5}, "times: expected a whole number"),
        ({"draws": 0}, "draws: expected a whole number from 1"),
        ({"draws": 2, "draw": 1}, "got both"),
        ({"method": "adam"}, "method: expected flow or sgd, got 'adam'"),
        ({"method": "sgd"}, "learning_rate: expected with method: sgd"),
        ({"learning_rate": 0.1}, "learning_rate: expected with method: sgd only"),
        ({"batch": 8}, "batch: expected with method: sgd only"),
        ({"method": "sgd", "learning_rate": 0.1, "losses": [0.1]}, "losses: .* flow only"),
        ({"method": "sgd", "learning_rate": 1e5}, "at least one step of 100000"),
        ({"spacing": "odd"}, "spacing: expected log or even"),
        ({"spectra": 1}, "spectra: expected true or false"),
        ({"losses": 1}, "losses: expected a list"),
        ("fast", "expected a mapping"),
        ([], "or a list of it"),
    ],
)
def test_a_training_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        Sweep(**GRID, training=wrong)


def test_recorded_times_of_sgd_are_whole_steps():
    times = Training(method="sgd", learning_rate=0.3, time=3.0, times=20).recorded
    steps = times / 0.3
    assert np.abs(steps - np.round(steps)).max() < 1e-12
    assert (np.diff(times) > 0).all()
    assert (times[0], times[-1]) == (0, pytest.approx(3.0))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two runs, one without spectra, one spectrum at the optimum, and a failed run."""
    folder = tmp_path_factory.mktemp("runs")
    diverging = Training(noise=0.1, method="sgd", learning_rate=4.0, time=4000.0, times=5)
    points = [
        *setup_of().points([0, 1]),
        setup_of(Training(noise=0.1, time=5.0, times=5, spectra=False)).point(0),
        Setup(activation("quadratic"), 2, 2).point(0),
    ]
    results = [point.compute() for point in points]
    failing = setup_of(diverging).point(0)
    with pytest.raises(InputError, match="diverged"):
        failing.compute()
    failed = hessweep.kinds.PointResult(failing, error="InputError: diverged")
    write_segment(folder, [*results, failed])
    publish(folder)
    return folder, results


def test_published_runs_have_their_own_times(root):
    folder, results = root
    tree = open_results(folder)
    assert tree["quadratic"]["time"].dims == ("record",)
    runs = hessweep.training_runs(tree)
    assert len(runs) == 3
    by_key = {result.point.key: result for result in results}
    for run in runs:
        result = by_key[run.attrs["key"]]
        assert run["time"].values.tolist() == result.flat["time"].tolist()
        for name in ("loss", "visible_rank", "effective_dimension_4"):
            assert run[name].dims == ("time",)
            np.testing.assert_array_equal(run[name], result.flat[name])
        modes = run["mode_eigenvalues"]
        expected = result.flat["mode_eigenvalues"].reshape(len(run["time"]), -1)
        np.testing.assert_array_equal(modes, expected)
        assert modes.sizes["mode"] in (0, 6)
        assert (np.diff(modes, axis=1) >= 0).all()
        assert run.attrs["ended"] == result.scalars["ended"]
    assert run.attrs["P"] == 6
    near = hessweep.training_runs(tree, "seed == 1")
    assert [one.attrs["seed"] for one in near] == [1]
    assert float(near[0]["loss"].sel(time=5.0)) == near[0].attrs["final_loss"]


def test_queries_know_how_runs_ended(root):
    tree = open_results(root[0])
    falling = table(tree, "ended == 'still falling' and final_loss < 1")
    assert len(falling) == 3
    assert set(falling["stopped_by"]) == {"time"}
    [failed] = table(tree, "status == 'failed'").to_dict("records")
    assert (failed["ended"], failed["record_size"], failed["final_index"]) == ("", 0, -1)
    [optimum] = table(tree, "spectrum == 'exact'").to_dict("records")
    assert (optimum["ended"], optimum["mode_size"], optimum["row_size"]) == ("", 0, 6)
    assert np.isnan(optimum["final_time"])
    kept = restrict(tree, [falling["key"][0]])
    assert len(each_of(kept, "time")[0]) == falling["record_size"][0]


def test_tables_of_ranks_leave_runs_out(root):
    points = table(open_results(root[0]))
    [row] = rank_table(points).to_dict("records")
    assert (row["teachers"], row["rank_min"], row["proved"]) == (1, 5, 1)
    assert methods_table(points)["points"].sum() == 1
    runs = points[points["spectrum"] == "training"]
    assert len(rank_table(runs)) == len(methods_table(runs)) == 0


def test_runs_are_verified(root):
    found = verify(root[0], sample=10)
    assert found.ok, found.problems
    assert found.recomputed == 4


def test_means_over_runs_hold_the_last_value_of_a_run_that_ended(root):
    runs = hessweep.training_runs(open_results(root[0]), "seed < 2")
    times = np.array([0.0, 1.0, 5.0, 100.0])
    mean, low, high = mean_on_grid(runs, "loss", times, (0.0, 1.0))
    each = np.array([run["loss"].values for run in runs])
    assert mean[0] == pytest.approx(each[:, 0].mean())
    assert mean[2] == mean[3] == pytest.approx(each[:, -1].mean())
    assert low[3] == each[:, -1].min()
    assert high[3] == each[:, -1].max()
    before = runs[0]["time"].values <= 1.0
    assert low[1] <= runs[0]["loss"].values[before][-1] <= high[1]


def test_costs_grow_with_what_is_asked_for():
    def cost(**training):
        return setup_of(Training(**training)).cost

    assert cost(times=600).seconds > cost().seconds > cost(spectra=False).seconds
    assert cost(times=600).stored_values > cost().stored_values
    sgd = {"method": "sgd", "learning_rate": 0.1}
    assert cost(**sgd, time=1e6).seconds > 50 * cost(**sgd, time=1e4).seconds
    larger = Setup(activation("erf"), 10, 10, kind="training").cost
    assert larger.seconds > cost().seconds
    assert larger.peak_bytes > cost().peak_bytes


def test_the_cost_of_spectra_grows_with_their_number():
    def of_spectra(times):
        with_spectra, without = (
            setup_of(Training(times=times, spectra=spectra)).cost for spectra in (True, False)
        )
        return [
            getattr(with_spectra, what) - getattr(without, what)
            for what in ("seconds", "peak_bytes", "stored_values")
        ]

    np.testing.assert_allclose(of_spectra(600), 3 * np.array(of_spectra(200)), rtol=1e-9)
    assert min(of_spectra(200)) > 0
