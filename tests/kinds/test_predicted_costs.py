"""Predicted times and memory of points of every kind, against what was measured of such points."""

import tracemalloc
from dataclasses import replace

import pytest

from hessweep.activations import activation
from hessweep.kinds.deep import deep_rank_seconds, gradient_seconds, plan_of
from hessweep.kinds.exact import certificate_seconds
from hessweep.kinds.training import RECORD
from hessweep.kinds.training_options import Training
from hessweep.setup import Setup

ERF, TANH, GELU, RELU, LINEAR, QUADRATIC, CUBIC = (
    activation(name) for name in ("erf", "tanh", "gelu", "relu", "linear", "quadratic", "cubic")
)

FLOW = Training()
WITHOUT_SPECTRA = Training(spectra=False)


def deep(g, widths, kind="exact", **options):
    return Setup.of_widths(g, widths, kind=kind, **options)


def training(steps):
    return Setup(QUADRATIC, 2, 2, kind="training", training=steps.text)


MEASURED = [
    # A dense matrix of 650 parameters; the smaller Gram matrix of a quadratic network.
    (Setup(ERF, 40, 25), 0.022),
    (Setup(QUADRATIC, 40, 60), 0.047),
    # A numeric kernel, and the smallest eigenvalue in ball arithmetic.
    (Setup(TANH, 5, 60), 0.3),
    (Setup(ERF, 2, 60), 0.19),
    (Setup(ERF, 1, 12), 0.0053),
    # Biases and several outputs: the pairs of neurons, with and without balls, and the matrix.
    (Setup(ERF, 1, 150, biases="both"), 0.04),
    (Setup(GELU, 1, 40, biases="both"), 0.01),
    (Setup(ERF, 30, 30, N_o=2), 0.1),
    (Setup(TANH, 2, 40, biases="both"), 0.34),
    (Setup(ERF, 1, 25, biases="both"), 3.0),
    (Setup(LINEAR, 60, 60, N_o=20), 0.03),
    # Batches of more and of fewer gradients than parameters.
    (Setup(ERF, 30, 20, samples=2000), 0.22),
    (Setup(ERF, 60, 30, samples=300), 0.084),
    # Deep networks by exact nodes, in closed form, and sampled, with the proofs of their ranks.
    (deep(QUADRATIC, (4, 8, 6, 1)), 0.006),
    (deep(LINEAR, (60, 60, 60, 10)), 0.034),
    (deep(RELU, (5, 8, 6, 1), "sampled"), 0.19),
    (deep(ERF, (4, 6, 5, 1), "sampled"), 0.2),
    (deep(RELU, (4, 6, 5, 1), "sampled", asked_error=0.05), 1.5),
    # Densities whose products and whose comparison take the most time.
    (Setup(ERF, 100, 100, kind="density"), 1.0),
    (Setup(ERF, 4, 400, kind="density"), 2.9),
    (Setup(ERF, 60, 60, biases="both", kind="density"), 0.4),
    # Gradient flow.
    (training(FLOW), 0.75),
    (training(WITHOUT_SPECTRA), 0.65),
]
"""Seconds on one busy core, the best of several seeds."""


@pytest.mark.parametrize(("setup", "seconds"), MEASURED, ids=lambda value: str(value))
def test_predicted_times_are_those_that_were_measured(setup, seconds):
    assert seconds / 4 < setup.cost.seconds < 4 * seconds


@pytest.mark.parametrize(
    ("g", "widths", "seconds"),
    [
        # Elimination modulo a prime, gradients of ReLU in many regions, and minors in balls.
        (QUADRATIC, (12, 20, 12, 1), 0.061),
        (RELU, (5, 8, 6, 1), 0.013),
        (ERF, (4, 6, 5, 1), 0.018),
    ],
)
def test_predicted_times_of_proofs_are_those_that_were_measured(g, widths, seconds):
    assert seconds / 4 < deep_rank_seconds(deep(g, widths)) < 4 * seconds
    assert deep_rank_seconds(deep(LINEAR, widths)) == 0


