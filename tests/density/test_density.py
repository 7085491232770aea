"""Densities and extremes against exact spectra, where both can be had."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import sem

from hessweep.activations import activation
from hessweep.density import (
    SpectralDensity,
    converged_eigenvalues,
    count_large,
    density_plan,
    extreme_eigenvalues,
    extremes,
    spectral_density,
)
from hessweep.density.lanczos import Krylov, Lanczos
from hessweep.density.measure import calibrated, without_zeros
from hessweep.density.resolution import resolution
from hessweep.errors import InputError, PrecisionError
from hessweep.hessian import hessian, hessian_operator
from hessweep.networks import Network, sample_teacher
from hessweep.spectrum import spectrum

CASES = [("erf", 40, 40), ("quadratic", 40, 40), ("erf", 120, 20), ("cubic", 25, 25),
         ("quadratic", 90, 20), ("linear", 30, 50), ("erf", 8, 90)]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "N_i", "N_h"), CASES)
def test_distribution_is_the_exact_one(name: str, N_i: int, N_h: int, dtype: type) -> None:
    """Kolmogorov distance over the three and a half decades that 80 steps resolve."""
    network = sample_teacher(name, N_i, N_h, seed=1)
    eigenvalues = spectrum(network)
    density = spectral_density(network, dtype=dtype)
    x = np.geomspace(3e-4 * eigenvalues[-1], 1.01 * eigenvalues[-1], 1000)
    exact = np.searchsorted(eigenvalues, x, side="right") / network.P
    value, error = density.cdf(x)
    assert np.abs(value - exact).max() <= 0.035
    lower, upper = density.bracket(x)
    slack = 5 * error + 2e-3
    assert (lower - slack <= exact).all()
    assert (exact <= upper + slack).all()
    assert value[-1] == pytest.approx(1)
    assert (np.diff(value) >= -1e-12).all()


@pytest.mark.parametrize(("name", "N_i", "N_h"), CASES)
def test_bins_add_up_and_the_trace_is_exact(name: str, N_i: int, N_h: int) -> None:
    network = sample_teacher(name, N_i, N_h, seed=2)
    density = spectral_density(network, probes=4, steps=30)
    eigenvalues = spectrum(network)
    edges = np.geomspace(1e-3 * eigenvalues[-1], 1.5 * eigenvalues[-1], 20)
    bins = density.log_density(edges)
    inside = bins.value @ np.diff(np.log10(edges))
    below = density.cdf(edges[:1]).value[0]
    assert inside == pytest.approx(1 - below, abs=1e-12)
    assert (bins.value >= 0).all()
    # A share of eigenvalues is off by as much as the distribution at either end of its bin.
    of_ends = density.resolution(edges)
    assert of_ends[-1] == 0
    for end in (of_ends[:-1], of_ends[1:]):
        assert (bins.error * np.diff(np.log10(edges)) >= (1 - 1e-12) * end).all()
    assert density.moment(1).value == pytest.approx(eigenvalues.mean(), rel=1e-6)
    fourth = density.moment(4)
    spread = 5 * fourth.error + 1e-5 * fourth.value
    assert abs(fourth.value - (eigenvalues**4).mean()) <= spread


def test_calibration_reduces_the_variance() -> None:
    """Against the same quadratures with their plain weights, over 40 probes."""
    network = sample_teacher("cubic", 12, 12, seed=0)
    operator = hessian_operator(network)
    moments = (operator.trace() / network.P, operator.frobenius_norm() ** 2 / network.P)
    lanczos = Lanczos(operator.product, network.P, 60, operator.dtype)
    rng = np.random.default_rng(0)
    spread = {"plain": [], "calibrated": []}
    for _ in range(40):
        nodes, vectors = lanczos.run(rng.standard_normal(network.P)).ritz()
        weights = vectors[0] ** 2
        for key, used in (("plain", weights), ("calibrated", calibrated(nodes, weights, moments))):
            spread[key].append(used @ (nodes > 0.02 * nodes[-1]))
    assert np.std(spread["calibrated"]) < 0.8 * np.std(spread["plain"])
    true = (spectrum(network) > 0.02 * spectrum(network)[-1]).mean()
    assert np.mean(spread["calibrated"]) == pytest.approx(true, abs=0.02)


def test_known_parts_are_exact() -> None:
    quadratic = spectral_density(sample_teacher("quadratic", 40, 40, seed=1), probes=2, steps=60)
    spectrum_of = spectrum(sample_teacher("quadratic", 40, 40, seed=1))
    assert quadratic.exact == pytest.approx([0, spectrum_of[-1]], rel=1e-7)
    assert list(quadratic.multiplicities) == [1640 - 861, 1]
    assert quadratic.nodes.max() <= spectrum_of[-2] * (1 + 1e-5)

    wide = sample_teacher("erf", 60, 8, seed=0)
    density = spectral_density(wide, probes=2, steps=20)
    assert len(density.exact) >= 8
    for value in density.exact[density.multiplicities == 52]:
        assert (np.abs(spectrum(wide) - value) < 1e-12).sum() == 52
    assert density.sampled_mass == pytest.approx(1 - density.multiplicities.sum() / wide.P)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_basis_stays_orthogonal_and_below_nothing(dtype: type) -> None:
    """A positive matrix of condition 10^9: without reorthogonalisation ghosts appear."""
    rng = np.random.default_rng(0)
    scales = np.geomspace(1e-9, 1, 400).astype(dtype)

    def product(v: np.ndarray, out: np.ndarray) -> np.ndarray:
        return np.multiply(scales, v, out=out)

    krylov = Lanczos(product, 400, 150, np.dtype(dtype)).run(
        rng.standard_normal(400).astype(dtype)
    )
    eps = np.finfo(dtype).eps
    Q = krylov.Q.astype(float)
    assert np.abs(Q @ Q.T - np.eye(len(Q))).max() <= 40 * eps
    assert krylov.ritz()[0][0] >= -10 * eps
    top = krylov.ritz()[0][-5:]
    assert top == pytest.approx(np.sort(scales)[-5:], abs=20 * float(eps))


def test_locked_vectors_are_left_out() -> None:
    scales = np.arange(1.0, 51.0)
    lanczos = Lanczos(lambda v, out: np.multiply(scales, v, out=out), 50, 50, np.dtype(float))
    lanczos.lock(np.eye(50)[-2:])
    krylov = lanczos.run(np.random.default_rng(0).standard_normal(50))
    assert krylov.ritz()[0] == pytest.approx(np.arange(1.0, 49.0))


def test_a_start_almost_among_the_locked_vectors() -> None:
    """What is left of it is 10^-10 of its length: one pass would leave an error of 10^-6."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((40, 40))
    vectors = np.linalg.qr(A + A.T)[0].T
    locked, free = vectors[:5], vectors[5]
    lanczos = Lanczos(lambda v, out: np.matmul(A + A.T, v, out=out), 40, 30, np.dtype(float))
    lanczos.lock(locked)
    krylov = lanczos.run(locked.sum(axis=0) + 1e-10 * free)
    assert np.abs(locked @ krylov.Q.T).max() <= 1e-14
    assert np.abs(krylov.Q @ krylov.Q.T - np.eye(len(krylov.Q))).max() <= 1e-13


