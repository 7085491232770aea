"""Students wider than their teacher: they compute its function, and are optima of the loss."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from hessweep import hessian, learning_coefficient, sample_teacher, widen
from hessweep.dynamics import PopulationLoss
from hessweep.errors import InputError
from hessweep.hessian import trace
from hessweep.networks import Network, Student

EXTRA = {
    "zero_output": Student(zero_output=2),
    "zero_input": Student(zero_input=2),
    "split": Student(split=3),
    "cancelling": Student(cancelling=2),
    "all": Student(1, 2, 3, 2),
}


@pytest.mark.parametrize("student", EXTRA.values(), ids=EXTRA)
@pytest.mark.parametrize("activation", ["cubic", "erf", "tanh", "relu"])
def test_the_student_computes_the_function_of_its_teacher(activation, student):
    teacher = sample_teacher(activation, N_i=3, N_h=4, seed=5)
    network = student.optimum(teacher, seed=7)
    assert network.N_h == teacher.N_h + student.extra_neurons
    x = 3 * np.random.default_rng(0).standard_normal((100, 3))
    scale = np.abs(network.activation(x @ network.W1.T)) @ np.abs(network.W2)
    assert (np.abs(network(x) - teacher(x)) <= 1e-14 * scale).all()
    loss = PopulationLoss(teacher)
    assert loss.loss(network.parameters) <= 1e-14
    assert np.abs(loss.gradient(network.parameters)).max() <= 1e-13


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), min_size=1, max_size=4),
    st.integers(0, 12),
    st.integers(0, 2**40),
)
def test_shares_are_positive_and_add_up_without_rounding(outputs, split, seed):
    W1 = np.arange(2.0 * len(outputs)).reshape(-1, 2)
    teacher = Network(W1, np.array(outputs), "erf")
    student = widen(teacher, split=split, seed=seed)
    for row, output in zip(teacher.W1, teacher.W2, strict=True):
        shares = student.W2[(row[None] == student.W1).all(axis=1)]
        assert shares.sum() == output
        # Neither the neuron nor one of its copies is left without a share.
        assert output == 0 or (shares * np.sign(output) > 0).all()


def test_each_kind_of_neuron_is_what_it_says():
    teacher = sample_teacher("erf", N_i=3, N_h=2, seed=0)
    network = widen(teacher, zero_output=2, zero_input=3, split=1, cancelling=2, seed=4)
    without, at_zero, copy, pairs = np.split(np.arange(2, 12), [2, 5, 6])
    assert not network.W2[without].any()
    assert network.W1[without].all()
    assert not network.W1[at_zero].any()
    assert network.W2[at_zero].all()
    assert (network.W1[:2] == teacher.W1).all()
    assert network.W1[copy].tolist()[0] in teacher.W1.tolist()
    assert (network.W1[pairs[::2]] == network.W1[pairs[1::2]]).all()
    assert (network.W2[pairs[::2]] == -network.W2[pairs[1::2]]).all()
    assert len(np.unique(network.W1[pairs], axis=0)) == 2


def test_a_seed_fixes_the_student_and_kinds_do_not_disturb_each_other():
    teacher = sample_teacher("erf", N_i=3, N_h=2, seed=0)
    one, again, other = (widen(teacher, zero_output=2, seed=seed) for seed in (1, 1, 2))
    assert (one.parameters == again.parameters).all()
    assert (one.W1[2:] != other.W1[2:]).all()
    mixed = widen(teacher, zero_output=1, zero_input=1, split=2, cancelling=1, seed=1)
    assert (mixed.W1[2] == one.W1[2]).all()
    assert (widen(teacher).parameters == teacher.parameters).all()


def test_extra_weights_have_the_variance_of_their_layer():
    teacher = sample_teacher("erf", N_i=4, N_h=9, seed=0)
    network = widen(teacher, zero_output=2000, zero_input=2000, cancelling=2000, seed=3)
    rows, outputs = network.W1[9:2009], network.W2[2009:4009]
    pairs = slice(4009, None, 2)
    # The standard error of a variance of n normal numbers is √(2/n) of it.
    for values, variance in (
        (rows, 1 / 4), (outputs, 1 / 9), (network.W1[pairs], 1 / 4), (network.W2[pairs], 1 / 9),
    ):  # fmt: skip
        assert values.var() == pytest.approx(variance, rel=4 * np.sqrt(2 / values.size))


@pytest.mark.parametrize("activation", ["quadratic", "cubic", "erf", "gelu"])
@pytest.mark.parametrize("name", ["zero_output", "zero_input", "cancelling"])
def test_neurons_that_leave_the_teacher_as_it_is_only_raise_eigenvalues(activation, name):
    teacher = sample_teacher(activation, N_i=3, N_h=3, seed=2)
    network = EXTRA[name].optimum(teacher, seed=1)
    before, after = (np.linalg.eigvalsh(hessian(one))[::-1] for one in (teacher, network))
    assert (after[: teacher.P] - before >= -1e-12 * after[0]).all()
    assert (after >= -1e-12 * after[0]).all()
    assert after[: teacher.P].sum() > before.sum() * 1.01


def moments_of_erf(w):
    """E[g²] and E[|x|² g'²] for g = erf(u/√2) by quadrature over two standard normal inputs."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(90)
    x = np.array(list(product(nodes, nodes)))
    mass = np.outer(weights, weights).ravel() / (2 * np.pi)
    u = x @ w
    slope = np.sqrt(2 / np.pi) * np.exp(-u * u / 2)
    return mass @ special.erf(u / np.sqrt(2)) ** 2, mass @ ((x * x).sum(axis=1) * slope**2)


@pytest.mark.parametrize("copies", [1, 2, 4])
def test_splitting_changes_the_trace_as_a_count_says(copies):
    """r shares f of the output weight W2: trace r E[g²] + W2² Σ f² E[|x|² g'²]."""
    teacher = Network(np.array([[0.6, -0.3]]), np.array([1.7]), "erf")
    network = widen(teacher, split=copies, seed=3)
    value, slope = moments_of_erf(teacher.W1[0])
    expected = (copies + 1) * value + (network.W2**2).sum() * slope
    assert trace(network) == pytest.approx(expected, rel=1e-9)
    equal = network.with_parameters(np.append(network.W1, np.full(copies + 1, 1.7 / (copies + 1))))
    assert trace(equal) == pytest.approx(
        (copies + 1) * value + 1.7**2 * slope / (copies + 1), rel=1e-9
    )


@pytest.mark.parametrize("count", [-1, 1.5, True, "2"])
def test_numbers_of_neurons_are_whole(count):
    with pytest.raises(InputError, match="split: expected a whole number of at least 0"):
        widen(sample_teacher("erf", 2, 2, seed=0), split=count)


def test_impossible_students_are_refused():
    with pytest.raises(InputError, match=r"zero_input: expected an activation with g\(0\) = 0"):
        widen(sample_teacher("sigmoid", 2, 2, seed=0), zero_input=1)
    with pytest.raises(InputError, match="seed: expected a whole number"):
        widen(sample_teacher("erf", 2, 2, seed=0), seed=-1)
    biased = Network(np.ones((2, 2)), np.ones(2), "erf", b1=np.zeros(2))
    with pytest.raises(InputError, match="widen: expected a network without biases"):
        widen(biased, split=1)
    with pytest.raises(InputError, match="learning_coefficient: expected a network"):
        learning_coefficient(biased)