@pytest.mark.parametrize(
    ("widths", "seconds"),
    [
        # 78,125 nodes for 17 parameters, and 125 nodes for 252.
        ((7, 2, 1, 1), 0.07),
        ((3, 16, 12, 1), 0.0013),
    ],
)
def test_predicted_times_of_gradients_are_those_that_were_measured(widths, seconds):
    plan = plan_of(deep(QUADRATIC, widths))
    assert seconds / 4 < gradient_seconds(plan.work, plan.nodes) < 4 * seconds


def growth(setup, larger):
    """Return how many times longer one setup is predicted to take than another."""
    return larger.cost.seconds / setup.cost.seconds


def test_a_dense_matrix_grows_between_the_square_and_the_cube_of_its_size():
    """At 300 parameters both parts are as large; at 600 the cube has two thirds of the time."""
    assert 6.0 < growth(Setup(ERF, 1, 300), Setup(ERF, 1, 600)) < 7.4
    assert growth(Setup(ERF, 1, 3000), Setup(ERF, 1, 6000)) == pytest.approx(8, rel=0.05)


def test_balls_grow_between_the_square_and_the_cube_in_six_fifths_as_many_precisions():
    """Eigenvalues down to 10^-399 or so need 5 precisions, and those down to 10^-199 need 4."""
    one, two = (certificate_seconds(ERF, 1, N_h) for N_h in (100, 200))
    assert 6 / 5 * 4.6 < two / one < 6 / 5 * 6
    assert certificate_seconds(ERF, 1, 201) == 0  # for more than 400 parameters nothing is tried


def test_balls_of_networks_with_biases_are_counted_by_all_their_parameters():
    """Up to 400, and only where the kernel with offsets is known."""
    small, large = (Setup(ERF, 1, N_h, biases="both") for N_h in (133, 134))
    assert (small.P, large.P) == (400, 403)
    assert small.cost.seconds > 100 * large.cost.seconds
    assert certificate_seconds(GELU, 1, 40) > 0
    assert certificate_seconds(GELU, 1, 40, 121) == 0
    assert certificate_seconds(ERF, 1, 40, 160) > 3 * certificate_seconds(ERF, 1, 40)


def test_only_linear_networks_have_an_eigenproblem_for_each_output():
    """With 960 parameters for 2 outputs and 1380 for 16."""
    found = growth(Setup(ERF, 30, 30, N_o=2), Setup(ERF, 30, 30, N_o=16))
    assert (960 / 1380) ** -2 < found < (960 / 1380) ** -3


def test_batches_grow_with_the_longer_side_and_the_square_of_the_shorter_one():
    def batch(samples, N_h=20, **options):
        return Setup(ERF, 30, N_h, samples=samples, **options)

    assert growth(batch(4000), batch(8000)) == pytest.approx(2, rel=0.05)
    assert growth(batch(4000), batch(4000, N_h=40)) == pytest.approx(4, rel=0.05)
    assert growth(batch(200), batch(400)) == pytest.approx(4, rel=0.2)
    # Two outputs are twice as many gradients, of 640 parameters in place of 620.
    assert growth(batch(4000), batch(4000, N_o=2)) == pytest.approx(2 * (64 / 62) ** 2, rel=0.05)
    assert batch(4000, N_o=2).cost.peak_bytes > 1.9 * batch(4000).cost.peak_bytes


def test_batches_of_polynomials_may_need_their_gradients_in_fractions():
    """9e-6 seconds for each entry were measured, elimination included."""
    setup = Setup(CUBIC, 6, 10, samples=60)
    exact = setup.cost.seconds - replace(setup, activation=ERF).cost.seconds
    assert 9e-6 / 3 < exact / (60 * setup.P) < 9e-6 * 3


