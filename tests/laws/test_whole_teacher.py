"""One teacher's Hessian, taken apart, put together again and counted."""

import numpy as np
import pytest

from hessweep import activation, hessian, sample_teacher, spectrum
from hessweep.laws import spectrum_law
from hessweep.laws.equal_neurons import Potentials, equal_neurons
from hessweep.laws.local import local_coefficients
from hessweep.laws.neuron_bulk import neuron_bulk
from hessweep.laws.special_directions import WholeSpectrum
from hessweep.laws.teacher_parts import teacher_parts


def taken_apart(name, N_i, N_h, weights="normal", seed=0):
    teacher = sample_teacher(name, N_i, N_h, seed, weights)
    local = local_coefficients(teacher.activation, (teacher.W1**2).sum(axis=1))
    parts = teacher_parts(teacher.activation, local, teacher.W1, teacher.W2, N_i)
    return teacher, local, parts


def matrix_of(y, W1):
    """The matrices `y_k w_k^T`, flattened, as columns."""
    return np.einsum("mk,kn->mnk", y, W1).reshape(W1.size, -1)


def exchange_of(factors, W1):
    """The operator that takes V to the matrix of rows `Σ_p factors_mp (w_m · V_p) w_p`."""
    return np.einsum("mp,pn,mq->mnpq", factors, W1, W1).reshape(W1.size, -1)


def exchange_beside_U(parts):
    U = matrix_of(np.eye(len(parts.p)), parts.W1)
    beside = np.eye(len(U)) - U @ np.diag(1 / parts.p) @ U.T
    return beside @ exchange_of(parts.exchange, parts.W1) @ beside


def without_exchange(parts):
    """`N_h H` without the exchange of degree 3 and more beside the matrices U, as a matrix."""
    W1, P1 = parts.W1, parts.W1.size
    U, Y, of_b = (matrix_of(y, W1) for y in (np.eye(len(W1)), parts.columns, parts.of_b))
    H = np.zeros((P1 + len(W1),) * 2)
    M = parts.rows
    H[:P1, :P1] = np.kron(parts.neurons + M @ M.T, np.eye(W1.shape[1]))
    H[:P1, :P1] += exchange_of(np.outer(parts.strength, parts.strength), W1)
    H[:P1, :P1] += U @ parts.corner @ U.T + U @ Y.T + Y @ U.T
    H[:P1, P1:] = U @ parts.of_b_along + of_b
    H[P1:, :P1] = H[:P1, P1:].T
    H[P1:, P1:] = parts.block_B
    return H


NAMES = ["relu", "gelu", "cubic", activation("polynomial", coefficients=[1, -3, 0.5, 1])]


@pytest.mark.parametrize("name", NAMES, ids=str)
@pytest.mark.parametrize(("N_i", "N_h"), [(6, 5), (4, 9)])
def test_the_parts_add_up_to_the_hessian(name, N_i, N_h):
    teacher, _, parts = taken_apart(name, N_i, N_h)
    H, P1 = without_exchange(parts), parts.W1.size
    exchange = exchange_beside_U(parts)
    H[:P1, :P1] += exchange
    expected = N_h * hessian(teacher)
    np.testing.assert_allclose(H, expected, atol=1e-12 * np.abs(expected).max())
    moments = [np.trace(np.linalg.matrix_power(exchange, k)) / P1 for k in (2, 3)]
    np.testing.assert_allclose(parts.exchange_moments(), moments, rtol=1e-9)


@pytest.mark.parametrize("name", ["relu", "gelu"])
def test_the_shell_has_the_moments_of_the_exchange(name):
    """`E(u) = u/(1 - t u)` stands for the second moment ρ and the third moment `t ρ²`."""
    teacher, local, parts = taken_apart(name, 9, 6)
    exchange = exchange_beside_U(parts)
    bulk = neuron_bulk(parts, local, teacher.W2, 9)
    second, third = (np.trace(np.linalg.matrix_power(exchange, k)) / 54 for k in (2, 3))
    assert bulk.rho == pytest.approx(second)
    assert abs(third) > 2e-3 * second**1.5  # Below 1e-3 a skewness is raised.
    assert bulk.third * bulk.rho**2 == pytest.approx(third)


@pytest.mark.parametrize("name", NAMES, ids=str)
@pytest.mark.parametrize(("N_i", "N_h"), [(6, 5), (4, 9)])
def test_without_exchange_the_count_is_exact(name, N_i, N_h):
    """Inertia by matrices of size N_i and 3 N_h, against the eigenvalues of the whole matrix."""
    teacher, local, parts = taken_apart(name, N_i, N_h, seed=1)
    eigenvalues = np.linalg.eigvalsh(without_exchange(parts))
    bulk = neuron_bulk(parts, local, teacher.W2, N_i)
    object.__setattr__(bulk, "rho", 0.0)
    positive = eigenvalues[eigenvalues > 1e-4 * eigenvalues[-1]]
    z = np.r_[np.sqrt(positive[1:] * positive[:-1]), 2 * positive[-1]]
    count = (eigenvalues[:, None] > z).sum(axis=0)
    np.testing.assert_allclose(WholeSpectrum(bulk).above(z), count, atol=1e-2)


