"""The Hessian along training: conservation laws, spectra where runs end, and exact ranks."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import simpson

from hessweep.activations import activation
from hessweep.dynamics import PopulationLoss, displacement, random_weights, train
from hessweep.dynamics.starts import BATCHES, stream
from hessweep.dynamics.training import train_by_sgd
from hessweep.dynamics.trajectory import measure
from hessweep.errors import InputError
from hessweep.hessian import hessian
from hessweep.networks import Network, sample_teacher, widen
from hessweep.rank import rank

TIMES = np.append(0, np.geomspace(0.01, 300, 12))
ROWS = list(
    csv.DictReader((Path(__file__).parents[1] / "reference" / "off_optimum_ranks.csv").open())
)
SUPPORTS = {"x": [1], "x^2": [2], "x^3": [3], "x+x^2": [1, 2], "x+..+x^3": [1, 2, 3]}


def starting_point(teacher, noise, seed):
    if noise is None:
        return random_weights(teacher, seed, 0)
    return teacher.parameters + displacement(teacher, seed, 0, noise)


def run(name, noise, seed=1, N_i=2, N_h=2, times=TIMES, **stop):
    teacher = sample_teacher(name, N_i, N_h, seed=seed)
    return teacher, train(teacher, starting_point(teacher, noise, seed), times, **stop)


@pytest.mark.parametrize(("name", "noise"), [("quadratic", None), ("erf", None), ("erf", 0.1)])
def test_the_loss_falls_by_the_squared_gradient(name, noise):
    """Energy identity: `L(0) - L(t) = ∫ |∂L/∂θ|² dt`."""
    _, found = run(name, noise, times=np.linspace(0, 2, 1001))
    assert (np.diff(found.loss) < 0).all()
    work = simpson(found.gradient_norm**2, found.time)
    assert work == pytest.approx(found.loss[0] - found.loss[-1], rel=1e-6)


def test_linear_training_conserves_the_difference_of_its_layers():
    """`W1 W1^T - W2 W2^T` is constant along the flow of a linear network."""
    teacher, found = run("linear", None, N_i=3, N_h=2)
    W1, W2 = found.parameters[:, :6].reshape(-1, 2, 3), found.parameters[:, 6:]
    conserved = W1 @ W1.swapaxes(1, 2) - W2[:, :, None] * W2[:, None, :]
    assert np.abs(conserved - conserved[0]).max() < 1e-7
    assert found.stop == "loss"
    end = teacher.with_parameters(found.parameters[-1])
    assert np.abs(end.W2 @ end.W1 - teacher.W2 @ teacher.W1).max() < 1e-5


@pytest.mark.parametrize("name", ["linear", "quadratic"])
def test_a_converged_run_has_the_spectrum_of_the_optimum_that_it_reached(name):
    teacher, found = run(name, 0.05, times=np.append(0, np.geomspace(0.1, 1e5, 20)), loss=1e-13)
    assert found.stop == "loss"
    surface, theta = PopulationLoss(teacher), found.parameters[-1]
    for _ in range(4):  # Gauss-Newton steps to the optimum itself
        H = hessian(teacher.with_parameters(theta))
        theta = theta - np.linalg.pinv(H, rcond=1e-7) @ surface.gradient(theta)
    optimum = teacher.with_parameters(theta)
    assert np.linalg.norm(surface.gradient(theta)) < 1e-13
    expected = np.linalg.eigvalsh(hessian(optimum))
    distance = np.linalg.norm(theta - found.parameters[-1])
    assert distance < 1e-4
    # H is of degree 4 at most in the weights, whose norm is above 1.
    for eigenvalues in (found.outer_eigenvalues[-1], found.eigenvalues[-1]):
        assert np.abs(eigenvalues - expected).max() < 4 * distance * expected[-1]
    assert found.visible_rank[-1] == rank(optimum).value


@pytest.mark.parametrize("name", ["quadratic", "erf"])
def test_visible_ranks_never_exceed_the_proved_outer_rank(name):
    teacher, found = run(name, None, N_i=2, N_h=4)
    outer = [rank(teacher.with_parameters(theta)).value for theta in found.parameters]
    assert (found.visible_rank <= outer).all()
    for alpha in (1e-2, 1e-6):
        assert (found.effective_dimension(alpha) <= outer).all()
    assert (found.epsilon_rank(1e-10) <= outer).all()
    assert (found.epsilon_rank(1e-2) <= found.epsilon_rank(1e-4)).all()
    assert found.index[0] > 0


def support(name):
    return SUPPORTS.get(name) or list(range(1, int(name.rsplit("^", 1)[1]) + 1))


@pytest.mark.parametrize("name", ["linear", "quadratic", "cubic"])
def test_zeros_of_a_singular_hessian_have_no_sign(name):
    """At an optimum of rank below P rounding makes some zeros negative; none of them counts."""
    teacher = sample_teacher(name, N_i=2, N_h=6, seed=1)
    assert rank(teacher).upper < teacher.P
    found = train(teacher, teacher.parameters, TIMES)
    [eigenvalues] = found.eigenvalues
    assert -1e-12 * eigenvalues[-1] < eigenvalues[0] < 0
    assert found.index.tolist() == [0]


def test_ranks_off_the_optimum_are_those_of_exact_arithmetic():
    """Of the outer part, and bounds on what is visible, at random weights."""
    assert len(ROWS) == 129
    for seed, row in enumerate(ROWS):
        degrees = support(row["g"])
        g = activation(
            "polynomial", coefficients=[float(d in degrees) for d in range(max(degrees) + 1)]
        )
        N_i, N_h = int(row["N_i"]), int(row["N_h"])
        teacher = sample_teacher(g, N_i, N_h, seed=seed)
        start = starting_point(teacher, None, seed)
        assert rank(teacher.with_parameters(start)).value == int(row["outer"]), row
        H = PopulationLoss(teacher).hessian(start)
        norm = np.linalg.norm(H.functional, 2)
        visible = np.count_nonzero(np.linalg.eigvalsh(H.outer + H.functional) > norm * (1 + 1e-12))
        assert visible <= int(row["outer"]), row


@pytest.mark.parametrize("seed", range(4))
def test_the_norm_of_the_functional_part_is_that_of_either_sign(seed):
    """Its most negative eigenvalue is the largest in size for some students, not for others."""
    teacher = sample_teacher("erf", 3, 3, seed)
    surface = PopulationLoss(teacher)
    student = np.random.default_rng(seed).standard_normal(teacher.P)
    found = measure(surface, np.zeros(1), student[None], "time", 1)
    functional = surface.hessian(student).functional
    assert found.functional_norm == pytest.approx(np.linalg.norm(functional, 2), rel=1e-13)


def test_a_run_says_what_ended_it():
    _, at_optimum = run("erf", 0.0)
    assert (at_optimum.stop, len(at_optimum.time), at_optimum.index[0]) == ("loss", 1, 0)
    _, low = run("linear", 0.1, loss=1e-6)
    assert low.stop == "loss"
    assert low.loss[-1] == pytest.approx(1e-6, rel=1e-2)
    assert low.time[-1] < TIMES[-1]
    _, flat = run("linear", 0.1, loss=1e-30, gradient=1e-3)
    assert flat.stop == "gradient"
    assert flat.gradient_norm[-1] == pytest.approx(1e-3, rel=1e-2)
    _, late = run("erf", None, times=np.array([0, 0.1, 0.2]))
    assert (late.stop, late.time.tolist()) == ("time", [0, 0.1, 0.2])


def test_starts_are_near_the_teacher_or_independent_of_it():
    teacher = sample_teacher("erf", 40, 30, seed=3)
    near = starting_point(teacher, 0.01, 3) - teacher.parameters
    assert near.std() == pytest.approx(0.01, rel=0.1)
    twice = starting_point(teacher, 0.02, 3) - teacher.parameters
    assert twice == pytest.approx(2 * near, abs=1e-12)
    random = starting_point(teacher, None, 3)
    assert random[:1200].var() == pytest.approx(1 / 40, rel=0.2)
    assert abs(np.corrcoef(random, teacher.parameters)[0, 1]) < 0.1
    assert (random != starting_point(teacher, None, 4)).all()
    other = random_weights(teacher, 3, 1)
    assert (random != other).all()
    assert (near != displacement(teacher, 3, 1, 0.01)).all()


def test_asked_losses_are_recorded_when_they_are_reached():
    _, found = run("linear", 0.1, losses=(1e-4, 1e-5))
    for value in (1e-4, 1e-5):
        assert np.abs(found.loss / value - 1).min() < 1e-3
    assert (np.diff(found.time) > 0).all()
    assert (np.diff(found.loss) < 0).all()
    alone = run("linear", 0.1)[1]
    shared = np.isin(found.time, alone.time)
    assert shared.sum() == len(alone.time)
    assert np.count_nonzero(~shared) == 2
    np.testing.assert_allclose(found.loss[shared][:-1], alone.loss[:-1], rtol=1e-6)


def test_endings_are_those_of_the_landscape():
    """A student of zeros sits at a saddle; one that starts at a minimum has converged there."""
    teacher = sample_teacher("erf", 2, 2, seed=1)
    saddle = train(teacher, np.zeros(6), TIMES)
    assert (saddle.stop, saddle.ending, saddle.index[0] > 0) == ("gradient", "saddle", True)
    assert saddle.loss[0] == pytest.approx(saddle.scale)
    # A student with one sign of W2 only, of a teacher with the other: its best output is 0.
    quadratic = activation("power", degree=2)
    positive = Network(np.eye(2), np.array([1.0, 1.0]), quadratic)
    assert run("linear", 0.1)[1].ending == "converged"
    assert run("erf", None, times=np.array([0, 0.1]))[1].ending == "still falling"
    reached = train(positive, np.array([1.0, 0, 0, 1, 1, 1]), TIMES)
    assert reached.ending == "converged"


def test_without_spectra_the_hessian_is_not_measured():
    teacher = sample_teacher("erf", 2, 2, seed=1)
    start = starting_point(teacher, 0.1, 1)
    full, quick = train(teacher, start, TIMES), train(teacher, start, TIMES, spectra=False)
    assert quick.loss.tolist() == full.loss.tolist()
    assert quick.eigenvalues.size == 0
    assert set(quick.visible_rank) == set(quick.index) == set(quick.epsilon_rank(0.1)) == {-1}
    assert np.isnan(quick.functional_norm).all()
    assert np.isnan(quick.effective_dimension(0.1)).all()


def test_sgd_with_small_steps_follows_the_flow():
    """With small steps and large batches, within the scatter of the draws."""
    teacher = sample_teacher("erf", 2, 2, seed=1)
    start, times = starting_point(teacher, 0.3, 1), np.array([0, 1.0, 2.0])
    flow = train(teacher, start, times)
    found = [
        train_by_sgd(teacher, start, times, stream(teacher, 1, BATCHES, k), 2e-3, 256)
        for k in range(6)
    ]
    assert {len(one.time) for one in found} == {3}
    assert {one.evaluations for one in found} == {1000}
    ratio = np.log([one.loss / flow.loss for one in found])
    error = ratio.std(axis=0, ddof=1) / np.sqrt(len(found))
    largest = flow.eigenvalues.max()
    assert (np.abs(ratio.mean(axis=0)) <= 4.5 * error + 2e-3 * largest**2 * times + 1e-12).all()
    assert error.max() < 0.05


def test_sgd_stops_at_a_recorded_time():
    teacher = sample_teacher("linear", 2, 2, seed=1)
    start = starting_point(teacher, 0.1, 1)
    times = np.arange(0, 100, 0.5)
    batches = stream(teacher, 1, BATCHES, 0)
    found = train_by_sgd(teacher, start, times, batches, 0.05, 32, loss=1e-4)
    assert (found.stop, found.ending) == ("loss", "converged")
    assert found.loss[-1] <= 1e-4 < found.loss[-2]
    assert found.evaluations == round(found.time[-1] / 0.05)
    with pytest.raises(InputError, match="diverged"):
        train_by_sgd(teacher, start, 100 * times, batches, 50.0, 32)


@pytest.mark.parametrize("name", ["linear", "quadratic", "erf", "gelu"])
def test_losses_near_the_optimum_are_those_of_the_quadratic_form(name):
    """Below 1e-16 the sums cancel; `δᵀHδ/2` at the optimum does not."""
    teacher, found = run(name, 1e-7, loss=1e-24)
    H = hessian(teacher)
    moved = found.parameters - teacher.parameters
    expected = np.einsum("ti,ij,tj->t", moved, H, moved) / 2
    seen = expected > 1e-22
    assert seen.sum() > 3
    assert found.loss[0] < 1e-12
    np.testing.assert_allclose(found.loss[seen], expected[seen], rtol=1e-4)
    assert (np.diff(found.loss) < 0).all()


def test_limits_within_the_rounding_errors_of_the_loss_end_a_run_too():
    """The loss goes up and down by its rounding errors; a root that is bracketed is not there."""
    teacher = sample_teacher("quadratic", 2, 2, seed=1)
    optimum = widen(teacher, split=1, seed=1)
    start = starting_point(optimum, 0.1, 1)
    times = np.append(0, np.geomspace(0.1, 1e7, 40))
    found = train(optimum, start, times, loss=1e-20, gradient=1e-16, spectra=False)
    assert found.stop == "loss"
    assert (np.diff(found.time) > 0).all()
    assert found.loss[-1] <= 1e-16
