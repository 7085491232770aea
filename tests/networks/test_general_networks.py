"""Networks with biases, several outputs and other inputs: shapes, order, teachers, refusals."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable

import numpy as np
import pytest

import hessweep
from hessweep.activations import activation
from hessweep.density import few_eigenvalues
from hessweep.density.beside import largest_beside
from hessweep.density.comparison import comparison, compression
from hessweep.errors import InputError, ShapeError
from hessweep.hessian import HessianOperator, blocks
from hessweep.networks import (
    BIASES,
    WEIGHTS,
    Inputs,
    Layout,
    Network,
    StoredArrays,
    own_teachers,
    sample_teacher,
    stacked_teachers,
)
from hessweep.networks.own_teachers import weights_text
from hessweep.rank import (
    ball,
    minor,
    modular,
    structure,
    theorem,
)

GENERAL = {
    "hidden biases": {"b1": [0.0, 0.0]},
    "output bias": {"b2": 0.0},
    "two outputs": {"W2": [[1.0, 2.0], [0.5, -1.0]]},
    "one output as a matrix": {"W2": [[1.0, 2.0]]},
    "a mean": {"inputs": Inputs(mean=[0.0, 0.1, 0.0])},
    "a covariance": {"inputs": Inputs(covariance=[1.0, 1.0, 1.5])},
}
every_extension = pytest.mark.parametrize("extras", GENERAL.values(), ids=GENERAL.keys())


def network(name: str = "erf", **extras: object) -> Network:
    W1 = [[1.0, 0.5, -0.2], [0.3, -1.0, 0.7]]
    return Network(**{"W1": W1, "W2": [1.0, 2.0], "activation": name, **extras})


@pytest.mark.parametrize("N_o", [1, 3])
@pytest.mark.parametrize("biases", BIASES)
def test_parameters_are_layer_by_layer(biases: str, N_o: int) -> None:
    teacher = sample_teacher("tanh", 2, 4, 5, biases=biases, N_o=N_o)
    layout = teacher.layout
    hidden, output = biases in ("hidden", "both"), biases in ("output", "both")
    assert layout == Layout(2, 4, N_o, hidden, output)
    assert teacher.P == layout.P == 4 * (2 + N_o) + 4 * hidden + N_o * output
    theta = teacher.parameters
    assert theta.shape == (layout.P,)
    np.testing.assert_array_equal(theta[layout.W1], teacher.W1.ravel())
    np.testing.assert_array_equal(theta[layout.W2], teacher.W2.ravel())
    if hidden:
        np.testing.assert_array_equal(theta[layout.b1], teacher.b1)
    if output:
        np.testing.assert_array_equal(theta[layout.b2], teacher.b2)
    assert (teacher.b1 is not None, teacher.b2 is not None) == (hidden, output)
    again = teacher.with_parameters(theta + 1)
    np.testing.assert_array_equal(again.parameters, theta + 1)


def test_other_parameters_leave_the_inputs() -> None:
    inputs = Inputs(mean=np.array([1.0, -2.0]))
    teacher = Network(np.eye(2), np.ones(2), "erf", inputs=inputs)
    moved = teacher.with_parameters(teacher.parameters + 1)
    assert moved.inputs is inputs
    np.testing.assert_array_equal(moved.offsets, moved.W1 @ [1.0, -2.0])


@pytest.mark.parametrize("inputs", [None, Inputs(covariance=[1.0, 2.0])])
@pytest.mark.parametrize("b1", [None, [0.5, -1.0, 2.0]])
def test_without_a_mean_the_offsets_are_the_biases(inputs: Inputs, b1: object) -> None:
    found = Network(np.ones((3, 2)), np.ones(3), "erf", b1=b1, inputs=inputs).offsets
    np.testing.assert_array_equal(found, np.zeros(3) if b1 is None else b1)


def test_a_network_and_its_inputs_show_what_they_have() -> None:
    inputs = Inputs(mean=[1.0, 2.0], covariance=np.eye(2))
    shown = "Inputs(mean=array of shape (2,), covariance=array of shape (2, 2))"
    assert repr(inputs) == shown
    assert repr(Inputs()) == "Inputs()"
    assert repr(Inputs(covariance=[1.0])) == "Inputs(covariance=array of shape (1,))"
    network = Network(np.ones((3, 2)), np.ones(3), "erf", inputs=inputs)
    assert repr(network) == f"Network(erf, N_i=2, N_h=3, inputs={shown}, P=9)"
    standard = Network(np.ones((3, 2)), np.ones(3), "erf", inputs=Inputs(mean=[0.0, 0.0]))
    assert repr(standard) == "Network(erf, N_i=2, N_h=3, P=9)"


@pytest.mark.parametrize("N_o", [None, 1, 3])
@pytest.mark.parametrize("biases", BIASES)
def test_gradients_are_those_of_differences(biases: str, N_o: int | None) -> None:
    teacher = sample_teacher("gelu", 2, 3, 5, biases=biases, N_o=N_o or 1)
    if N_o == 1:
        teacher = Network(teacher.W1, teacher.W2[None], teacher.activation, teacher.b1, teacher.b2)
    x = np.random.default_rng(0).standard_normal((4, 2))
    shape = (4,) if N_o is None else (4, N_o)
    phi = teacher.gradient(x)
    assert phi.shape == (*shape, teacher.P)
    assert teacher(x).shape == shape
    for i, step in enumerate(1e-5 * np.eye(teacher.P)):
        up, down = (teacher.with_parameters(teacher.parameters + s * step)(x) for s in (1, -1))
        np.testing.assert_allclose(phi[..., i], (up - down) / 2e-5, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("weights", sorted(WEIGHTS))
def test_biases_are_drawn_after_the_weights(weights: str) -> None:
    plain = sample_teacher("erf", 3, 4, 9, weights)
    teachers = {b: sample_teacher("erf", 3, 4, 9, weights, biases=b) for b in BIASES}
    wide = sample_teacher("erf", 3, 4, 9, weights, biases="both", N_o=2)
    for teacher in teachers.values():
        np.testing.assert_array_equal(teacher.W1, plain.W1)
        np.testing.assert_array_equal(teacher.W2, plain.W2)
    np.testing.assert_array_equal(wide.W1, plain.W1)
    np.testing.assert_array_equal(wide.W2[0], plain.W2)
    np.testing.assert_array_equal(teachers["both"].b1, teachers["hidden"].b1)
    np.testing.assert_array_equal(teachers["both"].b2, teachers["output"].b2)
    assert not set(wide.b1) & set(wide.W1.ravel()) or weights == "rademacher"


def test_variance_of_the_biases_is_one_over_fan_in() -> None:
    teachers = [sample_teacher("erf", 4, 9, s, biases="both", N_o=5) for s in range(400)]
    for bias, fan_in in (("b1", 4), ("b2", 9)):
        values = np.array([getattr(teacher, bias) for teacher in teachers]) * np.sqrt(fan_in)
        assert abs(values.mean()) < 4.5 / np.sqrt(values.size)
        assert abs(np.mean(values**2) - 1) < 4.5 * np.sqrt(2 / values.size)


def test_inputs_given_as_the_standard_ones_change_nothing() -> None:
    standard = Inputs(mean=np.zeros(3), covariance=np.eye(3))
    assert network(inputs=standard).is_plain
    assert network(inputs=Inputs()).is_plain
    assert Inputs(covariance=np.ones(3)).is_standard
    assert not Inputs(covariance=[1.0, 0.0]).is_standard
    assert not Inputs(mean=[0.0, 1e-300]).is_standard


@pytest.mark.parametrize("covariance", [None, [1.0, 0.0, 4.0], np.full((3, 3), 2.0)])
def test_samples_have_mean_and_covariance(covariance: object) -> None:
    inputs = Inputs([1.0, -2.0, 0.0], covariance)
    x = inputs.sample(40_000, np.random.default_rng(1), 3)
    np.testing.assert_allclose(x.mean(axis=0), inputs.mean, atol=0.05)
    np.testing.assert_allclose(np.cov(x.T), inputs.matrix(3), atol=0.1)
    np.testing.assert_allclose(inputs.factor(3) @ inputs.factor(3).T, inputs.matrix(3), atol=1e-14)


WRONG = [
    (ShapeError, "b1: expected 2 entries", lambda: network(b1=[1.0])),
    (ShapeError, "b2: expected 1 entries", lambda: network(b2=[1.0, 2.0])),
    (ShapeError, "W2: expected 2 entries", lambda: network(W2=np.ones((2, 3)))),
    (ShapeError, "a law of 3 inputs", lambda: network(inputs=Inputs(mean=[1.0]))),
    (InputError, "finite", lambda: network(b1=[1.0, np.nan])),
    (ShapeError, "same number of inputs", lambda: Inputs([1.0], [1.0, 2.0])),
    (ShapeError, "square", lambda: Inputs(covariance=np.ones((2, 3)))),
    (InputError, "symmetric", lambda: Inputs(covariance=[[1.0, 0.1], [0.0, 1.0]])),
    (InputError, "by 2.77", lambda: Inputs(covariance=[[1.0, 0.1], [0.1 + 2**-55, 1.0]])),
    (InputError, "semidefinite", lambda: Inputs(covariance=[[1.0, 2.0], [2.0, 1.0]])),
    (InputError, "variances", lambda: Inputs(covariance=[1.0, -1.0])),
    (InputError, "finite", lambda: Inputs(mean=[np.inf])),
    (ShapeError, "a vector", lambda: Inputs(mean=[[1.0]])),
    (InputError, "biases: expected one of", lambda: sample_teacher("erf", 2, 2, 0, biases="all")),
    (ShapeError, "N_o", lambda: sample_teacher("erf", 2, 2, 0, N_o=0)),
    (InputError, "seed", lambda: sample_teacher("erf", 2, 2, -1, biases="both")),
    (InputError, "weights", lambda: sample_teacher("erf", 2, 2, 1, "cauchy", biases="both")),
]


@pytest.mark.parametrize(("error", "message", "make"), WRONG, ids=[case[1] for case in WRONG])
def test_what_does_not_fit_is_refused(error: type, message: str, make: Callable) -> None:
    with pytest.raises(error, match=message):
        make()


REFUSING: dict[str, Callable] = {
    "ball.hessian": ball.hessian,
    "has_minor": lambda network: minor.has_minor(network, 8),
    "gradient_balls": lambda n: minor.gradient_balls(n, np.ones((8, 3)), np.arange(8)),
    "bounds": structure.bounds,
    "independent_parameters": structure.independent_parameters,
    "classes": lambda network: structure.classes(network, merge_signs=True),
    "analytic_rank": lambda network: theorem.analytic_rank(network, None),
    "split": lambda network: theorem.split(network, None),
    "modular_rank": lambda network: modular.modular_rank(network, 8),
    "gradient_residues": lambda network: modular.gradient_residues(network, 8),
    "rational_rank": modular.rational_rank,
    "rational_cost": modular.rational_cost,
    "HessianOperator": HessianOperator,
    "blocks": blocks,
    "widen": lambda network: hessweep.widen(network, zero_output=1),
    "learning_coefficient": hessweep.learning_coefficient,
    "comparison": comparison,
    "compression": lambda network: compression(network, np.array([1.0, 0.0, 0.0])),
    "few_eigenvalues": lambda network: few_eigenvalues(network, 1, vectors=4),
    "largest_beside": lambda network: largest_beside(network, 1, 1e-8, 4),
}
"""Functions that know the paper's networks alone."""


