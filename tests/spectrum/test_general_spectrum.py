"""Spectra with biases, several outputs and other inputs: every route, and the true errors."""

from collections.abc import Callable
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from hessweep.activations import activation
from hessweep.errors import InputError
from hessweep.hessian import hessian, hessian_error
from hessweep.hessian.general import Weights, seen
from hessweep.networks import Inputs, Network, sample_teacher
from hessweep.rank import ball
from hessweep.spectrum import spectra_of, spectrum, spectrum_with_error
from hessweep.spectrum.general_accuracy import kernel_with_error
from hessweep.spectrum.solver import solver_error

LAWS = {
    "standard": None,
    "mean": Inputs([0.3, 0.0, -0.4, 0.1]),
    "diagonal": Inputs([0.3, 0.0, -0.4, 0.1], [1.5, 0.0, 0.2, 1.0]),
    "matrix": Inputs(covariance=np.diag([1.0, 2.0, 0.0, 3.0]) + 0.3),
}


@pytest.mark.parametrize("inputs", LAWS.values(), ids=LAWS.keys())
@pytest.mark.parametrize("N_o", [1, 3])
@pytest.mark.parametrize("biases", ["none", "hidden", "output", "both"])
@pytest.mark.parametrize("name", ["erf", "relu", "cubic", "linear", "tanh"])
def test_every_route_agrees_with_the_dense_matrix(
    name: str, biases: str, N_o: int, inputs: Inputs | None
) -> None:
    if name == "tanh" and (biases, N_o) != ("both", 3):
        pytest.skip("a series is slow, and once is enough")
    for N_h in (2, 5):
        network = sample_teacher(name, 4, N_h, 3, biases=biases, N_o=N_o, inputs=inputs)
        found = spectrum_with_error(network)
        expected = np.linalg.eigvalsh(hessian(network))
        assert found.eigenvalues.shape == (network.P,)
        np.testing.assert_array_equal(found.eigenvalues, np.sort(found.eigenvalues))
        np.testing.assert_allclose(found.eigenvalues, expected, atol=1e-13 * expected[-1], rtol=0)
        np.testing.assert_array_equal(spectrum(network), found.eigenvalues)
        if not network.is_plain:
            reduced = N_h < 4 and inputs is None
            dense = "row space" if reduced else "dense"
            assert found.route == ("closed form" if name == "linear" else dense)


def test_a_stack_is_bit_for_bit_each_of_its_networks() -> None:
    for name, N_h in (("gelu", 3), ("quadratic", 5), ("linear", 2), ("tanh", 3)):
        networks = [sample_teacher(name, 4, N_h, seed, biases="both", N_o=2) for seed in range(5)]
        for network, together in zip(networks, spectra_of(networks), strict=True):
            alone = spectrum_with_error(network)
            np.testing.assert_array_equal(alone.eigenvalues, together.eigenvalues)
            assert alone.error == together.error
    plain = [sample_teacher("erf", 3, 3, seed) for seed in range(3)]
    for network, together in zip(plain, spectra_of(plain), strict=True):
        np.testing.assert_array_equal(spectrum(network), together.eigenvalues)
    assert spectra_of([]) == []
    with pytest.raises(InputError, match="one activation and architecture"):
        spectra_of([networks[0], sample_teacher("tanh", 4, 3, 0, biases="hidden", N_o=2)])


def test_hidden_biases_of_linear_networks_are_one_more_input() -> None:
    biased = sample_teacher("linear", 4, 6, 1, biases="hidden")
    wide = Network(np.column_stack([biased.W1, biased.b1]), biased.W2, "linear")
    np.testing.assert_allclose(spectrum(biased), spectrum(wide), atol=1e-13)


@pytest.mark.parametrize("biases", ["none", "hidden", "output", "both"])
@pytest.mark.parametrize("coefficients", [[0.7, 1.3], [0.0, 1.3], [-0.4, -2.0]])
def test_a_constant_of_the_activation_is_one_more_direction(coefficients, biases) -> None:
    g = activation("polynomial", coefficients=coefficients)
    network = sample_teacher(g, 4, 6, 1, biases=biases, N_o=2)
    found = spectrum_with_error(network)
    assert found.route == "closed form"
    dense = np.linalg.eigvalsh(hessian(network))
    np.testing.assert_allclose(found.eigenvalues, dense, rtol=0, atol=1e-13 * dense[-1])


