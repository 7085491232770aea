"""What is proved about an activation, and that nobody inherits a proof."""

import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest

from hessweep.activations import ACTIVATIONS, Erf, Facts, Polynomial, activation, load_activation
from hessweep.activations.sigmoid import Swish
from hessweep.errors import ActivationError
from hessweep.hessian import hessian
from hessweep.networks import Network, sample_teacher
from hessweep.rank import effective_parameters, formula, rank
from hessweep.rank.structure import independent_parameters
from hessweep.spectrum import spectrum, spectrum_plan

PARAMETERS = {"polynomial": {"coefficients": [0.5, 1, 2]}, "power": {"degree": 3}}
ALL = [activation(name, **PARAMETERS.get(name, {})) for name in ACTIVATIONS]


def states_nothing(g) -> bool:
    """Return whether nothing is stated about g, by any of the ways to ask."""
    return (
        g.facts == Facts()
        and not g.is_closed_form
        and not g.is_linear
        and g.theory is None
        and g.in_balls is None
        and g.polynomial is None
    )


@pytest.mark.parametrize("g", ALL, ids=str)
def test_the_package_states_facts_about_each_of_its_activations(g) -> None:
    assert g.theory is not None or g.polynomial is g
    assert g.is_closed_form != g.is_numeric
    assert g.is_linear == (g.name == "linear")


@pytest.mark.parametrize("g", ALL, ids=str)
def test_a_derived_class_inherits_no_fact(g) -> None:
    derived = type("Derived", (type(g),), {})
    heir = derived(**{one.name: getattr(g, one.name) for one in fields(g)})
    assert states_nothing(heir)
    assert heir.is_numeric == g.is_numeric  # that says how it is computed, and proves nothing
    assert formula(heir, 3, 2) == (None, "none")


@dataclass(frozen=True)
class Bent(Polynomial):
    """Derived from a polynomial, of which it keeps the coefficients, but it is the erf."""

    erf = Erf()

    def __call__(self, x):
        return self.erf(x)

    def derivative(self, x):
        return self.erf.derivative(x)

    def second_derivative(self, x):
        return self.erf.second_derivative(x)

    def dual(self, p, q, c):
        return self.erf.dual(p, q, c)


@pytest.mark.parametrize("coefficients", [(0.0, 1.0), (0.0, 1.0, 1.0)])
@pytest.mark.parametrize(("N_i", "N_h"), [(2, 4), (5, 2)])
def test_a_class_derived_from_a_polynomial_is_computed_by_its_own_kernel(
    coefficients, N_i, N_h
) -> None:
    bent = Bent("linear", coefficients=coefficients)
    network = sample_teacher(bent, N_i, N_h, 0)
    plan = spectrum_plan(bent, N_i, N_h)
    assert not plan.closed_form
    assert not plan.gram
    expected = np.linalg.eigvalsh(hessian(sample_teacher("erf", N_i, N_h, 0)))
    np.testing.assert_allclose(spectrum(network), expected, atol=1e-13)
    assert effective_parameters(bent, N_i, N_h) is None
    assert len(independent_parameters(network)) == 0
    found = rank(network)
    assert (found.certificate, found.lower) == ("undecided", 0)


@dataclass(frozen=True)
class Straight(Erf):
    """Derived from erf, but it is `g(x) = x`, whose rank is N_i."""

    def __call__(self, x):
        return np.asarray(x)

    def derivative(self, x):
        return np.ones(np.shape(x))

    def second_derivative(self, x):
        return np.zeros(np.shape(x))

    def dual(self, p, q, c):
        return activation("linear").dual(p, q, c)


def test_a_class_derived_from_erf_has_not_the_rank_of_erf() -> None:
    found = rank(sample_teacher(Straight(), 2, 3, 0))
    assert (found.certificate, found.lower) == ("undecided", 0)
    assert found.value == 2


