"""Each claim gives the right verdict on true results, and is seen to fail on spoiled ones."""

from dataclasses import replace

import numpy as np
import pytest

from hessweep import claims
from hessweep.activations import activation
from hessweep.claims import dynamics, entries, laws, ranks, spectra, structure
from hessweep.errors import InputError
from hessweep.hessian import hessian
from hessweep.kinds.training_options import Training
from hessweep.laws import hessian_law
from hessweep.networks import sample_teacher
from hessweep.setup import Setup
from hessweep.store import open_results, publish, write_segment

WEIGHTS = ("normal", "uniform", "rademacher", "laplace", "student-t")
ERF_SIZES = [(N, N) for N in (5, 10, 20)] + [(10, 20), (20, 10), (1, 12)]
CORRECTED = "holds with correction"


@pytest.fixture(scope="module")
def results(published):
    """The points that the claims are measured on, by activation."""
    return {
        "linear": published("linear", (laws.NARROW, laws.WIDE), 300, WEIGHTS),
        "quadratic": published("quadratic", [(N, N) for N in (5, 12, 30)] + [(4, 2), (3, 6)], 30),
        "cubic": published("cubic", [(2, 2), (2, 6), (4, 5)], 3),
        # 42 seeds: the teacher of seed 41 has 6 large eigenvalues at N = 5.
        "erf": published("erf", ERF_SIZES, 42),
    }


VERDICTS = {
    laws.block_A: "holds",
    laws.block_B: CORRECTED,
    laws.narrow_spectrum: "holds",
    laws.wide_spectrum: "holds",
    laws.other_weights: "fails",
    dynamics.late_decay: "holds",
    ranks.linear: "holds",
    ranks.quadratic: "holds",
    ranks.quadratic_zeros: CORRECTED,
    ranks.polynomial_bound: "holds",
    ranks.erf: "holds",
    spectra.quadratic_outlier: "holds",
    spectra.erf_large_eigenvalues: CORRECTED,
    spectra.erf_size_of_large_group: "fails",
    spectra.erf_bulks: "holds",
    entries.linear_hessian: "holds",
    entries.quadratic_hessian: CORRECTED,
    entries.erf_hessian: "holds",
    entries.erf_arctangent: CORRECTED,
    structure.fisher_and_kernel: "holds",
    structure.block_pattern: CORRECTED,
    structure.kernel_of_first_layer: CORRECTED,
}


def test_all_claims_make_one_table(results, tree, trained):
    measured = {claim: claim for claim in claims.CLAIMS}
    measured[dynamics.late_decay] = lambda _: dynamics.late_decay(tree(trained))
    table = claims.claims_table(tree(*results.values()), tuple(measured.values()))
    assert table["verdict"].tolist() == [VERDICTS[claim] for claim in measured]
    assert (table["points"] > 0).all()
    assert table["claim"].is_unique
    assert (table[["source", "measured", "rule"]] != "").all(axis=None)


def changed(dataset, name, where, change):
    """The dataset with one column or the eigenvalues of the points `where` changed."""
    values = dataset[name].values.copy()
    if name == "eigenvalues":
        ends = np.cumsum(dataset["row_size"].values)
        for k in np.flatnonzero(where):
            row = slice(ends[k] - dataset["row_size"].values[k], ends[k])
            values[row] = change(values[row], int(dataset["N_h"].values[k]))
    else:
        values[where] = change(values[where])
    return dataset.assign({name: dataset[name].copy(data=values)})


def first(dataset):
    return np.arange(dataset.sizes["point"]) == 0


def at(dataset, N_i, N_h, weights="normal"):
    same = (dataset["N_i"] == N_i) & (dataset["N_h"] == N_h) & (dataset["weights"] == weights)
    return same.values


def scale_bulks(d, where, lower=1.0, upper=1.0):
    """The N_h largest eigenvalues of some points and the others, each times a number."""
    return changed(
        d,
        "eigenvalues",
        where,
        lambda row, N_h: np.concatenate([lower * row[:-N_h], upper * row[-N_h:]]),
    )


def one_rank_less(dataset):
    return changed(dataset, "rank", first(dataset), lambda rank: rank - 1)


def one_rank_more(dataset):
    saturated = (dataset["N_i"] == 2) & (dataset["N_h"] == 6)
    return changed(dataset, "rank", saturated.values, lambda rank: rank + 1)


def one_rank_undecided(dataset):
    return changed(dataset, "rank_certificate", first(dataset), lambda _: "undecided")


def stretched(dataset):
    return dataset.assign(eigenvalues=dataset["eigenvalues"] * 1.2)