@every_extension
@pytest.mark.parametrize("function", REFUSING.values(), ids=REFUSING.keys())
def test_functions_that_do_not_know_a_network_refuse_it(function: Callable, extras: dict) -> None:
    with pytest.raises(InputError, match="expected a network without biases"):
        function(network(**extras))


ACCEPTING = {
    "batch_formula",
    "batch_gradients",
    "batch_rank",
    "converged_eigenvalues",
    "displacement",
    "extreme_eigenvalues",
    "general_frobenius_norm",
    "general_row_space",
    "known_part",
    "network_formula",
    "random_weights",
    "spectral_density",
    "stream",
    "general_neurons",
    "sgd_losses",
    "sgd_paths",
    "split_layers",
    "theorem_bounds",
    "train",
    "train_by_sgd",
    "theorem_columns",
    "formula_columns",
    "rank_columns",
    "smallest_eigenvalue",
    "batch_hessian",
    "directions",
    "hessian",
    "enclosed_smallest_eigenvalue",
    "has_balls",
    "general_diagonal",
    "general_hessian",
    "general_hessian_error",
    "plan_of",
    "general_trace",
    "hessian_error",
    "hessian_operator",
    "neurons",
    "proved_bounds",
    "rank",
    "require_plain",
    "spectrum",
    "spectrum_with_error",
    "trace",
    "learning_columns",
}
"""Functions that take any network."""
MODULES = (
    "hessian",
    "spectrum",
    "density",
    "rank",
    "dynamics",
    "networks",
    "laws",
    "kinds",
)