FILES = {
    "function": "def erf(x):\n    return x\n",
    "class": """
from dataclasses import dataclass, fields
from hessweep.activations import Erf, activation

@dataclass(frozen=True)
class erf(Erf):
    def __call__(self, x):
        return np.asarray(x) + 0.0
    def derivative(self, x):
        return np.ones(np.shape(x))
    def second_derivative(self, x):
        return np.zeros(np.shape(x))
    def dual(self, p, q, c):
        return activation("linear").dual(p, q, c)
""",
    "class that states facts": """
from dataclasses import dataclass, fields
from hessweep.activations import Erf

@dataclass(frozen=True)
class erf(Erf):
    def __call__(self, x):
        return np.asarray(x) + 0.0
    def derivative(self, x):
        return np.ones(np.shape(x))
    def _facts(self):
        return Erf().facts
    @property
    def theory(self):
        return Erf().theory
""",
    "class of a polynomial": """
from dataclasses import dataclass, fields
from hessweep.activations import Erf, Polynomial

@dataclass(frozen=True)
class erf(Polynomial):
    coefficients: tuple = (0.0, 1.0)
    def __call__(self, x):
        return Erf()(x)
    def derivative(self, x):
        return Erf().derivative(x)
    def dual(self, p, q, c):
        return Erf().dual(p, q, c)
""",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_file_has_no_facts_whatever_it_says(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import numpy as np\n" + text)
    mine = load_activation(file, "erf")
    assert states_nothing(mine)
    found = rank(sample_teacher(mine, 2, 3, 0))
    assert (found.certificate, found.lower, found.upper) == ("undecided", 0, 9)


@pytest.mark.parametrize("beta", [0.0, np.nan, np.inf])
def test_nothing_is_proved_about_a_degenerate_swish(beta: float) -> None:
    assert states_nothing(Swish("swish", beta=beta))


@pytest.mark.parametrize("beta", [-3.0, 1e-300, 1e-9, 50.0])
def test_swish_has_its_reflection_for_every_other_beta(beta: float) -> None:
    g = activation("swish", beta=beta)
    u = np.linspace(0.01, 6, 40)
    s, constant, slope = g.theory.reflection
    np.testing.assert_allclose(g(-u), s * g(u) + constant + slope * u, atol=1e-14)
    assert g(np.zeros(1)) == g.theory.at_zero
    assert g.derivative(np.zeros(1)) == g.theory.slope_at_zero


def test_a_polynomial_of_ones_own_keeps_what_is_known_of_polynomials() -> None:
    mine = Polynomial("mine", coefficients=(0, 1, 1, 1))
    assert mine.polynomial is mine
    assert formula(mine, 5, 7) == formula("cubic", 5, 7)
    found = rank(sample_teacher(mine, 3, 4, 0))
    assert found == rank(sample_teacher("cubic", 3, 4, 0))
    assert found.certificate == "proved"
    assert Polynomial("anything", coefficients=(0, -3)).is_linear
    assert not Polynomial("linear", coefficients=(1, -3)).is_linear


@pytest.mark.parametrize(
    "coefficients", [(), (2.0,), (0.0, 1.0, 0.0), (0.0, np.nan), (1.0, np.inf), (0.0, 1j), "ab"]
)
def test_a_polynomial_without_a_degree_is_refused(coefficients) -> None:
    with pytest.raises(ActivationError, match="coefficients: expected"):
        Polynomial("mine", coefficients=coefficients)


def test_a_file_is_numeric_unless_it_brings_its_kernel(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\nfrom hessweep.activations import activation\n"
        "def f(x):\n    return np.exp(x)\n"
        "def h(x):\n    return np.exp(x)\n"
        "def h_dual(p, q, c):\n    return activation('exp').dual(p, q, c)\n"
    )
    one = np.ones((1, 1))
    for g in (load_activation(file, "f"), load_activation(file, "h"), *ALL):
        assert g.is_numeric == (g.coarser_duals(one, one, one / 2) is not None), g
    assert load_activation(file, "f").is_numeric
    assert not load_activation(file, "h").is_numeric
    assert not load_activation(file, "h").is_closed_form


def test_ball_arithmetic_is_imported_only_when_it_is_asked_for() -> None:
    code = (
        "import sys\nfrom hessweep.activations import activation\n"
        "g = activation('erf')\nassert g.theory and g.is_closed_form\n"
        "assert 'flint' not in sys.modules\n"
        "assert g.in_balls\nassert 'flint' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_matrix_is_no_network_and_is_told_so() -> None:
    with pytest.raises(
        ValueError, match=r"rank: expected a hessweep.Network or DeepNetwork, got ndarray"
    ):
        rank(np.eye(3))


def test_names_and_activations_have_the_same_formula() -> None:
    assert formula("cubic", 5, 7) == formula(activation("cubic"), 5, 7) == (42, "exact")
    assert Network(np.ones((1, 2)), [1.0], "cubic").P == 3
    with pytest.raises(ActivationError, match="unknown activation 'cubik'"):
        formula("cubik", 5, 7)
