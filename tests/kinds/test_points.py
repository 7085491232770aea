"""A point: its key, and that its numbers do not depend on its company."""

import json

import numpy as np
import pytest

from hessweep.activations import ACTIVATIONS, activation
from hessweep.density import converged_eigenvalues, density_plan, spectral_density
from hessweep.hessian import hessian
from hessweep.kinds import KINDS, TIMES
from hessweep.kinds.values import rank_deviations
from hessweep.setup import Setup, key_of_row

PARAMETERS = {"polynomial": {"coefficients": [1, 0, 2, 1]}, "power": {"degree": 4}}


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_a_stack_computes_each_point_bit_for_bit_as_alone(name):
    function = activation(name, **PARAMETERS.get(name, {}))
    points = [Setup(function, 3, 5).point(seed) for seed in range(5)]
    for point, together in zip(points, Setup(function, 3, 5).compute(range(5)), strict=True):
        alone = point.compute()
        assert together.eigenvalues.tobytes() == alone.eigenvalues.tobytes()
        for column in point.setup.measurement.columns:
            if column.name not in TIMES:
                one, other = together.scalars[column.name], alone.scalars[column.name]
                assert one == other or np.isnan(one), column.name


def test_trace_and_norm_are_those_of_the_matrix():
    for name in ("linear", "quadratic", "erf", "gelu"):
        point = Setup(activation(name), 4, 6).point(2)
        scalars, H = point.compute().scalars, hessian(point.network())
        assert scalars["trace"] == pytest.approx(np.trace(H), rel=1e-12)
        assert scalars["frobenius_norm"] == pytest.approx(np.linalg.norm(H), rel=1e-12)


def test_keys_are_stable_and_tell_points_apart():
    erf = activation("erf")
    assert Setup(erf, 5, 5).point(0).key == "52c48d7a0dc228220982717f35074966"
    others = [
        Setup(erf, 5, 6).point(0),
        Setup(erf, 6, 5).point(0),
        Setup(erf, 5, 5).point(1),
        Setup(erf, 5, 5, weights="uniform").point(0),
        Setup(activation("quadratic"), 5, 5).point(0),
        Setup(activation("quadratic", epsilon=2), 5, 5).point(0),
        Setup(erf, 5, 5, kind="density").point(0),
    ]
    assert len({point.key for point in [Setup(erf, 5, 5).point(0), *others]}) == 8


def test_points_of_many_seeds_are_those_of_each():
    quadratic = activation("quadratic", epsilon=0.25)
    made = Setup(quadratic, 3, 4, weights="laplace", kind="density").points([5, 0, 2**40])
    each = [
        Setup(quadratic, 3, 4, weights="laplace", kind="density").point(seed)
        for seed in (5, 0, 2**40)
    ]
    assert made == each
    assert [point.key for point in made] == [point.key for point in each]


def test_the_key_is_that_of_the_plain_data():
    for function in (activation("quadratic", epsilon=0.25), activation("erf")):
        for seed in (0, 7, 10**9):
            for spectrum in ("exact", "density"):
                point = Setup(function, 3, 4, weights="uniform", kind=spectrum).point(seed)
                row = {"N_i": 3, "N_h": 4, "weights": "uniform", "spectrum": spectrum}
                row |= {"activation_spec": json.dumps(function.identity), "seed": seed}
                version = 5 + KINDS[spectrum].revision + function.revision
                assert point.key == key_of_row({**row, "kernel_version": version})


def test_networks_with_biases_have_a_revision_of_their_own():
    erf = activation("erf")
    for name in ("exact", "density"):
        plain = Setup(erf, 2, 2, kind=name).kernel_version
        assert KINDS[name].general_revision
        for axes in ({"biases": "both"}, {"N_o": 2}):
            version = Setup(erf, 2, 2, kind=name, **axes).kernel_version
            assert version == plain + KINDS[name].general_revision
    assert Setup(erf, 2, 2, weights="uniform").kernel_version == Setup(erf, 2, 2).kernel_version