def test_no_function_of_a_network_is_forgotten() -> None:
    """Each function that takes a network takes any network, or refuses what it does not know.

    Those with an underscore, and methods, are behind one that is listed.
    """
    found = set()
    for module in MODULES:
        package = importlib.import_module(f"hessweep.{module}")
        for info in [None, *pkgutil.iter_modules(package.__path__)]:
            name = package.__name__ + (f".{info.name}" if info else "")
            for function in vars(importlib.import_module(name)).values():
                if not inspect.isfunction(function) or function.__name__.startswith("_"):
                    continue
                annotations = inspect.signature(function).parameters.values()
                if any(parameter.annotation in (Network, "Network") for parameter in annotations):
                    found.add((function.__module__, function.__name__))
    assert len(found) > 20
    unknown = {
        f"{module}.{name}"
        for module, name in found
        if name not in REFUSING and name not in ACCEPTING
    }
    assert not unknown


def test_stacked_teachers_of_one_output_may_leave_its_axis_out() -> None:
    """W2 of shape (S, N_h) and b2 of shape (S,), a number for each network."""
    rng = np.random.default_rng(0)
    W1, W2, b1, b2 = (rng.standard_normal(s) for s in ((3, 4, 2), (3, 4), (3, 4), (3,)))
    short = StoredArrays({"W1": W1, "W2": W2, "b1": b1, "b2": b2})
    long = StoredArrays({"W1": W1, "W2": W2[:, None], "b1": b1, "b2": b2[:, None]})
    one, other = (stacked_teachers(file) for file in (short, long))
    assert one.sha256 == other.sha256
    text = weights_text(one)
    for seed, found in enumerate(own_teachers(activation("erf"), text, range(3), [one])):
        expected = Network(W1[seed], W2[seed], "erf", b1[seed], b2[seed])
        assert found.W2.shape == (4,)
        np.testing.assert_array_equal(found.parameters, expected.parameters)
