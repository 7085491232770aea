"""Shells of equal neurons, which laws of a teacher there are, and laws that do not converge."""

from dataclasses import replace

import numpy as np
import pytest

from hessweep import activation, sample_teacher, spectrum
from hessweep.activations.relu import Relu
from hessweep.errors import PrecisionError
from hessweep.hessian import hessian
from hessweep.laws import equal_neurons, neuron_bulk, shells, spectrum_distance, spectrum_law
from hessweep.laws.harmonics import harmonic_parts
from hessweep.laws.local import local_coefficients


def equal_teacher(name, N_i, N_h):
    """A teacher of equal neurons, and its bulk whose shells follow the directions of W1."""
    teacher = sample_teacher(name, N_i, N_h, 0, "rademacher")
    local = local_coefficients(teacher.activation, (teacher.W1**2).sum(axis=1))
    bulk = shells.teacher_bulk(local, teacher.W1, teacher.W2, True)
    assert len(bulk.sigma2) == N_i
    assert bulk.rho_along.all()
    return teacher, local, bulk


@pytest.mark.parametrize("name", ["relu", "cubic"])
@pytest.mark.parametrize(("N_i", "N_h"), [(12, 4), (13, 8)])
def test_equal_neurons_without_shells_are_counted_exactly(name, N_i, N_h):
    """Against T on the complement of the vectors `u ⊗ R^{N_i}` with `u_m = sign(W2_m)`."""
    teacher, local, bulk = equal_teacher(name, N_i, N_h)
    diagonal = bulk.rest + bulk.x.sum(axis=0)
    np.testing.assert_allclose(diagonal, diagonal[0])
    signs = np.sign(teacher.W2)[:, None]
    M = np.sqrt(harmonic_parts(local, N_i)[1, 0]) * signs * teacher.W1
    beside = np.eye(N_h) - signs @ signs.T / N_h
    V = beside @ np.eye(N_h * N_i).reshape(-1, N_h, N_i)
    images = M @ M.T @ V + M @ V.swapaxes(1, 2) @ M + diagonal[0] * V
    eigenvalues = np.linalg.eigvalsh((beside @ images).reshape(N_h * N_i, -1))[N_i:]
    apart = eigenvalues[1:] > (1 + 1e-6) * eigenvalues[:-1]
    z = np.sqrt(eigenvalues[1:] * eigenvalues[:-1])[apart]
    count = (eigenvalues[:, None] > z).sum(axis=0)
    none = np.zeros(len(bulk.rho))
    found = replace(bulk, rho=none, rho_along=none).tail(z) * len(eigenvalues)
    np.testing.assert_allclose(found, count, atol=1e-3)


@pytest.mark.parametrize("name", ["relu", "cubic"])
def test_shells_that_do_not_follow_directions_are_those_of_any_neurons(name):
    """Sums of pairs from the eigenvalues of `W1^T W1`, and from those of a complex matrix."""
    _, _, bulk = equal_teacher(name, 24, 24)
    plain = replace(bulk, rho=bulk.rho + bulk.rho_along, rho_along=np.zeros(len(bulk.rho)))
    z = (bulk.x.sum() / len(bulk.rest)) * np.geomspace(0.3, 10, 12)
    general = replace(plain, sigma2=np.ones(1))
    np.testing.assert_allclose(plain.tail(z), general.tail(z), atol=1e-12)
    assert np.abs(plain.tail(z) - bulk.tail(z)).max() > 1e-5


def test_a_wide_exchange_of_equal_neurons_leaves_the_law_to_the_groups():
    """Nearly all of the slope of `x³ - 3x` is of degree 3: neither a free matrix nor few pairs."""
    g = activation("polynomial", coefficients=[0, -3, 0.3, 1])
    teacher = sample_teacher(g, 24, 16, 0, "rademacher")
    law = spectrum_law(g, 24, 16, W1=teacher.W1, W2=teacher.W2)
    assert law.whole is None
    assert spectrum_distance(spectrum(teacher), law) < 0.06


