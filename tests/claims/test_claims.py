"""Claims hold on true results, and are seen to fail on results that are tampered with."""

import numpy as np
import pytest

from hessweep import claims
from hessweep.claims import equations, laws, ranks, spectra
from hessweep.errors import InputError
from hessweep.hessian import hessian
from hessweep.networks import sample_teacher

WEIGHTS = ("normal", "uniform", "rademacher", "laplace", "student-t")


@pytest.fixture(scope="module")
def linear(published):
    return published("linear", (laws.NARROW, laws.WIDE), 300, WEIGHTS)


@pytest.fixture(scope="module")
def quadratic(published):
    return published("quadratic", [(N, N) for N in (5, 12, 30)] + [(4, 2), (3, 6)], 30)


@pytest.fixture(scope="module")
def cubic(published):
    return published("cubic", [(2, 2), (2, 6), (4, 5)], 3)


@pytest.fixture(scope="module")
def erf(published):
    return published("erf", [(10, 10), (20, 20), (1, 12)], 4)


def with_rank_one_less(dataset):
    rank = dataset["rank"].copy(
        data=dataset["rank"].values - (np.arange(dataset.sizes["point"]) == 0)
    )
    return dataset.assign(rank=rank)


def test_all_claims_make_one_table(linear, quadratic, cubic, erf, tree):
    table = claims.claims_table(tree(linear, quadratic, cubic, erf))
    assert len(table) == len(claims.CLAIMS)
    assert table.loc[table["verdict"] == "fails", "claim"].tolist() == []
    assert (table["points"] > 0).all()
    assert table["claim"].is_unique


@pytest.mark.parametrize(
    ("claim", "name"),
    [
        (ranks.linear, "linear"),
        (ranks.quadratic, "quadratic"),
        (ranks.quadratic_zeros, "quadratic"),
        (ranks.polynomial_bound, "cubic"),
        (ranks.erf, "erf"),
    ],
)
def test_one_wrong_rank_fails_a_claim_on_ranks(claim, name, tree, request):
    dataset = request.getfixturevalue(name)
    assert claim(tree(dataset)).verdict != "fails"
    assert claim(tree(with_rank_one_less(dataset))).verdict == "fails"


@pytest.mark.parametrize("claim", [laws.narrow_spectrum, laws.wide_spectrum])
def test_a_spectrum_off_by_a_fifth_fails_a_law(claim, linear, tree):
    assert claim(tree(linear)).verdict == "holds"
    stretched = linear.assign(eigenvalues=linear["eigenvalues"] * 1.2)
    assert claim(tree(stretched)).verdict == "fails"


def test_other_weights_deviate_more_where_inputs_outnumber_neurons(linear, tree):
    assert laws.other_weights(tree(linear)).verdict == "holds"


def test_without_its_outlier_the_quadratic_claim_fails(quadratic, tree):
    assert spectra.quadratic_outlier(tree(quadratic)).verdict == "holds"
    flat = quadratic.assign(lambda_max=quadratic["lambda_max"] * 30 / (quadratic["N_i"] + 12))
    assert spectra.quadratic_outlier(tree(flat)).verdict == "fails"


def test_erf_claim_counts_neurons_and_not_something_else(erf, tree):
    assert spectra.erf_large_eigenvalues(tree(erf)).verdict == "holds"
    values = erf["eigenvalues"].values.copy()
    starts = np.cumsum(erf["row_size"].values) - erf["row_size"].values
    for start, P, N in zip(starts, erf["row_size"].values, erf["N_h"].values, strict=True):
        values[start + P - N - 2 : start + P - N] = values[start + P - N]  # two more large ones
    more = erf.assign(eigenvalues=erf["eigenvalues"].copy(data=values))
    assert spectra.erf_large_eigenvalues(tree(more)).verdict == "fails"


def test_printed_equations_differ_only_in_their_quadratic_terms():
    network = sample_teacher("quadratic", 4, 3, seed=5)
    difference = equations.printed_quadratic_hessian(network) - hessian(network)
    P1 = network.W1.size
    assert np.abs(difference[:P1, :P1]).max() > 0.1
    assert np.abs(difference[P1:, P1:]).max() == 0
    ones = sample_teacher("quadratic", 4, 3, seed=5, weights="rademacher")
    scaled = type(ones)(ones.W1, np.ones(3), ones.activation)
    assert np.allclose(equations.printed_quadratic_hessian(scaled), hessian(scaled), atol=1e-14)


def test_missing_points_are_named(linear, tree):
    with pytest.raises(InputError, match="points of quadratic, found none"):
        claims.claims_table(tree(linear))
