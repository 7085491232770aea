"""Figs 2 and 6 to 9: simulated eigenvalues against laws, read from the figures."""

import numpy as np
import pytest
from scipy import stats

from hessweep import analysis, laws, networks
from hessweep.errors import InputError
from hessweep.figures import (
    comparison,
    law_convergence,
    linear_blocks,
    linear_spectrum,
    other_weights,
    smallest_eigenvalue,
)
from hessweep.hessian import blocks, hessian

SIZES = ((3, 6), (6, 3))
SEEDS = 80


@pytest.fixture(scope="module")
def linear(published):
    return published("linear", SIZES, SEEDS, ("normal", "rademacher", "student-t"))


def pooled(N_i, N_h, weights="normal"):
    """Non-zero eigenvalues of the teachers, from their dense Hessians."""
    teachers = (networks.sample_teacher("linear", N_i, N_h, s, weights) for s in range(SEEDS))
    return np.concatenate([np.linalg.svd(hessian(t), compute_uv=False)[:N_i] for t in teachers])


def drawn_area(axes):
    (patch,) = axes.patches
    values, edges, _ = patch.get_data()
    return (values * np.diff(edges)).sum(), edges


def drawn_curves(axes):
    return {line.get_label().split(",")[0]: line.get_xydata().T for line in axes.get_lines()}


def test_histograms_hold_the_simulated_eigenvalues(linear, tree):
    figure = linear_spectrum.plot(linear_spectrum.data(tree(linear), SIZES))
    for axes, (N_i, N_h) in zip(figure.axes, SIZES, strict=True):
        values = pooled(N_i, N_h)
        (patch,) = axes.patches
        density, edges, _ = patch.get_data()
        shown = (values <= edges[-1] * (1 + 1e-9)).mean()
        assert drawn_area(axes)[0] == pytest.approx(shown)
        assert shown >= comparison.COVERED - 1 / len(values)
        middle = len(density) // 2
        inside = (values >= edges[middle]) & (values < edges[middle + 1])
        assert density[middle] == pytest.approx(inside.mean() / np.diff(edges)[middle])


def test_legends_give_the_distances_that_scipy_finds(linear, tree):
    figure = linear_spectrum.plot(linear_spectrum.data(tree(linear), SIZES))
    for axes, size in zip(figure.axes, SIZES, strict=True):
        labels = [text.get_text() for text in axes.get_legend().get_texts()]
        assert labels[0].startswith("simulation, $D_0 = 0.0")
        for label, exact in zip(labels[1:], (False, True), strict=True):
            law = laws.hessian_law(*size, exact=exact)
            distance = stats.ks_1samp(pooled(*size), law.cdf).statistic
            assert label.startswith("exact" if exact else "asymptotic")
            assert label.endswith(f"$D = {distance:.4f}$")


def test_curves_are_densities_of_the_laws(linear, tree):
    figure = linear_spectrum.plot(linear_spectrum.data(tree(linear), SIZES))
    for axes, size in zip(figure.axes, SIZES, strict=True):
        for name, (x, y) in drawn_curves(axes).items():
            law = laws.hessian_law(*size, exact=name == "exact law")
            assert np.trapezoid(y, x) == pytest.approx(law.cdf(x[-1]) - law.cdf(x[0]), abs=2e-3)


def test_caption_of_the_spectrum_has_its_numbers(linear, tree):
    tables = linear_spectrum.data(tree(linear), SIZES)
    caption = linear_spectrum.caption(tables)
    assert f"pooled over {SEEDS} teachers" in caption
    for distance in tables["distances"]["distance"]:
        assert f"{distance:.4f}" in caption


def test_bootstrap_noise_is_the_spread_of_new_teachers(linear, tree):
    """D_0 against the distances of fresh sets of teachers to the exact law."""
    law = laws.hessian_law(6, 3, exact=True)
    tables = linear_spectrum.data(tree(linear), [(6, 3)])
    rng = np.random.default_rng(8)
    distances = []
    for _ in range(60):
        W1 = rng.normal(size=(SEEDS, 3, 6)) / np.sqrt(6)
        W2 = rng.normal(size=(SEEDS, 1, 3)) / np.sqrt(3)
        values = np.linalg.eigvalsh(W1.swapaxes(1, 2) @ W1) + (W2**2).sum(axis=2)
        distances.append(stats.ks_1samp(values.ravel(), law.cdf).statistic)
    noise = tables["distances"]["noise"].iloc[0]
    assert noise == pytest.approx(np.mean(distances), rel=0.2)


