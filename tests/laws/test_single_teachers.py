"""The law of one teacher's spectrum given its weights, against exact spectra."""

import numpy as np
import pytest
from scipy.stats import norm

from hessweep import activation, sample_teacher, spectrum
from hessweep.activations import ACTIVATIONS
from hessweep.laws import neuron_bulk, special_directions, spectrum_distance, spectrum_law
from hessweep.laws.harmonics import (
    dimensions_of_the_bulk,
    harmonic_matrices,
    harmonic_parts,
    harmonics,
)
from hessweep.laws.local import local_coefficients
from hessweep.laws.shells import teacher_bulk
from hessweep.networks import WEIGHTS


def distance(g, N_i, N_h, weights="normal", seed=0):
    teacher = sample_teacher(g, N_i, N_h, seed, weights)
    law = spectrum_law(g, N_i, N_h, W1=teacher.W1, W2=teacher.W2)
    return spectrum_distance(spectrum(teacher), law, points=60)


DISTANCES = [
    ("relu", 30, 30, "normal", 0.005), ("gelu", 30, 30, "normal", 0.006),
    ("relu", 20, 60, "normal", 0.005), ("softplus", 25, 50, "normal", 0.006),
    ("swish", 20, 50, "normal", 0.01), ("relu", 120, 40, "normal", 0.002),
    ("cubic", 30, 60, "normal", 0.02), ("erf", 40, 40, "normal", 0.013),
    ("tanh", 40, 40, "normal", 0.013), ("erf", 90, 30, "normal", 0.013),
    ("sin", 60, 20, "normal", 0.015), ("cubic", 10, 60, "normal", 0.06),
    ("tanh", 10, 60, "normal", 0.024), ("gelu", 10, 60, "normal", 0.04),
    ("gelu", 8, 40, "normal", 0.075), ("softplus", 10, 60, "normal", 0.06),
    ("relu", 25, 25, "uniform", 0.006), ("cubic", 25, 25, "laplace", 0.025),
    ("relu", 30, 30, "rademacher", 0.025), ("gelu", 20, 50, "rademacher", 0.025),
    ("softplus", 60, 20, "rademacher", 0.01),
    ("erf", 40, 40, "rademacher", 0.016), ("cubic", 40, 40, "rademacher", 0.016),
]  # fmt: skip


@pytest.mark.parametrize(("name", "N_i", "N_h", "weights", "most"), DISTANCES)
def test_spectra_of_single_teachers(name, N_i, N_h, weights, most):
    assert distance(name, N_i, N_h, weights) < most


def test_few_inputs_leave_as_many_zeros_as_the_rank_does():
    """Cubic networks have as many non-zero eigenvalues as cubic polynomials of x, 286."""
    teacher = sample_teacher("cubic", 10, 60, 0)
    law = spectrum_law("cubic", 10, 60, W1=teacher.W1, W2=teacher.W2)
    assert law.cdf(1e-12) * 660 == pytest.approx(660 - 286, abs=8)
    teacher = sample_teacher(activation("power", degree=3), 10, 60, 0)
    law = spectrum_law(teacher.activation, 10, 60, W1=teacher.W1, W2=teacher.W2)
    assert law.cdf(1e-12) * 660 == pytest.approx(660 - 220, abs=1)


def test_other_activations(mish):
    assert distance(mish, 25, 25) < 0.008
    assert distance(activation("power", degree=4), 40, 20) < 0.01
    assert distance(activation("power", degree=3), 40, 40) < 0.013


@pytest.mark.parametrize("name", ["quadratic", "relu", "gelu", "erf", "tanh", "cubic"])
def test_the_distance_falls_faster_than_the_power_0_7_of_N(name):
    small = np.mean([distance(name, 10, 10, seed=seed) for seed in range(8)])
    large = np.mean([distance(name, 40, 40, seed=seed) for seed in range(2)])
    assert np.log(large / small) / np.log(4) < -0.7


