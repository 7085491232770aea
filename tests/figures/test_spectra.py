"""Figs 4 and 5 and the edges of the bulk: what the figures plot, read from the figures."""

import numpy as np
import pytest

from hessweep import laws, networks
from hessweep.errors import InputError
from hessweep.figures import bulk_edges, erf_spectrum, log_density, quadratic_spectrum
from hessweep.hessian import hessian


def curves(axes):
    return {line.get_label(): line.get_xydata() for line in axes.get_lines()}


def direct(activation, N, seeds):
    """Eigenvalues of each teacher by another routine than the package's."""
    teachers = [networks.sample_teacher(activation, N, N, seed) for seed in range(seeds)]
    return np.array([np.linalg.svd(hessian(t), compute_uv=False) for t in teachers])


def ridges(axes):
    """Heights above its own axis, in data coordinates, and edges of the density of each size."""
    drawn = {}
    for patch in axes.patches:
        values, edges, baseline = patch.get_data()
        drawn[patch.get_label()] = values - baseline, edges
    return drawn


def test_densities_are_those_of_the_eigenvalues_on_one_scale(quadratic, tree):
    tables = quadratic_spectrum.data(tree(quadratic))
    axes, _ = quadratic_spectrum.plot(tables).axes
    drawn = ridges(axes)
    assert list(drawn) == [f"$N = {N}$" for N in (4, 6, 8, 10)]
    (scale,) = (line.get_ydata() for line in axes.lines if len(set(line.get_xdata())) == 1)
    unit = 2 * np.diff(scale)
    for N, (heights, edges) in zip((4, 6, 8, 10), drawn.values(), strict=True):
        # Ten bins in a decade.
        np.testing.assert_allclose(np.diff(np.log10(edges)), 0.1)
        ranks = N + N * (N + 1) // 2
        eigenvalues = direct("quadratic", N, 8)[:, :ranks].ravel()
        counts, _ = np.histogram(eigenvalues, edges)
        # Eigenvalues at the noise of float64 differ between the two routes.
        resolved = edges[:-1] > 1e-9
        density = 10 * counts / len(eigenvalues)
        np.testing.assert_allclose((heights / unit)[resolved], density[resolved], atol=1e-9)
        assert (heights / unit / 10).sum() == pytest.approx(1)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["4", "6", "8", "10"]


def test_ticks_mark_the_eigenvalues_outside_the_bulk(quadratic, erf, tree):
    axes = quadratic_spectrum.plot(quadratic_spectrum.data(tree(quadratic))).axes[0]
    for k, (N, ticks) in enumerate(zip((4, 6, 8, 10), axes.collections, strict=True)):
        places = [segment[0] for segment in ticks.get_segments()]
        np.testing.assert_allclose([x for x, _ in places], direct("quadratic", N, 8)[:, 0])
        assert {y for _, y in places} == {k}
    axes = erf_spectrum.plot(erf_spectrum.data(tree(erf))).axes[0]
    for N, ticks in zip((4, 8, 12), axes.collections, strict=True):
        means = np.exp(np.log(direct("erf", N, 6)[:, :N]).mean(axis=0))
        np.testing.assert_allclose([segment[0][0] for segment in ticks.get_segments()], means)


def test_bins_that_are_not_resolved_are_not_drawn(quadratic, tree):
    tables = quadratic_spectrum.data(tree(quadratic))
    density = tables["density"].assign(resolved=lambda table: table["low"] > 0.1)
    axes, _ = quadratic_spectrum.plot({**tables, "density": density}).axes
    for heights, edges in ridges(axes).values():
        assert (np.isnan(heights) == (edges[:-1] <= 0.1)).all()
    caption = quadratic_spectrum.caption({**tables, "density": density})
    assert "The densities for N = 4, 6, 8 and 10 come from Lanczos quadrature" in caption


def test_frame_leaves_out_no_more_than_it_says(erf, tree):
    tables = erf_spectrum.data(tree(erf))
    figure = erf_spectrum.plot(tables)
    left = figure.axes[0].get_xlim()[0]
    for N, seeds in ((4, 6), (8, 6), (12, 6)):
        assert (direct("erf", N, seeds) < left).mean() <= log_density.HIDDEN
    assert f"The tail below {left:.1g}, at most 2%" in erf_spectrum.caption(tables)


