"""Fig. 3: what the figure of losses near the optimum plots, read from the figure."""

from dataclasses import replace

import numpy as np
import pytest

from hessweep import networks
from hessweep.activations import activation
from hessweep.dynamics import Experiment
from hessweep.errors import InputError
from hessweep.figures import loss_decay
from hessweep.kinds.training_options import Training
from hessweep.setup import Setup
from hessweep.store import open_results, publish, write_segment

NETWORKS = (
    {"activation": "linear", "N_i": 3, "N_h": 5, "learning_rate": 0.02, "iterations": 150},
    {"activation": "linear", "N_i": 6, "N_h": 2, "learning_rate": 0.02, "iterations": 100},
)
DRAWS = 5


def points_of(network, draws=DRAWS, noise=0.01, records=None):
    """Runs of SGD and of the flow, and the spectrum at the optimum."""
    setup = Setup(activation(network["activation"]), network["N_i"], network["N_h"])
    end = network["learning_rate"] * network["iterations"]
    shared = {"noise": noise, "time": end, "times": records or network["iterations"]}
    shared |= {"spacing": "even", "spectra": False, "loss": 6e-17}
    sgd = {"method": "sgd", "learning_rate": network["learning_rate"]}
    trainings = [
        Training(**shared, **method, draw=draw).text
        for method in ({}, sgd)
        for draw in range(draws)
    ]
    trained = [replace(setup, kind="training", training=text) for text in trainings]
    return [one.point(0) for one in (setup, *trained)]


def results_of(folder, points):
    write_segment(folder, [point.compute() for point in points])
    publish(folder)
    return open_results(folder)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    points = [point for network in NETWORKS for point in points_of(network)]
    return results_of(tmp_path_factory.mktemp("decay"), points)


@pytest.fixture(scope="module")
def tables(results):
    return loss_decay.data(results)


@pytest.fixture(scope="module")
def panels(tables):
    axes = loss_decay.plot(tables).axes
    return [
        {line.get_label(): line.get_xydata().T for line in panel.get_lines()} for panel in axes
    ]


def first_experiment():
    teacher = networks.sample_teacher("linear", 3, 5, seed=0)
    return Experiment(
        teacher, seed=0, learning_rate=0.02, iterations=150, records=151, draws=DRAWS
    )


def eigenvalues(settings):
    """Non-zero eigenvalues by App. A: |W2|² and those of W1^T W1 on top of it."""
    W1, W2 = networks.sample_weights(settings["N_i"], settings["N_h"], seed=0)
    return np.sort(W2 @ W2 + np.linalg.eigvalsh(W1.T @ W1))


@pytest.mark.parametrize("k", [0, 1])
def test_prediction_is_eq_7_of_the_closed_form_spectrum(panels, k):
    modes = eigenvalues(NETWORKS[k])
    t, loss = panels[k]["eq. (7), all modes"]
    expected = [0.01**2 / 2 * (modes * np.exp(-2 * modes * time)).sum() for time in t]
    np.testing.assert_allclose(loss, expected, rtol=1e-9)
    assert t[-1] == NETWORKS[k]["learning_rate"] * NETWORKS[k]["iterations"]


@pytest.mark.parametrize("k", [0, 1])
def test_exponential_meets_sgd_at_the_end_with_the_slope_of_lambda_min(panels, k):
    t, loss = panels[k][r"$\alpha\, e^{-2 \lambda_{\min} t}$"]
    slopes = np.diff(np.log(loss)) / np.diff(t)
    np.testing.assert_allclose(slopes, -2 * eigenvalues(NETWORKS[k])[0], rtol=1e-7)
    assert loss[-1] == pytest.approx(panels[k]["SGD"][1][-1])


def test_sgd_and_flow_are_means_over_the_draws(panels, tables):
    experiment = first_experiment()
    for label, runs in (
        ("SGD", experiment.sgd_losses()),
        ("gradient flow", experiment.flow_losses()),
    ):
        t, loss = panels[0][label]
        kept = np.round(t / 0.02).astype(int)
        np.testing.assert_allclose(loss, runs.mean(axis=0)[kept], rtol=1e-6)
        saved = tables["losses"]
        saved = saved[(saved["curve"] == label) & saved["network"].str.endswith("N_h = 5")]
        scatter = runs.std(axis=0, ddof=1)[kept] / np.sqrt(DRAWS)
        np.testing.assert_allclose(saved["error"], scatter, rtol=1e-5)


def test_late_rates_are_the_slopes_of_the_logarithm(tables):
    runs = first_experiment().sgd_losses()[:, 113:]
    slopes = [np.polyfit(0.02 * np.arange(113, 151), -np.log(run), 1)[0] for run in runs]
    row = tables["rates"].iloc[0]
    assert row["sgd"] == pytest.approx(np.mean(slopes), rel=1e-6)
    assert row["sgd_error"] == pytest.approx(np.std(slopes, ddof=1) / np.sqrt(DRAWS), rel=1e-6)
    assert row["rate"] == pytest.approx(2 * eigenvalues(NETWORKS[0])[0])


def test_many_fold_slowest_modes_count_as_one(tables):
    """N_i - N_h = 4 eigenvalues are |W2|² in the second network."""
    modes = eigenvalues(NETWORKS[1])
    power = modes * np.exp(-2 * modes * 2.0)
    assert tables["rates"]["alone"][1] == pytest.approx(power[:4].sum() / power.sum())
    assert modes[3] == pytest.approx(modes[0])
    assert modes[4] > 1.01 * modes[0]


def test_caption_gives_rate_and_measurement_of_each_network(tables):
    caption = loss_decay.caption(tables)
    for row in tables["rates"].to_dict("records"):
        assert f"2 λ_min is {row['rate']:.4g}; the rate is {row['sgd']:.4g} ± " in caption
    assert f"Means over {DRAWS} starts" in caption


def test_time_is_logarithmic_where_fast_modes_are_gone_early(tables, tmp_path):
    slow = {"activation": "quadratic", "N_i": 2, "N_h": 2, "learning_rate": 0.04}
    points = points_of({**slow, "iterations": 800}, draws=2, records=200)
    figure = loss_decay.plot(loss_decay.data(results_of(tmp_path, points)))
    assert figure.axes[0].get_xscale() == "log"
    assert figure.axes[0].get_xlim() == pytest.approx((0.16, 32))
    assert loss_decay.plot(tables).axes[0].get_xscale() == "linear"


def test_runs_that_do_not_make_the_figure_are_refused(results, tmp_path):
    with pytest.raises(InputError, match="add a sweep with kind: training"):
        loss_decay.data(open_results(results_of_optimum(tmp_path / "optimum")))
    flow = [point for point in points_of(NETWORKS[0]) if "sgd" not in point.setup.training]
    with pytest.raises(InputError, match="at least 2 draws of method: sgd"):
        loss_decay.data(results_of(tmp_path / "flow", flow))
    other = points_of({**NETWORKS[0], "iterations": 100})[1:3]
    with pytest.raises(InputError, match="expected runs at the same times"):
        loss_decay.data(results_of(tmp_path / "times", [*points_of(NETWORKS[0]), *other]))
    runs = points_of(NETWORKS[0])[1:]
    with pytest.raises(InputError, match="expected computed points with"):
        loss_decay.data(results_of(tmp_path / "runs", runs))


def results_of_optimum(folder):
    results_of(folder, points_of(NETWORKS[0])[:1])
    return folder
