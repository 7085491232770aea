"""Columns on the groups of eigenvalues, by law and measured."""

import numpy as np
import pytest

from hessweep.activations import activation
from hessweep.hessian import hessian
from hessweep.kinds.groups import GROUPS, _by_law, group_columns
from hessweep.setup import Setup


def columns(name, N_i, N_h, seed=0, **axes):
    point = Setup(activation(name), N_i, N_h, **axes).point(seed)
    return point.compute().scalars, np.linalg.svd(hessian(point.network()), compute_uv=False)


@pytest.mark.parametrize(("N_i", "N_h"), [(10, 20), (20, 10), (12, 12)])
def test_large_eigenvalues_of_erf_number_the_inputs(N_i, N_h):
    scalars, eigenvalues = columns("erf", N_i, N_h)
    assert scalars["large"] == N_i == (eigenvalues > 0.08).sum()
    assert scalars["large_ratio"] == pytest.approx(eigenvalues[N_i - 1] / eigenvalues[N_i])
    assert scalars["outlier_ratio"] == pytest.approx(eigenvalues[0] / eigenvalues[1])
    by_law = {group: scalars[column] for group, column in GROUPS.items()}
    bulk = N_h * N_i - N_i - N_h
    assert by_law == {
        "outlier": 0,
        "order_one": N_i + N_h,
        "special": N_h,
        "bulk": bulk,
        "zeros": 0,
    }


def test_groups_sum_to_all_eigenvalues():
    for name in ("linear", "quadratic", "relu", "tanh"):
        scalars, _ = columns(name, 5, 4)
        assert sum(scalars[column] for column in GROUPS.values()) == scalars["P"]


def test_rounding_makes_no_gap():
    """Linear networks have N_i eigenvalues that are not zero; the others are rounding errors."""
    for seed in range(5):
        scalars, _ = columns("linear", 6, 9, seed)
        assert scalars["large"] == 6
        assert scalars["large_ratio"] >= 1e6


def test_a_second_eigenvalue_below_the_error_counts_as_large_as_the_error():
    setup = Setup(activation("linear"), 1, 2)
    eigenvalues = np.array([0.0, -1e-17, 1e-13, 2.0])
    assert group_columns(setup, eigenvalues, 1e-10)["outlier_ratio"] == pytest.approx(2e10)
    assert group_columns(setup, eigenvalues, 1e-15)["outlier_ratio"] == pytest.approx(2e13)


def test_other_networks_have_no_law_and_few_eigenvalues_no_gap():
    scalars, eigenvalues = columns("erf", 6, 5, biases="both")
    assert {scalars[column] for column in GROUPS.values()} == {-1}
    assert 3 <= scalars["large"] <= 12
    assert scalars["large_ratio"] == pytest.approx(
        eigenvalues[scalars["large"] - 1] / eigenvalues[scalars["large"]]
    )
    scalars, _ = columns("erf", 2, 1)
    assert scalars["large"] == 2
    scalars, _ = columns("erf", 1, 1)
    assert scalars["large"] == 1
    found = Setup(activation("erf"), 12, 12, kind="density").point(0).compute()
    assert found.scalars["large"] == 12
    assert found.scalars["order_one_by_law"] == 24


def test_an_activation_whose_coefficients_are_not_finite_has_no_law():
    class Steep:
        label, kinks = "steep", ()

        def __call__(self, x):
            return np.where(x > 12, np.inf, x)

        derivative = __call__

    assert _by_law(activation("erf"), 3, 3) is not None
    with np.errstate(all="ignore"):
        assert _by_law(Steep(), 3, 3) is None