@pytest.mark.parametrize(("name", "N_i", "N_h"), CASES)
def test_extremes_are_the_exact_ones(name: str, N_i: int, N_h: int) -> None:
    network = sample_teacher(name, N_i, N_h, seed=3)
    eigenvalues = spectrum(network)
    found = extreme_eigenvalues(network, k=4)
    assert (np.abs(found.largest - eigenvalues[:-5:-1]) <= found.error).all()
    assert (found.error <= 1e-8 * eigenvalues[-1]).all()
    assert -1e-12 <= found.smallest_upper - max(eigenvalues[0], 0) <= 1e-4 * eigenvalues[-1]


def test_multiple_extremes_are_counted_as_often_as_they_are() -> None:
    """A large rank-1 part outside the row space: N_i - N_h equal eigenvalues on top."""
    network = Network(np.full((1, 6), 1e-3), np.array([2.0]), activation("erf"))
    found = extreme_eigenvalues(network, k=6)
    assert found.largest == pytest.approx(np.linalg.eigvalsh(hessian(network))[:0:-1], rel=1e-12)


@pytest.mark.parametrize("name", ["erf", "quadratic", "cubic"])
@pytest.mark.parametrize("k", [1, 7, 30])
def test_multiple_extremes_inside_the_row_space(name: str, k: int) -> None:
    """Orthogonal rows with equal weights: the symmetry makes most eigenvalues multiple."""
    network = Network(1.3 * np.eye(9), np.ones(9), activation(name))
    eigenvalues = np.linalg.eigvalsh(hessian(network))[::-1]
    assert (np.diff(eigenvalues[:30]) > -1e-9).sum() > 20
    found = extreme_eigenvalues(network, k=k, steps=60)
    assert len(found.largest) == k
    assert (np.abs(found.largest - eigenvalues[:k]) <= found.error).all()
    assert (found.error <= 1e-12 * eigenvalues[0]).all()


