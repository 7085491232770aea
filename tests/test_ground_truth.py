"""The reference set is true, its files are what the package computes, and adapters add nothing."""

import json
import re
import shutil

import numpy as np
import pytest
from flint import acb_mat, ctx

import hessweep
from hessweep import ground_truth
from hessweep.errors import InputError, ShapeError
from hessweep.ground_truth import networks
from hessweep.rank import ball
from hessweep.rank.modular import modular_rank

SET = {reference.name: reference for reference in ground_truth.load()}


def test_files_are_those_of_today(tmp_path):
    networks.write(tmp_path)
    for name, again in {r.name: r for r in ground_truth.load(tmp_path)}.items():
        stored = SET[name]
        assert (again.rank, again.learning_coefficient) == (
            stored.rank,
            stored.learning_coefficient,
        )
        allowed = stored.eigenvalue_error + again.eigenvalue_error
        assert np.abs(again.eigenvalues - stored.eigenvalues).max() <= allowed
        # Two enclosures of one number overlap.
        assert again.lambda_min[0] <= stored.lambda_min[1]
        assert stored.lambda_min[0] <= again.lambda_min[1]
    assert set(SET) == set(networks.networks())


@pytest.mark.parametrize("name", SET)
def test_eigenvalues_against_quadrature_free_routes(name):
    reference = SET[name]
    dense = np.linalg.eigvalsh(hessweep.hessian(reference.network))
    assert np.abs(dense - reference.eigenvalues).max() <= 2 * reference.eigenvalue_error
    assert reference.eigenvalues.sum() == pytest.approx(reference.trace, rel=1e-9)
    assert reference.rank_certificate == "proved"
    assert reference.rank <= reference.P == len(reference.eigenvalues)
    # As many eigenvalues are beyond the error as the rank at most.
    assert (reference.eigenvalues > reference.eigenvalue_error).sum() <= reference.rank


@pytest.mark.parametrize("name", ["erf", "erf-wide", "gelu", "sin"])
def test_the_truth_in_balls_is_within_the_stated_errors(name):
    """At full rank and distinct eigenvalues, ball arithmetic encloses each of them."""
    reference = SET[name]
    before, ctx.prec = ctx.prec, 600
    try:
        H = ball.hessian(reference.network)
        truth = sorted(float(value.real) for value in acb_mat(H).eig())
    finally:
        ctx.prec = before
    assert np.abs(reference.eigenvalues - truth).max() <= reference.eigenvalue_error
    assert reference.lambda_min[0] <= truth[0] <= reference.lambda_min[1]


@pytest.mark.parametrize("name", ["linear", "quadratic", "cubic", "cubic-edge"])
def test_ranks_of_polynomials_by_exact_arithmetic(name):
    reference = SET[name]
    assert modular_rank(reference.network, reference.P) == reference.rank


def test_learning_coefficients_are_at_least_half_the_rank():
    for reference in SET.values():
        if reference.learning_coefficient is not None:
            lower, upper = reference.learning_coefficient
            assert lower == reference.rank / 2
            assert lower <= upper <= reference.P / 2


def test_a_set_of_another_format_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected the files of the reference set"):
        ground_truth.load(tmp_path)
    for name in ("reference.json", "reference.npz"):
        shutil.copy(networks.FOLDER / name, tmp_path)
    text = json.loads((tmp_path / "reference.json").read_text())
    (tmp_path / "reference.json").write_text(json.dumps({**text, "format": 2}))
    with pytest.raises(InputError, match="format 2 needs a newer hessweep"):
        ground_truth.load(tmp_path)


class Tensor:
    """What PyTorch's tensors have, as far as it is used."""

    def __init__(self, values, *, gradient=True):
        self.values, self.gradient = np.asarray(values, dtype=np.float32), gradient

    def __array__(self, dtype=None, copy=None):
        if self.gradient:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return np.asarray(self.values, dtype=dtype)

    def detach(self):
        return Tensor(self.values, gradient=False)

    def cpu(self):
        return self

    def double(self):
        return self.values.astype(float)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("biases", [(), ("0.bias",), ("0.bias", "2.bias")])