def test_outlier_is_the_largest_eigenvalue(quadratic, tree):
    tables = quadratic_spectrum.data(tree(quadratic))
    axes = quadratic_spectrum.plot(tables).axes[1]
    (container,) = axes.containers
    drawn = container.lines[0].get_xydata()
    second = curves(axes)[r"$\lambda_2$, edge of the bulk"]
    for k, N in enumerate((4, 6, 8, 10)):
        eigenvalues = direct("quadratic", N, 8)
        assert drawn[k] == pytest.approx([N, eigenvalues[:, 0].mean()])
        assert second[k] == pytest.approx([N, eigenvalues[:, 1].mean()])
        low, high = container.lines[2][0].get_segments()[k][:, 1]
        assert high - low == pytest.approx(2 * eigenvalues[:, 0].std(ddof=1) / np.sqrt(8))


def test_outlier_is_drawn_beside_its_formula(quadratic, tree):
    tables = quadratic_spectrum.data(tree(quadratic))
    axes = quadratic_spectrum.plot(tables).axes[1]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[0] == r"$\lambda_1$, the outlier: mean"
    N, mean = curves(axes)["its mean by formula"].T
    # eps = gamma = 1 (docs/laws.md, sec. 12).
    np.testing.assert_allclose(mean, N + 11 + 44 / N)
    assert N[0] == 4
    assert N[-1] == 10
    [band] = axes.collections[-1].get_paths()
    variance = 8 + 178 / 10
    np.testing.assert_allclose(
        np.ptp(band.vertices[band.vertices[:, 0] == 10][:, 1]), 2 * variance**0.5
    )
    caption = quadratic_spectrum.caption(tables)
    measured = direct("quadratic", 10, 8)[:, 0]
    error = measured.std(ddof=1) / np.sqrt(8)
    assert f"{measured.mean():.2f} ± {error:.2f} (25.40 predicted) at N = 10" in caption


def test_an_activation_of_ones_own_has_no_law(quadratic, erf, tree):
    """The file that holds it would be run."""
    spec = '{"name": "mine", "file": "/nowhere/mine.py", "sha256": "0"}'
    count = quadratic.sizes["point"]
    own = quadratic.assign_coords(
        activation_spec=("point", np.full(count, spec, dtype=np.dtypes.StringDType()))
    )
    tables = quadratic_spectrum.data(tree(own))
    assert not len(tables["law"])
    assert tables["outlier"]["predicted"].isna().all()
    caption = quadratic_spectrum.caption(tables)
    assert "law" not in caption
    assert "nan" not in caption
    labels = [t.get_text() for t in quadratic_spectrum.plot(tables).axes[1].get_legend().texts]
    assert len(labels) == 2