def test_eigenvalues_outside_the_row_space_leave_fewer_to_look_for() -> None:
    """Six steps are enough for the few of the twelve largest that are not known before."""
    network = Network(np.eye(3, 9), np.full(3, 2.0), activation("erf"))
    found = extreme_eigenvalues(network, k=12, steps=6)
    eigenvalues = np.linalg.eigvalsh(hessian(network))[::-1]
    assert (np.abs(found.largest - eigenvalues[:12]) <= found.error).all()


def test_no_step_left_to_look_for_copies() -> None:
    """Four eigenvalues, three of them nine times: runs find 4, 4, 4, 4, 4 and so on."""
    network = Network(np.eye(9), np.ones(9), activation("erf"))
    with pytest.raises(PrecisionError, match="4 eigenvalues found leave none of the 4 Lanczos"):
        extreme_eigenvalues(network, k=60, steps=4)
    with pytest.raises(PrecisionError, match="raise steps"):
        extreme_eigenvalues(network, k=30, steps=20)


def test_results_depend_on_the_seed_alone() -> None:
    network = sample_teacher("erf", 9, 9, seed=0)
    first, again, other = (spectral_density(network, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.weights, again.weights)
    assert (first.weights != other.weights).any()


def test_zeros_come_off_the_smallest_nodes() -> None:
    weights = np.array([0.3, 0.3, 0.4])
    assert without_zeros(weights, 0.5) == pytest.approx([0, 0.2, 0.8])
    assert without_zeros(weights, 0.0) == pytest.approx(weights)


def test_bad_requests_are_refused() -> None:
    network = sample_teacher("erf", 20, 20, seed=0)
    with pytest.raises(InputError, match="got 1 probes"):
        spectral_density(network, probes=1)
    with pytest.raises(InputError, match="P = 420, got 421"):
        extreme_eigenvalues(network, k=421)
    with pytest.raises(PrecisionError, match="raise steps"):
        extreme_eigenvalues(network, k=3, steps=4)
    with pytest.raises(PrecisionError, match="residual of the largest eigenvalue is not below"):
        converged_eigenvalues(network, most=4, steps=3)


def test_planted_large_eigenvalues_are_counted() -> None:
    """Ten known ones of 100, and a third of the other 90 at nodes above the gap."""
    planted = SpectralDensity.of_spectrum(
        np.append(np.geomspace(1e-4, 1e-2, 90), np.full(10, 1.0))
    )
    nodes = np.array([[1e-4, 1e-3, 1e-2], [2e-4, 2e-3, 1e-2]])
    sampled = replace(
        planted, P=100, exact=planted.exact[90:], multiplicities=planted.multiplicities[90:],
        nodes=nodes, weights=np.full((2, 3), 1 / 3),
    )  # fmt: skip
    [count], [error] = count_large(sampled, 30)
    assert (count, error) == (pytest.approx(40), pytest.approx(0, abs=1e-12))


@pytest.mark.parametrize("expected", [6, 8, 10, 15, 20])
def test_large_eigenvalues_are_counted_up_to_a_factor_of_two(expected: int) -> None:
    """Ten eigenvalues above a gap, and 90 at nodes that leave no other."""
    nodes = np.append(np.geomspace(1e-4, 1e-2, 60), 1.0)
    weights = np.append(np.full(60, 0.9 / 60), 0.1)
    none = np.empty(0, dtype=int)
    density = SpectralDensity(
        100, none.astype(float), none, np.stack([nodes] * 2), np.stack([weights] * 2), 0.0
    )
    [count], [error] = count_large(density, expected)
    assert (count, error) == (pytest.approx(10), pytest.approx(0, abs=1e-12))


@pytest.mark.parametrize(("N_i", "N_h"), [(1, 2), (2, 10)])
def test_a_network_of_outliers_and_zeros_alone(N_i: int, N_h: int) -> None:
    network = sample_teacher(activation("polynomial", coefficients=[1, 1, 1]), N_i, N_h, seed=0)
    density = spectral_density(network)
    expected = spectrum(network)
    smallest = expected[expected > 1e-9 * expected[-1]][0]
    x = np.array([smallest / 2, np.sqrt(expected[-2] * expected[-1]), 1.01 * expected[-1]])
    value, error = density.cdf(x)
    assert value == pytest.approx(np.searchsorted(expected, x) / network.P, abs=1e-6)
    assert (error < 1e-6).all()


def test_the_route_of_a_density_follows_from_its_plan() -> None:
    linear, erf = (density_plan(activation(name), 4, 3) for name in ("linear", "erf"))
    assert (linear.closed_form, linear.route) == (True, "closed form")
    assert (erf.closed_form, erf.route) == (False, "lanczos")


def test_vectors_that_are_locked_before_they_have_converged_add_to_the_errors(monkeypatch) -> None:
    # H has the eigenvalues 1 ± r. The first run ends at the start vector e1, whose Ritz value 1
    # has the residual r. Without e1 the matrix is 1 on e2, and the second run has no residual.
    r = 0.3
    runs = iter(
        [
            Krylov(np.array([1.0]), np.array([r]), np.array([[1.0, 0.0]])),
            Krylov(np.array([1.0]), np.array([0.0]), np.array([[0.0, 1.0]])),
        ]
    )
    monkeypatch.setattr(extremes.Lanczos, "run", lambda self, start: next(runs))
    network = Network([[1.0]], [1.0], activation("erf"))
    found = extremes._inside(network, np.empty(0), 2, 0.5, steps=2, seed=0, repeat=True)
    true = np.array([1 - r, 1 + r])
    for value, residual in zip(found.values, found.residual, strict=True):
        assert np.abs(true - value).min() <= residual * (1 + 1e-12)


def test_a_gap_far_above_the_expected_one_is_not_counted_from():
    """One eigenvalue far above 99 others, and these far above the rest: two gaps."""
    sizes = {1: [100.0], 99: np.linspace(1, 2, 40), 900: np.linspace(0.01, 0.1, 40)}
    nodes = np.sort(np.concatenate(list(sizes.values())))
    weights = np.select(
        [nodes > 50, nodes > 0.5], [1 / 1000, 99 / 1000 / 40], default=900 / 1000 / 40
    )
    none = np.empty(0)
    density = SpectralDensity(
        1000, none, none.astype(int), np.stack([nodes] * 2), np.stack([weights] * 2), 0.0
    )
    assert count_large(density, 100)[0] == pytest.approx([100])
    assert count_large(density, 1)[0] == pytest.approx([1])


def test_the_smallest_ritz_value_is_between_the_smallest_and_the_largest_eigenvalues():
    network = sample_teacher("erf", 6, 7, 3)
    true, found = spectrum(network), extreme_eigenvalues(network, 2)
    assert true[0] - found.error[0] <= found.smallest_upper < true[5] < found.largest[-1]


@pytest.mark.parametrize("P", [49, 98, 103])
def test_multiplicities_are_stored_as_fractions_and_read_without_loss(P: int) -> None:
    """For these P even `1 / P` times P is less than 1."""
    rng = np.random.default_rng(P)
    assert 1 / P * P < 1
    multiplicities = np.append(rng.integers(1, 3, 20), [1, 5])
    weights = rng.uniform(size=(2, 3))
    weights /= weights.sum(axis=1, keepdims=True)
    density = SpectralDensity(
        P, np.arange(22.0), multiplicities, rng.uniform(1, 2, (2, 3)), weights, 0.25
    )
    read = SpectralDensity.from_flat(P, density.flat(), 0.25)
    assert read.multiplicities.tolist() == multiplicities.tolist()
    assert (read.exact == density.exact).all()
    assert (read.nodes == density.nodes).all()
    np.testing.assert_allclose(read.weights, density.weights, rtol=1e-14)
    assert (read.P, read.floor) == (P, 0.25)


@pytest.mark.parametrize("steps", [10, 13])
def test_a_node_without_weight_leaves_the_resolution_as_it_is(steps: int) -> None:
    """It turns the one way to merge the other nodes in pairs into the other way."""
    rng = np.random.default_rng(steps)
    nodes, weights = np.sort(rng.uniform(-6, 0, steps)), rng.dirichlet(np.ones(steps))
    x = np.linspace(nodes[2], nodes[-1], 50)
    before = resolution(nodes, weights, -8.0, x)
    front = np.append(nodes[0] - 1e-9, nodes), np.append(1e-13, weights)
    np.testing.assert_allclose(resolution(*front, -8.0, x), before, rtol=1e-6)
    assert (before > 0).any()


@pytest.mark.parametrize(("name", "N"), [("quadratic", 12), ("relu", 12), ("erf", 8)])
def test_each_probe_has_the_trace_and_the_norm_of_the_hessian(name: str, N: int) -> None:
    """Together with the outliers, of which these networks have some."""
    network = sample_teacher(name, N, N, 0)
    density, H = spectral_density(network, dtype=np.float64), hessian(network)
    assert len(density.exact)
    left = network.P - density.multiplicities.sum()
    for power, expected in ((1, np.trace(H)), (2, np.square(H).sum())):
        known = (density.multiplicities * density.exact**power).sum()
        probes = (density.weights * density.nodes**power).sum(axis=1)
        assert known + left * probes == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("probes", [2, 5, 10])
def test_standard_errors_are_those_of_a_mean_over_probes(probes: int) -> None:
    network = sample_teacher("erf", 20, 20, seed=0)
    density = spectral_density(network, probes=probes)
    # Trace and norm are the same for every probe.
    each = density.sampled_mass * (density.weights * density.nodes**3).sum(axis=1)
    assert density.moment(3).error == pytest.approx(sem(each), rel=1e-12)
    # Every probe there twice: the same mean, with the error of twice as many that spread less.
    twice = replace(
        density, nodes=np.tile(density.nodes, (2, 1)), weights=np.tile(density.weights, (2, 1))
    )
    shrunk = np.sqrt((probes - 1) / (2 * probes - 1))
    for found in (lambda d: d.moment(3), lambda d: count_large(d, 20)):
        assert found(twice).value == pytest.approx(found(density).value)
        assert found(twice).error == pytest.approx(shrunk * found(density).error)