def test_several_outputs_of_linear_networks_add_two_spectra() -> None:
    network = sample_teacher("linear", 4, 6, 1, N_o=3)
    alpha = np.linalg.eigvalsh(network.W2 @ network.W2.T)
    beta = np.linalg.eigvalsh(network.W1.T @ network.W1)
    sums = np.sort(np.add.outer(alpha, beta).ravel())
    np.testing.assert_allclose(spectrum(network)[-12:], sums, rtol=1e-12)
    assert np.abs(spectrum(network)[:-12]).max() == 0


def phi(u: arb) -> arb:
    return (-u * u / 2).exp() / (2 * arb.pi()).sqrt()


TRUE = {
    "erf": (lambda u: (u / arb(2).sqrt()).erf(), lambda u: 2 * phi(u)),
    "gelu": (
        lambda u: u * (-u / arb(2).sqrt()).erfc() / 2,
        lambda u: (-u / arb(2).sqrt()).erfc() / 2 + u * phi(u),
    ),
    "tanh": (lambda u: u.tanh(), lambda u: 1 / u.cosh() ** 2),
    "sin": (lambda u: u.sin(), lambda u: u.cos()),
}


def off_by_quadrature(network: Network, g: Callable, dg: Callable) -> np.ndarray:
    """How far the Hessian of a network of one input is from quadrature with 40 digits."""
    w1, b1, W2 = (
        [arb(value) for value in values.tolist()]
        for values in (network.W1[:, 0], network.b1, network.W2)
    )
    panels, nodes = 30, 24
    gradients, weights = [], []
    for panel in range(panels):
        for k in range(nodes):
            node, weight = arb.legendre_p_root(nodes, k, weight=True)
            x = 13 * (2 * panel + 1 + node - panels) / panels
            z = [a * x + b for a, b in zip(w1, b1, strict=True)]
            slopes = [out * dg(value) for out, value in zip(W2, z, strict=True)]
            gradients.append(
                [*(slope * x for slope in slopes), *slopes, *(g(value) for value in z), arb(1)]
            )
            weights.append(13 * weight / panels * phi(x))
    F = arb_mat(gradients)
    scaled = arb_mat([[w * v for v in row] for w, row in zip(weights, gradients, strict=True)])
    true = F.transpose() * scaled
    H = hessian(network).tolist()
    return np.array(
        [[float(arb(v) - true[i, j]) for j, v in enumerate(row)] for i, row in enumerate(H)]
    )


@pytest.mark.parametrize("name", TRUE)
def test_the_bound_is_one(name: str) -> None:
    before, ctx.prec = ctx.prec, 140
    try:
        for b1 in ([0.4, -2.5, 1.0], [0.5, 0.5 + 1e-7, -6.0]):
            network = Network([[1.1], [1.1], [-0.6]], [0.7, -1.0, 0.4], name, b1=b1, b2=0.0)
            found = spectrum_with_error(network)
            off = np.linalg.norm(off_by_quadrature(network, *TRUE[name]), 2)
            assert 0 < off <= found.error - solver_error(network.P, found.eigenvalues[-1])
            assert found.error < 1e-10 * found.eigenvalues[-1]
    finally:
        ctx.prec = before


def exact_hessian(network: Network) -> list[list[Fraction]]:
    """Of a cubic in one input, from the moments of a normal variable."""
    moments = [Fraction(1), Fraction(0)]
    for k in range(2, 9):
        moments.append((k - 1) * moments[k - 2])
    a = [Fraction(value) for value in network.activation.coefficients]

    def of_power(c: list[Fraction], w: Fraction, b: Fraction) -> list[Fraction]:
        """The coefficients in x of `Σ c_k (w x + b)^k`."""
        total, power = [Fraction(0)] * 5, [Fraction(1)]
        for value in c:
            for at, term in enumerate(power):
                total[at] += value * term
            longer = [Fraction(0)] * (len(power) + 1)
            for at, term in enumerate(power):
                longer[at] += b * term
                longer[at + 1] += w * term
            power = longer
        return total

    rows_w, rows_b, rows_2 = [], [], []
    for w, b, out in zip(network.W1[:, 0], network.b1, network.W2, strict=True):
        w, b, out = Fraction(float(w)), Fraction(float(b)), Fraction(float(out))
        slope = of_power([k * value for k, value in enumerate(a)][1:], w, b)
        rows_w.append([0, *(out * value for value in slope[:4])])
        rows_b.append([out * value for value in slope])
        rows_2.append(of_power(a, w, b))
    rows = [*rows_w, *rows_b, *rows_2, [Fraction(1)]]
    return [
        [
            sum(x * y * moments[i + j] for i, x in enumerate(one) for j, y in enumerate(other))
            for other in rows
        ]
        for one in rows
    ]


