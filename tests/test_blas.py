"""Each call of ours uses as many BLAS threads as its size deserves, and leaves the setting."""

from contextlib import contextmanager, suppress

import numpy as np
import pytest
from faulty_activations import blas_threads_in_use
from numpy.random import default_rng
from threadpoolctl import threadpool_limits

import hessweep
from hessweep import blas
from hessweep.density import lanczos
from hessweep.networks import sample_teacher


@contextmanager
def two_threads():
    """Set two threads, and expect them to be set at the end."""
    with threadpool_limits(2, user_api="blas"):
        assert blas_threads_in_use() == {2}
        yield
        assert blas_threads_in_use() == {2}


@pytest.fixture
def seen_by(monkeypatch):
    """Return a function that lets calls of a function note the threads in use."""

    def note(place, name):
        found = []
        original = getattr(place, name)

        def noting(*args, **kwargs):
            found.append(blas_threads_in_use())
            return original(*args, **kwargs)

        monkeypatch.setattr(place, name, noting)
        return found

    return note


@pytest.mark.parametrize(("size", "threads"), [(999, 1), (1000, 2)])
def test_threads_go_by_size_and_come_back_after_an_error(size, threads):
    with two_threads():
        with suppress(ZeroDivisionError), blas.threads_for(size):
            assert blas_threads_in_use() == {threads}
            raise ZeroDivisionError
        with blas.threads_for(10), blas.threads_for(size):
            assert blas_threads_in_use() == {1}


def test_a_user_who_set_one_thread_keeps_it():
    with threadpool_limits(1, user_api="blas"), blas.threads_for(5000):
        assert blas_threads_in_use() == {1}


@pytest.mark.parametrize("sizes", [(1000, 40), (40, 999), (999, 999)])
def test_functions_of_lapack_go_by_the_number_of_entries(sizes):
    found = []
    by_rows = blas.with_threads_for(blas._rows)
    look = by_rows(lambda matrix: found.append(blas_threads_in_use()))
    with two_threads():
        look(np.empty(sizes))
        look(matrix=np.empty((3, 1001, 1001)))
    assert found == [{1}, {2}]


def test_functions_of_lapack_return_what_they_are_named_after():
    matrix = default_rng(0).standard_normal((6, 4))
    gram = matrix.T @ matrix
    Q, R, order = blas.pivoted_qr(matrix)
    assert np.allclose(matrix[:, order], Q @ R)
    assert (np.diff(np.abs(np.diag(R))) <= 0).all()
    assert np.allclose(blas.scipy_eigh(gram)[0], blas.eigvalsh(gram))
    assert np.allclose(blas.svd(matrix, compute_uv=False)[::-1] ** 2, blas.eigh(gram)[0])


@pytest.mark.parametrize("biases", ["none", "both"])
@pytest.mark.parametrize(("N_i", "N_h", "threads"), [(120, 100, 1), (4, 1000, 2)])
def test_products_of_small_networks_use_one_thread(seen_by, biases, N_i, N_h, threads):
    operator = hessweep.hessian_operator(sample_teacher("erf", N_i, N_h, 0, biases=biases))
    found = seen_by(np, "matmul")
    with two_threads():
        operator @ np.ones(operator.shape[1])
    assert found
    assert all(seen == {threads} for seen in found)


def test_extreme_eigenvalues_of_small_networks_use_one_thread(seen_by):
    found = seen_by(lanczos.Lanczos, "run")
    with two_threads():
        hessweep.extreme_eigenvalues(network=sample_teacher("erf", 60, 60, 0), k=2)
    assert found
    assert all(seen == {1} for seen in found)


def test_ranks_and_dense_hessians_of_small_networks_use_one_thread(seen_by):
    erf = sample_teacher("erf", 3, 12, 0)
    duals = seen_by(type(erf.activation), "dual")
    with two_threads():
        hessweep.hessian(erf)
        hessweep.lambda_min(erf)
        hessweep.spectrum(erf)
    assert duals
    assert all(seen == {1} for seen in duals)