def test_law_is_drawn_through_each_size_on_its_scale(quadratic, erf, tree):
    for module, dataset, sizes in (
        (quadratic_spectrum, quadratic, (4, 6, 8, 10)),
        (erf_spectrum, erf, (4, 8, 12)),
    ):
        tables = module.data(tree(dataset))
        axes = module.plot(tables).axes[0]
        lines = [line for line in axes.get_lines() if len(line.get_xdata()) > 10]
        assert len(lines) == 2 * len(sizes)
        (scale,) = (
            np.ptp(line.get_ydata()) * 2
            for line in axes.get_lines()
            if len(line.get_xdata()) == 2 and len(set(line.get_xdata())) == 1
        )
        name = dataset.attrs["activation"]
        for k, N in enumerate(sizes):
            law = laws.spectrum_law(name, N, N)
            x, y = lines[2 * k].get_xydata().T
            # The area up to x is the share of non-zero eigenvalues that the law has there.
            area = np.cumsum((y - k) / scale) * np.log10(x[1] / x[0])
            half = np.sqrt(x[1] / x[0])
            whole = int(np.argmax(y - k >= log_density.HIGHEST)) or len(x)
            assert whole > 100
            rank = {"quadratic": N + N * (N + 1) // 2, "erf": N * (N + 1)}[name]
            share = (law.cdf(x * half) - law.cdf(x[0] / half)) * N * (N + 1) / rank
            np.testing.assert_allclose(area[:whole], share[:whole], atol=1e-9)
            assert f"{tables['distance']['distance'][k]:.3f}" in module.caption(tables)


def test_distance_to_the_law_is_that_of_the_pooled_eigenvalues(erf, tree):
    distances = erf_spectrum.data(tree(erf))["distance"].set_index("N")["distance"]
    for N in (4, 8, 12):
        x = np.sort(direct("erf", N, 6).ravel())
        cdf = laws.spectrum_law("erf", N, N).cdf(x)
        expected = max(
            (np.arange(1, len(x) + 1) / len(x) - cdf).max(),
            (cdf - np.arange(len(x)) / len(x)).max(),
        )
        # It is looked at in 200 places.
        assert distances[N] == pytest.approx(expected, abs=1 / 150)


def test_each_realisation_has_as_many_large_eigenvalues_as_neurons(erf, tree):
    count = erf_spectrum.data(tree(erf))["count"]
    for N in (8, 12):
        # At these sizes a fixed threshold tells the large ones from the bulk as well.
        large = (direct("erf", N, 6) > 0.1).sum(axis=1)
        assert count.loc[count["N_h"] == N, "count"].tolist() == large.tolist() == [N] * 6
    assert (count["above"] / count["below"]).tolist() == pytest.approx(count["ratio"].tolist())


def test_caption_names_the_realisations_that_differ(erf, tree):
    tables = erf_spectrum.data(tree(erf))
    agreement = tables["agreement"]
    exact = int(agreement["exact"].sum())
    assert f"exactly N_h eigenvalues in {exact} of 18 teachers" in erf_spectrum.caption(tables)
    agreement.loc[agreement["N"] == 8, ["exact", "largest_count"]] = [5, 9]
    caption = erf_spectrum.caption(tables)
    assert f"in {agreement['exact'].sum()} of 18 teachers" in caption
    assert "; at N = 8 the number is 8 to 9." in caption


def test_sorted_spectrum_is_the_geometric_mean(erf, tree):
    axes = erf_spectrum.plot(erf_spectrum.data(tree(erf))).axes[1]
    for N in (4, 8, 12):
        x, y = curves(axes)[f"$N = {N}$"].T
        largest = direct("erf", N, 6)[:, : 3 * N]
        np.testing.assert_allclose(x, np.arange(1, 3 * N + 1) / N)
        np.testing.assert_allclose(y, np.prod(largest ** (1 / 6), axis=0), rtol=1e-6)


def test_edges_lie_at_their_places_in_the_spectrum(quadratic, erf, tree):
    tables = bulk_edges.data(tree(quadratic, erf))
    edges = tables["edges"].set_index(["activation", "edge", "N"])["mean"]
    for N in (4, 8):
        large = direct("erf", N, 6)
        outlier = direct("quadratic", N, 8)
        expected = {
            ("erf", "smallest large"): large[:, N - 1],
            ("erf", "upper"): large[:, N],
            ("quadratic", "outlier"): outlier[:, 0],
            ("quadratic", "upper"): outlier[:, 1],
        }
        for (activation, edge), values in expected.items():
            mean = np.prod(values ** (1 / len(values)))
            assert edges[activation, edge, N] == pytest.approx(mean)


def test_edges_are_drawn_beside_the_law(quadratic, erf, tree):
    tables = bulk_edges.data(tree(quadratic, erf))
    panels = iter(bulk_edges.plot(tables).axes)
    lines = 0
    for lower in (False, True):
        for activation in ("quadratic", "erf"):
            edges = tables["edges"][tables["edges"]["activation"] == activation]
            edges = edges[(edges["edge"] == "lower") == lower]
            axes = next(panels)
            drawn = [container.lines[0].get_ydata().tolist() for container in axes.containers]
            assert drawn == [
                rows["mean"].tolist() for _, rows in edges.groupby("edge", sort=False)
            ]
            known = edges.dropna(subset="law")
            law = [rows["law"].tolist() for _, rows in known.groupby("edge", sort=False)]
            found = [line.get_ydata().tolist() for line in axes.get_lines()]
            assert [values for values in found if values in law] == law
            lines += len(law)
            # No empty decades: the frame is little taller than the data with their errors.
            low, high = np.log(axes.get_ylim())
            shown = edges[["high", "law"]].max().max() / edges[["low", "law"]].min().min()
            assert high - low < 1.6 * np.log(shown)
    # No law of the smallest eigenvalue of quadratic networks.
    assert lines == 5
    caption = bulk_edges.caption(tables)
    assert "The law does not give the lower edge λ_min with quadratic activation" in caption
    for row in tables["edges"].query("N == 12").to_dict("records"):
        place = f"for {bulk_edges.WORDS[row['edge']]} at N = 12"
        assert f"{row['mean']:.3g} ({row['law']:.3g} by law) {place}" in caption
    assert "nan" not in caption


def test_edges_by_law_are_those_of_the_teachers(quadratic, erf, tree):
    edges = bulk_edges.data(tree(quadratic, erf))["edges"]
    law = edges.set_index(["activation", "edge", "N"])["law"]
    assert law["quadratic", "outlier", 10] == pytest.approx(25.4)
    assert np.isnan(law["quadratic", "lower", 10])
    teachers = [networks.sample_teacher("erf", 8, 8, seed) for seed in range(6)]
    smallest = laws.coefficients("erf").kappa * np.array([(t.W2**2).min() for t in teachers])
    assert law["erf", "lower", 8] == pytest.approx(np.prod(smallest ** (1 / 6)))
    # The 8 largest of degree 1 and block B, the latter without corrections.
    above = [laws.order_one_eigenvalues("erf", t.W1, t.W2)[-8] for t in teachers]
    assert law["erf", "smallest large", 8] == pytest.approx(np.prod(above) ** (1 / 6), rel=0.1)
    for activation, edge in (("quadratic", "upper"), ("erf", "upper"), ("erf", "smallest large")):
        rows = edges[(edges["activation"] == activation) & (edges["edge"] == edge)]
        last = rows.iloc[-1]
        assert last["law"] == pytest.approx(last["mean"], rel=0.25)


def test_the_law_is_asked_for_the_middle_of_the_share_of_each_edge(
    quadratic, erf, tree, monkeypatch
):
    """The law has k - 1/2 of its P eigenvalues above the place of the k-th largest."""

    class OneOver:
        def isf(self, share, low, high):
            assert low < high
            return 1 / np.asarray(share)

    monkeypatch.setattr(bulk_edges.analysis, "law_of_teacher", lambda _: OneOver())
    edges = bulk_edges.data(tree(quadratic, erf))["edges"]
    law = edges.set_index(["activation", "edge", "N"])["law"]
    for N in (4, 8):
        P = N * (N + 1)
        assert law["quadratic", "upper", N] == pytest.approx(P / 1.5)
        assert law["erf", "smallest large", N] == pytest.approx(P / (N - 0.5))
        assert law["erf", "upper", N] == pytest.approx(P / (N + 0.5))


def test_unknown_smallest_eigenvalues_leave_their_size_out(quadratic, erf, tree):
    N = erf["N_i"].values
    smallest = np.where(N == 12, 1e-4, 1e-3) * np.where(np.arange(len(N)) % 2, 2.0, 0.5)
    error = np.where(np.arange(len(N)) == np.flatnonzero(N == 8)[2], 1.0, 0.0)
    known = erf.assign(lambda_min=("point", smallest), lambda_min_error=("point", error))
    edges = bulk_edges.data(tree(quadratic, known))["edges"]
    lower = edges.query("activation == 'erf' and edge == 'lower'")
    assert lower["N"].tolist() == [4, 12]
    assert lower["mean"].tolist() == pytest.approx([1e-3, 1e-4])


def test_other_weights_are_left_out(erf, tree):
    weights = ("point", np.full(erf.sizes["point"], "laplace", dtype=erf["weights"].dtype))
    with pytest.raises(InputError, match="add them to the study"):
        erf_spectrum.data(tree(erf.assign_coords(weights=weights)))


def test_a_planted_large_eigenvalue_is_counted(erf, tree):
    """The ninth largest of one teacher of N_h = 8 is lifted out of the bulk."""
    stop = np.cumsum(erf["row_size"].values)
    place = stop[np.flatnonzero((erf["N_h"].values == 8) & (erf["seed"].values == 2))[0]]
    values = erf["eigenvalues"].values.copy()
    values[place - 9] = values[place - 8]
    altered = erf.assign(eigenvalues=("eigenvalue", values))
    before, after = (
        erf_spectrum.data(tree(d))["agreement"].set_index("N") for d in (erf, altered)
    )
    assert after["exact"][8] == before["exact"][8] - 1 == 5
    assert after["largest_count"][8] == 9
    assert after["exact"][12] == before["exact"][12]