ANY = [
    *(name for name in ACTIVATIONS if name not in ("power", "polynomial")),
    activation("power", degree=3), activation("power", degree=4),
    activation("polynomial", coefficients=[1, -3, 0, 1]),
]  # fmt: skip
SMALL = [(1, 1), (1, 3), (3, 1), (2, 3), (6, 4), (3, 7)]
x_any = np.r_[-1, 0, np.geomspace(1e-5, 1e4, 12)]


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", ANY, ids=str)
def test_given_weights_the_distribution_function_rises_from_0_to_1(name, weights):
    for N_i, N_h in SMALL:
        teacher = sample_teacher(name, N_i, N_h, 0, weights)
        law = spectrum_law(name, N_i, N_h, weights, W1=teacher.W1, W2=teacher.W2)
        p = law.cdf(x_any)
        assert p[0] == 0
        assert (np.diff(p) >= 0).all()
        # Seven eigenvalues of `exp` and `power` lie above the last place for Laplace weights.
        top = spectrum(teacher).max()
        assert law.cdf(np.array([100 * top]))[0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("a", [0.05, 0.3, 1.0, 1.7])
def test_local_coefficients_of_a_corner(a):
    """Of `max(√p z - a, 0)`, each mean by parts; the corner is on another place for each p."""
    g = activation(lambda x: np.maximum(x - a, 0), derivative=lambda x: 1.0 * (x > a), kinks=[a])
    p = np.array([1e-12, 0.3, 1.0, 2.7])
    k, root = a / np.sqrt(p), np.sqrt(p)
    at_k, above = norm.pdf(k), norm.sf(k)
    found = local_coefficients(g, p)
    np.testing.assert_allclose(found.squared_slope, above, atol=1e-12)
    np.testing.assert_allclose(found.squared_turn, above + k * at_k, atol=1e-12)
    h = root * [at_k - k * above, above, at_k, k * at_k]
    np.testing.assert_allclose(found.h[:4], h, atol=1e-12)
    squared_mean = p * ((1 + k * k) * above - k * at_k)
    np.testing.assert_allclose(found.squared_mean, squared_mean, atol=1e-12)


@pytest.mark.parametrize("N_i", [1, 2, 3, 10, 60])
def test_parts_of_the_kernel_are_its_projections_on_the_sphere(N_i):
    """Legendre-like moments: the first two parts against integrals over the sphere."""
    local = local_coefficients(activation("exp"), np.ones(1))
    parts = harmonic_parts(local, N_i)[:, 0]
    alphas = np.array([local.alpha(degree)[0] for degree in range(1, len(parts))])
    assert parts.sum() == pytest.approx(alphas.sum())
    assert (parts >= 0).all()
    if N_i == 1:
        c, w = np.array([-1.0, 1.0]), np.full(2, 0.5)
    else:
        # c = cos θ with density sin^(N_i - 2) θ; Chebyshev points are exact for N_i = 2.
        theta = (np.arange(4000) + 0.5) * np.pi / 4000
        c, w = np.cos(theta), np.sin(theta) ** (N_i - 2)
        w = w / w.sum()
    kernel = np.polynomial.polynomial.polyval(c, alphas)
    assert parts[0] == pytest.approx(w @ kernel, rel=1e-6)
    assert parts[1] == pytest.approx(N_i * (w @ (kernel * c)), rel=1e-6)


@pytest.mark.parametrize(("name", "N_i", "N_h"), [("quadratic", 5, 7), ("quadratic", 8, 4)])
def test_bulk_of_a_teacher_is_the_operator_beside_degree_one(name, N_i, N_h):
    """Without shells the tail is the exact count of T on the complement of `u ⊗ R^{N_i}`."""
    g, teacher = activation(name), sample_teacher(name, N_i, N_h, 3)
    local = local_coefficients(g, (teacher.W1**2).sum(axis=1))
    M = (np.sqrt(N_h) * teacher.W2 * local.h[2] / local.p)[:, None] * teacher.W1
    T = np.zeros((N_h * N_i, N_h * N_i))
    for k in range(N_h * N_i):
        V = np.zeros(N_h * N_i)
        V[k] = 1
        V = V.reshape(N_h, N_i)
        T[:, k] = (M @ M.T @ V + M @ V.T @ M).ravel()
    u = teacher.W2 * local.h[1] / np.sqrt(local.p)
    P = np.kron(np.eye(N_h) - np.outer(u, u) / (u @ u), np.eye(N_i))
    eigenvalues = np.linalg.eigvalsh(P @ T @ P)
    positive = eigenvalues[eigenvalues > 1e-9]
    bulk = teacher_bulk(local, teacher.W1, teacher.W2, True)
    # Not between copies of an eigenvalue.
    apart = positive[1:] > 1.001 * positive[:-1]
    z = np.sqrt(positive[1:] * positive[:-1])[apart]
    count = (positive[:, None] > z).sum(axis=0)
    np.testing.assert_allclose(bulk.tail(z) * (N_h - 1) * N_i, count, atol=1e-4)


@pytest.mark.parametrize("name", ["gelu", "cos"])
def test_inputs_that_no_neuron_uses_give_eigenvalues_of_H(name):
    """With one of the atoms moved, the law would be off by `N_i - N_h` eigenvalues there."""
    teacher = sample_teacher(name, 20, 5, 2)
    eigenvalues = spectrum(teacher)
    law = spectrum_law(name, 20, 5, W1=teacher.W1, W2=teacher.W2)
    # Eigenvalues that occur 15 times; the largest of gelu is of degree 1, and not in the bulk.
    steps = np.diff(eigenvalues) > 1e-9 * eigenvalues[1:]
    groups = np.split(eigenvalues, np.flatnonzero(steps) + 1)
    copies = [group[0] for group in groups if len(group) == 15]
    assert len(copies) == 5
    for value in copies[: 4 if name == "gelu" else 5]:
        jump = law.cdf(np.array([value * (1 + 1e-9)])) - law.cdf(np.array([value * (1 - 1e-9)]))
        assert jump[0] * len(eigenvalues) == pytest.approx(15, abs=1e-3)


def test_matrices_of_a_cubic_power():
    """For x³, `E[u³ v³] = 9 pqc + 6 c³` in the variances p, q and the covariance c."""
    teacher = sample_teacher(activation("power", degree=3), 7, 5, 0)
    local = local_coefficients(teacher.activation, (teacher.W1**2).sum(axis=1))
    gram = teacher.W1 @ teacher.W1.T
    p = np.diag(gram)
    expected = 18 * (gram**2 - np.outer(p, p) / 7)
    expected *= 5 * np.outer(teacher.W2, teacher.W2)
    matrices = harmonic_matrices(local, teacher.W1, teacher.W2, 7)
    np.testing.assert_allclose(matrices[0], expected, atol=1e-6)
    np.testing.assert_allclose(matrices[1:], 0, atol=1e-6)


@pytest.mark.parametrize("N_i", [1, 2, 3, 20])
def test_matrices_are_semidefinite_and_have_the_parts_on_their_diagonal(N_i):
    """The Gegenbauer polynomials of a cosine are positive definite (Schoenberg)."""
    teacher = sample_teacher("gelu", N_i, 6, 1)
    local = local_coefficients(teacher.activation, (teacher.W1**2).sum(axis=1))
    matrices = harmonic_matrices(local, teacher.W1, teacher.W2, N_i)
    parts = 6 * teacher.W2**2 * harmonic_parts(local, N_i)
    np.testing.assert_allclose(np.diagonal(matrices, axis1=1, axis2=2), parts[2:-1], atol=1e-9)
    for matrix in matrices:
        assert np.linalg.eigvalsh(matrix)[0] > -1e-9


@pytest.mark.parametrize(
    ("N_i", "N_h", "along", "third"),
    [(14, 10, True, 0.5), (10, 8, False, 0.5), (10, 20, False, 1.0)],
)
def test_moments_of_a_bulk_in_one_shell(N_i, N_h, along, third):
    """`∫ k z^(k-1) P(> z) dz` against the expansion of the law in 1/z.

    With d the eigenvalues of the matrix, all of them in the shell, the moments are `E d`,
    `E d² + ρ (E d)²` and `E d³ + 3 ρ E d E d² + t ρ² (E d)³`.
    """
    teacher = sample_teacher(activation("power", degree=3), N_i, N_h, 0, "uniform")
    local = local_coefficients(teacher.activation, (teacher.W1**2).sum(axis=1))
    bulk = teacher_bulk(local, teacher.W1, teacher.W2, False)
    d = bulk.rest + bulk.x.sum(axis=0)
    rho, mean = bulk.rho.sum() + bulk.rho_along.sum(), d.mean()
    assert (bulk.rho_along.any(), bulk.third) == (along, third)
    z = np.linspace(0, 8 * d.max(), 4001)[1:] - d.max() / 1000
    tail, step = bulk.tail(z), d.max() / 500
    found = [np.sum(k * z ** (k - 1) * tail) * step for k in (1, 2, 3)]
    expected = [
        mean,
        (d**2).mean() + rho * mean**2,
        (d**3).mean() + 3 * rho * mean * (d**2).mean() + bulk.third * rho**2 * mean**3,
    ]
    np.testing.assert_allclose(found, expected, rtol=5e-3)


@pytest.mark.parametrize("name", ["relu", "gelu", "cubic", "tanh"])
@pytest.mark.parametrize(("N_i", "N_h"), [(12, 12), (8, 24), (24, 8)])
def test_secants_lead_to_the_fixed_point_of_plain_iteration(monkeypatch, name, N_i, N_h):
    teacher = sample_teacher(name, N_i, N_h, 1)
    law = spectrum_law(name, N_i, N_h, W1=teacher.W1, W2=teacher.W2)
    places = np.geomspace(1e-3, 2, 25)
    by_secants = law.sf(places)
    monkeypatch.setattr(neuron_bulk, "RESOLUTION", 1e-11)
    monkeypatch.setattr(neuron_bulk, "STEPS", 4000)
    monkeypatch.setattr(neuron_bulk, "_following", lambda now, *_: now[0] + 0.3 * now[1])
    assert by_secants == pytest.approx(law.sf(places), abs=1e-7)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize("lost", [1.0, 1e-3])
def test_arguments_of_a_determinant_are_those_of_the_eigenvalues(n, lost):
    rng = np.random.default_rng(n)
    real, positive = rng.standard_normal((n, n)), rng.standard_normal((n, n + 1))
    real += real.T
    real[: n // 3, : n // 3] = 0  # LAPACK then takes pivots of two rows.
    matrix = real + 1j * lost * positive @ positive.T
    expected = np.angle(np.linalg.eigvals(matrix)).sum() / np.pi
    found = special_directions.argument_of_determinant(matrix)
    assert found == pytest.approx(expected, abs=1e-9)


def test_dimensions_of_harmonic_polynomials():
    """Of the circle, and of the spheres in three and in four dimensions."""
    for degree in (2, 3, 7):
        assert harmonics(2, degree) == 2
        assert harmonics(3, degree) == 2 * degree + 1
        assert harmonics(4, degree) == (degree + 1) ** 2


@pytest.mark.parametrize(("N_h", "left"), [(60, 150), (157, 53), (158, 0)])
def test_dimensions_that_block_B_leaves_to_the_bulk(N_h, left):
    """`(w x)³` takes N_h of the 210 harmonics of degree 3; below a quarter nothing is known."""
    local = local_coefficients(activation("power", degree=3), np.ones(N_h))
    dimensions = dimensions_of_the_bulk(local, 10, False)
    assert dimensions[3] == pytest.approx(left, abs=1e-6)
