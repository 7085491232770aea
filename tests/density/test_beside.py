"""The largest eigenvalues with few vectors, against dense spectra and against Lanczos runs."""

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hessweep.activations import activation
from hessweep.density import converged_eigenvalues, density_plan, few_eigenvalues, plan
from hessweep.density.beside import largest_beside
from hessweep.errors import InputError, PrecisionError
from hessweep.hessian import hessian
from hessweep.networks import Network, sample_teacher
from hessweep.setup import Setup
from hessweep.spectrum import spectrum

NAMES = ["erf", "quadratic", "cubic", "relu", "gelu", "sin", "tanh"]


@lru_cache
def dense(name: str, N_i: int, N_h: int) -> np.ndarray:
    """Return all eigenvalues of a teacher, descending."""
    return spectrum(sample_teacher(name, N_i, N_h, seed=4))[::-1]


@pytest.mark.parametrize(("N_i", "N_h"), [(30, 30), (24, 36), (60, 20), (5, 50)])
@pytest.mark.parametrize("name", NAMES)
def test_eight_eigenvalues_are_found_and_within_their_errors(name, N_i, N_h):
    found = few_eigenvalues(sample_teacher(name, N_i, N_h, seed=4), 8, vectors=100)
    true = dense(name, N_i, N_h)
    assert len(found.largest) == 8
    assert (np.abs(found.largest - true[:8]) <= found.error).all()
    assert (found.error <= 2e-8 * true[0]).all()
    assert max(true[-1], 0) <= found.smallest_upper < true[8]


def test_far_fewer_vectors_are_enough_the_larger_the_network():
    """The residuals fall by a factor of order N each round: eight vectors, three times."""
    network = sample_teacher("erf", 120, 120, seed=4)
    found = few_eigenvalues(network, 8, vectors=24)
    lanczos = converged_eigenvalues(network, 8, steps=200)
    assert len(found.largest) == len(lanczos.largest) == 8
    assert (np.abs(found.largest - lanczos.largest) <= found.error + lanczos.error).all()


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    N_i=st.integers(1, 9),
    N_h=st.integers(1, 9),
    most=st.integers(1, 20),
    vectors=st.integers(0, 12),
)
@example(name="erf", N_i=7, N_h=1, most=5, vectors=0)  # 6 of 8 equal: LAPACK fails for 5 of them
def test_an_eigenvalue_is_within_the_residual_of_each_approximation(name, N_i, N_h, most, vectors):
    """Whatever the vectors and however rough: residuals are bounds, not estimates."""
    network = sample_teacher(name, N_i, N_h, seed=4)
    found = largest_beside(network, min(most, N_i + N_h), 1e-8, vectors)
    true = np.linalg.eigvalsh(hessian(network))
    distance = np.abs(true[:, None] - found.values).min(axis=0)
    assert (distance <= found.residual + 1e-12 * true[-1]).all()
    assert true[0] - 1e-12 * true[-1] <= found.smallest


def test_the_residuals_are_those_of_the_vectors(monkeypatch):
    """Two numbers as the Hessian: the Ritz value between them has their half distance left."""
    network = Network([[1.0]], [1.0], activation("erf"))
    true = np.linalg.eigvalsh(hessian(network))

    class Half:
        count, smallest = 0, 0.0

        class operator:
            product = staticmethod(lambda v: np.array([true[0] * v[0], true[1] * v[1]]))

        def __init__(self, *_):
            pass

        def ritz(self, most):
            assert most == 1
            return np.array([true.mean()]), np.ones((2, 1)) / np.sqrt(2)

        def vector(self, coordinates):
            return coordinates

        def add(self, vector, product):
            pass

    monkeypatch.setattr("hessweep.density.beside._Space", Half)
    found = largest_beside(network, 1, 1e-8, 0)
    assert found.values == pytest.approx([true.mean()], rel=1e-14)
    assert found.residual == pytest.approx([np.ptp(true) / 2], rel=1e-14)


def test_multiple_eigenvalues_are_found_as_often_as_they_are():
    network = Network(1.3 * np.eye(9), np.ones(9), activation("erf"))
    true = np.linalg.eigvalsh(hessian(network))[::-1]
    found = few_eigenvalues(network, 8, vectors=80)
    assert np.abs(np.diff(true[:8])).min() < 1e-12
    assert len(found.largest) == 8
    assert (np.abs(found.largest - true[:8]) <= found.error).all()


def test_what_is_not_found_is_left_out_or_refused():
    network = sample_teacher("quadratic", 40, 40, seed=4)
    found = few_eigenvalues(network, 8, vectors=32)
    assert 1 <= len(found.largest) < 8
    assert found.largest[0] == pytest.approx(dense("quadratic", 40, 40)[0], rel=1e-12)
    with pytest.raises(PrecisionError, match="raise vectors or tolerance"):
        few_eigenvalues(network, 8, vectors=2)


def test_networks_with_biases_are_refused():
    network = Network([[1.0]], [1.0], activation("erf"), b1=[0.5])
    with pytest.raises(InputError, match="few_eigenvalues"):
        few_eigenvalues(network, 1)


def test_linear_networks_need_no_vector():
    network = sample_teacher("linear", 7, 9, seed=0)
    found = few_eigenvalues(network, 4, vectors=0)
    assert found.largest == pytest.approx(spectrum(network)[:-5:-1], rel=1e-12)


def test_only_networks_whose_lanczos_basis_is_too_large_take_this_way():
    erf = activation("erf")
    for N in (40, 300, 1000, 2230):
        assert density_plan(erf, N, N).extreme_vectors == 0
    million, largest = density_plan(erf, 1000, 1000), density_plan(erf, 3162, 3162)
    assert (million.extreme_steps, million.most_extremes) == (100, 2001)
    assert (largest.extreme_steps, largest.most_extremes, largest.extreme_vectors) == (0, 8, 40)
    assert largest.peak_bytes < 6.5e9


@pytest.mark.parametrize("name", ["erf", "quadratic"])
def test_points_hold_what_lanczos_runs_find(name, monkeypatch):
    setup = Setup(activation(name), 60, 60, kind="density")
    [lanczos] = setup.compute([3])
    monkeypatch.setattr(plan, "LANCZOS_BYTES", 0)
    monkeypatch.setattr(plan, "BESIDE_VECTORS", 80)
    density_plan.cache_clear()
    [beside], [again] = setup.compute([3]), setup.compute([3])
    density_plan.cache_clear()
    assert len(beside.eigenvalues) == 8
    error = lanczos.scalars["eigenvalue_error"] + beside.scalars["eigenvalue_error"]
    assert np.abs(beside.eigenvalues - lanczos.eigenvalues[-8:]).max() <= error
    assert beside.scalars["lambda_max"] == beside.eigenvalues[-1]
    assert not list(setup.measurement.deviations(lanczos.values, beside.values))
    for column, values in lanczos.flat.items():
        assert (values.tobytes() == beside.flat[column].tobytes()) == (column != "eigenvalues")
    assert again.eigenvalues.tobytes() == beside.eigenvalues.tobytes()
