"""Density points: against exact spectra, through the store, in figures, and what they cost."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hessweep import analysis
from hessweep.activations import activation
from hessweep.density import FlatDensity, SpectralDensity, count_large, density_plan
from hessweep.errors import InputError, TooLargeError
from hessweep.figures import erf_spectrum, quadratic_spectrum
from hessweep.hessian import hessian
from hessweep.kinds.density import NODES
from hessweep.running import verify
from hessweep.running.cost import check_fits, predicted_seconds, stored_bytes
from hessweep.setup import Point, Setup, key_of_row
from hessweep.store import (
    each_of,
    open_results,
    pooled_eigenvalues,
    publish,
    read_segment,
    restrict,
    spectra,
    table,
    write_segment,
)
from hessweep.store.files import commit_file
from hessweep.store.flat_zarr import encode
from hessweep.store.provenance import provenance
from hessweep.store.schema import columns_of
from hessweep.store.segments import _arrays, _digest, _zip
from hessweep.study import parse_study

ERF, QUADRATIC = activation("erf"), activation("quadratic")


def _as_density(point: Point) -> Point:
    return replace(point.setup, kind="density").point(point.seed)


def _density(result):
    """The density that a result holds, as it is made again from what is stored."""
    flat = FlatDensity(*(result.flat[f"density_{part}"] for part in FlatDensity._fields))
    return SpectralDensity.from_flat(result.point.setup.P, flat, result.scalars["density_floor"])


@pytest.fixture(scope="module")
def pairs():
    """Both kinds of the same teachers: (density, exact)."""
    points = [
        Setup(function, N_i, N_h).point(seed)
        for function, N_i, N_h in ((ERF, 24, 24), (QUADRATIC, 24, 24), (ERF, 30, 8))
        for seed in range(2)
    ]
    return [(_as_density(p).compute(), p.compute()) for p in points]


@pytest.fixture(scope="module")
def root(pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    write_segment(folder, [result for pair in pairs[:3] for result in pair])
    write_segment(folder, [result for pair in pairs[3:] for result in pair])
    publish(folder)
    return folder


def test_densities_and_extremes_are_those_of_the_spectrum(pairs):
    for large, exact in pairs:
        eigenvalues = exact.eigenvalues
        x = np.geomspace(1e-3 * eigenvalues[-1], 1.01 * eigenvalues[-1], 500)
        distribution = np.searchsorted(eigenvalues, x, side="right") / exact.point.setup.P
        assert np.abs(_density(large).cdf(x).value - distribution).max() <= 0.04
        found = large.eigenvalues
        assert len(found) == large.point.setup.N_i + large.point.setup.N_h + 1
        np.testing.assert_allclose(found, eigenvalues[-len(found) :], rtol=1e-8)
        error = np.abs(found - eigenvalues[-len(found) :])
        assert (error <= large.scalars["eigenvalue_error"]).all()


def test_scalars_of_a_density_point_are_those_of_the_matrix(pairs):
    for large, exact in pairs:
        H = hessian(large.point.network())
        for name, value in (
            ("trace", np.trace(H)),
            ("frobenius_norm", np.linalg.norm(H)),
            ("lambda_max", np.linalg.norm(H, 2)),
        ):
            assert large.scalars[name] == pytest.approx(value, rel=1e-8)
            assert exact.scalars[name] == pytest.approx(value, rel=1e-8)
        for name in ("rank", "rank_certificate", "effective_parameters"):
            assert large.scalars[name] == exact.scalars[name]
        assert large.scalars["rank_certificate"] == "proved"
        assert np.isnan(large.scalars["lambda_min"])
        assert large.scalars["lambda_min_error"] == np.inf


def test_a_rank_that_no_theorem_knows_is_undecided():
    large = Setup(QUADRATIC, 6, 9, kind="density").point(0).compute()
    true = Setup(QUADRATIC, 6, 9).point(0).compute().scalars["rank"]
    assert large.scalars["rank_certificate"] == "undecided"
    assert large.scalars["rank_lower"] <= true <= large.scalars["rank_upper"]


def test_keys_are_those_from_before_densities():
    point = Setup(activation("quadratic", epsilon=0.5), 3, 4, weights="laplace").point(7)
    spec = json.dumps(point.setup.activation.identity)
    row = {"activation_spec": spec, "N_i": 3, "N_h": 4, "weights": "laplace", "seed": 7}
    assert key_of_row({**row, "kernel_version": 1}) == "88d4ee7035f9b2c25d23bd20d3820658"
    assert key_of_row({**row, "kernel_version": 6}) == point.key
    assert _as_density(point).key != point.key


def test_computed_again_every_bit_is_the_same(pairs):
    large, _ = pairs[0]
    again = large.point.compute()
    assert again.eigenvalues.tobytes() == large.eigenvalues.tobytes()
    assert again.flat.keys() == large.flat.keys()
    for name, values in again.flat.items():
        assert values.tobytes() == large.flat[name].tobytes()
    other_seed = large.point.setup.point(5).compute()
    assert other_seed.flat["density_nodes"].tobytes() != large.flat["density_nodes"].tobytes()


def test_the_store_gives_back_every_bit(root, pairs):
    results = open_results(root)
    stored = table(results, "spectrum == 'density'", ["key", "node_size", "row_size"])
    flat = {
        name: each_of(results, name, "spectrum == 'density'")
        for name in ("eigenvalues", "density_nodes", "density_weights", "density_probes")
    }
    by_key = {large.point.key: large for large, _ in pairs}
    assert len(stored) == len(by_key) == 6
    for i, row in enumerate(stored.itertuples()):
        result = by_key[row.key]
        expected = tuple(result.flat.values())
        assert row.node_size == len(expected[1])
        assert row.row_size == len(expected[0])
        for values, mine in zip(flat.values(), expected, strict=True):
            assert values[i].tobytes() == mine.tobytes()
    dataset = results["erf"].to_dataset()
    assert dataset["node_size"].attrs["sample_dimension"] == "node"
    assert dataset["density_nodes"].dims == ("node",)


def test_a_density_is_the_same_after_the_store(root, pairs):
    points = analysis.realisations(
        open_results(root), "spectrum == 'density' and activation == 'erf'", densities=True
    )
    x = np.geomspace(1e-6, 2, 50)
    by_key = {large.point.key: _density(large) for large, _ in pairs}
    for key, density in points[["key", "density"]].itertuples(index=False):
        np.testing.assert_allclose(density.cdf(x).value, by_key[key].cdf(x).value, rtol=1e-12)
        np.testing.assert_allclose(density.cdf(x).error, by_key[key].cdf(x).error, atol=1e-14)
        assert density.multiplicities.tolist() == by_key[key].multiplicities.tolist()


def test_readers_of_spectra_leave_densities_out(root, pairs):
    results = open_results(root)
    exact = [
        e.eigenvalues
        for _, e in pairs
        if e.point.setup.activation == ERF and e.point.setup.N_i == 24
    ]
    where = "activation == 'erf' and N_i == 24"
    assert pooled_eigenvalues(results, where).values.tolist() == np.concatenate(exact).tolist()
    assert (
        spectra(results, "erf", 24, 24)["eigenvalues"].values.tolist() == np.array(exact).tolist()
    )
    assert analysis.realisations(results, where)["spectrum"].tolist() == ["exact"] * 2
    # Of teachers that have both, the spectrum counts.
    both = analysis.realisations(results, where, densities=True)
    assert both["spectrum"].tolist() == ["exact"] * 2
    with pytest.raises(InputError, match="found none"):
        analysis.realisations(results, f"{where} and spectrum == 'density'")


def test_a_restricted_tree_keeps_each_points_nodes(root, pairs):
    large = pairs[1][0]
    part = restrict(open_results(root), {large.point.key})
    [nodes] = each_of(part, "density_nodes")
    [eigenvalues] = each_of(part, "eigenvalues")
    assert nodes.tobytes() == large.flat["density_nodes"].tobytes()
    assert eigenvalues.tobytes() == large.eigenvalues.tobytes()


def test_verify_computes_densities_again(root, pairs, tmp_path):
    found = verify(root)
    assert (found.problems, found.recomputed) == ((), 12)
    large = pairs[0][0]
    weights = np.roll(large.flat["density_weights"], 1)
    write_segment(tmp_path, [replace(large, flat={**large.flat, "density_weights": weights})])
    publish(tmp_path)
    [problem] = verify(tmp_path).problems
    assert problem.message.endswith("density_weights differ")


def test_a_density_belongs_to_a_density_point_alone(pairs, tmp_path):
    large, exact = pairs[0]
    for wrong in (replace(large, flat=exact.flat), replace(exact, flat=large.flat)):
        with pytest.raises(InputError, match="a done result takes the arrays"):
            write_segment(tmp_path, [wrong])
    cut = {**large.flat, "density_weights": large.flat["density_weights"][1:]}
    with pytest.raises(InputError, match="expected arrays of one length"):
        write_segment(tmp_path, [replace(large, flat=cut)])


def test_segments_from_before_densities_are_read(pairs, tmp_path):
    """A segment without any of the arrays that came with them."""
    exact = [exact for _, exact in pairs[:2]]
    new = {"spectrum", "node_size", "frobenius_norm", "density_floor"}
    new |= {column.name for column in NODES.columns}
    arrays = {k: v for k, v in _arrays(columns_of(exact)).items() if k not in new}
    content = _zip(encode(arrays, {"computed_with": json.dumps(provenance())}))
    (tmp_path / "segments").mkdir()
    path = tmp_path / "segments" / f"{_digest(content)}.zarr.zip"
    commit_file(path, content)
    assert "spectrum" not in read_segment(path)
    write_segment(tmp_path, [pairs[0][0]])
    publish(tmp_path)
    results = open_results(tmp_path)
    assert table(results)["spectrum"].tolist() == ["density", "exact", "exact"]
    values = np.concatenate([result.eigenvalues for result in exact])
    assert pooled_eigenvalues(results).values.tobytes() == values.tobytes()
    problems = verify(tmp_path, sample=0).problems
    assert problems == ()


def test_a_study_asks_for_densities():
    sweep = {"activation": "erf", "N": [3, 4], "seeds": 2}
    studies = [
        parse_study({"name": "x", "sweeps": {"a": {**sweep, name: "density"}}})
        for name in ("kind", "spectrum")  # the older name
    ]
    points = studies[0].points()
    assert studies[1].points() == points
    assert {point.setup.kind for point in points} == {"density"}
    assert len({point.key for point in points}) == 4


def test_what_is_too_large_is_told_the_way_out():
    point = Setup(ERF, 1000, 1000).point(0)
    limit = 2_500_000_000
    with pytest.raises(TooLargeError, match=r"`kind: density`"):
        check_fits([point], limit)
    check_fits([_as_density(point)], limit)
    with pytest.raises(TooLargeError) as caught:
        check_fits([replace(point, setup=replace(point.setup, N_i=10**4, N_h=10**4))], limit)
    assert "density" not in str(caught.value)


def test_cost_of_a_million_parameters():
    point = Setup(QUADRATIC, 1000, 1000, kind="density").point(0)
    assert 30 < predicted_seconds(point) < 180
    assert 8e8 < point.setup.cost.peak_bytes < 1.5e9
    assert stored_bytes(point.setup) < 1e5


def test_stored_numbers_are_as_many_as_predicted(pairs):
    for large, _ in pairs:
        # The probes of the nodes compress to nothing.
        numbers = len(large.eigenvalues) + 2 * len(large.flat["density_nodes"])
        point = large.point
        plan = density_plan(point.setup.activation, point.setup.N_i, point.setup.N_h)
        assert numbers <= plan.stored_values <= 1.2 * numbers
        assert stored_bytes(point.setup) >= 2 * 8 * numbers


def test_figures_go_on_with_densities(root):
    """Sizes of one kind each: the exact ones are made of the same teachers."""
    results = open_results(root)
    keys = table(results)
    large = restrict(results, set(keys["key"][keys["spectrum"] == "density"]))
    exact = restrict(results, set(keys["key"][keys["spectrum"] == "exact"]))
    mine, true = (
        analysis.realisations(r, "activation == 'quadratic'", densities=True)
        for r in (large, exact)
    )
    estimate, histogram = (quadratic_spectrum.log_densities(p, 2) for p in (mine, true))
    # The route knows all zeros but one, that of the constant: it is among the sampled ones.
    assert (estimate["density"] / 2).sum() == pytest.approx(325 / 324)
    assert (histogram["density"] / 2).sum() == pytest.approx(1)
    assert estimate["count"].sum() == pytest.approx(2 * 325)
    top = max(density.nodes.max() for density in mine["density"])
    assert estimate["resolved"].tolist() == (estimate["low"] >= 3e-4 * top).tolist()
    assert histogram["resolved"].all()
    both = estimate.merge(histogram, on="low", suffixes=("", "_exact"))
    # In bins of half a decade, above where 80 steps resolve; a Kolmogorov distance each.
    wide = both[both["low"] > 1e-2]
    assert (np.abs(wide["density"] - wide["density_exact"]) / 2).max() < 0.06
    counts = erf_spectrum.data(large)["agreement"]
    assert counts["exact"].tolist() == erf_spectrum.data(exact)["agreement"]["exact"].tolist()


def test_large_eigenvalues_are_counted_by_the_density(pairs):
    """Where the Lanczos run for the extremes ends before the gap."""
    for large, exact in pairs[:2]:
        gap = analysis.largest_gap(exact.eigenvalues, 24)
        [count], [error] = count_large(_density(large), 24)
        assert 0 < error < 3
        assert abs(count - gap.count) < 4 * error


def test_caption_says_what_was_counted_and_what_estimated(root, monkeypatch):
    results = open_results(root)
    keys = table(results)
    kept = (keys["spectrum"] == "density") & (keys["N_i"] == 24)
    large = restrict(results, set(keys["key"][kept]))
    node = large["erf"].to_dataset()
    # As if the run had ended with the ten largest.
    sizes = node["row_size"].values
    ends = np.cumsum(sizes)
    values = np.concatenate([node["eigenvalues"].values[end - 10 : end] for end in ends])
    short = node.drop_vars("eigenvalues").assign(
        eigenvalues=("eigenvalue", values), row_size=("point", np.full(len(sizes), 10))
    )
    large["erf"] = type(large)(short)
    tables = erf_spectrum.data(large)
    count = tables["count"]
    assert (count["error"] > 0).all()
    assert (np.abs(count["count"] - 24) < 4 * count["error"]).all()
    caption = erf_spectrum.caption(tables)
    assert "Where the large eigenvalues were not computed one by one" in caption
    assert "at N = 24" in caption
    assert "The densities for N = 24 come from Lanczos quadrature" in caption
    [ridge] = erf_spectrum.plot(tables).axes[0].patches
    values, edges, _ = ridge.get_data()
    assert edges[:-1][np.isfinite(values)].min() > 3e-4 * tables["sorted"]["mean"].max()
