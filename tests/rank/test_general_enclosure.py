"""The smallest eigenvalue of networks with biases and outputs, against quadrature in balls."""

from itertools import product
from math import prod

import numpy as np
import pytest
from flint import acb_mat, arb, arb_mat

from hessweep import lambda_min
from hessweep.activations import activation
from hessweep.hessian import hessian
from hessweep.networks import Inputs, Network, sample_teacher
from hessweep.rank import ball, rank
from hessweep.rank.general_ball import general_hessian

BITS = 500


def normal_rule(degree: int) -> list[tuple[arb, arb]]:
    """Nodes and weights of Gauss and Hermite: the mean of a polynomial up to that degree."""
    if degree <= 7:  # the roots of He_4 are ±√(3 ± √6), with weights (3 ∓ √6) / 12
        root = arb(6).sqrt()
        signs = product((1, -1), repeat=2)
        return [(s * (3 + t * root).sqrt(), (3 - t * root) / 12) for s, t in signs]
    panels, nodes, reach = 48, 40, 17
    rule = []
    for panel, k in product(range(panels), range(nodes)):
        node, weight = arb.legendre_p_root(nodes, k, weight=True)
        x = reach * (2 * panel + 1 + node - panels) / panels
        density = (-x * x / 2).exp() / (2 * arb.pi()).sqrt()
        rule.append((x, weight * density * reach / panels))
    return rule


def hessian_by_quadrature(network: Network, rule: list[tuple[arb, arb]]) -> arb_mat:
    """The mean of the gradients' products, without any kernel."""
    known = network.activation.in_balls
    inputs = network.inputs or Inputs()
    root = np.sqrt(inputs.matrix(network.N_i).diagonal()).tolist()  # exact for these tests
    mean = [0.0] * network.N_i if inputs.mean is None else inputs.mean.tolist()
    W1 = [[arb(value) for value in row] for row in network.W1.tolist()]
    b1 = [arb(value) for value in network.b1_or_zeros.tolist()]
    rows, weights = [], []
    for point in product(rule, repeat=network.N_i):
        x = [s * z + m for (z, _), s, m in zip(point, root, mean, strict=True)]
        u = [
            sum((v * x_n for v, x_n in zip(w, x, strict=True)), b)
            for w, b in zip(W1, b1, strict=True)
        ]
        g, slope = ([f(value) for value in u] for f in (known.g, known.derivative))
        for o, out in enumerate(network.output_rows.tolist()):
            by_b1 = [w * value for w, value in zip(out, slope, strict=True)]
            row = [value * x_n for value in by_b1 for x_n in x]
            here = [arb(o == other) for other in range(network.N_o)]
            row += by_b1 if network.b1 is not None else []
            row += [k * value for k in here for value in g]
            row += here if network.b2 is not None else []
            rows.append(row)
            weights.append(prod(weight for _, weight in point))
    weighted = [[w * value for value in row] for w, row in zip(weights, rows, strict=True)]
    return arb_mat(rows).transpose() * arb_mat(weighted)


def sure(network: Network, degree: int) -> list[float]:
    """All eigenvalues, ascending."""
    with ball.working_precision(BITS):
        H = hessian_by_quadrature(network, normal_rule(degree))
        found = acb_mat(H.mid()).eig(algorithm="approx")
        return sorted(float(value.real) for value in found)


CASES = [
    ("erf", 1, 4, {"biases": "both"}),
    ("erf", 1, 5, {"biases": "hidden"}),
    ("erf", 1, 4, {"biases": "both", "N_o": 2}),
    ("erf", 1, 4, {"biases": "both", "inputs": Inputs(mean=[0.5], covariance=[0.25])}),
    ("gaussian", 1, 4, {"biases": "both"}),
    ("sin", 1, 4, {"biases": "both"}),
    ("cos", 1, 4, {"biases": "output"}),
    ("exp", 1, 4, {"biases": "both"}),
    ("cubic", 2, 6, {"biases": "both"}),
    ("cubic", 2, 4, {"biases": "both", "N_o": 2}),
    ("cubic", 2, 5, {"inputs": Inputs(mean=[0.5, -1.0], covariance=[0.25, 4.0])}),
    ("square", 2, 3, {"biases": "hidden"}),
]


@pytest.mark.parametrize(("name", "N_i", "N_h", "extra"), CASES)
def test_the_truth_lies_between_the_bounds(name: str, N_i: int, N_h: int, extra: dict) -> None:
    g = activation("power", degree=2) if name == "square" else activation(name)
    network = sample_teacher(g, N_i, N_h, 3, **extra)
    found = lambda_min(network, 1e-13)  # so much that float64 does not do
    proof = rank(network)
    assert proof.certificate == "proved"
    eigenvalues = sure(network, 6 if g.polynomial else 100)
    zeros, truth = eigenvalues[: -proof.value], eigenvalues[-proof.value]
    assert all(abs(value) < 1e-20 * truth for value in zeros)
    assert (found.certificate, found.method) == ("proved", "ball")
    assert found.lower <= truth <= found.upper
    assert found.upper - found.lower < 1e-6 * truth


@pytest.mark.parametrize("N_o", [1, 2])
@pytest.mark.parametrize("biases", ["none", "hidden", "output", "both"])
@pytest.mark.parametrize("name", ["erf", "gaussian", "sin", "cos", "exp", "cubic"])
def test_the_matrix_is_that_of_float64(name: str, biases: str, N_o: int) -> None:
    inputs = Inputs([0.3, -0.2, 0.5], [[1.0, 0.2, 0.0], [0.2, 0.7, 0.1], [0.0, 0.1, 1.3]])
    network = sample_teacher(name, 3, 4, 2, biases=biases, N_o=N_o, inputs=inputs)
    with ball.working_precision(128):
        rows = general_hessian(network).tolist()
    H = hessian(network)
    off = [
        [float(arb(v) - rows[i][j]) for j, v in enumerate(row)] for i, row in enumerate(H.tolist())
    ]
    assert np.abs(off).max() < 1e-14 * np.abs(H).max()


def test_activations_without_such_a_kernel_have_float64() -> None:
    network = sample_teacher("gelu", 2, 3, 0, biases="both")
    assert lambda_min(network, 1e-15).method == "float64"
    with pytest.raises(LookupError, match="no kernel with offsets in ball arithmetic"):
        general_hessian(network)
