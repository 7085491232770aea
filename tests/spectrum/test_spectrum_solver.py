"""The solver on matrices that eigensolvers stumble over, of all sizes around its thresholds."""

from types import SimpleNamespace

import numpy as np
import pytest
from faulty_activations import blas_threads_in_use
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from hessweep.spectrum import solver
from hessweep.spectrum.solver import SMALL, solver_error, stacked_eigenvalues

SIZES = [1, 2, 3, 8, 31, 130, SMALL, SMALL + 1]


def with_spectrum(eigenvalues: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return a dense symmetric matrix with this spectrum, to rounding."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((len(eigenvalues), len(eigenvalues))))[0]
    return (Q * eigenvalues) @ Q.T


SPECTRA = {
    "even": lambda n: np.linspace(-1, 1, n),
    "graded": lambda n: np.geomspace(1e-18, 1, n),
    "multiple": lambda n: np.sort(np.arange(n) % 3 - 1.0),
    "rank 1": lambda n: np.append(np.zeros(n - 1), 1.0),
    "huge": lambda n: np.linspace(-1e300, 1e300, n),
    "tiny": lambda n: np.linspace(1e-300, 3e-300, n),
    "subnormal": lambda n: np.linspace(1e-310, 1e-308, n),
    "largest": lambda n: 1.2e308 * np.linspace(-1, 1, n),
}


@pytest.mark.parametrize("kind", SPECTRA)
@pytest.mark.parametrize("n", SIZES)
def test_known_spectra_within_the_bound(kind: str, n: int) -> None:
    expected = SPECTRA[kind](n)
    found = stacked_eigenvalues(with_spectrum(expected)[None])[0]
    largest = np.abs(expected).max()
    # Twice: the matrix itself was made by rounding products of its size.
    bound = 2 * solver_error(n, largest) + 4 * np.finfo(float).eps * largest
    assert np.abs(found - expected).max() <= bound


@pytest.mark.parametrize("n", SIZES)
def test_matrices_that_are_tridiagonal_or_less_already(n: int) -> None:
    i = np.arange(n)
    laplacian = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    matrices = np.array([np.zeros((n, n)), np.eye(n), np.diag(i[::-1]), laplacian])
    zeros, ones, diagonal, found = stacked_eigenvalues(matrices)
    assert (zeros == 0).all()
    assert (ones == 1).all()
    assert diagonal == pytest.approx(i, abs=1e-15)
    assert found == pytest.approx(2 - 2 * np.cos(np.pi * (i + 1) / (n + 1)), abs=1e-13)


@pytest.mark.parametrize("coupling", [0.0, 1e-300, 1e-160, 1e-20, 1e-8])
def test_matrices_that_fall_apart_into_blocks(coupling: float) -> None:
    """Shifts that hit an eigenvalue of another block make the iteration divide by nothing."""
    block = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])
    matrix = np.kron(np.diag([1.0, 1.0, 2.0, 1.0, 1.0]), block) + coupling * np.eye(15, k=1)
    matrix = np.tril(matrix.T) + np.tril(matrix.T, -1).T
    expected = np.sort(np.kron([1, 1, 2, 1, 1], [-1, 1, 1]))
    for order in (slice(None), slice(None, None, -1)):
        found = stacked_eigenvalues(matrix[order, order][None].copy())[0]
        assert found == pytest.approx(expected, abs=1e-14 + 2 * coupling)


@given(st.integers(2, 9), st.integers(-170, -135), st.integers(0, 10**6))
@settings(deadline=None, max_examples=60)
def test_a_row_whose_squares_underflow_changes_nothing(n: int, exponent: int, seed: int) -> None:
    """LAPACK is no reference here: digits lost to underflow make its reflections oblique."""
    rng = np.random.default_rng(seed)
    half = rng.standard_normal((n, n))
    row = rng.standard_normal(n) * 10.0 ** (exponent + rng.integers(-3, 3, n))
    matrix = np.block([[half + half.T, row[:, None]], [row, 0]])
    expected = np.sort(np.append(np.linalg.eigvalsh(half + half.T), 0))
    found = stacked_eigenvalues(matrix[None].copy())[0]
    assert np.abs(found - expected).max() <= solver_error(n, np.abs(expected).max())


@given(st.integers(1, 24), st.integers(1, 20), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_a_matrix_is_solved_alike_in_any_stack(n: int, S: int, seed: int) -> None:
    half = np.random.default_rng(seed).standard_normal((S, n, n))
    half[seed % S] *= 1e9
    matrices = half + half.swapaxes(1, 2)
    together = stacked_eigenvalues(matrices.copy())
    shuffled = stacked_eigenvalues(matrices[::-1].copy())[::-1]
    alone = np.concatenate([stacked_eigenvalues(matrix[None].copy()) for matrix in matrices])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together, shuffled)


@pytest.mark.parametrize("n", [5, 201, SMALL + 1])
def test_only_the_upper_triangle_is_read(n: int) -> None:
    matrix = with_spectrum(np.linspace(0, 1, n))
    upper = np.where(np.tri(n, dtype=bool).T, matrix, np.nan)
    np.testing.assert_array_equal(
        stacked_eigenvalues(upper[None]), stacked_eigenvalues(matrix[None].copy())
    )


def test_without_the_compiled_kernel_lapack_gives_the_same(monkeypatch) -> None:
    matrices = np.array([with_spectrum(np.geomspace(1e-9, 1, 40), seed) for seed in range(11)])
    here = stacked_eigenvalues(matrices.copy())
    monkeypatch.setattr(solver, "lanes", None)
    np.testing.assert_allclose(stacked_eigenvalues(matrices), here, rtol=0, atol=1e-14)


def test_lapack_takes_over_where_the_iteration_does_not_converge(monkeypatch) -> None:
    def stubborn(matrices: np.ndarray, out: np.ndarray, failed: np.ndarray, n: int) -> None:
        out[:] = 7
        failed[1] = 1

    monkeypatch.setattr(solver, "lanes", SimpleNamespace(eigenvalues=stubborn))
    # Below the diagonal there may be anything.
    matrices = np.array([[[2.0, 1, 0], [9, 2, 0], [9, 9, 5]]] * 3)
    found = stacked_eigenvalues(matrices)
    assert (found[[0, 2]] == 7).all()
    assert found[1] == pytest.approx([1, 3, 5], abs=1e-14)


@pytest.mark.parametrize(("n", "threads"), [(SMALL + 1, 1), (999, 1), (1000, 2)])
def test_matrices_of_some_hundred_rows_are_solved_by_one_thread(monkeypatch, n, threads):
    """Two threads of which one has to wait for a busy core take up to 200 times longer."""
    seen = []
    monkeypatch.setattr(
        solver.linalg, "eigvalsh", lambda A, **_: seen.append(blas_threads_in_use()) or A[0]
    )
    with threadpool_limits(2, user_api="blas"):
        stacked_eigenvalues(np.zeros((1, n, n)))
        assert blas_threads_in_use() == {2}
    assert seen == [{threads}]
