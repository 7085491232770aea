"""The axis `student`: what the kinds exact and training store at optima of wider students."""

import numpy as np
import pytest
from pydantic import ValidationError

import hessweep
from hessweep.activations import activation
from hessweep.errors import InputError
from hessweep.hessian import hessian
from hessweep.kinds.groups import GROUPS
from hessweep.kinds.training_options import Training
from hessweep.networks import Student, sample_teacher, widen
from hessweep.rank import student_rank
from hessweep.setup import Setup
from hessweep.study import Sweep

KINDS = ["zero_output=2", "zero_input=1", "split=2", "cancelling=1", "zero_output=1 split=1"]
GRID = {"activation": "erf", "N": 3, "seeds": 2}


@pytest.mark.parametrize("text", KINDS)
@pytest.mark.parametrize("name", ["linear", "quadratic", "cubic", "erf", "tanh", "relu"])
def test_points_have_the_numbers_of_their_optimum(name, text):
    student = Student.parse(text)
    assert str(student) == text
    setup = Setup(activation(name), 3, 2, student=text)
    [result] = setup.compute([4])
    counts = {part.split("=")[0]: int(part.split("=")[1]) for part in text.split()}
    optimum = widen(sample_teacher(name, 3, 2, 4), seed=4, **counts)
    expected = np.linalg.eigvalsh(hessian(optimum))
    scalars = result.scalars
    assert scalars["P"] == setup.P == optimum.P == len(expected)
    allowed = scalars["eigenvalue_error"] + 1e-12 * expected[-1]
    assert np.abs(result.eigenvalues - expected).max() <= allowed
    assert scalars["trace"] == pytest.approx(expected.sum(), rel=1e-11)
    proof = hessweep.rank(optimum)
    assert (scalars["rank"], scalars["rank_certificate"]) == (proof.value, proof.certificate)
    formula = student_rank(name, 3, 2, student)
    known = -1 if formula.value is None else formula.value
    assert (scalars["effective_parameters"], scalars["effective_parameters_kind"]) == (
        known,
        formula.kind,
    )
    if proof.certificate == "proved" and formula.kind == "exact":
        assert proof.value == formula.value
    bounds = hessweep.learning_coefficient(optimum)
    assert (scalars["learning_lower"], scalars["learning_upper"]) == bounds
    assert bounds.lower <= bounds.upper
    if name != "relu":
        assert scalars["lambda_min"] == pytest.approx(expected[-proof.value], rel=1e-4)


def test_the_law_of_the_teacher_counts_no_eigenvalues_of_a_wide_student():
    [teacher] = Setup(activation("erf"), 3, 2).compute([0])
    [student] = Setup(activation("erf"), 3, 2, student="split=2").compute([0])
    assert sum(teacher.scalars[column] for column in GROUPS.values()) == teacher.scalars["P"]
    assert {student.scalars[column] for column in GROUPS.values()} == {-1}


def test_teachers_have_the_learning_coefficient_and_others_have_none():
    [result] = Setup(activation("erf"), 3, 2).compute([0])
    assert result.scalars["learning_lower"] == result.scalars["learning_upper"] == 4
    [biased] = Setup(activation("erf"), 3, 2, biases="both").compute([0])
    assert np.isnan(biased.scalars["learning_lower"])


def test_a_sweep_has_each_student():
    sweep = Sweep(**GRID, student=["teacher", {"zero_output": 3}, {"split": 2, "cancelling": 1}])
    setups = list(sweep.setups())
    assert [setup.student for setup in setups] == [
        "teacher",
        "zero_output=3",
        "split=2 cancelling=1",
    ]
    assert [setup.P for setup in setups] == [12, 24, 28]
    assert sweep.cells == len(sweep.points()) == 6
    assert setups[0].point(0).key == Setup(activation("erf"), 3, 3).point(0).key
    assert Sweep(**sweep.model_dump(exclude_none=True)) == sweep
    [none] = Sweep(**GRID, student={"split": 0}).setups()
    assert none.student == "teacher"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"student": {"splits": 1}}, "did you mean 'split'"),
        ({"student": {"split": -1}}, "split: expected a whole number of at least 0, got -1"),
        ({"student": {}}, "teacher, a mapping such as"),
        ({"student": "wide"}, "expected teacher or a text like split=2"),
        ({"student": "split=x"}, "expected whole numbers"),
        ({"student": {"split": 1}, "biases": "both"}, "without biases and with one output"),
        ({"student": {"split": 1}, "kind": "density"}, "kind density does not take it"),
        ({"student": {"zero_input": 1}, "activation": "gaussian"}, "g\\(0\\) = 0"),
    ],
)
def test_students_that_can_not_be_measured_are_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        Sweep(**{**GRID, **wrong})


def test_a_wide_student_learns_from_random_weights_and_from_its_own_optimum():
    erf = activation("erf")
    near = Training(noise=1e-3, time=5.0, times=4)
    setup = Setup(erf, 2, 2, student="zero_output=1", kind="training", training=near.text)
    found = setup.point(0).compute()
    assert found.scalars["P"] == 9
    assert found.flat["loss"][0] < 1e-4
    assert (np.diff(found.flat["loss"]) < 0).all()
    random = (
        Setup(
            erf,
            2,
            2,
            student="split=1",
            kind="training",
            training=Training(time=5.0, times=4).text,
        )
        .point(0)
        .compute()
    )
    # The teacher is the same function, whatever copies its optimum has.
    teacher = Setup(erf, 2, 2).network(0)
    start = hessweep.dynamics.random_weights(setup.network(0), 0, 0)
    expected = hessweep.dynamics.PopulationLoss(teacher).loss(start)
    assert random.flat["loss"][0] == pytest.approx(expected, rel=1e-12)


def test_deep_networks_have_no_wide_students():
    with pytest.raises(InputError, match="deep networks take teacher"):
        Setup.of_widths(activation("erf"), (3, 2, 2, 1), student="split=1")