def test_deep_networks_and_batches_have_revisions_of_their_own():
    erf, exact = activation("erf"), KINDS["exact"]
    plain = Setup(erf, 2, 2).kernel_version
    for axes in ({"samples": 8}, {"samples": 8, "biases": "both"}):
        assert Setup(erf, 2, 2, **axes).kernel_version == plain + exact.samples_revision
    for biases in ("none", "both"):
        deep = Setup.of_widths(erf, [2, 2, 2, 1], biases=biases)
        assert deep.kernel_version == plain + exact.deep_revision
    assert exact.samples_revision
    assert exact.deep_revision


def test_eigenvalues_may_differ_by_both_errors_and_no_more():
    """Each error alone is too small for the difference, as between two machines."""
    computed = Setup(activation("erf"), 2, 2).compute([0])[0]
    own = computed.scalars["eigenvalue_error"]
    changed = {"eigenvalues": computed.eigenvalues.copy(), "eigenvalue_error": 9 * own}
    stored = {**computed.values, **changed}
    stored["eigenvalues"][1] += 9.5 * own
    assert list(KINDS["exact"].deviations(computed.values, stored)) == []
    stored["eigenvalues"][1] += own
    assert list(KINDS["exact"].deviations(computed.values, stored)) == ["eigenvalues"]


@pytest.mark.parametrize("kind", ["exact", "density", "sampled"])
def test_proofs_that_exclude_one_another_are_deviations(kind):
    """Bounds on the rank may differ as long as one rank can be in both."""
    one = Setup(activation("erf"), 2, 2, kind=kind).compute([0])[0].values
    assert one["rank"] == 6

    def names(**changed):
        return list(KINDS[kind].deviations(one, {**one, **changed}))

    assert names(rank=5, rank_lower=4, rank_upper=6) == []
    assert names(rank=5, rank_lower=4, rank_upper=5) == ["rank"]
    assert names(effective_parameters=5) == ["effective_parameters"]
    assert names(effective_parameters=8, effective_parameters_kind="upper bound") == []
    if kind != "density":
        own = one["lambda_min_error"]
        factor = 1 + 3 * own + 1e-6
        assert names(lambda_min=one["lambda_min"] * factor) == ["lambda_min"]
        assert names(lambda_min=one["lambda_min"] * factor, lambda_min_error=factor) == []
    missing = {name: value for name, value in one.items() if name != "rank_lower"}
    assert list(KINDS[kind].deviations(one, missing)) == []


@pytest.mark.parametrize(("biases", "N_o"), [("both", 1), ("hidden", 2), ("none", 3)])
@pytest.mark.parametrize("name", ["erf", "cubic", "linear"])
def test_points_with_biases_and_outputs_have_the_numbers_of_their_matrix(name, biases, N_o):
    setup = Setup(activation(name), 4, 3, biases=biases, N_o=N_o)
    for point, result in zip(setup.points([3, 8]), setup.compute([3, 8]), strict=True):
        expected = np.linalg.eigvalsh(hessian(point.network()))
        scalars = result.scalars
        allowed = scalars["eigenvalue_error"] + 1e-13 * expected[-1]
        assert np.abs(result.eigenvalues - expected).max() <= allowed
        assert scalars["P"] == setup.P == len(expected)
        assert scalars["trace"] == pytest.approx(expected.sum(), rel=1e-12)
        assert scalars["rank_certificate"] == "proved"
        assert scalars["rank"] == scalars["effective_parameters"]
        true = expected[-scalars["rank"]]
        assert abs(scalars["lambda_min"] - true) <= true * (scalars["lambda_min_error"] + 1e-6)


def test_the_probes_of_a_density_depend_on_the_key():
    for name in ("erf", "cubic"):
        point = Setup(activation(name), 6, 7, kind="density").point(3)
        stored = point.compute().flat
        density = spectral_density(point.network(), seed=int(point.key, 16)).flat()
        assert stored["density_nodes"].tobytes() == density.nodes.tobytes()
        assert stored["density_weights"].tobytes() == density.weights.tobytes()


