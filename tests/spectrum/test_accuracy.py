"""Bounds on the assembled matrix, at the errors that they must allow for."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx
from test_spectrum_error import BITS, ball_hessian

from hessweep.activations import activation
from hessweep.activations.kernel import DualKernel
from hessweep.activations.offsets import ORDERS, WITH_DERIVATIVES
from hessweep.hessian import hessian
from hessweep.hessian.dense import stacked_upper_hessian
from hessweep.hessian.general import Weights, seen
from hessweep.networks import Network, sample_teacher
from hessweep.spectrum import general_accuracy, spectrum_with_error, stacked_spectra_with_error
from hessweep.spectrum.accuracy import (
    _kernel_errors,
    _majorant_norm,
    _norm,
    assembly_error,
    gram_error,
)
from hessweep.spectrum.general_accuracy import general_gram_error, kernel_with_error
from hessweep.spectrum.gram import stacked_gram

EPS = 2.0**-52
FUNCTIONS = [
    ("erf", {}),
    ("cubic", {}),
    ("quadratic", {"epsilon": 0.3}),
    ("polynomial", {"coefficients": [0.5, -1.0, 0.0, 0.3, -0.1]}),
]


def distance_to_the_truth(network: Network) -> float:
    """Return the spectral norm of the error of the assembled matrix."""
    computed = hessian(network)
    before, ctx.prec = ctx.prec, BITS
    try:
        exact = ball_hessian(network)
        difference = [
            [float((arb(a) - b).mid()) for a, b in zip(row, values, strict=True)]
            for row, values in zip(computed.tolist(), exact, strict=True)
        ]
    finally:
        ctx.prec = before
    return float(np.linalg.norm(difference, 2))


def bound(network: Network) -> float:
    W1, W2 = network.W1[None], network.W2[None]
    kernel = network.activation.self_dual(W1)
    return float(assembly_error(network.activation, kernel, W1, W2, inputs=network.N_i)[0])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("name", "parameters"), FUNCTIONS)
def test_random_matrices_are_within_the_bound(name, parameters, seed):
    rng = np.random.default_rng(seed)
    N_h, N_i = rng.integers(1, 4, 2)
    scales = 10.0 ** rng.uniform(-3, 3, (N_h, 1))
    W1, W2 = scales * rng.standard_normal((N_h, N_i)), 10.0 ** rng.uniform(-3, 3, N_h)
    network = Network(W1, W2, activation(name, **parameters))
    assert distance_to_the_truth(network) <= bound(network)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scale", [1e-5, 1e-9])
def test_the_roundings_of_the_formula_are_within_the_bound(scale, seed):
    """Small steps of such small weights change nothing: these roundings alone are left."""
    rng = np.random.default_rng(seed)
    W1, W2 = scale * rng.standard_normal((5, 1)), rng.standard_normal(5)
    network = Network(W1, W2, "erf")
    off, allowed = distance_to_the_truth(network), bound(network)
    assert EPS / 8 < off <= allowed <= 1e-13


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("name", "N_h", "route"),
    [("erf", 3, "row space"), ("cubic", 2, "row space"), ("quadratic", 6, "row space, gram")],
)
def test_errors_of_the_row_space_factor_are_within_the_bound(monkeypatch, name, N_h, route, sign):
    """Every row of L is off by (N_i + N_h) eps; with N_i = 3000 no other error counts."""
    network = sample_teacher(name, 3000, N_h, 1)
    before = spectrum_with_error(network)
    original, off = np.linalg.qr, 1 + sign * (3000 + N_h) * EPS
    monkeypatch.setattr(np.linalg, "qr", lambda *a, **k: original(*a, **k) * off)
    after = spectrum_with_error(network)
    assert after.route == route
    moved = np.abs(after.eigenvalues - before.eigenvalues).max()
    assert moved > 1000 * EPS * before.eigenvalues[-1]
    assert moved <= after.error


@pytest.mark.parametrize("N_h", [30, 3000])
@pytest.mark.parametrize("name", ["quadratic", "cubic"])
def test_sums_over_neurons_may_round_in_one_direction(name, N_h):
    """A sum of N_h terms of one sign is off by up to (N_h - 1) u of itself, and so is J^T J."""
    W1, W2 = np.abs(np.random.default_rng(0).standard_normal((2, 1, N_h, 1)))
    polynomial = activation(name).polynomial
    G = np.triu(stacked_gram(polynomial, W1, W2[..., 0])[0])
    largest = np.linalg.eigvalsh(G, UPLO="U")[-1]
    [allowed] = gram_error(polynomial, W1, W2[..., 0], inputs=1)
    assert allowed >= (N_h - 1) * EPS / 2 * largest


@pytest.mark.parametrize("degree", [1, 2, 5, 8])
@pytest.mark.parametrize("N_i", [30, 3000])
def test_an_error_of_inner_products_counts_as_often_as_they_are_factors(N_i, degree):
    """A sum of N_i terms of one sign is off by up to N_i u, and its n-th power by n times that.

    The mean `E[u^2n] = (2n - 1)!! p^n` is all of H where the output weight is near 0.
    """
    W1, W2 = np.full((1, 1, N_i), N_i**-0.5), np.array([[1e-30]])
    power = activation("power", degree=degree).polynomial
    least = degree * N_i * EPS / 2 * np.prod(np.arange(1.0, 2 * degree, 2))
    weights = Weights.of([Network(W1[0], W2[0], power)])
    _, of_general_kernel = kernel_with_error(power, weights, seen(weights))
    for allowed in (
        assembly_error(power, power.self_dual(W1), W1, W2, inputs=N_i),
        gram_error(power, W1, W2, inputs=N_i),
        of_general_kernel,
        general_gram_error(power, weights),
    ):
        assert least <= allowed[0] <= 20 * least


@pytest.mark.parametrize("name", ["erf", "sin", "gelu"])
def test_bounds_do_not_depend_on_which_neuron_of_a_pair_comes_first(name):
    """Steps of p and of q both count; rows of very different lengths show if one does not."""
    W1 = np.array([[[2.0, 0.1], [1e-2, 0.03], [0.5, -0.7]]])
    function = activation(name)
    delta = _kernel_errors(function, function.self_dual(W1), W1, products=4 * EPS)
    exchanged = delta._replace(K_p=delta.K_q, K_q=delta.K_p, K_pc=delta.K_qc, K_qc=delta.K_pc)
    for field in ("K", "K_c", "K_q", "K_cc", "K_qc"):
        one, other = getattr(delta, field), getattr(exchanged, field).swapaxes(1, 2)
        np.testing.assert_allclose(one, other, rtol=1e-6, err_msg=field)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("N_i", "N_h"), [(1, 1), (2, 40), (40, 2)])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_linear_eigenvalues_are_within_their_bound(N_i, N_h, scale, seed):
    """The smallest and the largest, |W2|² and |W2|² + |W1|² if W1 has rank 1."""
    rng = np.random.default_rng(seed)
    column, row = scale * rng.standard_normal(N_h), 2.0 ** rng.integers(-3, 3, N_i)
    W2 = rng.standard_normal(N_h)
    found = spectrum_with_error(Network(np.outer(column, row), W2, "linear"))
    of_W1, of_W2 = (sum(Fraction(w) ** 2 for w in W.tolist()) for W in (column, W2))
    largest = of_W2 + of_W1 * sum(Fraction(w) ** 2 for w in row.tolist())
    assert abs(Fraction(found.eigenvalues[-1]) - largest) <= found.error
    if N_i > 1:
        assert abs(Fraction(found.eigenvalues[-N_i]) - of_W2) <= found.error


def test_the_norm_of_blocks_is_that_of_the_whole_matrix():
    rng = np.random.default_rng(6)
    A, B = (part + part.swapaxes(1, 2) for part in rng.normal(size=(2, 4, 3, 3)))
    C = rng.normal(size=(4, 3, 3))
    whole = [np.linalg.norm(np.block([[a, c.T], [c, b]])) for a, b, c in zip(A, B, C, strict=True)]
    np.testing.assert_allclose(_norm(A, C, B), whole, rtol=1e-14)


@pytest.mark.parametrize("W2", [(0.4361667, 0.0714433), (1e-20, -1e-21), (3.0, -2.0)])
def test_long_parallel_rows_of_a_gaussian(W2):
    """K is `(1 + p + q)^(-1/2)` here, of which rounding in `pq - c²` leaves eight digits."""
    W1 = np.array([[18269.229722970376], [-12494.612475844495]])
    network = Network(W1, np.array(W2) * 1e-12, "gaussian")
    found = spectrum_with_error(network)
    with ctx.workprec(BITS):
        p, q = (arb(x) ** 2 for x in W1[:, 0].tolist())
        K = 1 / (1 + p + q).sqrt()
        own = [1 / (1 + 2 * x).sqrt() for x in (p, q)]
        root = ((own[0] - own[1]) ** 2 / 4 + K * K).sqrt()
        true = (own[0] + own[1]) / 2 + root
    assert abs(arb(found.eigenvalues[-1]) - true) <= found.error
    assert found.error < 1e-6 * found.eigenvalues[-1]
    together = stacked_spectra_with_error(
        network.activation, np.stack([W1, W1 / 1e4]), np.stack([network.W2] * 2)
    )
    alone = spectrum_with_error(Network(W1 / 1e4, network.W2, "gaussian"))
    assert (together[0].error, together[1].error) == (found.error, alone.error)


def test_errors_of_kernels_are_twice_those_of_first_order():
    """For exp, `K = e^{(p + q)/2 + c}`: relative errors of p, q and |w| |w'| add up."""
    W1 = np.array([[[0.6, 0.3], [-0.2, 0.5]]])
    kernel = activation("exp").self_dual(W1)
    [errors] = _kernel_errors(activation("exp"), kernel, W1, 1e-14).K
    lengths = np.linalg.norm(W1[0], axis=1)
    p, q = lengths**2
    first_order = 1e-14 * kernel.K[0, 0, 1] * (lengths.prod() + p / 2 + q / 2)
    assert errors[0, 1] == pytest.approx(2 * first_order, rel=1e-4, abs=0)


