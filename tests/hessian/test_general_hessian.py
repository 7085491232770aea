"""The Hessian with biases, several outputs and other inputs: quadrature, sampling, identities."""

import json
from pathlib import Path

import numpy as np
import pytest

from hessweep.activations import activation
from hessweep.errors import ShapeError
from hessweep.hessian import batch_hessian, general, hessian, hessian_operator, trace
from hessweep.networks import Inputs, Network, sample_teacher

REFERENCE = Path(__file__).parents[1] / "reference" / "beyond" / "ref_hessians.json"
CASES = json.loads(REFERENCE.read_text())
NAMES = ("linear", "quadratic", "cubic", "erf", "relu", "gelu", "sin", "exp", "gaussian", "tanh")
every_activation = pytest.mark.parametrize("name", NAMES)


def close(got: np.ndarray, expected: np.ndarray, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(got, expected, atol=tolerance * np.abs(expected).max(), rtol=0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['activation']} {case['case']}")
def test_reference_values(case: dict) -> None:
    g = case["activation"]
    g = activation("polynomial", coefficients=[0, 1, -0.5, 0.3]) if g[0] == "x" else g
    W2 = np.array(case["W2"])
    inputs = Inputs(case["mu"], case["Sigma"])
    network = Network(case["W1"], W2, g, b1=case["b1"], b2=np.zeros(len(W2)), inputs=inputs)
    H = hessian(network)
    close(H, np.array(case["H"]), 1e-13)
    np.testing.assert_array_equal(H, H.T)
    assert trace(network) == pytest.approx(np.trace(H), rel=1e-12)


@every_activation
def test_one_input_by_quadrature(name: str) -> None:
    """All neurons are parallel here, which is where a kink makes single means infinite."""
    network = Network(
        [[0.7], [-0.4], [0.0], [1.4], [0.7]],
        [[0.5, 1.0, 0.3, -1.2, 0.8], [1.0, 0.1, -0.7, 0.2, 0.4]],
        name,
        b1=[0.3, 0.5, 0.2, 0.6, 0.3],
        b2=[0.0, 1.0],
        inputs=Inputs([0.4], [1.5]),
    )
    kinks = (-network.offsets[[0, 1, 3]] / (network.W1[[0, 1, 3], 0] * np.sqrt(1.5))).tolist()
    edges = np.unique(np.concatenate([np.linspace(-12, 12, 49), kinks]))
    x, w = np.polynomial.legendre.leggauss(16)
    half = np.diff(edges)[:, None] / 2
    z = ((edges[1:] + edges[:-1])[:, None] / 2 + half * x).ravel()
    w = (half * w).ravel() * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    phi = network.gradient(0.4 + np.sqrt(1.5) * z[:, None])
    # A series takes the variance 1e-10 for the neuron with a zero row.
    tolerance = 1e-9 if name == "tanh" else 3e-12
    close(hessian(network), np.einsum("n,nop,noq->pq", w, phi, phi), tolerance)


@every_activation
def test_samples_agree_within_their_error(name: str) -> None:
    rng = np.random.default_rng(2)
    W1, R = rng.standard_normal((2, 2, 3)) / 2
    inputs = Inputs([0.3, -0.2, 0.1], R.T @ R)  # of rank 2
    W2 = rng.standard_normal((2, 2))
    network = Network(W1, W2, name, b1=[0.4, -0.6], b2=[1.0, 0.0], inputs=inputs)
    blocks_of_100 = []
    for _ in range(100):
        phi = network.gradient(inputs.sample(400, rng, 3))
        blocks_of_100.append(np.einsum("nop,noq->pq", phi, phi) / 400)
    error = np.std(blocks_of_100, axis=0) / 10
    deviation = np.abs(np.mean(blocks_of_100, axis=0) - hessian(network))
    assert (deviation < 5.5 * error + 1e-12).all()


@every_activation
@pytest.mark.parametrize("b2", [None, 0.5])
def test_a_mean_is_an_offset(name: str, b2: float | None) -> None:
    teacher = sample_teacher(name, 3, 4, 1, biases="hidden")
    mean = np.array([0.5, -0.3, 0.8])
    W1, W2, b1 = teacher.W1, teacher.W2, teacher.b1
    with_mean = Network(W1, W2, name, b1=b1, b2=b2, inputs=Inputs(mean=mean))
    shifted = Network(W1, W2, name, b1=b1 + W1 @ mean, b2=b2)
    # ∂y/∂W1_mn = (x_n - mean_n) g' W2 + mean_n ∂y/∂b1_m
    T, layout = np.eye(shifted.P), shifted.layout
    T[layout.W1, layout.b1] = np.kron(np.eye(4), mean[:, None])
    close(hessian(with_mean), T @ hessian(shifted) @ T.T)
    hidden = [i for i in range(shifted.P) if not layout.b1.start <= i < layout.b1.stop]
    no_bias = Network(W1, W2, name, b2=b2, inputs=Inputs(mean=mean))
    only_mean = Network(W1, W2, name, b1=np.zeros(4), b2=b2, inputs=Inputs(mean=mean))
    close(hessian(no_bias), hessian(only_mean)[np.ix_(hidden, hidden)])


@every_activation
def test_a_covariance_is_a_change_of_parameters(name: str) -> None:
    teacher = sample_teacher(name, 3, 4, 2, biases="both", N_o=2)
    R = np.array([[1.2, 0.0, 0.0], [0.3, 0.6, 0.0], [-0.4, 0.2, 0.9]])
    W1, rest = teacher.W1, {"b1": teacher.b1, "b2": teacher.b2}
    C = R @ R.T
    inputs = Inputs([0.1, 0.2, 0.3], (C + C.T) / 2)
    mapped = Inputs(np.linalg.solve(R, inputs.mean))
    H = hessian(Network(W1, teacher.W2, name, inputs=inputs, **rest))
    T = np.eye(teacher.P)
    T[:12, :12] = np.kron(np.eye(4), R)
    close(H, T @ hessian(Network(W1 @ R, teacher.W2, name, inputs=mapped, **rest)) @ T.T)


@pytest.mark.parametrize("diagonal", [[2.0, 0.5, 0.0], [1.0, 1.0, 3.0]])
def test_a_diagonal_is_that_matrix(diagonal: list) -> None:
    teacher = sample_teacher("erf", 3, 4, 2, biases="both")
    parts = (teacher.W1, teacher.W2, "erf", teacher.b1, teacher.b2)
    vector, matrix = (
        hessian(Network(*parts, Inputs(covariance=covariance)))
        for covariance in (diagonal, np.diag(diagonal))
    )
    close(vector, matrix, 1e-15)


def test_biases_of_linear_neurons_are_one_more_input() -> None:
    teacher = sample_teacher("linear", 3, 4, 2, biases="hidden")
    layout = teacher.layout
    wide = Network(np.column_stack([teacher.W1, teacher.b1]), teacher.W2, "linear")
    order = [
        *(index for m in range(4) for index in (3 * m, 3 * m + 1, 3 * m + 2, 12 + m)),
        *range(layout.W2.start, layout.P),
    ]
    close(hessian(teacher)[np.ix_(order, order)], hessian(wide))


@every_activation
def test_outputs_add_up(name: str) -> None:
    teacher = sample_teacher(name, 3, 2, 4, biases="both", N_o=3)
    layout, total = teacher.layout, np.zeros((teacher.P, teacher.P))
    for o in range(3):
        single = Network(teacher.W1, teacher.W2[o], name, teacher.b1, teacher.b2[o])
        shared = range(layout.b1.stop)
        own = (layout.W2.start + 2 * o, layout.W2.start + 2 * o + 1, layout.b2.start + o)
        where = [*shared, *own]
        total[np.ix_(where, where)] += hessian(single)
    close(hessian(teacher), total)


@every_activation
def test_general_route_is_the_paper_s_where_there_is_nothing_more(name: str) -> None:
    plain = sample_teacher(name, 3, 4, 6)
    as_matrix = Network(plain.W1, plain.W2[None], name)
    close(hessian(as_matrix), hessian(plain))
    assert trace(as_matrix) == pytest.approx(trace(plain), rel=1e-12)


@pytest.mark.parametrize("N_o", [1, 2])
@pytest.mark.parametrize("biases", ["none", "hidden", "output", "both"])
def test_batch_hessian_is_that_of_differences(biases: str, N_o: int) -> None:
    student, teacher = (
        sample_teacher("tanh", 2, 3, seed, biases=biases, N_o=N_o) for seed in (1, 2)
    )
    x = np.random.default_rng(1).standard_normal((7, 2))

    def slope(theta: np.ndarray) -> np.ndarray:
        moved = student.with_parameters(theta)
        residual = (moved(x) - teacher(x)).reshape(7, -1)
        return np.einsum("no,nop->p", residual, moved.gradient(x).reshape(7, N_o, -1)) / 7

    theta = student.parameters
    steps = 1e-5 * np.eye(student.P)
    expected = [(slope(theta + step) - slope(theta - step)) / 2e-5 for step in steps]
    outer, functional = batch_hessian(student, teacher, x)
    np.testing.assert_allclose(outer + functional, expected, atol=1e-8)
    assert np.abs(batch_hessian(teacher, teacher, x)[1]).max() == 0


def test_batches_of_other_outputs_are_refused() -> None:
    with pytest.raises(ShapeError, match="as many outputs"):
        batch_hessian(
            sample_teacher("erf", 2, 3, 0, N_o=2), sample_teacher("erf", 2, 3, 0), np.ones((3, 2))
        )


LAWS = {
    "standard": None,
    "diagonal": Inputs([0.3, 0.0, -0.4], [1.5, 0.0, 0.2]),
    "matrix": Inputs([0.3, 0.1, -0.4], [[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 0.6]]),
}


@pytest.mark.parametrize("inputs", LAWS.values(), ids=LAWS.keys())
@pytest.mark.parametrize("N_o", [1, 3])
@pytest.mark.parametrize("biases", ["none", "hidden", "output", "both"])
@pytest.mark.parametrize("name", ["erf", "relu", "cubic"])
def test_products_are_those_of_the_matrix(
    name: str, biases: str, N_o: int, inputs: Inputs | None
) -> None:
    network = sample_teacher(name, 3, 5, 3, biases=biases, N_o=N_o, inputs=inputs)
    if network.is_plain:
        network = Network(network.W1, network.W2[None], name)
    H, operator = hessian(network), hessian_operator(network)
    v = np.random.default_rng(0).standard_normal((network.P, 4))
    close(operator @ v, H @ v, 1e-13)
    close(operator.T @ v[:, 0], H @ v[:, 0], 1e-13)
    close(operator.diagonal(), np.diagonal(H), 1e-14)
    assert operator.trace() == pytest.approx(np.trace(H), rel=1e-13)
    single = hessian_operator(network, np.float32)
    np.testing.assert_allclose(single @ v[:, 0], H @ v[:, 0], atol=1e-5 * np.abs(H).max())


@pytest.mark.parametrize("inputs", LAWS.values(), ids=LAWS.keys())
@pytest.mark.parametrize("N_o", [1, 3])
def test_without_the_compiled_kernel_numpy_gives_the_same(
    N_o: int, inputs: Inputs | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("hessweep.compiled._general_assembly")
    network = sample_teacher("gelu", 3, 5, 3, biases="both", N_o=N_o, inputs=inputs)
    here = hessian(network)
    monkeypatch.setattr(general, "general_assembly", None)
    close(hessian(network), here, 1e-15)


def test_the_hessian_is_the_fisher_matrix() -> None:
    """Of outputs with normal noise: the score is a difference of log-likelihoods in θ."""
    inputs = Inputs(mean=[0.5, -1.0], covariance=[[1.0, 0.3], [0.3, 0.5]])
    teacher = sample_teacher("erf", 2, 2, 3, biases="both", N_o=2, inputs=inputs)
    rng = np.random.default_rng(8)
    n, step = 200_000, 1e-4
    x = inputs.sample(n, rng, 2)
    seen = teacher(x) + rng.standard_normal((n, 2))

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        return -np.square(seen - teacher.with_parameters(theta)(x)).sum(axis=1) / 2

    theta = teacher.parameters
    score = np.array([
        (log_likelihood(theta + step * one) - log_likelihood(theta - step * one)) / (2 * step)
        for one in np.eye(teacher.P)
    ])  # fmt: skip
    fisher = score @ score.T / n
    standard_error = np.sqrt(((score**2) @ (score**2).T / n - fisher**2) / n)
    z = (fisher - hessian(teacher)) / standard_error
    assert np.abs(z).max() < 5
    assert np.abs(z).max() > 0.5
