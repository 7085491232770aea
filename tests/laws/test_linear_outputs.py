"""The exact law of linear networks with several outputs or hidden biases."""

import numpy as np
import pytest
from scipy import integrate

from hessweep import spectrum
from hessweep.errors import InputError
from hessweep.laws import hessian_law, ks_distance
from hessweep.networks import sample_teacher

SIZES = [(4, 6, 2), (6, 3, 2), (3, 2, 4), (2, 5, 5), (5, 5, 3), (4, 1, 3)]


def sums(N_i, N_h, N_o, count, extra=0):
    """Sums of eigenvalues of independent Gaussian matrices, by NumPy alone."""
    rng = np.random.default_rng(N_i + 10 * N_h + 100 * N_o)
    found = []
    for _ in range(count):
        W1 = rng.standard_normal((N_h, N_i + extra)) / np.sqrt(N_i)
        W2 = rng.standard_normal((N_o, N_h)) / np.sqrt(N_h)
        # Singular values: eigenvalues that are 0 are exactly so.
        beta, alpha = np.zeros(N_i + extra), np.zeros(N_o)
        beta[: min(W1.shape)] = np.linalg.svd(W1, compute_uv=False) ** 2
        alpha[: min(W2.shape)] = np.linalg.svd(W2, compute_uv=False) ** 2
        found.append((alpha[:, None] + beta).ravel())
    return np.array(found)


@pytest.mark.parametrize(("N_i", "N_h", "N_o"), SIZES)
def test_simulated_sums_follow_the_law(N_i, N_h, N_o):
    law = hessian_law(N_i, N_h, exact=True, N_o=N_o)
    rows = sums(N_i, N_h, N_o, 20_000)
    assert ks_distance(rows, law) < 2.5 / np.sqrt(len(rows))
    deviation = rows.mean(axis=1).std() / np.sqrt(len(rows))
    assert rows.mean() == pytest.approx(law.mean(), abs=5 * deviation)
    squares = np.square(rows - law.mean()).mean(axis=1)
    deviation = squares.std() / np.sqrt(len(rows))
    assert squares.mean() == pytest.approx(law.var(), abs=5 * deviation)
    assert law.atom == pytest.approx(max(0, 1 - N_h / N_o) * max(0, 1 - N_h / N_i))


@pytest.mark.parametrize(("N_i", "N_h", "N_o"), SIZES)
def test_density_distribution_and_moments_agree(N_i, N_h, N_o):
    law = hessian_law(N_i, N_h, exact=True, N_o=N_o)
    top = law.mean() + 60 * law.std()

    def integral(moment, low, high):
        def integrand(u):
            return (u * u) ** moment * float(law.pdf(u * u)) * 2 * u if u else 0.0

        return integrate.quad(integrand, np.sqrt(low), np.sqrt(high), limit=400, epsabs=1e-12)[0]

    assert integral(0, 0, top) == pytest.approx(1 - law.atom, abs=1e-8)
    assert integral(1, 0, top) == pytest.approx(law.mean(), abs=1e-7)
    assert integral(2, 0, top) - law.mean() ** 2 == pytest.approx(law.var(), abs=1e-6)
    for x in law.mean() + law.std() * np.array([-0.5, 0.5, 2]):
        assert law.cdf(x) == pytest.approx(law.atom + integral(0, 0, x), abs=1e-8)
        assert law.cdf(x) + law.sf(x) == pytest.approx(1, abs=1e-12)


def test_one_output_is_the_law_that_there_was():
    """By the other code: sum of a Wishart part of one row, which is χ², and one of N_i rows."""
    from hessweep.laws.linear import _outputs_law

    for N_i, N_h in ((4, 6), (6, 3)):
        x = np.linspace(0.01, 8, 60)
        law = hessian_law(N_i, N_h, exact=True)
        np.testing.assert_allclose(
            _outputs_law(N_i, N_i, N_h, 1, 1e-40).cdf(x), law.cdf(x), atol=1e-12
        )


@pytest.mark.parametrize(("N_i", "N_h", "N_o"), [(4, 6, 1), (6, 3, 1), (4, 3, 2)])
def test_a_hidden_bias_is_one_more_input(N_i, N_h, N_o):
    law = hessian_law(N_i, N_h, exact=True, N_o=N_o, biases="hidden")
    rows = sums(N_i, N_h, N_o, 10_000, extra=1)
    assert ks_distance(rows, law) < 2.5 / np.sqrt(len(rows))
    of_networks = np.array(
        [
            spectrum(sample_teacher("linear", N_i, N_h, seed, biases="hidden", N_o=N_o))
            for seed in range(2000)
        ]
    )
    count = (N_i + 1) * N_o
    assert ks_distance(of_networks[:, -count:], law) < 2.5 / np.sqrt(2000)


def test_laws_that_are_not_known_are_refused():
    with pytest.raises(InputError, match="expected True"):
        hessian_law(3, 4, N_o=2)
    with pytest.raises(InputError, match="expected True"):
        hessian_law(3, 4, biases="hidden")
    with pytest.raises(InputError, match="no law is known"):
        hessian_law(3, 4, exact=True, biases="both")


@pytest.mark.parametrize(("N_i", "N_h"), [(3, 4), (6, 2)])
def test_the_moments_of_the_law_with_hidden_biases(N_i, N_h):
    law = hessian_law(N_i, N_h, True, biases="hidden")
    mean, variance = law.continuous.moments()
    assert mean == pytest.approx(law.mean(), rel=1e-10)
    assert variance == pytest.approx(law.var(), rel=1e-9)
