"""Rows of W1 that are so long or so short that their squares leave float64."""

import numpy as np
import pytest

from hessweep.activations import activation, load_activation
from hessweep.errors import PrecisionError
from hessweep.hessian import hessian
from hessweep.networks import Network, sample_teacher
from hessweep.rank import rank
from hessweep.spectrum import spectrum_with_error

EXPONENTS = (-530, -510, -480, -400, -260, -150, -40, 40, 150, 260, 400)


def rows(N_h: int = 4, N_i: int = 3) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(N_h, N_i))


def scaled(H: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """The Hessian of ReLU after row m of W1 is multiplied by factors[m]: it is homogeneous."""
    D = np.ones(len(H))
    D[-len(factors) :] = factors
    return D[:, None] * H * D


@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("N_i", [2, 3, 6])
def test_the_hessian_of_relu_scales_with_its_rows(exponent, N_i) -> None:
    W1, W2 = rows(N_i=N_i), np.array([1.0, -0.4, 0.8, 0.3])
    factors = 2.0 ** np.array([exponent, exponent, 0, exponent // 2])
    network = Network(W1 * factors[:, None], W2, "relu")
    expected = scaled(hessian(Network(W1, W2, "relu")), factors)
    np.testing.assert_allclose(hessian(network), expected, rtol=1e-14, atol=1e-300)
    found = spectrum_with_error(network)
    true = np.linalg.eigvalsh(expected)
    assert np.abs(found.eigenvalues - true).max() <= found.error + 1e-13 * true[-1]
    if exponent < 0:
        assert found.error < 1e-11
    assert rank(network).value == rank(Network(W1, W2, "relu")).value


@pytest.mark.parametrize("exponent", [-400, -260, -150, -40, 40, 150, 260])
def test_relu_with_biases_scales_too(exponent) -> None:
    W1, W2, b1 = rows(), np.array([1.0, -0.4, 0.8, 0.3]), np.array([0.3, -0.2, 0.0, 1.0])
    expected = hessian(Network(W1, W2, "relu", b1=b1))
    D = np.ones(len(expected))
    D[-4:] = 2.0**exponent
    found = hessian(Network(W1 * 2.0**exponent, W2, "relu", b1=b1 * 2.0**exponent))
    np.testing.assert_allclose(found, D[:, None] * expected * D, rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("factor", [1e-80, 1e-120, 1e-160])
def test_no_error_of_tiny_eigenvalues_is_0(factor) -> None:
    W1 = rows() * factor
    found = spectrum_with_error(Network(W1, np.zeros(4), "erf"))
    true = np.zeros(16)
    true[-4:] = 2 / np.pi * np.linalg.eigvalsh(rows() @ rows().T) * factor**2
    assert 0 < np.abs(found.eigenvalues - true).max() <= found.error
    assert rank(Network(W1, np.zeros(4), "erf")).value == 4


OWN = "import numpy as np\ndef corner(x): return np.maximum(x, 0) + {more}\n"


@pytest.mark.parametrize("biases", [None, np.zeros(4)])
def test_a_kink_that_short_rows_would_hide_is_refused(tmp_path, biases) -> None:
    (tmp_path / "own.py").write_text(OWN.format(more="0"))
    own = load_activation(tmp_path / "own.py", "corner")
    W2 = np.array([1.0, -0.4, 0.8, 0.3])
    exact = hessian(Network(rows() * 1e-3, W2, "relu", b1=biases))
    np.testing.assert_allclose(
        hessian(Network(rows() * 1e-3, W2, own, b1=biases)), exact, atol=1e-7
    )
    with pytest.raises(PrecisionError, match=r"corner: expected rows of W1 whose \|w\|² is 0 or"):
        hessian(Network(rows() * 1e-6, W2, own, b1=biases))


def test_short_rows_are_no_matter_far_from_a_kink(tmp_path) -> None:
    (tmp_path / "own.py").write_text(OWN.format(more="x"))
    own, W2, b1 = load_activation(tmp_path / "own.py", "corner"), np.ones(4), np.full(4, 0.5)
    network = Network(rows() * 1e-7, W2, own, b1=b1)
    slopes = Network(rows() * 1e-7, W2, activation("linear"), b1=b1)
    np.testing.assert_allclose(hessian(network), 4 * hessian(slopes), atol=1e-8)


def test_the_error_of_long_rows_is_as_large_a_part_of_the_norm_as_that_of_others():
    teacher = sample_teacher("relu", 4, 3, seed=1)
    parts = []
    for exponent in (40, 480):
        W1 = np.ldexp(teacher.W1, exponent)
        found = spectrum_with_error(Network(W1, teacher.W2, teacher.activation))
        parts.append(found.error / found.eigenvalues[-1])
    assert parts[1] >= parts[0] * (1 - 1e-9)


@pytest.mark.parametrize("name", ["linear", "quadratic"])
def test_no_error_of_tiny_eigenvalues_of_several_outputs_is_0(name) -> None:
    """Block B alone, once for each output: `W1 W1^T` but for squares of its entries."""
    found = spectrum_with_error(Network(rows() * 1e-160, np.zeros((2, 4)), name))
    true = np.zeros(20)
    true[-6:] = np.repeat(np.linalg.eigvalsh(rows().T @ rows()), 2) * 1e-160**2
    assert 0 < np.abs(found.eigenvalues - true).max() <= found.error