def two_more_large(row, N_h):
    row = row.copy()
    row[-N_h - 2 : -N_h] = row[-N_h]
    return row


def grouped_by_neurons(row, N_h):
    """As the paper has it: the gap after N_h eigenvalues instead of N_i."""
    return np.concatenate([row[:-N_h] * 1e-6, row[-N_h:]])


def uncertain(dataset):
    """The largest eigenvalues at N = 30 scattered about their mean, the second ones all small."""
    large = at(dataset, 30, 30)
    signs = np.where(dataset["seed"].values % 2 == 0, 35.0, -35.0)
    values = dataset["lambda_max"].values + np.where(large, signs, 0)
    small = changed(
        dataset,
        "eigenvalues",
        (dataset["N_i"] >= 5).values,
        lambda row, _: np.concatenate([row[:-2] * 0, [0.1], row[-1:]]),
    )
    return small.assign(lambda_max=dataset["lambda_max"].copy(data=values))


SPOILED = [
    (laws.narrow_spectrum, "linear", stretched),
    (laws.wide_spectrum, "linear", stretched),
    (ranks.linear, "linear", one_rank_less),
    (ranks.linear, "linear", one_rank_undecided),
    (ranks.quadratic, "quadratic", one_rank_less),
    (ranks.quadratic, "quadratic", one_rank_undecided),
    (ranks.quadratic_zeros, "quadratic", one_rank_less),
    (ranks.polynomial_bound, "cubic", one_rank_less),
    (ranks.polynomial_bound, "cubic", one_rank_more),
    (ranks.erf, "erf", one_rank_less),
    (ranks.erf, "erf", one_rank_undecided),
    # The outlier as it is at N = 12, at every size.
    (
        spectra.quadratic_outlier,
        "quadratic",
        lambda d: d.assign(lambda_max=d["lambda_max"] * 30 / (d["N_i"] + 12)),
    ),
    # One teacher without a gap below its outlier.
    (
        spectra.quadratic_outlier,
        "quadratic",
        lambda d: changed(
            d,
            "eigenvalues",
            at(d, 5, 5) & (d["seed"] == 3).values,
            lambda row, _: row * 0 + row[-1],
        ),
    ),
    (
        spectra.erf_large_eigenvalues,
        "erf",
        lambda d: changed(
            d, "eigenvalues", at(d, 20, 20) & (d["seed"] == 7).values, two_more_large
        ),
    ),
    # A second eigenvalue that grows with N as well, below half of the largest.
    (
        spectra.quadratic_outlier,
        "quadratic",
        lambda d: changed(
            d,
            "eigenvalues",
            (d["N_i"] >= 5).values,
            lambda row, _: np.concatenate([row[:-2], [0.4 * row[-1]], row[-1:]]),
        ),
    ),
    # An outlier one part in ten above its formula.
    (
        spectra.quadratic_outlier,
        "quadratic",
        lambda d: d.assign(lambda_max=d["lambda_max"] * 1.1),
    ),
    # A lower bulk that stays where it is, and an upper one that moves.
    (spectra.erf_bulks, "erf", lambda d: scale_bulks(d, at(d, 20, 20), lower=2)),
    (spectra.erf_bulks, "erf", lambda d: scale_bulks(d, at(d, 20, 20), upper=1.5)),
    # An upper bulk that stays and a lower one that falls, but not where the law has them.
    (spectra.erf_bulks, "erf", lambda d: scale_bulks(d, (d["N_i"] == d["N_h"]).values, upper=1.3)),
    (spectra.erf_bulks, "erf", lambda d: scale_bulks(d, at(d, 20, 20), lower=0.7)),
    # A lower bulk that does not fall: at a smaller size it is lower than at the largest.
    (spectra.erf_bulks, "erf", lambda d: scale_bulks(d, at(d, 10, 10), lower=0.01)),
    # An outlier whose mean grows as it should, by less than 3 standard errors.
    (spectra.quadratic_outlier, "quadratic", uncertain),
]


@pytest.mark.parametrize(("claim", "name", "spoil"), SPOILED)
def test_a_claim_on_stored_points_fails_where_they_are_otherwise(
    claim, name, spoil, results, tree
):
    assert claim(tree(results[name])).verdict == VERDICTS[claim]
    assert claim(tree(spoil(results[name]))).verdict == "fails"


