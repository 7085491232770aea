"""Functions of a session as activations, other libraries' arrays, kinks and names of a file."""

import numpy as np
import pytest
from scipy.special import expit

import hessweep
from hessweep.activations import activation, load_activation
from hessweep.errors import ActivationError
from hessweep.setup import Setup


@pytest.fixture
def teacher():
    return hessweep.sample_teacher("tanh", 3, 4, seed=0)


def test_a_function_of_numpy_is_an_activation(teacher):
    network = hessweep.Network(teacher.W1, teacher.W2, np.tanh)
    np.testing.assert_allclose(
        hessweep.hessian(network), hessweep.hessian(teacher), rtol=1e-10, atol=1e-13
    )
    assert repr(network) == "Network(tanh, N_i=3, N_h=4, P=16)"


def test_parameters_derivative_and_kinks_of_a_function():
    def hard(x, width=1.0):
        return np.clip(x, -width, width)

    made = activation(hard, kinks=(-2, 2), width=2)
    assert made.jumps == ((-2.0, 1.0), (2.0, -1.0))
    assert activation(hard).parameters == (("width", 1.0),)
    with pytest.raises(ActivationError, match="hard takes width besides x, got breadth"):
        activation(hard, breadth=2)
    soft = activation(lambda x: np.logaddexp(0, x), derivative=expit)
    x = np.linspace(-2, 2, 5)
    np.testing.assert_array_equal(soft.derivative(x), expit(x))
    with pytest.raises(ActivationError, match="derivative: expected"):
        activation(lambda x: np.logaddexp(0, x), derivative=np.tanh)


def test_two_functions_of_one_name_are_two_activations():
    one, other = activation(lambda x: np.tanh(x)), activation(lambda x: np.tanh(2 * x))
    assert one != other
    x = np.ones(1)
    assert one(x) != other(x)


def test_results_of_a_session_s_function_can_not_be_stored():
    with pytest.raises(ActivationError, match="put it into a Python file"):
        _ = Setup(activation(np.arctan), 2, 2).point(0).key


class Foreign:
    """An array of another library: numpy can read it, and it is no numpy array."""

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def __array__(self, dtype=None, copy=None):
        return self.values


def test_arrays_of_other_libraries_are_read():
    made = activation(lambda x: Foreign(np.tanh(x)))
    assert isinstance(made(np.zeros(3)), np.ndarray)
    with pytest.raises(ActivationError, match=r"expected float64 .*'jax_enable_x64'"):
        activation(lambda x: Foreign(np.tanh(x).astype(np.float32)))
    with pytest.raises(ActivationError, match=r"expected a numpy array of shape .*, got a list"):
        activation(lambda x: list(x))


def test_a_scalar_function_is_told_what_to_use():
    with pytest.raises(ActivationError, match=r"np\.where chooses entry by entry"):
        activation(lambda x: x if x > 0 else 0.1 * x)


def write(folder, text):
    file = folder / "mine.py"
    file.write_text("import numpy as np\n" + text)
    return file


@pytest.mark.parametrize(
    ("stated", "places"),
    [
        ("(1.0)", (1.0,)),
        ("np.array([1.0, -1.0])", (-1.0, 1.0)),
        ("{1}", (1.0,)),
        ("None", ()),
        ("np.float64(1)", (1.0,)),
    ],
)
def test_kinks_may_be_a_number_or_several(tmp_path, stated, places):
    file = write(tmp_path, f"def f(x): return np.clip(x, -1, 1)\nf_kinks = {stated}\n")
    assert load_activation(file, "f").inner.kinks == places


def test_kinks_may_depend_on_the_parameters(tmp_path):
    file = write(
        tmp_path,
        "def f(x, width=1.0): return np.clip(x, -width, width)\n"
        "def f_kinks(width): return (-width, width)\n",
    )
    assert load_activation(file, "f", width=3).inner.kinks == (-3.0, 3.0)


@pytest.mark.parametrize("stated", ["'-1, 1'", "(0.0, np.inf)", "object()", "['a']"])
def test_kinks_that_are_no_numbers_are_refused(tmp_path, stated):
    file = write(tmp_path, f"def f(x): return np.tanh(x)\nf_kinks = {stated}\n")
    with pytest.raises(ActivationError, match="f_kinks: expected the places where"):
        load_activation(file, "f")


@pytest.mark.parametrize("made", ["np.tanh", "np.vectorize(np.tanh)", "lambda x: np.tanh(x)"])
def test_anything_that_can_be_called_will_do(tmp_path, made):
    mine = load_activation(write(tmp_path, f"f = {made}\n"), "f")
    assert mine(np.array([0.5]))[0] == pytest.approx(np.tanh(0.5))


@pytest.mark.parametrize("letter", ["\u03d5", "\u00b5", "\u03c3"])
def test_greek_letters_are_found_as_python_keeps_them(tmp_path, letter):
    """Python stores ϕ as φ and the micro sign as the letter mu."""
    file = write(tmp_path, f"def {letter}(x): return np.tanh(x)\n")
    assert load_activation(file, letter)(np.array([0.5]))[0] == pytest.approx(np.tanh(0.5))


def test_a_derivative_of_vectors_only_is_refused(tmp_path):
    file = write(
        tmp_path,
        "def f(x): return np.tanh(x)\n"
        "def f_derivative(x): return np.array([1 - np.tanh(float(v))**2 for v in x])\n",
    )
    with pytest.raises(ActivationError, match="derivative: expected"):
        load_activation(file, "f")


def test_representations_say_what_things_are():
    assert repr(activation("quadratic", epsilon=0.5)) == "activation('quadratic', epsilon=0.5)"
    assert repr(activation("erf")) == "activation('erf')"
    assert repr(hessweep.laws.hessian_law(10, 20, exact=True)) == "Law('exact law of H(10, 20)')"
    both = hessweep.sample_teacher("cubic", 4, 6, seed=0, biases="both", N_o=3)
    assert repr(both) == f"Network(cubic, N_i=4, N_h=6, N_o=3, biases=both, P={both.P})"
    deep = hessweep.sample_deep_teacher("erf", (3, 4, 4, 1), seed=0)
    assert repr(deep) == "DeepNetwork(erf, widths=(3, 4, 4, 1), P=32)"