class Divergent(Relu):
    """ReLU with the derivatives of its kernel that do not exist for parallel neurons."""

    def dual(self, p, q, c):
        """Return the kernel."""
        kernel = super().dual(p, q, c)
        parallel = np.isclose(c * c, p * q)
        with np.errstate(invalid="ignore"):
            return kernel._replace(
                K_cc=np.where(parallel, np.inf, kernel.K_cc),
                K_qc=np.where(parallel, -np.inf, kernel.K_qc),
            )


def test_neurons_along_one_line_leave_the_law_to_the_groups():
    teacher = sample_teacher("relu", 7, 7, 0)
    W1 = teacher.W1.copy()
    W1[1] = 2 * W1[0]
    found, law = (
        spectrum_law(g, 7, 7, W1=W1, W2=teacher.W2) for g in (Divergent(), activation("relu"))
    )
    assert found.whole is None
    assert law.whole is not None
    x = np.geomspace(1e-3, 10, 8)
    np.testing.assert_allclose(found.cdf(x), law.cdf(x), atol=0.1)
    assert found.cdf(1e9) == pytest.approx(1)


@pytest.mark.parametrize(
    ("module", "name", "weights", "what"),
    [
        (neuron_bulk, "relu", "normal", "a teacher's spectrum"),
        (equal_neurons, "relu", "rademacher", "a teacher's spectrum"),
        (shells, "erf", "normal", "a teacher's bulk"),
    ],
)
def test_shells_that_do_not_converge_give_no_law(monkeypatch, module, name, weights, what):
    teacher = sample_teacher(name, 12, 12, 0, weights)
    law = spectrum_law(name, 12, 12, W1=teacher.W1, W2=teacher.W2)
    x = np.array([0.01])
    assert 0 < law.sf(x) < 1
    monkeypatch.setattr(module, "STEPS", 1)
    with pytest.raises(PrecisionError, match=f"the law of {what} does not converge at N_h λ = "):
        law.sf(x)


@pytest.mark.parametrize(
    ("kind", "method", "name", "weights"),
    [
        (neuron_bulk.NeuronBulk, "at", "gelu", "normal"),
        (equal_neurons.EqualNeurons, "at", "gelu", "rademacher"),
        (shells.TeacherBulk, "_iterate", "erf", "normal"),
    ],
)
def test_where_a_law_converges_off_the_axis_only_it_is_blurred(
    monkeypatch, kind, method, name, weights
):
    """The first of the slopes is refused; at the second all and nothing stay all and nothing."""
    teacher = sample_teacher(name, 12, 12, 0, weights)
    law = spectrum_law(name, 12, 12, W1=teacher.W1, W2=teacher.W2)
    x = np.array([1e-9, 3e-3, 0.01, 0.03, 1e5])
    expected = law.sf(x)
    original, refused = getattr(kind, method), []

    def off_the_axis(self, z, *more):
        if z.imag < 1e-6 * z.real:
            refused.append(z)
            return None if method == "at" else (0.5, *more, np.inf)
        return original(self, z, *more)

    monkeypatch.setattr(kind, method, off_the_axis)
    found = law.sf(x)
    np.testing.assert_allclose(found, expected, atol=3e-3)
    np.testing.assert_allclose(found[[0, -1]], expected[[0, -1]], atol=1e-5)
    assert len(refused) == 5


@pytest.mark.parametrize(("N_i", "N_h"), [(5, 3), (3, 6)])
@pytest.mark.parametrize("coefficients", [[0.7, 1.3], [0.0, 1.3], [-0.4, 0.8]])
def test_eigenvalues_of_order_one_are_those_of_an_affine_network(N_i, N_h, coefficients):
    """Degrees 0 and 1 are all of its Hessian; a constant makes one eigenvalue grow with N_h."""
    teacher = sample_teacher(activation("polynomial", coefficients=coefficients), N_i, N_h, 2)
    local = local_coefficients(teacher.activation, (teacher.W1**2).sum(axis=1))
    found = shells.teacher_order_one(local, teacher.W1, teacher.W2)
    dense = np.linalg.eigvalsh(hessian(teacher))
    np.testing.assert_allclose(found, dense[-N_i - N_h :], atol=1e-12 * dense[-1])
