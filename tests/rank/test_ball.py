"""Hessians in ball arithmetic, and what may be called nonsingular."""

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpq, fmpq_mat
from named import FUNCTIONS, IN_BALLS, Mine, quadrature_hessian

from hessweep.activations import activation
from hessweep.hessian import hessian
from hessweep.networks import Network, sample_teacher, sample_weights
from hessweep.rank import ball
from hessweep.rank.minor import is_nonsingular

KERNELS = sorted(name for name, known in IN_BALLS.items() if known.kernel)


@pytest.fixture
def bits():
    """Set the working precision for one test."""
    before = ctx.prec

    def use(precision):
        ctx.prec = precision

    yield use
    ctx.prec = before


@pytest.mark.parametrize("name", KERNELS)
def test_hessians_are_those_of_quadrature(name, bits):
    bits(128)
    W1, W2 = sample_weights(2, 3, seed=1)
    network = Network(W1 * 0.6, W2, activation(name))
    mid, rad, exponent = ball.scaled(ball.hessian(network))
    np.testing.assert_allclose(np.ldexp(mid, exponent), quadrature_hessian(network), atol=1e-12)
    assert np.ldexp(rad.max(), exponent) < 1e-14


@pytest.mark.parametrize("name", ["linear", "quadratic", "cubic", "erf"])
def test_hessians_are_those_of_the_package(name, bits):
    bits(128)
    network = sample_teacher(name, 3, 4, 0)
    mid, _, exponent = ball.scaled(ball.hessian(network))
    H = hessian(network)
    np.testing.assert_allclose(np.ldexp(mid, exponent), H, atol=1e-14 * np.abs(H).max())


FORMULAS = [
    activation("erf"),
    activation("linear"),
    activation("quadratic"),
    activation("power", degree=4),
    activation("polynomial", coefficients=[0.3, 0, 1, -0.7, 0, 0.1]),
]


@pytest.mark.parametrize("g", FORMULAS, ids=lambda g: g.label)
def test_formulas_of_kernels_are_the_power_series(g, bits):
    """Both enclose the same number, and both are precise."""
    bits(128)
    rows = arb_mat([[arb(v) for v in row] for row in sample_weights(3, 4, seed=2)[0].tolist()])
    gram = (rows * rows.transpose()).tolist()
    known = g.in_balls
    found, expected = known.fields(gram), ball.fields_by_series(known.kernel, gram)
    assert found.keys() == expected.keys()
    assert len(found) == 10
    for pair, fields in found.items():
        for one, other in zip(fields, expected[pair], strict=True):
            assert one.overlaps(other)
            assert max(one.rad(), other.rad()) < 1e-34 * (1 + abs(one))


def test_a_symmetric_matrix_is_enclosed_by_its_upper_triangle(bits):
    bits(128)
    matrix = arb_mat([[arb(2), arb(1, 1e-3), arb(0)], [arb(1, 0.1), arb(3), arb(1)],
                      [arb(0, 0.5), arb(1, 0.2), arb(4, 1e-5)]])  # fmt: skip
    mid, rad, exponent = ball.scaled(matrix, symmetric=True)
    assert (mid == mid.T).all()
    assert (rad == rad.T).all()
    for (i, j), value in {(0, 1): 1e-3, (0, 2): 0, (1, 2): 0, (2, 2): 1e-5}.items():
        assert np.ldexp(mid, exponent)[i, j] == float(matrix[i, j])
        assert np.ldexp(rad, exponent)[i, j] == pytest.approx(value, rel=1e-7, abs=1e-15)


@pytest.mark.parametrize("size", [-3000, -100, -50, 0, 50, 3000])
def test_scaled_balls_enclose_entries_of_all_sizes(size, bits):
    bits(200)
    values = [arb(2) ** size / 3, arb(2) ** (size - 40) / 7, arb(2) ** (size - 1060) / 5, arb(0)]
    mid, rad, exponent = ball.scaled(arb_mat([values]))
    assert 0.25 <= mid.max() <= 1
    for value, m, r in zip(values, mid[0], rad[0], strict=True):
        assert (arb(m, r) * arb(2) ** exponent).contains(value)


@pytest.mark.parametrize("name", sorted(IN_BALLS))
def test_functions_in_balls_are_those_of_numpy(name, bits):
    bits(128)
    known = activation(name).in_balls
    u = np.array([-7.5, -1.25, 0.0, 0.5, 6.0])
    g, derivative = FUNCTIONS[name]
    for found, expected in ((known.g, g), (known.derivative, derivative)):
        balls = [found(arb(value)) for value in u]
        np.testing.assert_allclose([float(v.mid()) for v in balls], expected(u), rtol=1e-13)
        assert all(v.rad() < 1e-30 for v in balls)