def test_densities_are_compared_from_the_largest_eigenvalue_on():
    """How many of the largest are found depends on rounding, so that one may have more."""
    kind = KINDS["density"]
    result = Setup(activation("erf"), 6, 7, kind="density").point(3).compute()
    found = result.eigenvalues
    assert len(found) > 3
    stored = {**result.values, "eigenvalue_error": 1e-9, "eigenvalues": found[2:]}
    assert list(kind.deviations(result.values, stored)) == []
    stored["eigenvalues"] = np.r_[found[0] / 2, found]
    assert list(kind.deviations(result.values, stored)) == []
    stored["eigenvalues"] = found[2:] * (1 + 1e-3)
    assert list(kind.deviations(result.values, stored)) == ["eigenvalues"]
    stored["eigenvalues"] = np.r_[found[2:-1], found[-1] * (1 + 1e-3)]
    assert list(kind.deviations(result.values, stored)) == ["eigenvalues"]


def test_the_groups_of_a_density_are_measured_on_its_largest_eigenvalues():
    result = Setup(activation("quadratic"), 6, 7, kind="density").point(3).compute()
    second, first = result.eigenvalues[-2:]
    assert result.values["outlier_ratio"] == first / second > 1


def test_messages_name_a_point_by_sizes_then_seed_then_what_is_not_usual():
    setup = Setup(activation("erf"), 3, 4, weights="laplace", kind="density")
    assert str(setup.point(7)) == "erf N_i=3 N_h=4 seed=7 weights=laplace spectrum=density"
    assert str(setup) == "erf N_i=3 N_h=4 weights=laplace spectrum=density"
    assert str(Setup(activation("erf"), 3, 4).point(0)) == "erf N_i=3 N_h=4 seed=0"


def test_the_error_of_a_density_is_the_largest_of_its_eigenvalues():
    point = Setup(activation("erf"), 40, 40, kind="density").point(3)
    stored = point.compute()
    plan = density_plan(activation("erf"), 40, 40)
    extremes = converged_eigenvalues(
        point.network(), plan.most_extremes, steps=plan.extreme_steps, seed=int(point.key, 16)
    )
    assert np.ptp(extremes.error) > 0
    assert stored.scalars["eigenvalue_error"] == extremes.error.max()
    true = np.linalg.eigvalsh(hessian(point.network()))[-len(stored.eigenvalues) :]
    assert np.abs(stored.eigenvalues - true).max() <= stored.scalars["eigenvalue_error"] + 1e-14


@pytest.mark.parametrize(
    ("first", "second", "excluded"),
    [
        # A value and its error relative to the truth: (1, 0.5) is from 2/3 to 2.
        ((1.0, 0.5), (1.9, 0.0), False),
        ((1.0, 0.5), (2.1, 0.0), True),
        ((1.0, 0.5), (0.7, 0.0), False),
        ((1.0, 0.5), (0.6, 0.0), True),
        ((1.0, 0.5), (3.0, 0.4), True),
        ((1.0, 0.5), (2.7, 0.4), False),
        # 0 stands for what float64 does not know.
        ((1.0, 0.5), (0.0, 1.0), False),
        ((0.0, 0.0), (0.0, 0.0), False),
        ((np.nan, np.inf), (1.0, 0.5), False),
    ],
)
def test_smallest_eigenvalues_deviate_where_no_truth_is_within_both_errors(
    first, second, excluded
):
    one, other = (
        {
            "rank": 3, "rank_lower": 3, "rank_upper": 3, "lambda_min": value,
            "lambda_min_error": error, "effective_parameters": 3,
            "effective_parameters_kind": "exact",
        }
        for value, error in (first, second)
    )  # fmt: skip
    for pair in ((one, other), (other, one)):
        assert list(rank_deviations(*pair)) == ["lambda_min"] * excluded