def test_the_large_group_has_as_many_eigenvalues_as_the_paper_says_only_where_they_are_put(
    results, tree
):
    erf = results["erf"]
    found = spectra.erf_size_of_large_group(tree(erf))
    sizes = 42 * 2
    assert f"exactly N_h eigenvalues in 0 and after exactly N_i in {sizes}" in found.measured
    apart = (erf["N_i"] != erf["N_h"]).values & (erf["N_i"] > 1).values
    paper = changed(erf, "eigenvalues", apart, grouped_by_neurons)
    assert spectra.erf_size_of_large_group(tree(paper)).verdict == "holds"
    one = apart & (erf["seed"] != 7).values
    almost = changed(erf, "eigenvalues", one, grouped_by_neurons)
    assert spectra.erf_size_of_large_group(tree(almost)).verdict == "fails"


def off(function):
    """The function, with a result that is wrong by one part in a million."""
    return lambda *args, **options: function(*args, **options) * (1 + 1e-6)


def transposed_pattern(network):
    """Block A with the parameters of W1 in the other order, so that N_h steps are a period."""
    A = structure_blocks(network).A
    order = np.arange(network.W1.size).reshape(network.W1.shape).T.ravel()
    return structure_blocks(network)._replace(A=A[np.ix_(order, order)])


def with_equal_rows(N_i, N_h, seed):
    W1, W2 = layers(N_i, N_h, seed)
    W1 = W1.copy()
    W1[0] = W1[1]
    return W1, W2


def without_an_input(N_i, N_h, seed):
    """With more neurons than inputs, all of which leave the first input out."""
    W1, W2 = layers(N_i, N_h, seed)
    return W1 * np.r_[float(N_i >= N_h), np.ones(N_i - 1)], W2


structure_blocks, layers = structure.blocks, structure.sample_weights

PATCHED = [
    (laws.block_A, laws, "block_spectra", lambda *a: [1.1 * row for row in laws_blocks(*a)]),
    (laws.block_B, laws, "block_spectra", lambda *a: [1.1 * row for row in laws_blocks(*a)]),
    (entries.linear_hessian, entries, "linear_entries", off(entries.linear_entries)),
    (entries.linear_hessian, entries, "hessian", off(hessian)),
    (entries.linear_hessian, entries, "averaged_hessian", off(entries.averaged_hessian)),
    (entries.quadratic_hessian, entries, "quadratic_entries", off(entries.quadratic_entries)),
    (entries.quadratic_hessian, entries, "hessian", off(hessian)),
    (entries.erf_hessian, entries, "erf_entries", off(entries.erf_entries)),
    (entries.erf_hessian, entries, "hessian", off(hessian)),
    (entries.erf_arctangent, entries, "erf_second_block", off(entries.erf_second_block)),
    (structure.fisher_and_kernel, structure, "fisher_matrix", off(structure.fisher_matrix)),
    (structure.fisher_and_kernel, structure, "tangent_kernel", off(structure.tangent_kernel)),
    (structure.block_pattern, structure, "blocks", transposed_pattern),
    (structure.kernel_of_first_layer, structure, "sample_weights", with_equal_rows),
    (structure.kernel_of_first_layer, structure, "sample_weights", without_an_input),
]

laws_blocks = laws.block_spectra


@pytest.mark.parametrize(("claim", "module", "name", "wrong"), PATCHED)
def test_a_claim_on_an_equation_fails_where_it_is_otherwise(
    claim, module, name, wrong, results, tree, monkeypatch
):
    monkeypatch.setattr(module, name, wrong)
    assert claim(tree(results["linear"])).verdict == "fails"


@pytest.fixture(scope="module")
def trained(results, tmp_path_factory):
    """The linear points with the runs that the claim on learning is measured on."""
    folder = tmp_path_factory.mktemp("trained")
    N_i, N_h = dynamics.SIZE
    setup = Setup(activation("linear"), N_i, N_h)
    trainings = [
        {"start": {"noise": 0.01}, "stop": {"time": 12.0}, "times": 100, "spacing": "even",
         "spectra": False, "draw": draw, **method}
        for method, draws in (({"method": "sgd", "learning_rate": 0.005}, 24), ({}, 2))
        for draw in range(draws)
    ]  # fmt: skip
    points = [
        replace(setup, kind="training", training=Training.from_mapping(one).text).point(0)
        for one in trainings
    ]
    write_segment(folder, [point.compute() for point in [setup.point(0), *points]])
    publish(folder)
    return open_results(folder)["linear"].to_dataset().load()


class Larger(dynamics.LinearisedFlow):
    """A flow whose losses are 30 % too large."""

    def loss(self, t):
        return 1.3 * super().loss(t)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("late_slope", lambda t, losses, start: late_slope(t, losses**1.03, start)),
        ("LinearisedFlow", Larger),
    ],
)
def test_the_claim_on_learning_fails_for_another_rate_or_another_loss(
    name, wrong, trained, tree, monkeypatch
):
    assert dynamics.late_decay(tree(trained)).verdict == "holds"
    monkeypatch.setattr(dynamics, name, wrong)
    assert dynamics.late_decay(tree(trained)).verdict == "fails"


