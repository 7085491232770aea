"""The smallest non-zero eigenvalue against all eigenvalues in high precision."""

import numpy as np
import pytest
from flint import acb_mat, arb, arb_mat, ctx
from named import DENSE, worst_case_of_the_solver
from scipy import linalg

from hessweep.activations import activation
from hessweep.hessian import hessian
from hessweep.networks import Network, sample_teacher
from hessweep.rank import ball, smallest, smallest_eigenvalue
from hessweep.rank.smallest import enclosed_smallest_eigenvalue
from hessweep.spectrum import Spectrum, spectrum_with_error


def all_eigenvalues(network, bits=600):
    """Eigenvalues in 600 bits, ascending, by the QR algorithm."""
    before, ctx.prec = ctx.prec, bits
    try:
        found = acb_mat(ball.hessian(network).mid()).eig(algorithm="approx")
        return sorted(float(value.real.mid()) for value in found)
    finally:
        ctx.prec = before


a, b = [0.9, -0.5], [0.25, 1.5]
SPECIAL = {
    "equal": Network(np.array([a, a, b]), np.array([1.0, 2, 1]), "erf"),
    "opposite": Network(np.array([a, b, [-0.9, 0.5]]), np.array([1.0, 0, 1]), "erf"),
    "zero row": Network(np.array([[0.0, 0], b]), np.array([1.0, 0.5]), "erf"),
    "gelu pair": Network(np.array([a, [-0.9, 0.5]]), np.array([1.0, 0.5]), activation("gelu")),
    "polynomial": Network(np.array([a, b, [1, 1], [0.5, 2]]), np.ones(4), "cubic"),
    "silent": Network(np.array([a, b, [1, 1]]), np.array([1.0, 0, 0]), "cubic"),
}
RANK = {"equal": 6, "opposite": 4, "zero row": 5, "gelu pair": 5, "polynomial": 9, "silent": 5}


@pytest.mark.parametrize(("N_i", "N_h"), [(1, 6), (1, 12), (2, 10), (3, 8)])
def test_eigenvalues_far_below_the_noise_of_float64(N_i, N_h):
    network = sample_teacher("erf", N_i, N_h, 0)
    truth = all_eigenvalues(network)[0]
    found = enclosed_smallest_eigenvalue(network, network.P)
    assert abs(found.value - truth) <= found.relative_error * truth
    assert found.relative_error < 1e-9


@pytest.mark.parametrize("case", SPECIAL)
def test_zeros_are_left_out(case):
    network, rank = SPECIAL[case], RANK[case]
    eigenvalues = all_eigenvalues(network)
    truth = eigenvalues[-rank]
    assert max(map(abs, eigenvalues[:-rank])) < 1e-100 < truth
    found = enclosed_smallest_eigenvalue(network, rank)
    assert abs(found.value - truth) <= found.relative_error * truth
    assert found.relative_error < 1e-9


def test_float64_is_taken_where_it_is_good_enough():
    network = sample_teacher("erf", 4, 4, 0)
    spectrum = spectrum_with_error(network)
    found = smallest_eigenvalue(network, spectrum, network.P)
    assert found.method == "float64"
    assert found.value == spectrum.eigenvalues[0]
    exact = enclosed_smallest_eigenvalue(network, network.P)
    assert abs(found.value - exact.value) <= found.relative_error * exact.value


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus"])
def test_float64_is_taken_where_no_kernel_in_balls_is_known(name):
    network = sample_teacher(name, 2, 3, 0)
    assert network.activation.in_balls is not None
    found = smallest_eigenvalue(network, spectrum_with_error(network), network.P, relative_error=0)
    assert found.method == "float64"


@pytest.mark.parametrize(("radius", "enough"), [(0.01, True), (0.25, True), (0.3, False)])
def test_nothing_is_said_where_the_inverse_may_be_infinite(radius, enough):
    """Of the identity with wide balls, whose eigenvalues are 1 - 2 radius and more."""
    with ball.working_precision(100):
        one, zero = arb(1, radius), arb(0, radius)
        found = smallest._from_inverse(arb_mat([[one, zero], [zero, one]]), np.arange(2))
    assert (found is not None) == enough
    if enough:
        for true in (1 - 2 * radius, 1.0):
            assert abs(found.value - true) <= found.relative_error * true


def test_more_accuracy_is_had_for_the_asking():
    network = sample_teacher("erf", 4, 4, 0)
    found = smallest_eigenvalue(network, spectrum_with_error(network), network.P, 1e-12)
    assert found.method == "ball"