@pytest.mark.parametrize(
    ("N_i", "N_h", "weights", "epsilon"),
    [(20, 20, "normal", 1.0), (8, 30, "laplace", 0.3), (30, 8, "uniform", 3.0),
     (16, 16, "rademacher", 1.0), (12, 24, "student-t", -1.0)],
)  # fmt: skip
def test_the_law_of_a_quadratic_teacher_is_its_spectrum(N_i, N_h, weights, epsilon):
    g = activation("quadratic", epsilon=epsilon)
    teacher = sample_teacher(g, N_i, N_h, 0, weights)
    eigenvalues = spectrum(teacher)
    law = spectrum_law(g, N_i, N_h, W1=teacher.W1, W2=teacher.W2)
    positive = eigenvalues[eigenvalues > 1e-6 * eigenvalues.mean()]
    # Not between copies of an eigenvalue.
    apart = positive[1:] > (1 + 1e-5) * positive[:-1]
    x = np.r_[1e-5 * positive[0], np.sqrt(positive[1:] * positive[:-1])[apart], 2 * positive[-1]]
    x = np.maximum(x, 1e-6 * eigenvalues.mean())
    count = (eigenvalues[:, None] > x).sum(axis=0)
    np.testing.assert_allclose(law.sf(x) * len(eigenvalues), count, atol=0.02)


@pytest.mark.parametrize(("N_i", "N_h"), [(20, 10), (10, 20), (7, 7)])
def test_the_law_of_a_linear_teacher_is_its_spectrum(N_i, N_h):
    """All but N_i eigenvalues are 0, and no zero takes the place of another."""
    teacher = sample_teacher("linear", N_i, N_h, 0)
    law = spectrum_law("linear", N_i, N_h, W1=teacher.W1, W2=teacher.W2)
    positive = spectrum(teacher)[-N_i:]
    x = np.r_[0.5 * positive[0], np.sqrt(positive[1:] * positive[:-1]), 2 * positive[-1]]
    apart = np.diff(positive, prepend=0, append=np.inf) > 1e-9 * positive[-1]
    count = N_i - np.arange(N_i + 1)
    np.testing.assert_allclose((law.sf(x) * teacher.P)[apart], count[apart], atol=1e-6)


@pytest.mark.parametrize("name", ["relu", "softplus", "swish"])
@pytest.mark.parametrize(("N_i", "N_h"), [(12, 12), (20, 26)])
def test_special_directions_are_as_many_as_in_the_spectrum(name, N_i, N_h):
    """Those of softplus are 1e-8 of the mean, those of ReLU exactly zero."""
    teacher = sample_teacher(name, N_i, N_h, 0)
    law = spectrum_law(name, N_i, N_h, W1=teacher.W1, W2=teacher.W2)
    zeros = N_h if name == "relu" else 0
    assert law.atom * N_h * (N_i + 1) == pytest.approx(zeros, abs=0.01)


def test_resolvent_of_equal_neurons():
    """In pairs of singular directions, against the inverse of a matrix."""
    N_i, N_h = 5, 7
    teacher, local, parts = taken_apart("relu", N_i, N_h, "rademacher")
    bulk = equal_neurons(parts, local, teacher.W2, N_i)
    old = Potentials(0.02 - 0.01j, -0.03 - 0.02j, 0.01 - 0.005j)
    z = 0.3 + 1e-3j
    found = bulk._resolvent(z, old)
    W1 = np.sign(parts.strength)[:, None] * parts.W1
    squared = parts.strength[0] ** 2
    along = (old.plus + old.minus) / 2 * W1.T @ W1 + (bulk.diagonal + old.neurons) * np.eye(N_i)
    T = squared * np.kron(W1 @ W1.T, np.eye(N_i)) + np.kron(np.eye(N_h), along)
    T += (squared + (old.plus - old.minus) / 2) * exchange_of(np.ones((N_h, N_h)), W1)
    gaps = z * np.eye(len(T)) - T
    basis = np.kron(bulk.left, bulk.right.T)
    inverse = (basis.T @ np.linalg.inv(gaps) @ basis).reshape(N_h, N_i, N_h, N_i)
    np.testing.assert_allclose(found.straight, np.einsum("ijij->ij", inverse), atol=1e-9)
    square = inverse[:N_i, :, :N_i]
    crossed = np.einsum("ijji->ij", square)
    np.fill_diagonal(crossed, 0)
    np.testing.assert_allclose(found.crossed, crossed, atol=1e-9)
    angles = np.angle(np.linalg.eigvals(gaps)).sum() / np.pi
    assert found.argument == pytest.approx(angles, abs=1e-9)