def test_eigenvectors_of_an_estimate_grow_with_the_cube_of_the_parameters():
    """Also where the root is known in closed form, so that it takes no gradients."""
    small, large = (deep(LINEAR, (N, N, N, N), "sampled") for N in (10, 20))
    assert (small.P, large.P) == (300, 1200)
    assert growth(small, large) == pytest.approx(64, rel=0.05)


def test_products_of_a_density_grow_faster_than_its_reading():
    """As N³ and as N²; at N = 450 both take as long."""
    small, large = (Setup(ERF, N, N, kind="density") for N in (2500, 5000))
    assert 7.1 < growth(small, large) < 7.7


def test_training_takes_its_gradients_its_spectra_and_its_steps():
    def cost(N_h, g=QUADRATIC, N_i=6, **options):
        biases = options.pop("biases", "none")
        text = Training(**options).text
        return Setup(g, N_i, N_h, biases=biases, kind="training", training=text).cost

    # A gradient of 10 neurons takes twice as long as one of few, and 4000 of them are needed
    # besides 20 for each recorded time.
    one, two = (cost(N_h, spectra=False).seconds for N_h in (10, 20))
    assert two / one == pytest.approx(2.5, rel=0.05)
    few, many = (cost(3, spectra=False, times=times).seconds for times in (60, 200))
    assert many / few == pytest.approx((4000 + 20 * 200) / (4000 + 20 * 60), rel=0.05)
    # Spectra of 49 and of 98 parameters, where the cube begins to count.
    spectra = [cost(N).seconds - cost(N, spectra=False).seconds for N in (7, 14)]
    assert spectra[1] / spectra[0] == pytest.approx(4.4, rel=0.1)
    # 10,000 steps of SGD took 0.4 s.
    sgd = {"method": "sgd", "learning_rate": 1e-3, "batch": 1, "times": 5, "spectra": False}
    steps = cost(2, time=30.0, **sgd).seconds - cost(2, time=20.0, **sgd).seconds
    assert 0.4 / 4 < steps < 0.4 * 4
    # Quadrature and offsets take about 100 and 8 times longer.
    assert 40 < cost(3, TANH, spectra=False).seconds / cost(3, ERF, spectra=False).seconds < 250
    beside = cost(3, biases="both", spectra=False).seconds / cost(3, spectra=False).seconds
    assert 3 < beside < 20


def test_what_training_holds_and_stores_grows_with_times_and_parameters():
    def cost(N_h, **options):
        text = Training(**options).text
        return Setup(QUADRATIC, 3, N_h, kind="training", training=text).cost

    # Two spectra at every time, and 14 numbers.
    stored = cost(5, times=200).stored_values - cost(5, times=100).stored_values
    assert stored == 100 * (2 * 20 + len(RECORD.columns))
    # Many parameters: the 20 or so matrices of a Hessian; many times: kernels of the path.
    large, larger = (cost(N_h, times=1, spectra=False).peak_bytes for N_h in (200, 400))
    assert larger / large == pytest.approx(4, rel=0.02)
    assert 8 * 8 * 800**2 < large < 8 * 60 * 800**2
    long = [cost(5, times=times, spectra=False).peak_bytes for times in (1000, 2000)]
    assert 8 * 10 * 1000 * 25 < long[1] - long[0] < 8 * 200 * 1000 * 25


@pytest.mark.parametrize(
    "setup",
    [
        Setup(ERF, 20, 10, samples=600),
        Setup(ERF, 20, 10, samples=600, N_o=2),
        Setup(RELU, 1, 150, biases="both"),
        Setup(LINEAR, 60, 3, N_o=60),
        Setup(ERF, 60, 60, kind="density"),
        Setup(QUADRATIC, 2, 300, kind="density"),
    ],
    ids=str,
)
def test_predicted_memory_is_enough_and_not_far_more(setup):
    """As far as numpy's arrays go; WORKER_BYTES has room for a few megabytes more."""
    setup.compute([0])
    tracemalloc.start()
    try:
        setup.compute([1])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < setup.cost.peak_bytes + 1e6
    assert setup.cost.peak_bytes < 5 * peak
