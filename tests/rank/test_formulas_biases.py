"""Formulas with biases and several outputs against tables of exact ranks."""

import json
from math import comb

import beyond
import pytest

from hessweep.activations import activation
from hessweep.errors import InputError, ShapeError
from hessweep.rank import effective_parameters, formula
from hessweep.rank.formulas_biases import degree_below_power

# Cubics, found by nobody's formula yet: (N_i, N_h, N_o, output biases).
ONE_LESS = {(2, 4, 3, True), (3, 8, 3, True), (2, 5, 3, False)}


@pytest.mark.parametrize("table", ["A_hidden_bias_polynomial", "A_hidden_bias_polynomial_special"])
def test_hidden_biases(table: str) -> None:
    for row in beyond.rows(table):
        g = activation("polynomial", coefficients=beyond.coefficients(row))
        found = formula(g, *beyond.sizes(row), "both" if row["output"] == "true" else "hidden")
        assert found.value == int(row["rank"]), row


def test_output_biases() -> None:
    for row in beyond.rows("A_output_bias_polynomial"):
        degrees = json.loads(row["support"])
        g = activation("polynomial", coefficients=[d in degrees for d in range(degrees[-1] + 1)])
        assert formula(g, *beyond.sizes(row), "output").value == int(row["rank"]), row


def test_generic_biases_where_the_table_has_zero_ones_too() -> None:
    for row in beyond.rows("A_zero_bias_teacher"):
        g = activation("polynomial", coefficients=beyond.coefficients(row))
        biases = "both" if row["output"] == "true" else "hidden"
        found = formula(g, *beyond.sizes(row), biases)
        assert found.value == int(row["rank_generic_bias"]), row


@pytest.mark.parametrize("table", ["E_outputs_polynomial", "E_outputs_quadratic_large"])
def test_outputs(table: str) -> None:
    for row in beyond.rows(table):
        g = activation("polynomial", coefficients=beyond.coefficients(row))
        N_i, N_h, N_o = beyond.sizes(row)
        assert formula(g, N_i, N_h, "none", N_o).value == int(row["rank"]), row


def test_outputs_with_biases() -> None:
    for row in beyond.rows("E_outputs_bias"):
        g = activation("polynomial", coefficients=beyond.coefficients(row))
        N_i, N_h, N_o = beyond.sizes(row)
        output = row["output"] == "true"
        found = formula(g, N_i, N_h, "both" if output else "hidden", N_o)
        one_less = (N_i, N_h, N_o, output) in ONE_LESS and int(row["n"]) == 3
        assert found.value == int(row["rank"]) + (one_less and row["form"] == "full"), row
        if one_less:
            assert found.kind == "upper bound" or row["form"] != "full"


def test_ranks_of_analytic_activations() -> None:
    for row in beyond.rows("A_analytic_bias_minors"):
        name = {"gauss": "gaussian"}.get(row["act"], row["act"])
        N_i, N_h, N_o = json.loads(row["widths"])
        biases = {"[1, 1]": "both", "[1, 0]": "hidden"}[row["biases"]]
        found = formula(activation(name), N_i, N_h, biases, N_o)
        P = int(row["P"])
        assert found == (P if row["full_rank_proved"] == "true" else P - N_h, "exact"), row


@pytest.mark.parametrize(("N_i", "N_h"), [(1, 1), (3, 2), (2, 5), (4, 4)])
def test_what_the_paper_expects_of_biases(N_i: int, N_h: int) -> None:
    """Its section 6 expects one more; that is right for linear and quadratic networks alone."""
    for name in ("linear", "quadratic"):
        without = effective_parameters(name, N_i, N_h)
        assert effective_parameters(name, N_i, N_h, "both") == without + 1
        assert effective_parameters(name, N_i, N_h, "output") == without + 1
        assert effective_parameters(name, N_i, N_h, "hidden") == without + 1
    assert effective_parameters("erf", N_i, N_h, "both") == N_h * (N_i + 2) + 1
    assert effective_parameters("relu", N_i, N_h, "both") == N_h * (N_i + 1) + 1
    assert effective_parameters("exp", N_i, N_h, "both") == N_h * (N_i + 1) + 1


def test_the_obvious_guess_is_wrong() -> None:
    assert effective_parameters("cubic", 4, 6, "both") == 34
    assert min(6 * (4 + 2) + 1, comb(4 + 3, 3)) == 35


def test_an_activation_of_one_s_own_has_no_formula() -> None:
    from hessweep.activations.tanh import Tanh

    class Mine(Tanh):
        """Nothing is proved of it."""

    assert formula(Mine("mine"), 2, 3, "both", 2) == (None, "none")


def test_completing_the_power_is_exact() -> None:
    assert degree_below_power((0.0, 3.0, 3.0, 1.0)) == 0
    assert degree_below_power((1.0, 3.0, 3.0, 1.0)) is None
    assert degree_below_power((1.0, 3.0 + 2.0**-50, 3.0, 1.0)) == 1
    assert degree_below_power((0.0, 1.0, 5.0)) == 0
    assert degree_below_power((0.0, 0.0, 1.0, 0.0, 1.0)) == 2


def test_wrong_arguments() -> None:
    with pytest.raises(InputError, match="biases: expected one of none, hidden"):
        effective_parameters("erf", 2, 2, "all")
    with pytest.raises(ShapeError, match="N_o"):
        effective_parameters("erf", 2, 2, "both", 0)