def test_a_state_dict_is_the_same_function(outputs, biases):
    rng = np.random.default_rng(1)
    shapes = {"0.weight": (5, 3), "0.bias": (5,), "2.weight": (outputs, 5), "2.bias": (outputs,)}
    arrays = {
        name: rng.standard_normal(shape).astype(np.float32)
        for name, shape in shapes.items()
        if "weight" in name or name in biases
    }
    network = ground_truth.from_state_dict({k: Tensor(v) for k, v in arrays.items()}, "tanh")
    x = rng.standard_normal((7, 3))
    hidden = np.tanh(x @ arrays["0.weight"].T.astype(float) + arrays.get("0.bias", 0.0))
    y = hidden @ arrays["2.weight"].T.astype(float) + arrays.get("2.bias", 0.0)
    np.testing.assert_allclose(network(x).reshape(7, outputs), y, rtol=1e-12)
    # In the order of torch.nn.Module.parameters().
    np.testing.assert_array_equal(
        network.parameters, np.concatenate([v.ravel() for v in arrays.values()])
    )


def test_erf_of_pytorch_is_scaled():
    rng = np.random.default_rng(2)
    state = {"fc1.weight": rng.standard_normal((4, 2)), "fc2.weight": rng.standard_normal((1, 4))}
    from scipy.special import erf

    network = ground_truth.from_state_dict(state, "erf", scale_of_erf=True)
    x = rng.standard_normal((6, 2))
    y = erf(x @ state["fc1.weight"].T) @ state["fc2.weight"][0]
    np.testing.assert_allclose(network(x), y, rtol=1e-12)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "two linear layers, got nothing"),
        ({"0.weight": np.eye(2)}, "two linear layers, got 0.weight"),
        ({"a.weight": np.eye(2), "b.weight": np.eye(2), "x": np.ones(2)}, "x: expected weights"),
    ],
)
def test_other_state_is_refused(state, message):
    with pytest.raises(ShapeError, match=re.escape(message)):
        ground_truth.from_state_dict(state, "relu")


@pytest.mark.parametrize("name", ["erf", "cubic-biases", "erf-outputs"])
def test_the_operator_is_the_hessian(name):
    network = SET[name].network
    H, operator = hessweep.hessian(network), ground_truth.HessianOperator(network)
    rng = np.random.default_rng(0)
    v = rng.standard_normal((network.P, 3))
    np.testing.assert_allclose(operator @ v, H @ v, atol=1e-12 * np.abs(H).max() * network.P)
    np.testing.assert_allclose(operator.to_scipy() @ v[:, 0], operator @ v[:, 0])
    shapes = [a.shape for a in (network.W1, network.b1, network.output_rows, network.b2)
              if a is not None]  # fmt: skip
    parts = [rng.standard_normal(shape) for shape in shapes]
    flat = np.concatenate([part.ravel() for part in parts])
    product = operator @ parts
    assert [part.shape for part in product] == shapes
    np.testing.assert_allclose(np.concatenate([p.ravel() for p in product]), operator @ flat)
    with pytest.raises(ShapeError, match="expected arrays of the shapes"):
        operator @ parts[:1]
    with pytest.raises(ShapeError, match=f"expected {network.P} rows"):
        operator @ np.ones(network.P + 1)


def test_relative_error_is_what_is_certain():
    truth = np.array([0.0, 1.0, 2.0])
    off = ground_truth.relative_error(np.array([2.5, 1.0, 0.1]), truth, error=0.1)
    np.testing.assert_allclose(off, [0, 0, 0.2])
    with pytest.raises(ShapeError, match="eigenvalues"):
        ground_truth.relative_error(truth[:2], truth)