@pytest.mark.parametrize("precision", [53, 200])
def test_a_polynomial_in_balls_encloses_exact_values(precision, bits):
    bits(precision)
    values = [0.1, -0.3, 0.7, 1 / 3, 0.2]
    exact = [fmpq(*value.as_integer_ratio()) for value in values]
    known = activation("polynomial", coefficients=values).in_balls
    for u in (fmpq(-9, 8), fmpq(0), fmpq(3, 4)):
        g = sum((a * u**k for k, a in enumerate(exact)), fmpq(0))
        slope = sum((k * a * u ** (k - 1) for k, a in enumerate(exact) if k), fmpq(0))
        # fmpq becomes a ball whose radius is the rounding; both must contain the truth.
        assert (known.g(arb(u)) - arb(g)).contains(0)
        assert (known.derivative(arb(u)) - arb(slope)).contains(0)


def test_an_unknown_activation_has_no_kernel():
    with pytest.raises(LookupError, match="mine has no dual kernel"):
        ball.hessian(Network(np.ones((1, 1)), np.ones(1), Mine()))


def with_eigenvalue(smallest, n=8):
    """An exact rational symmetric matrix, 1, ..., n-1 and `smallest` turned by a reflection."""
    v = fmpq_mat([[fmpq(k + 1)] for k in range(n)])
    norm = (v.transpose() * v)[0, 0]
    one = fmpq_mat([[fmpq(int(i == j)) for j in range(n)] for i in range(n)])
    turn = one - v * v.transpose() * (2 / norm)
    middle = fmpq_mat(
        [[(smallest if i == 0 else fmpq(i)) * int(i == j) for j in range(n)] for i in range(n)]
    )
    return turn * middle * turn.transpose()


def enclosed(matrix):
    return arb_mat([[arb(entry) for entry in row] for row in matrix.tolist()])


def test_a_relative_eigenvalue_of_1e_30_is_certified_once_the_balls_are_small_enough(bits):
    matrix = with_eigenvalue(fmpq(1, 10**30))
    decided = []
    for precision in (64, 96, 192, 384):
        bits(precision)
        decided.append(ball.inverse(enclosed(matrix)) is not None)
    assert decided == [False, False, True, True]


@pytest.mark.parametrize("n", [2, 8, 40, 100])
def test_an_exact_zero_is_never_certified(n, bits):
    matrix = with_eigenvalue(fmpq(0), n)
    for precision in (64, 256, 1024) if n > 40 else (64, 128, 512, 2048, 4096):
        bits(precision)
        assert ball.inverse(enclosed(matrix)) is None


def test_float64_certifies_what_it_can_and_never_a_singular_matrix():
    rng = np.random.default_rng(0)
    for n in (1, 5, 60, 200):
        A = rng.standard_normal((n, n))
        assert is_nonsingular(A, np.zeros((n, n)))
        assert not is_nonsingular(A, np.abs(A))  # the zero matrix is inside
    for n in (2, 5, 60, 200):
        left, right = rng.integers(-9, 10, (n, n - 1)), rng.integers(-9, 10, (n - 1, n))
        assert not is_nonsingular((left @ right).astype(float), np.zeros((n, n)))
    # det = 1 / 3 of an ulp away from singular: only the true matrix, not its rounding, is regular
    assert not is_nonsingular(np.array([[3.0, 1.0], [1.0, 1 / 3]]), np.full((2, 2), 1e-16))


def test_scaled_balls_enclose_far_outside_of_float64(bits):
    bits(200)
    third = arb(1) / 3
    mid, rad, exponent = ball.scaled(arb_mat([[third * arb(2) ** 5000, arb(2) ** 4000]]))
    for value, m, r in zip((third * arb(2) ** 5000, arb(2) ** 4000), mid[0], rad[0], strict=True):
        assert (arb(m, r) * arb(2) ** exponent).contains(value)
    assert rad.max() < 1e-15


@pytest.mark.parametrize("power", [0, -3000])
def test_zeros_are_scaled_like_other_numbers(power):
    third = arb(1) / 3 * arb(2) ** power
    assert ball.scaled(arb_mat(2, 3))[2] == 0
    for matrix in (arb_mat(2, 3), arb_mat([[arb(0), third, arb(0)], [third, arb(0), -third]])):
        mid, rad, exponent = ball.scaled(matrix)
        assert np.abs(mid).max() <= 1
        assert rad.max() < 1e-15
        for value, middle, radius in zip(matrix.entries(), mid.flat, rad.flat, strict=True):
            assert (arb(middle, radius) * arb(2) ** exponent).contains(value)
