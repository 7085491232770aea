"""The one face of all ranks: value, certificate and method."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from named import DENSE, Mine

from hessweep.activations import activation
from hessweep.errors import PrecisionError
from hessweep.kinds import SCALARS
from hessweep.kinds.exact import rank_columns
from hessweep.networks import Network, sample_teacher
from hessweep.rank import Rank, effective_parameters, rank
from hessweep.rank.structure import Bounds
from hessweep.spectrum import Spectrum, spectrum_with_error

PACKAGE = importlib.import_module("hessweep.rank")  # hessweep.rank itself is the function
CASES = json.loads((Path(__file__).parents[1] / "reference" / "ranks.json").read_text())["cases"]


def identity(case):
    return f"{case['coefficients']}-{case['N_i']}-{case['N_h']}"


@pytest.mark.parametrize("case", CASES, ids=identity)
def test_reference_ranks_are_reproduced_and_proved(case):
    g = activation("polynomial", coefficients=case["coefficients"])
    network = sample_teacher(g, case["N_i"], case["N_h"], 0)
    for theorems in (True, False):
        found = rank(network, theorems=theorems)
        assert (found.value, found.certificate) == (case["rank"], "proved")
        assert found.lower == found.upper == case["rank"]
    assert effective_parameters(g, case["N_i"], case["N_h"]) == case["rank"]


@pytest.mark.parametrize("case", CASES, ids=identity)
def test_reference_ranks_need_no_float64(case):
    g = activation("polynomial", coefficients=case["coefficients"])
    network = sample_teacher(g, case["N_i"], case["N_h"], 1)
    blind = Spectrum(np.zeros(network.P), 1.0, DENSE)
    found = rank(network, blind, theorems=False)
    assert (found.value, found.certificate, found.method) == (case["rank"], "proved", "modular")


@pytest.mark.parametrize(("N_i", "N_h"), [(1, 12), (2, 16), (2, 30), (3, 40)])
def test_erf_is_proved_to_have_full_rank_where_numpy_loses_it(N_i, N_h):
    network = sample_teacher("erf", N_i, N_h, 0)
    spectrum = spectrum_with_error(network)
    assert rank_columns(network, spectrum)["rank_float64"] < network.P
    assert rank(network, spectrum) == Rank(network.P, network.P, network.P, "proved", "theorem")
    computed = rank(network, spectrum, theorems=False)
    assert computed == Rank(network.P, network.P, network.P, "proved", "minor")


def test_a_sweep_says_where_balls_confirm_the_theorem():
    methods = {}
    for name, N_i, N_h in (("erf", 1, 12), ("tanh", 1, 12), ("erf", 4, 4)):
        network = sample_teacher(name, N_i, N_h, 0)
        found = rank_columns(network, spectrum_with_error(network))
        methods[name, N_i] = found["rank_method"]
        # What balls enclose is positive; what no engine sees is 0 and known to be no better.
        assert (found["lambda_min"] > 0) == (found["lambda_min_error"] < 1)
    expected = {("erf", 1): "theorem, ball", ("tanh", 1): "theorem", ("erf", 4): "float64"}
    assert methods == expected


def test_float64_comes_first():
    assert rank(sample_teacher("erf", 5, 5, 0)).method == "float64"


def test_what_can_not_be_decided_says_so_with_its_bounds():
    W1 = np.array([[1.0, 0.5], [0.25, 2.0]])
    spectrum = Spectrum(np.array([1e-18, 1e-9, 1e-3, 0.1, 1.0, 2.0]), 1e-6, DENSE)
    # What is known of a user's kernel is an estimate: it proves nothing.
    mine = Network(W1, np.ones(2), Mine())
    assert rank(mine, spectrum) == Rank(4, 0, 6, "undecided", "float64")
    relu = Network(W1, np.ones(2), activation("relu"))
    assert rank(relu, spectrum, theorems=False) == Rank(4, 4, 4, "proved", "float64")


@pytest.mark.parametrize(("seen", "value"), [(1, 3), (3, 3), (4, 4), (5, 5), (6, 5)])
def test_a_value_that_can_not_be_decided_is_within_its_bounds(monkeypatch, seen, value):
    """The eigenvalues above their error, where the bounds allow it, else the nearer bound."""
    monkeypatch.setattr(PACKAGE, "bounds", lambda _: Bounds(3, 5))
    mine = Network(np.array([[1.0, 0.5], [0.25, 2.0]]), np.ones(2), Mine())
    spectrum = Spectrum(np.array([1e-4] * (6 - seen) + [1.0] * seen), 1e-3, DENSE)
    assert rank(mine, spectrum) == Rank(value, 3, 5, "undecided", "float64")


@pytest.mark.parametrize("name", ["tanh", "silu", "softplus"])
def test_an_estimated_kernel_proves_nothing(name):
    found = rank(sample_teacher(name, 4, 3, 0), theorems=False)
    assert (found.lower == 0) == (found.method == "float64")


def test_a_contradiction_is_an_error(monkeypatch):
    monkeypatch.setattr(PACKAGE, "bounds", lambda _: Bounds(0, 3))
    with pytest.raises(PrecisionError, match="proves at least 5, but counting allows 3"):
        rank(
            Network(np.eye(2), np.ones(2), activation("erf")),
            Spectrum(np.array([0.0, 1, 1, 1, 1, 1]), 0.0, DENSE),
        )


def test_polynomials_beyond_the_limits_are_left_undecided(monkeypatch):
    W1 = np.random.default_rng(0).integers(-3, 4, (8, 2)).astype(float)
    W1[:, 1] = 2 * W1[:, 0] + 1
    network = Network(W1, np.ones(8), activation("polynomial", coefficients=[0, 1, 0, 1, 0, 1]))
    blind = Spectrum(np.zeros(network.P), 1.0, DENSE)
    exact = rank(network, blind)
    monkeypatch.setattr(PACKAGE, "RATIONAL_LIMIT", 0)
    monkeypatch.setattr(PACKAGE, "MODULAR_LIMIT", 0)
    blinded = rank(network, blind)
    assert exact.certificate == "proved"
    assert blinded.lower <= exact.value <= blinded.upper
    assert blinded.certificate == ("undecided" if blinded.lower < blinded.upper else "proved")


@pytest.mark.parametrize("name", ["linear", "quadratic", "cubic", "erf"])
def test_a_sweep_gets_every_column_of_the_rank(name):
    network = sample_teacher(name, 2, 9, 0)
    found = rank_columns(network, spectrum_with_error(network))
    expected = [c for c in SCALARS if c.name in found]
    assert {c.name for c in expected} == set(found)
    kinds = {"int64": int, "float64": float, "str": str}
    for column in expected:
        assert isinstance(found[column.name], kinds[column.dtype]), column.name
    assert found["rank"] == found["effective_parameters"]
    assert found["lambda_min"] > 0
    assert found["lambda_min_error"] <= 0.01
