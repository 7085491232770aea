"""What float64 eigenvalues prove, and what numpy would say."""

import numpy as np
import pytest
from flint import fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st
from named import DENSE, GRAM, ROW_SPACE, worst_case_of_the_solver

from hessweep.hessian import hessian
from hessweep.networks import sample_teacher
from hessweep.rank import float64
from hessweep.spectrum import Spectrum


def spectrum_of(matrix, error=0.0):
    return Spectrum(np.linalg.eigvalsh(matrix), error, DENSE)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 10**6), st.integers(0, 2**32))
def test_no_eigenvalue_too_many_is_counted(n, r, size, seed):
    # Whole numbers below 2^53: the matrix is exact, its rank known over the rationals.
    factor = np.random.default_rng(seed).integers(-size, size + 1, (n, r))
    exact = fmpz_mat((factor @ factor.T).tolist()).rank()
    assert float64.lower_bound(spectrum_of((factor @ factor.T).astype(float))) <= exact


def test_well_separated_eigenvalues_are_all_counted():
    factor = np.random.default_rng(0).integers(-9, 10, (12, 7))
    assert float64.lower_bound(spectrum_of((factor @ factor.T).astype(float))) == 7


@pytest.mark.parametrize("n", [3, 30, 300])
def test_the_worst_case_covers_the_solvers_error(n):
    # min(i, j): whole numbers everywhere, and eigenvalues known in closed form.
    k = np.arange(1, n + 1)
    spectrum = spectrum_of(np.minimum.outer(k, k).astype(float))
    exact = np.sort(1 / (2 * np.sin((2 * k - 1) * np.pi / (4 * n + 2))) ** 2)
    error = np.abs(spectrum.eigenvalues - exact).max()
    bound = float64.solver_bound(spectrum)
    assert error < bound < 1e-8 * exact[-1]


@pytest.mark.parametrize("n", [1, 2, 10, 100, 1000])
def test_the_worst_case_is_that_of_every_rounding_in_one_direction(n):
    """Typical errors are millions of times smaller, so that no experiment would tell."""
    # Eigenvalues that are 0 by structure come from no solver and have no part in it.
    eigenvalues = np.concatenate([np.zeros(3), np.full(n, 7.0)])
    bound = float64.solver_bound(Spectrum(eigenvalues, 0.0, DENSE))
    worst = worst_case_of_the_solver(n) * np.linalg.norm(eigenvalues)
    assert worst <= bound <= 1.5 * worst


def test_an_eigenvalue_of_1e_30_is_not_taken_for_proved():
    assert float64.lower_bound(Spectrum(np.array([1e-30, 0.5, 1.0]), 0.0, DENSE)) == 2


def test_the_error_of_the_assembly_counts():
    assert float64.lower_bound(Spectrum(np.array([1e-3, 0.5, 1.0]), 0.01, DENSE)) == 2


def test_a_proof_takes_the_worst_case_of_splitting_off_the_row_space():
    eigenvalues = np.array([0.03, 0.5, 1.0])
    dense, split = (Spectrum(eigenvalues, 0.01, plan) for plan in (DENSE, ROW_SPACE))
    assert float64.lower_bound(dense, 10, 2) == 3
    assert float64.lower_bound(split, 10, 2) == 2


@pytest.mark.parametrize(
    ("name", "N_i", "N_h"), [("erf", 2, 16), ("erf", 1, 12), ("quadratic", 5, 3)]
)
def test_numpys_rule(name, N_i, N_h):
    H = hessian(sample_teacher(name, N_i, N_h, 0))
    assert float64.numpy_rank(spectrum_of(H)) == np.linalg.matrix_rank(H, hermitian=True)


@pytest.mark.parametrize("share", [0.6, 0.9, 1.1, 3.0])
def test_numpys_rule_at_its_edge(share):
    """Its tolerance is the largest eigenvalue times P eps, eps = 2^-52."""
    H = np.diag([1.0, 0.5, share * 3 * 2.0**-52])
    assert float64.numpy_rank(spectrum_of(H)) == np.linalg.matrix_rank(H, hermitian=True)
    assert np.linalg.matrix_rank(H, hermitian=True) == (3 if share > 1 else 2)


def test_gap_ratio():
    eigenvalues = Spectrum(np.array([-2e-17, 1e-17, 0.5, 1.0]), 0.0, DENSE)
    assert float64.gap_ratio(eigenvalues, 2) == 0.5 / 2e-17
    assert float64.gap_ratio(eigenvalues, 4) == np.inf
    assert float64.gap_ratio(eigenvalues, 0) == 0
    assert float64.gap_ratio(Spectrum(np.array([0.0, 0.0, 1.0]), 0.0, GRAM), 1) == np.inf
