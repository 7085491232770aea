"""Ranks of students wider than their teacher: by formula, and proved at their own weights."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from hessweep.activations import activation
from hessweep.errors import InputError
from hessweep.networks import Network, Student, sample_teacher
from hessweep.rank import ball, modular, rank
from hessweep.rank.formulas import formula
from hessweep.rank.minor import has_minor
from hessweep.rank.structure import bounds
from hessweep.rank.students import student_rank

REFERENCE = Path(__file__).parents[1] / "reference"


def rows_of(name):
    with (REFERENCE / name).open() as file:
        return list(csv.DictReader(file))


POLYNOMIAL = rows_of("students_polynomial.csv")
ANALYTIC = rows_of("students_analytic.csv")
NAMES = {"gauss": "gaussian"}
STUDENTS = {
    "teacher": Student(),
    "1 zero output": Student(zero_output=1),
    "2 zero output": Student(zero_output=2),
    "1 zero input": Student(zero_input=1),
    "2 zero input": Student(zero_input=2),
    "zero in + zero out": Student(zero_output=1, zero_input=1),
    "split": Student(split=1),
    "cancelling pair": Student(cancelling=1),
}


def polynomial(support, seed):
    coefficients = np.zeros(max(support) + 1)
    coefficients[support] = np.random.default_rng(seed).uniform(0.5, 1.5, len(support))
    return activation("polynomial", coefficients=coefficients.tolist())


@pytest.mark.parametrize("first", range(0, 500, 50))
def test_every_polynomial_student_has_the_rank_of_the_formula_and_of_exact_arithmetic(first):
    assert len(POLYNOMIAL) == 500
    for seed, row in enumerate(POLYNOMIAL[first : first + 50], start=first):
        g = polynomial(json.loads(row["support"]), seed)
        N_i, N_h, expected = int(row["N_i"]), int(row["N_h"]), int(row["rank"])
        counts = ("zero_output", "zero_input", "split", "cancelling_pairs")
        student = Student(*(int(row[name]) for name in counts))
        network = student.optimum(sample_teacher(g, N_i, N_h, seed=seed), seed)
        assert int(row["P"]) == network.P
        assert formula(g, N_i, N_h).value == int(row["teacher"])
        assert student_rank(g, N_i, N_h, student).value == expected, row
        found = rank(network)
        assert (found.value, found.certificate) == (expected, "proved"), row
        assert modular.modular_rank(network, bounds(network).upper) == expected, row


@pytest.mark.parametrize("row", ANALYTIC, ids=lambda row: "-".join(list(row.values())[:4]))
def test_every_analytic_student_has_the_rank_of_the_formula_and_of_balls(row):
    name = NAMES.get(row["act"], row["act"])
    N_i, N_h, expected = int(row["N_i"]), int(row["N_h"]), int(row["rank"])
    teacher = sample_teacher(name, N_i, N_h, seed=1)
    if (student := STUDENTS.get(row["case"])) is not None:
        assert student_rank(name, N_i, N_h, student).value == expected
        network = student.optimum(teacher, seed=2)
    elif row["case"] == "split with sign":  # g(-u) = -g(u): the copy is turned around
        W1 = np.concatenate([teacher.W1, -teacher.W1[:1]])
        W2 = np.concatenate([[0.3 * teacher.W2[0]], teacher.W2[1:], [-0.7 * teacher.W2[0]]])
        network = Network(W1, W2, name)
    else:
        assert row["case"] == "dead (zero in and out)"
        W1 = np.concatenate([teacher.W1, np.zeros((1, N_i))])
        network = Network(W1, np.append(teacher.W2, 0), name)
    assert int(row["P"]) == network.P
    found = rank(network)
    assert (found.value, found.certificate) == (expected, "proved")
    if teacher.activation.in_balls is not None:
        assert has_minor(network, expected)
    if ball.has_kernel(teacher.activation):
        with ball.working_precision(256):
            H = np.array([float(entry.mid()) for entry in ball.hessian(network).entries()])
        eigenvalues = np.linalg.eigvalsh(H.reshape(network.P, network.P))
        assert (eigenvalues[: network.P - expected] < 1e-13 * eigenvalues[-1]).all()


@pytest.mark.parametrize(
    "name", ["linear", "quadratic", "cubic", "1+u+u2", "1+u2", "erf", "relu", "sin", "exp", "cos"]
)
@pytest.mark.parametrize(
    "student", [Student(2, 0, 1, 0), Student(1, 1, 0, 1), Student(9, 2, 0, 1)]
)
def test_mixtures_have_the_rank_of_the_formula(name, student):
    g = {"1+u+u2": polynomial([0, 1, 2], 0), "1+u2": polynomial([0, 2], 0)}.get(name)
    g = activation(name) if g is None else g
    if student.zero_input and float(g(np.zeros(1))[0]):
        student = Student(student.zero_output, 0, student.split, student.cancelling)
    network = student.optimum(sample_teacher(g, N_i=2, N_h=3, seed=4), seed=5)
    found = rank(network)
    assert found.certificate == "proved"
    assert student_rank(g, 2, 3, student).value == found.value


def test_nothing_is_said_where_no_formula_is_known():
    assert student_rank("relu", 1, 3, Student(zero_output=1)) == (None, "none")
    assert student_rank("relu", 2, 3, Student(zero_output=1)).value == 7
    upper = student_rank(polynomial([2, 4], 0), 3, 4, Student(zero_output=1))
    assert upper.kind == "upper bound"


def test_there_is_no_rank_where_there_is_no_such_optimum():
    with pytest.raises(InputError, match=r"zero_input: expected an activation with g\(0\) = 0"):
        student_rank("sigmoid", 2, 3, Student(zero_input=1))