def test_bounds_of_polynomials_hold_where_terms_cancel() -> None:
    for b1 in ([0.3, -0.2], [30.0, -31.0], [1e3, 1e3]):
        network = Network([[1.0], [-0.9]], [0.5, 1.0], "cubic", b1=b1, b2=0.0)
        exact = exact_hessian(network)
        H = hessian(network).tolist()
        off = [
            [float(Fraction(v) - exact[i][j]) for j, v in enumerate(r)] for i, r in enumerate(H)
        ]
        weights = Weights.of([network])
        _, [bound] = kernel_with_error(network.activation, weights, seen(weights))
        assert np.linalg.norm(off, 2) <= bound
        assert bound < 1e-9 * np.linalg.norm(H, 2)


def test_closed_kernels_have_no_error_of_a_series() -> None:
    biased = {"biases": "both", "N_o": 2}
    assert hessian_error(sample_teacher("gelu", 3, 4, 0, **biased)) == 0
    assert 0 < hessian_error(sample_teacher("tanh", 3, 4, 0, **biased)) < 1e-10


def test_the_error_of_a_series_is_not_below_the_true_one() -> None:
    """The same functions by series and in closed form; the error of a kink's series is large."""
    from hessweep.activations.erf import Erf
    from hessweep.activations.kernel import Activation
    from hessweep.activations.relu import Relu

    for closed in (Erf, Relu):
        series = type("Series", (closed,), {
            "offset_means": Activation.offset_means,
            "coarser_offset_duals": Activation.coarser_offset_duals,
        })("series")  # fmt: skip
        for seed in range(4):
            teacher = sample_teacher(closed(), 2, 3, seed, biases="both")
            parts = teacher.W1, teacher.W2
            other = Network(*parts, series, teacher.b1, teacher.b2)
            off = np.linalg.norm(hessian(other) - hessian(teacher), 2)
            assert off <= hessian_error(other) + 1e-13


@pytest.mark.parametrize("seed", range(6))
def test_the_rounding_of_large_offsets_is_within_the_error(seed):
    """A mean of 1e4 moves sin by 1e4 roundings; with W2 = 0 the Hessian is block B alone.

    `2 E[sin(u + b) sin(v + d)] = cos(b - d) e^{c - (p+q)/2} - cos(b + d) e^{-c - (p+q)/2}`.
    """
    rng = np.random.default_rng(seed)
    W1, b1, mean = rng.normal(size=(3, 2)), rng.normal(size=3), 1e4 * rng.normal(size=2)
    network = Network(W1, np.zeros(3), "sin", b1=b1, inputs=Inputs(mean=mean))
    with ball.working_precision(200):
        rows = [[arb(x) for x in row] for row in W1.tolist()]
        means = [arb(x) for x in mean.tolist()]
        b = [
            arb(a) + sum(x * y for x, y in zip(row, means, strict=True))
            for a, row in zip(b1.tolist(), rows, strict=True)
        ]
        B = np.empty((3, 3))
        for i, j in product(range(3), repeat=2):
            p, q, c = (
                sum(x * y for x, y in zip(rows[k], rows[m], strict=True))
                for k, m in ((i, i), (j, j), (i, j))
            )
            near = (b[i] - b[j]).cos() * (c - (p + q) / 2).exp()
            B[i, j] = float((near - (b[i] + b[j]).cos() * (-c - (p + q) / 2).exp()) / 2)
    found = spectrum_with_error(network)
    true = np.linalg.eigvalsh(B)
    off = np.abs(found.eigenvalues[-3:] - true).max()
    assert 1e-14 < off <= found.error < 1e-9