@pytest.mark.parametrize(("N_i", "N_h"), SIZES)
def test_block_spectra_are_those_of_the_blocks(N_i, N_h):
    seeds = [0, 5]
    for block in ("A", "B"):
        for row, seed in zip(analysis.block_spectra(block, N_i, N_h, seeds), seeds, strict=True):
            teacher = networks.sample_teacher("linear", N_i, N_h, seed)
            dense = np.linalg.eigvalsh(getattr(blocks(teacher), block))
            np.testing.assert_allclose(row, dense[-len(row) :], atol=1e-13)
            np.testing.assert_allclose(dense[: -len(row)], 0, atol=1e-13)
            assert (row == 0).sum() == (max(N_h - N_i, 0) if block == "B" else 0)


@pytest.mark.parametrize("block", ["A", "B"])
def test_blocks_are_normalised_to_all_or_to_what_is_not_zero(linear, block, tree):
    tables = linear_blocks.data(tree(linear), block, SIZES)
    figure = linear_blocks.plot(tables)
    for axes, (N_i, N_h) in zip(figure.axes, SIZES, strict=True):
        mass = min(1, N_i / N_h) if block == "B" else 1
        area, edges = drawn_area(axes)
        assert mass * comparison.COVERED - 1 / SEEDS <= area <= mass
        for x, y in drawn_curves(axes).values():
            finite = np.isfinite(y)
            assert np.trapezoid(y[finite], x[finite]) == pytest.approx(mass, abs=0.05)
        assert edges[0] > 0
    caption = linear_blocks.caption(tables)
    assert f"block {block}" in caption
    for distance in tables["distances"]["distance"]:
        assert f"{distance:.4f}" in caption


def test_unknown_block_is_refused(linear, tree):
    with pytest.raises(InputError, match="expected A or B, got 'C'"):
        linear_blocks.data(tree(linear), "C", SIZES)


def test_other_weights_have_a_panel_each_and_one_scale(linear, tree):
    tables = other_weights.data(tree(linear), 6, 3)
    figure = other_weights.plot(tables)
    assert [axes.get_title() for axes in figure.axes] == ["normal", "rademacher", "student-t"]
    assert [axes.get_title("left") for axes in figure.axes] == ["(a)", "(b)", "(c)"]
    (legend,) = figure.legends
    assert "$N_i = 6$, $N_h = 3$" in legend.get_title().get_text()
    noise = tables["distances"].set_index("weights")["noise"].groupby("weights").first()
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    law = laws.hessian_law(6, 3, exact=True)
    for axes in figure.axes:
        weights = axes.get_title()
        distance = stats.ks_1samp(pooled(6, 3, weights), law.cdf).statistic
        said = axes.texts[0].get_text()
        assert f"$D$ = {distance:.3f} (exact)" in said
        assert f"$D_0$ = {noise[weights]:.3f} (sampling)" in said
        assert f"{distance:.3f} ({weights})" in other_weights.caption(tables)


def test_half_the_eigenvalues_of_rademacher_networks_are_one(linear, tree):
    """The bin that holds |W2|² = 1, and the caption's word for it."""
    tables = other_weights.data(tree(linear), 6, 3)
    axes = other_weights.plot(tables).axes[1]
    (patch,) = axes.patches
    density, edges, _ = patch.get_data()
    one = np.searchsorted(edges, 1 + 1e-9) - 1
    assert 0.5 <= density[one] * np.diff(edges)[one] < 0.75
    caption = other_weights.caption(tables)
    assert "Of the 6 eigenvalues, 3 are equal to |W_2|²." in caption
    other = other_weights.caption(other_weights.data(tree(linear), 3, 6))
    assert "are equal to |W_2|²" not in other


