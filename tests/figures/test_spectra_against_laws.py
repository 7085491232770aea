"""Figures of spectra off the diagonal N_i = N_h, and of distances to the law."""

import numpy as np
import pytest

from hessweep import laws, networks
from hessweep.errors import InputError
from hessweep.figures import law_distances, rectangular_spectrum
from hessweep.hessian import hessian
from hessweep.store import restrict


@pytest.fixture(scope="module")
def rectangular(published):
    return published("erf", [(8, 16), (18, 9), (8, 8)], seeds=4)


def direct(activation, N_i, N_h, seed):
    """Eigenvalues by another routine than the package's, descending."""
    teacher = networks.sample_teacher(activation, N_i, N_h, seed)
    return np.linalg.svd(hessian(teacher), compute_uv=False)


def test_large_eigenvalues_are_counted_where_the_sizes_differ(rectangular, tree):
    tables = rectangular_spectrum.data(tree(rectangular))
    counts = tables["count"].set_index(["N_i", "N_h"])
    assert list(counts.index) == [(8, 16), (18, 9)]
    for N_i, N_h in counts.index:
        # A fixed threshold tells the large ones as well.
        large = [int((direct("erf", N_i, N_h, seed) > 0.06).sum()) for seed in range(4)]
        row = counts.loc[(N_i, N_h)]
        assert (row["smallest"], row["largest"]) == (min(large), max(large))
        assert row["after_N_i"] == large.count(N_i) == 4
        assert row["after_N_h"] == large.count(N_h) == 0
        pooled = np.concatenate([direct("erf", N_i, N_h, seed) for seed in range(4)])
        law = laws.spectrum_law("erf", N_i, N_h)
        assert row["distance"] == pytest.approx(laws.spectrum_distance(pooled, law), rel=1e-9)
    caption = rectangular_spectrum.caption(tables)
    assert "exactly N_i eigenvalues in 8 and after exactly N_h in 0 of 8 teachers" in caption


def test_sorted_spectra_and_their_law_are_drawn(rectangular, tree):
    axes = rectangular_spectrum.plot(rectangular_spectrum.data(tree(rectangular))).axes[0]
    drawn = {line.get_label(): line.get_xydata() for line in axes.get_lines()}
    k, mean = drawn["geometric mean"].T
    assert k.tolist() == list(range(1, 37))
    expected = np.prod([direct("erf", 8, 16, seed) ** (1 / 4) for seed in range(4)], axis=0)
    np.testing.assert_allclose(mean, expected[:36], rtol=1e-6)
    [dotted] = [
        line
        for line in axes.get_lines()
        if len(line.get_xdata()) == 36 and line.get_label().startswith("_")
    ]
    law = laws.spectrum_law("erf", 8, 16)
    x = dotted.get_ydata()
    # At each value the share above it is on the other side of (k - 1/2)/P from below to above.
    share = (k - 0.5) / (16 * 9)
    assert (law.sf(x * 1.001) <= share + 1e-12).all()
    assert (law.sf(x * 0.999) >= share - 1e-12).all()
    for label, place in (("$k = N_i = 8$", 8), ("$k = N_h = 16$", 16)):
        assert set(drawn[label][:, 0]) == {place}


def test_a_spectrum_that_is_moved_is_told(rectangular, tree):
    """Lifted eigenvalues move the count from N_i to another number."""
    ends = np.cumsum(rectangular["row_size"].values)
    k = np.flatnonzero((rectangular["N_i"].values == 8) & (rectangular["N_h"].values == 16))[1]
    values = rectangular["eigenvalues"].values.copy()
    values[ends[k] - 10 : ends[k] - 8] = values[ends[k] - 8]
    moved = rectangular.assign(eigenvalues=("eigenvalue", values))
    tables = rectangular_spectrum.data(tree(moved))
    assert tables["count"]["after_N_i"].tolist() == [3, 4]
    assert "; at (8, 16) it comes after 8 to 10" in rectangular_spectrum.caption(tables)


def test_square_networks_alone_are_refused(rectangular, tree):
    square = rectangular["key"].values[rectangular["N_i"].values == rectangular["N_h"].values]
    with pytest.raises(InputError, match="N_i != N_h"):
        rectangular_spectrum.data(restrict(tree(rectangular), set(square)))


def test_distances_are_those_of_single_teachers(quadratic, erf, tree):
    tables = law_distances.data(tree(quadratic, erf))
    distances = tables["distances"].set_index(["activation", "N", "seed"])["distance"]
    assert len(distances) == 3 * (4 + 3)
    for activation, N, seed in (("quadratic", 8, 1), ("erf", 12, 2)):
        teacher = networks.sample_teacher(activation, N, N, seed)
        law = laws.spectrum_law(activation, N, N, W1=teacher.W1, W2=teacher.W2)
        x = np.sort(direct(activation, N, N, seed))
        x = x[x > 1e-12 * x[-1]]
        share = 1 - np.arange(len(x))[::-1] / (N * (N + 1))
        expected = np.abs(share - law.cdf(x)).max()
        assert distances[activation, N, seed] == pytest.approx(expected, abs=1 / 59)
    means = tables["means"].set_index(["activation", "N"])
    assert means["mean"]["erf", 8] == pytest.approx(distances["erf", 8].mean())
    rise = np.log(means["mean"]["erf", 12] / means["mean"]["erf", 4])
    assert means["exponent"]["erf", 12] == pytest.approx(rise / np.log(3))
    figure = law_distances.plot(tables)
    [axes] = figure.axes
    for container, name in zip(axes.containers, ("erf", "quadratic"), strict=True):
        drawn = container.lines[0].get_ydata()
        assert drawn.tolist() == means["mean"][name].tolist()
        assert f"{name} {drawn[-1]:.3f} at N = " in law_distances.caption(tables)


def test_one_teacher_is_refused(quadratic, tree):
    with pytest.raises(InputError, match="at least 2"):
        law_distances.data(tree(quadratic), teachers=1)


@pytest.mark.filterwarnings("error")
def test_spectra_that_are_their_own_law_are_left_out(published, tree):
    """Linear networks, and those of one neuron, have distance 0, which has no logarithm."""
    linear = published("linear", [(1, 1), (3, 3)], seeds=2)
    erf = published("erf", [(1, 1), (4, 4), (6, 6)], seeds=2)
    means = law_distances.data(tree(linear, erf))["means"]
    assert list(zip(means["activation"], means["N"], strict=True)) == [("erf", 4), ("erf", 6)]
    assert np.isfinite(means["exponent"]).all()
    with pytest.raises(InputError, match="non-linear"):
        law_distances.data(tree(linear))