def test_errors_of_kernels_with_offsets_are_twice_those_of_first_order():
    """For exp, `E_ij = e^{(p + q)/2 + c + b + d}`; for a neuron with itself, `e^{2 (p + b)}`."""
    network = Network(np.array([[0.6, 0.3], [0.2, 0.5]]), np.ones(2), "exp", b1=[0.7, 0.4])
    of = seen(Weights.of([network]))
    means = network.activation.offset_means(*of.pairs(), WITH_DERIVATIVES)
    errors = general_accuracy._kernel_errors(network.activation, means, of, of, 1e-14)
    [c], [b] = of.c, of.b
    p = np.diag(c)
    relative = np.add.outer(p, p) / 2 + c + np.add.outer(b, b)
    for (i, j), found in zip(ORDERS, errors, strict=False):
        first_order = 1e-14 * relative * means.E[min(i, j), max(i, j)][0]
        np.testing.assert_allclose(found[0], 2 * first_order, rtol=1e-9, err_msg=f"{i}, {j}")
    for order, found in enumerate(errors[len(ORDERS) :]):
        first_order = 1e-14 * (p / 2 + b) * means.M[order][0, :, 0]
        np.testing.assert_allclose(found[0, :, 0], 2 * first_order, rtol=1e-9)


@pytest.mark.parametrize("name", ["K", "K_q", "K_cc", "K_pc"])
def test_one_field_of_a_kernel_is_bounded_by_the_norm_of_what_it_makes(name):
    """Blocks of rank 1, or of two outer products that are not quite parallel."""
    rng = np.random.default_rng(0)
    W1, W2 = rng.standard_normal((1, 4, 3)), rng.standard_normal((1, 4))
    field, none = 1 + rng.random((1, 4, 4)), np.zeros((1, 4, 4))
    if name in ("K", "K_cc"):
        field = field + field.swapaxes(1, 2)
    fields = dict.fromkeys(DualKernel._fields, none) | {name: field}
    if name == "K_pc":
        fields["K_qc"] = field.swapaxes(1, 2)
    elif name == "K_q":
        fields["K_p"] = field.swapaxes(1, 2)
    kernel = DualKernel(**fields)
    upper = np.triu(stacked_upper_hessian(kernel, W1, W2)[0])
    size = np.linalg.norm(upper + np.triu(upper, 1).T)
    [bound] = _majorant_norm(kernel, W1, W2)
    assert size * (1 - 1e-12) <= bound
    assert bound <= size * (1 + 1e-12 if name in ("K", "K_q") else 1.5)