def test_the_claim_on_learning_fails_for_other_stored_losses(trained, tree):
    """Losses that decay 3 % faster than they should."""
    found = trained.assign(loss=trained["loss"] ** 1.03)
    assert dynamics.late_decay(tree(found)).verdict == "fails"


late_slope = dynamics.late_slope


def same_as_normal(dataset, size, others=laws.OTHER_WEIGHTS):
    """The dataset with the spectra of normal weights in place of those of other weights."""
    ends = np.cumsum(dataset["row_size"].values)
    starts = ends - dataset["row_size"].values
    values = dataset["eigenvalues"].values.copy()
    normal = np.flatnonzero(at(dataset, *size))
    for weights in others:
        for k, other in zip(normal, np.flatnonzero(at(dataset, *size, weights)), strict=True):
            values[starts[other] : ends[other]] = values[starts[k] : ends[k]]
    return dataset.assign(eigenvalues=dataset["eigenvalues"].copy(data=values))


def test_a_sample_of_the_asymptotic_law_does_not_follow_the_exact_one():
    """At (4, 4) the laws are 0.04 apart: a sample of the one must fail by the other."""
    limit, exact = hessian_law(4, 4), hessian_law(4, 4, exact=True)
    rng = np.random.default_rng(0)
    rows = [limit.rvs(4, rng) for _ in range(4000)]
    text, holds = laws._against(rows, limit, exact)
    assert not holds, text
    rows = [exact.rvs(4, rng) for _ in range(4000)]
    text, holds = laws._against(rows, limit, exact)
    assert holds, text


def test_densities_of_other_weights_are_compared_at_both_sizes(results, tree):
    found = laws.other_weights(tree(results["linear"]))
    assert found.verdict == "fails"
    assert "at most 2 times the distance expected from sampling" in found.rule
    as_claimed = same_as_normal(results["linear"], laws.NARROW)
    assert laws.other_weights(tree(as_claimed)).verdict == "holds"
    for others in (laws.OTHER_WEIGHTS, laws.OTHER_WEIGHTS[:1], laws.OTHER_WEIGHTS[-1:]):
        without_deviation = same_as_normal(as_claimed, laws.WIDE, others)
        assert laws.other_weights(tree(without_deviation)).verdict == "fails"


def test_every_claim_is_seen_to_fail():
    failing = {claim for claim, *_ in SPOILED} | {claim for claim, *_ in PATCHED}
    failing |= {laws.other_weights, dynamics.late_decay, spectra.erf_size_of_large_group}
    assert failing == set(claims.CLAIMS) == set(VERDICTS)


def test_counts_of_large_eigenvalues_other_than_the_size_are_told(results, tree):
    text = spectra.erf_large_eigenvalues(tree(results["erf"])).measured
    assert "125 of 126 realisations" in text
    assert "other counts at N = 5 in 1 of 42, 6 to 6" in text
    beyond = results["erf"].isel(point=slice(0, 0))
    with pytest.raises(InputError):
        spectra.erf_large_eigenvalues(tree(beyond))


def test_printed_quadratic_entries_differ_where_output_weights_are_not_one():
    network = sample_teacher("quadratic", 4, 3, seed=5)
    printed = entries.quadratic_entries(network, 1.0, printed=True)
    P1 = network.W1.size
    difference = printed - hessian(network)
    assert np.abs(difference[:P1, :P1]).max() > 0.1
    assert np.abs(difference[P1:, P1:]).max() < 1e-14
    ones = type(network)(network.W1, np.ones(3), network.activation)
    printed = entries.quadratic_entries(ones, 1.0, printed=True)
    assert np.allclose(printed, hessian(ones), atol=1e-13)


def test_missing_points_are_named(results, tree):
    with pytest.raises(InputError, match="points of quadratic, found none"):
        ranks.quadratic(tree(results["linear"]))


@pytest.mark.parametrize("claim", [ranks.linear, ranks.quadratic, ranks.erf])
def test_points_that_have_no_rank_do_not_count(tmp_path, claim):
    """Those of training, which stand beside the spectra of the same teachers."""
    name = claim.__name__
    training = Training(noise=0.1, time=5.0, times=5).text
    measured = Setup(activation(name), 2, 2)
    for setup in (measured, replace(measured, kind="training", training=training)):
        write_segment(tmp_path, setup.compute([0, 1]))
    publish(tmp_path)
    found = claim(open_results(tmp_path))
    assert (found.verdict, found.points) == ("holds", 2)
