"""The comparison of densities against its dense matrix, and what it makes of their errors."""

import numpy as np
import pytest

from hessweep.activations import activation
from hessweep.density import SpectralDensity, spectral_density
from hessweep.density.comparison import Correction, comparison
from hessweep.density.lanczos import Lanczos
from hessweep.density.resolution import resolution
from hessweep.hessian import hessian, hessian_operator
from hessweep.networks import Network, sample_teacher
from hessweep.spectrum import spectrum


def dense(network: Network, found) -> np.ndarray:
    """Return the comparison as a matrix, from its definition.

    The activation is erf (no exchange), or x + x², with `E[He_2 g]/p = 2`.
    """
    N_h, n = network.W1.shape
    H = hessian(network)
    A = np.outer(network.W2, network.W2) * network.activation.self_dual(network.W1).K_c
    u = np.linalg.eigh(A)[1][:, -1]
    S = np.zeros((network.P, n + N_h))
    S[: N_h * n, :n] = np.kron(u[:, None], np.eye(n))
    S[N_h * n :, n:] = np.eye(N_h)
    M = np.zeros((N_h, n))
    if network.activation.name == "quadratic":
        U, rows = found.neurons.astype(float), found.inputs.astype(float)
        turned = U.T @ (2 * network.W2[:, None] * network.W1) @ rows.T
        M = sum(turned[i, i] * np.outer(U[:, i], rows[i]) for i in range(min(turned.shape)))
    beside = np.zeros_like(H)
    for k, V in enumerate(np.eye(N_h * n)):
        V = V.reshape(N_h, n)
        beside[: N_h * n, k] = (A @ V + M @ V.T @ M).ravel()
    Q = np.eye(network.P) - S @ S.T
    return S @ S.T @ H @ S @ S.T + Q @ beside @ Q


@pytest.mark.parametrize("name", ["erf", "quadratic"])
@pytest.mark.parametrize(("N_i", "N_h"), [(6, 6), (4, 9), (1, 5), (7, 8)])
def test_masses_are_those_along_the_eigenvectors(name: str, N_i: int, N_h: int) -> None:
    network = sample_teacher(name, N_i, N_h, seed=1)
    found = comparison(network)
    values, vectors = np.linalg.eigh(dense(network, found))
    v = np.random.default_rng(0).standard_normal(network.P)
    v /= np.linalg.norm(v)
    masses, counts = found.masses(v.astype(np.float32)).cumsum(), found.counts.cumsum()
    assert masses[-1] == pytest.approx(1, abs=1e-5)
    assert counts[-1] == network.P
    # Between eigenvalues that are apart, where float32 tells on which side they are.
    apart = np.flatnonzero(values[1:] > np.maximum(1.02 * values[:-1], 1e-4 * values[-1]))
    assert len(apart) >= min(N_i, N_h)
    for i in apart:
        place = np.sqrt(values[i + 1] * max(values[i], 1e-5 * values[-1]))
        below = np.searchsorted(found.edges, place) - 1
        assert counts[below] == i + 1
        assert masses[below] == pytest.approx(np.square(v @ vectors)[: i + 1].sum(), abs=1e-5)


def test_the_comparison_of_a_quadratic_network_has_the_eigenvectors_of_its_bulk() -> None:
    """`M V^T M` is exact there, so that the comparison is H up to some rank of order N."""
    network = sample_teacher("quadratic", 12, 12, seed=0)
    off = np.linalg.eigvalsh(dense(network, comparison(network)) - hessian(network))
    assert (np.abs(off) > 1e-3 * np.abs(off).max()).sum() <= 6 * 12