def test_an_eigenvalue_below_float64_is_zero_with_an_error_of_one(monkeypatch):
    network = sample_teacher("erf", 1, 12, 0)
    monkeypatch.setattr(np, "finfo", lambda _: type("Coarse", (), {"tiny": 1e-40}))
    assert enclosed_smallest_eigenvalue(network, network.P)[:2] == (0.0, 1.0)


def test_what_no_engine_can_see_is_zero_with_an_error_of_one():
    network = Network(np.array([[1.0], [1.001]]), np.ones(2), activation("tanh"))
    spectrum = Spectrum(np.array([1e-20, 1e-3, 1.0, 2.0]), 1e-15, DENSE)
    assert smallest_eigenvalue(network, spectrum, 4) == (0.0, 1.0, "float64")


def test_a_network_of_rank_zero_has_none():
    network = Network(np.zeros((1, 2)), np.zeros(1), "quadratic")
    spectrum = Spectrum(np.linalg.eigvalsh(hessian(network)), 0.0, DENSE)
    assert smallest_eigenvalue(network, spectrum, 0)[:2] == (0.0, 0.0)


@pytest.mark.parametrize(("error", "relative"), [(0.25, 1 / 3), (0.4, 2 / 3), (0.5, 1.0)])
def test_the_relative_error_is_that_of_the_truth(error, relative):
    """1 with an error of 1/4 may stand for 3/4, and is then off by a third of the truth."""
    network = Network(np.array([[1.0], [1.001]]), np.ones(2), activation("tanh"))
    spectrum = Spectrum(np.array([0.0, 0.0, 1.0, 2.0]), error, DENSE)
    found = smallest_eigenvalue(network, spectrum, 2)
    assert found == (float(relative < 1), pytest.approx(relative), "float64")
    worst = 1 - error
    assert abs(found.value - worst) <= found.relative_error * worst * (1 + 1e-12)


def random_balls(rng, r):
    """A matrix of any sign and one above 1, as midpoints and radii of very different sizes."""
    A, B = rng.standard_normal((2, r, r))
    scale = 10.0 ** rng.integers(-3, 4)
    radii = [10.0 ** rng.uniform(-9, -3) * rng.random((r, r)) for _ in range(2)]
    X, N = scale * (A @ A.T), np.eye(r) + B @ B.T + 0.01 * np.eye(r)
    return X, scale * (radii[0] + radii[0].T), N, radii[1] + radii[1].T


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("which", ["X", "N", "both"])
def test_the_largest_eigenvalue_is_enclosed_for_every_matrix_in_the_balls(which, seed):
    """At random matrices in the balls, and at those that move the eigenvalue most."""
    rng = np.random.default_rng(seed)
    r = int(rng.integers(1, 8))
    X, X_rad, N, N_rad = random_balls(rng, r)
    X_rad, N_rad = X_rad * (which != "N"), N_rad * (which != "X")
    mu, error = smallest._largest(X, X_rad, N, N_rad)
    _, vectors = linalg.eigh(X, N)
    worst = np.sign(np.outer(vectors[:, -1], vectors[:, -1]))
    patterns = [worst, -worst, *(np.sign(P + P.T) for P in rng.standard_normal((5, r, r)))]
    farthest = 0.0
    for pattern in patterns:
        inside = X + pattern * X_rad, N - pattern * N_rad
        truth = linalg.eigh(*inside, eigvals_only=True)[-1]
        assert abs(truth - mu) <= error
        farthest = max(farthest, abs(truth - mu))
    assert error <= 1e3 * farthest, "a bound of no use"


@pytest.mark.parametrize("r", [1, 4, 40])
@pytest.mark.parametrize("with_N", [False, True])
def test_exact_matrices_have_the_worst_case_of_the_solver(r, with_N):
    """Each reflection and each sweep of docs/ranks.md, eq. 4, with all errors in one direction."""
    A = np.random.default_rng(r).standard_normal((r, r))
    X, N = A @ A.T, (1 + np.arange(r)) * np.eye(r)
    zero = np.zeros((r, r))
    mu, error = smallest._largest(X, zero, *((N, zero) if with_N else (None, None)))
    worst = worst_case_of_the_solver(r) * np.linalg.norm(X)
    if with_N:
        worst += mu * worst_case_of_the_solver(r) * np.linalg.norm(N)
    assert worst <= error <= 3 * worst