def test_bars_that_the_frame_cuts_are_marked_with_their_density(linear, tree):
    tables = other_weights.data(tree(linear), 6, 3)
    assert "cut by the frame" not in other_weights.caption(tables)
    histogram = tables["histogram"].copy()
    bar = histogram.index[histogram["weights"] == "student-t"][3]
    histogram.loc[bar, "density"] = 50.0
    cut = {**tables, "histogram": histogram}
    assert "cut by the frame" in other_weights.caption(cut)
    axes = other_weights.plot(cut).axes[2]
    (arrow,) = (line for line in axes.lines if line.get_marker() == "^")
    [[x, y]] = arrow.get_xydata()
    low, high = histogram.loc[bar, ["low", "high"]]
    assert low < x < high
    assert y == axes.get_ylim()[1] < 50
    assert "50" in [text.get_text() for text in axes.texts]


def test_missing_sizes_say_what_to_add(linear, tree):
    with pytest.raises(InputError, match=r"N_i == 9 and N_h == 9.*add them to the study"):
        linear_spectrum.data(tree(linear), [(9, 9)])


def test_laws_converge_as_one_over_size():
    tables = law_convergence.data(sizes=(4, 8, 64), ratios=(0.5, 2))
    figure = law_convergence.plot(tables)
    for axes, law in zip(figure.axes, (laws.hessian_law, laws.block_B_law), strict=True):
        curves = {line.get_label(): line.get_xydata() for line in axes.get_lines()}
        assert list(curves) == ["$N_h = 0.5 N_i$", "$N_h = 2 N_i$", r"$\propto 1 / N_i$"]
        for label, ratio in (("$N_h = 0.5 N_i$", 0.5), ("$N_h = 2 N_i$", 2)):
            for N_i, distance in curves[label]:
                size = int(N_i), int(N_i * ratio)
                x = np.linspace(0, 3 * (1 + np.sqrt(max(1, ratio))) ** 2, 20001)
                apart = np.abs(law(*size).cdf(x) - law(*size, exact=True).cdf(x)).max()
                assert distance == pytest.approx(apart, rel=1e-2)
    table = tables["distances"]
    assert table["exponent"].isna().sum() == 4
    assert table.loc[table["N_i"] == 64, "exponent"].between(-1.02, -0.7).all()
    assert f"{-table.loc[table['N_i'] == 64, 'exponent'].iloc[0]:.2f}" in law_convergence.caption(
        tables
    )


def test_distances_of_block_B_count_its_zeros(linear, tree):
    """Half of the eigenvalues at (3, 6) are zero, in the sample as in the law."""
    table = linear_blocks.data(tree(linear), "B", [(3, 6)])["distances"].set_index("law")
    values = np.concatenate(analysis.block_spectra("B", 3, 6, range(SEEDS)))
    x = np.sort(values[values > 0])
    grid = np.concatenate([[0.0], x, x * (1 - 1e-12)])
    empirical = (values[None, :] <= grid[:, None]).mean(axis=1)
    for name, exact in (("asymptotic", False), ("exact", True)):
        apart = np.abs(empirical - laws.block_B_law(3, 6, exact=exact).cdf(grid)).max()
        assert table["distance"][name] == pytest.approx(apart, abs=1e-6)


def test_smallest_eigenvalues_are_those_of_the_hessian(linear, tree):
    tables = smallest_eigenvalue.data(tree(linear), sizes=SIZES)
    for N_i, N_h in SIZES:
        teachers = [networks.sample_teacher("linear", N_i, N_h, seed) for seed in range(SEEDS)]
        direct = np.array([np.linalg.svd(hessian(t), compute_uv=False)[N_i - 1] for t in teachers])
        part = {k: t[(t["N_i"] == N_i) & (t["N_h"] == N_h)] for k, t in tables.items()}
        histogram = part["histogram"]
        edges = np.append(histogram["low"], histogram["high"].iloc[-1])
        # Edges are eigenvalues themselves: a bin's worth of rounding, no more.
        assert abs(histogram["count"].to_numpy() - np.histogram(direct, edges)[0]).max() <= 1
        law = laws.smallest_eigenvalue_law(N_i, N_h)
        expected = stats.kstest(direct, law.cdf).statistic
        assert part["distances"]["distance"].item() == pytest.approx(expected, abs=1e-6)
    figure = smallest_eigenvalue.plot(tables)
    assert [axes.get_title() for axes in figure.axes] == [
        "$N_i = 3$, $N_h = 6$",
        "$N_i = 6$, $N_h = 3$",
    ]
    assert f"over {SEEDS} teachers" in smallest_eigenvalue.caption(tables)