@pytest.mark.parametrize("name", ["erf", "quadratic", "relu", "cubic"])
def test_corrected_quadratures_have_the_same_mean_and_a_smaller_spread(name: str) -> None:
    """Over 60 directions, beside the plain quadratures and the exact number of eigenvalues."""
    network = sample_teacher(name, 30, 30, seed=2)
    beside, operator = comparison(network), hessian_operator(network, np.float32)
    correction = Correction(beside, np.empty((0, network.P)))
    lanczos = Lanczos(operator.product, network.P, 80, operator.dtype)
    rng = np.random.default_rng(1)
    exact = spectrum(network)
    place = exact[network.P // 2] if name != "quadratic" else exact[3 * network.P // 4]
    found: dict[str, list[float]] = {"plain": [], "corrected": []}
    for _ in range(60):
        krylov = lanczos.run(rng.standard_normal(network.P, dtype=np.float32))
        nodes, vectors = krylov.ritz()
        nodes = np.maximum(nodes, 1e-9)
        weights = vectors[0] ** 2
        new = correction(nodes, weights, krylov.Q[0])
        assert new.min() >= 0
        assert new.sum() == pytest.approx(1)
        for key, used in (("plain", weights), ("corrected", new)):
            sums = used.cumsum() - used / 2
            found[key].append(np.interp(np.log(place), np.log(nodes), sums))
    assert np.std(found["corrected"]) < 0.6 * np.std(found["plain"])
    difference = np.mean(found["corrected"]) - np.mean(found["plain"])
    assert abs(difference) <= 4 * np.std(found["plain"]) / np.sqrt(60)


def test_locked_vectors_are_left_out_of_the_mean() -> None:
    """Directions beside a vector: what they lack of the mean is 0 on average."""
    network = sample_teacher("erf", 8, 8, seed=0)
    rng = np.random.default_rng(0)
    locked = rng.standard_normal((1, network.P))
    # Mostly along one eigenvector, so that the mean is far from that of all directions.
    locked[0, 0] += 40
    locked /= np.linalg.norm(locked)
    beside = comparison(network)
    correction = Correction(beside, locked)
    total = np.zeros(len(beside.edges))
    for _ in range(4000):
        v = rng.standard_normal(network.P)
        v -= (locked[0] @ v) * locked[0]
        total += beside.masses(v / np.linalg.norm(v))
    lacking = (correction._mean - total / 4000).cumsum()
    assert np.abs(lacking).max() <= 5 * 0.5 * np.sqrt(2 / network.P / 4000)
    assert correction._mean.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "N_i", "N_h"), [("erf", 40, 40), ("quadratic", 40, 40), ("relu", 24, 60)]
)
def test_stated_errors_are_true(name: str, N_i: int, N_h: int) -> None:
    """Of 16 densities of one teacher; the standard error of the mean over probes, and of all."""
    network = sample_teacher(name, N_i, N_h, seed=0)
    eigenvalues = spectrum(network)
    x = np.geomspace(3e-4 * eigenvalues[-1], 0.9 * eigenvalues[-1], 300)
    exact = np.searchsorted(eigenvalues, x, side="right") / network.P
    densities = [spectral_density(network, seed=seed) for seed in range(16)]
    values, errors = (np.array(each) for each in zip(*(d.cdf(x) for d in densities), strict=True))
    off = np.array([d.resolution(x) for d in densities])
    sampling = np.square(errors) - np.square(off)
    assert np.sqrt(sampling.mean() / values.var(axis=0, ddof=1).mean()) == pytest.approx(1, 0.35)
    rounding = 0.5 / network.P
    within = np.abs(values - exact) <= errors + rounding
    assert within.mean() >= 0.85
    assert (np.abs(values - exact) <= 2 * errors + rounding).mean() >= 0.98
    # They are not much larger than need be either.
    assert np.sqrt(np.square(errors).mean() / np.square(values - exact).mean()) <= 15


def test_resolution_of_known_steps() -> None:
    """Nodes at distance 1 of a uniform distribution have none; half a step is off by half."""
    log_nodes, weights = np.arange(20.0), np.full(20, 0.05)
    inside = resolution(log_nodes, weights, -0.5, np.linspace(5, 14, 50))
    assert inside == pytest.approx(np.zeros(50), abs=1e-12)
    stepped = np.where(np.arange(20) < 10, 0.0, 0.1)
    at_the_step = resolution(log_nodes, stepped, -0.5, np.array([9.4]))
    assert 0.025 <= at_the_step[0] <= 0.1


def test_a_density_with_a_node_for_every_eigenvalue_has_no_such_error() -> None:
    none = np.empty(0)
    nodes, weights = np.array([[1.0, 2.0]] * 2), np.full((2, 2), 0.5)
    density = SpectralDensity(2, none, none.astype(int), nodes, weights, 0.5)
    assert density.resolution(np.array([1.5])) == pytest.approx([0])
    larger = SpectralDensity(20, none, none.astype(int), nodes, weights, 0.5)
    assert larger.resolution(np.array([1.5]))[0] > 0.1


def test_a_large_outlier_is_found_in_a_short_run() -> None:
    network = sample_teacher(activation("quadratic"), 60, 60, seed=0)
    assert comparison(network).separate
    top = spectrum(network)[-1]
    assert spectral_density(network).exact[-1] == pytest.approx(top, rel=1e-7)
