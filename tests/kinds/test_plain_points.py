"""Columns that are computed for all seeds together are those of each point by itself."""

from math import isclose

import numpy as np
import pytest

import hessweep
from hessweep.activations import activation
from hessweep.kinds import ResultTable, plain
from hessweep.kinds.students import learning_columns, student_columns
from hessweep.kinds.values import rank_columns
from hessweep.setup import Setup
from hessweep.spectrum import SpectrumStack, spectrum_plan, spectrum_with_error
from hessweep.store.schema import columns_of

SIZES = [(1, 1), (1, 6), (4, 4), (6, 3), (2, 9)]
"""Some where float64 proves all ranks, some, and none; erf (2, 9) needs balls for λ_min."""


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("name", ["erf", "quadratic", "cubic", "relu", "linear", "tanh"])
def test_ranks_are_those_of_each_network_by_itself(name, sizes):
    setup = Setup(activation(name), *sizes, weights="rademacher" if sizes == (4, 4) else "normal")
    seeds = [3, 1, 8, 20]
    for seed, result in zip(seeds, setup.compute(seeds), strict=True):
        network = setup.network(seed)
        alone = rank_columns(network, spectrum_with_error(network))
        alone |= learning_columns(network, alone)
        for column, value in alone.items():
            assert np.array_equal(result.scalars[column], value, equal_nan=value != value), column


def test_teachers_that_are_not_usual_ones_have_columns_of_their_own():
    setup = Setup(activation("quadratic"), 3, 3, weights="rademacher")
    table = setup.compute(range(40))
    ranks = table.scalars["rank"]
    assert ranks.min() < ranks.max() == hessweep.effective_parameters("quadratic", 3, 3)
    for seed, rank in enumerate(ranks.tolist()):
        H = hessweep.hessian(setup.network(seed))
        assert rank == np.linalg.matrix_rank(H, hermitian=True)


def test_norms_and_gaps_are_those_of_the_matrix():
    setup = Setup(activation("erf"), 5, 4)
    table = setup.compute(range(12))
    for seed in range(12):
        H = hessweep.hessian(setup.network(seed))
        of = table[seed].scalars
        assert isclose(of["frobenius_norm"], np.linalg.norm(H), rel_tol=1e-13)
        assert isclose(of["trace"], np.trace(H), rel_tol=1e-13)
        descending = np.linalg.eigvalsh(H)[::-1]
        ratios = descending[:-1] / np.abs(descending[1:])
        assert of["large"] == 2 + ratios[1:10].argmax()
        assert isclose(of["large_ratio"], ratios[1:10].max(), rel_tol=1e-9)
        assert isclose(of["outlier_ratio"], ratios[0], rel_tol=1e-9)


def test_a_wide_student_keeps_its_formula():
    setup = Setup(activation("erf"), 3, 2, student="split=2")
    table = setup.compute([0, 1])
    assert isinstance(table, ResultTable)
    for column, value in student_columns(setup).items():
        assert [result.scalars[column] for result in table] == [value] * 2


@pytest.mark.parametrize("name", ["erf", "quadratic"])
def test_a_table_is_stored_as_its_results_are_one_by_one(name):
    table = Setup(activation(name), 2, 5, weights="rademacher").compute([4, 0, 9])
    assert isinstance(table, ResultTable)
    together, apart = columns_of(table), columns_of(list(table))
    assert list(together) == list(apart)
    for column, values in together.items():
        assert values.dtype == apart[column].dtype
        assert np.array_equal(values, apart[column], equal_nan=values.dtype.kind == "f"), column


def test_slices_of_a_table_are_lists():
    table = Setup(activation("erf"), 2, 2).compute([4, 0, 9])
    assert [result.point.seed for result in table[1:]] == [0, 9]
    assert table[-1].point.seed == 9
    with pytest.raises(IndexError):
        table[3]


def test_a_smallest_eigenvalue_that_float64_does_not_know_well_is_not_usual():
    erf = activation("erf")
    networks = Setup(erf, 1, 1).networks([0, 1])
    eigenvalues, error = np.array([[0.05, 1.0], [0.5, 1.0]]), np.array([0.01, 0.001])
    spectra = SpectrumStack(eigenvalues, error, spectrum_plan(erf, 1, 1))
    usual, columns = plain._of_usual(networks, spectra)
    assert usual.tolist() == [False, True]
    assert columns["lambda_min_error"] == pytest.approx([0.01 / 0.04, 0.001 / 0.499])
