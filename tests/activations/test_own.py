"""Activations from a user's file: what they compute, how they travel, what errors say."""

import hashlib
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from hessweep.activations import Own, activation, load_activation
from hessweep.activations.differences import differentiate
from hessweep.errors import ActivationError
from hessweep.hessian import hessian, hessian_error
from hessweep.kinds import KINDS
from hessweep.networks import Network, sample_teacher
from hessweep.setup import Setup

SWISH = """\
import numpy as np

def swish(x, beta=1.0):
    return x / (1 + np.exp(-beta * x))
"""


@pytest.fixture
def swish(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(SWISH)
    return file


def write(folder: Path, text: str) -> Path:
    file = folder / "mine.py"
    file.write_text("import numpy as np\n" + text)
    return file


def test_a_function_alone_is_enough(swish: Path) -> None:
    mine, ours = load_activation(swish, "swish", beta=1.5), activation("swish", beta=1.5)
    teacher = sample_teacher(ours, 4, 3, seed=2)
    network = Network(teacher.W1, teacher.W2, mine)
    np.testing.assert_allclose(hessian(network), hessian(teacher), rtol=1e-9, atol=1e-11)
    assert hessian_error(network) < 1e-11
    x = np.linspace(-4, 4, 9)
    np.testing.assert_allclose(mine(x), ours(x), rtol=1e-13)
    np.testing.assert_allclose(mine.derivative(x), ours.derivative(x), rtol=1e-10)
    np.testing.assert_allclose(mine.second_derivative(x), ours.second_derivative(x), atol=1e-9)


def test_the_file_may_give_the_derivative(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "def soft(x): return np.logaddexp(0, x)\n"
        "def soft_derivative(x): return 1 / (1 + np.exp(-x))\n",
    )
    mine, ours = load_activation(file, "soft"), activation("softplus")
    x = np.linspace(-3, 3, 7)
    np.testing.assert_array_equal(mine.derivative(x), 1 / (1 + np.exp(-x)))
    np.testing.assert_allclose(mine.second_derivative(x), ours.second_derivative(x), atol=1e-11)


DUAL = """
from hessweep.activations import DualKernel
def wave(x, amplitude): return amplitude * np.sin(x)
def wave_dual(p, q, c, amplitude):
    odd, even = (amplitude**2 * np.exp(-(p + q) / 2) * f(c) for f in (np.sinh, np.cosh))
    return DualKernel(odd, even, -odd / 2, -odd / 2, {K_cc}, -even / 2, -even / 2, odd / 4)
"""


def test_the_file_may_give_the_dual_kernel(tmp_path: Path) -> None:
    mine = load_activation(write(tmp_path, DUAL.format(K_cc="odd")), "wave", amplitude=2)
    sine = sample_teacher("sin", 3, 4, seed=0)
    network = Network(sine.W1, sine.W2, mine)
    # y doubles, and so does its gradient.
    np.testing.assert_allclose(hessian(network), 4 * hessian(sine), rtol=1e-12, atol=1e-14)
    assert hessian_error(network) == 0


def test_a_wrong_dual_kernel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ActivationError, match=r"wave_dual of .*: K_cc at p, q, c = 1, 1, 0\.3"):
        load_activation(write(tmp_path, DUAL.format(K_cc="even")), "wave", amplitude=2)
    with pytest.raises(ActivationError, match="expected the 8 fields of DualKernel"):
        load_activation(
            write(tmp_path, "def f(x): return np.sin(x)\ndef f_dual(p, q, c): return p"), "f"
        )


CLASS = """
from __future__ import annotations
from dataclasses import dataclass
from hessweep.activations import Activation, DualKernel

@dataclass(frozen=True)
class Line(Activation):
    slope: float = 1.0

    def __call__(self, x): return self.slope * x
    def derivative(self, x): return np.full(np.shape(x), self.slope)
    def second_derivative(self, x): return np.zeros(np.shape(x))
    def dual(self, p, q, c):
        zero = np.zeros(np.broadcast_shapes(np.shape(p), np.shape(q), np.shape(c)))
        s = self.slope**2
        return DualKernel(s * (c + zero), s + zero, zero, zero, zero, zero, zero, zero)
"""


def test_the_file_may_define_a_class(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(CLASS.replace("\nfrom dataclasses", "\nimport numpy as np\nfrom dataclasses"))
    mine = load_activation(file, "Line", slope=3.0)
    linear = sample_teacher("linear", 3, 2, seed=0)
    network = Network(linear.W1, linear.W2, mine)
    np.testing.assert_allclose(hessian(network), 9 * hessian(linear), rtol=1e-13)
    assert pickle.loads(pickle.dumps(mine)) == mine  # noqa: S301
    with pytest.raises(ActivationError, match="takes slope; unknown: tilt"):
        load_activation(file, "Line", tilt=1)


def test_a_kink_at_0_need_not_be_named(tmp_path: Path) -> None:
    """Nor does the derivative: what differences make of values alone is the closed form."""
    corner = load_activation(write(tmp_path, "def corner(x): return np.maximum(x, 0)\n"), "corner")
    relu = activation("relu")
    x = np.array([-1.0, -1e-2, -1e-5, 1e-5, 1e-2, 1.0])
    np.testing.assert_allclose(corner.derivative(x), relu.derivative(x), atol=1e-9)
    np.testing.assert_allclose(corner.second_derivative(x), 0, atol=1e-4)
    teacher = sample_teacher(relu, 6, 3, seed=0)
    found = hessian(Network(teacher.W1, teacher.W2, corner))
    np.testing.assert_allclose(found, hessian(teacher), atol=1e-8)


def test_kinks_make_a_cornered_function_exact(tmp_path: Path) -> None:
    hard = "def hard(x, limit=1.0): return np.clip(x, -limit, limit)\n"
    slope = "def hard_derivative(x, limit=1.0): return 1.0 * (np.abs(x) < limit)\n"
    kinks = "hard_kinks = (-1.0, 1.0)\n"
    versions = {
        text: load_activation(write(tmp_path, text), "hard")
        for text in (hard, hard + slope, hard + kinks, hard + slope + kinks)
    }
    teacher = sample_teacher("erf", 20, 6, seed=0)
    networks = [Network(teacher.W1, teacher.W2, g) for g in versions.values()]
    exact = hessian(networks[-1])
    errors = [hessian_error(network) for network in networks]
    for network, error in zip(networks, errors, strict=True):
        assert np.linalg.norm(hessian(network) - exact, 2) <= error + 1e-11
    assert errors[3] < 1e-12
    assert errors[2] < 1e-8
    # K_c of a neuron with itself is P(|u| < 1) for the hard tanh.
    variance = (teacher.W1[0] ** 2).sum()
    K_c = networks[-1].activation.self_dual(teacher.W1).K_c[0, 0]
    np.testing.assert_allclose(K_c, special.erf(1 / np.sqrt(2 * variance)), rtol=1e-13)


def test_identity_is_the_text_and_not_the_place(swish: Path, tmp_path: Path) -> None:
    one = load_activation(swish, "swish")
    moved = tmp_path / "elsewhere.py"
    moved.write_text(SWISH)
    two = load_activation(moved, "swish")
    assert one == two
    assert hash(one) == hash(two)
    assert one.identity == two.identity
    assert "file" not in one.identity
    assert load_activation(swish, "swish", beta=1.0) == one
    assert load_activation(swish, "swish", beta=2.0) != one
    moved.write_text(SWISH + "\n# another version\n")
    three = load_activation(moved, "swish")
    assert three != one
    assert three.identity != one.identity
    assert three.label != one.label
    assert one.label == f"swish@{one.sha256[:8]}"
    assert load_activation(swish, "swish", beta=2).label == f"swish@{one.sha256[:8]}(beta=2)"


def test_the_hash_is_that_of_the_file(swish: Path) -> None:
    assert load_activation(swish, "swish").sha256 == hashlib.sha256(swish.read_bytes()).hexdigest()


def test_spec_round_trip_and_a_file_that_changed(swish: Path) -> None:
    mine = load_activation(str(swish), "swish", beta=0.5)
    spec = json.loads(json.dumps(mine.spec))
    assert activation(**spec) == mine
    swish.write_text(SWISH.replace("-beta", "-2 * beta"))
    with pytest.raises(ActivationError, match=r"with sha256 .*restore the file, or leave out"):
        activation(**spec)


def test_workers_need_no_file(swish: Path, tmp_path: Path) -> None:
    mine = load_activation(swish, "swish", beta=0.5)
    expected = mine(np.linspace(-1, 1, 5))
    (tmp_path / "mine.pickle").write_bytes(pickle.dumps(mine))
    swish.unlink()
    code = (
        "import pickle, sys, numpy as np\n"
        "g = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(g.label, *map(repr, g(np.linspace(-1, 1, 5)).tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "mine.pickle")],
        capture_output=True,
        text=True,
        check=True,
    )
    label, *values = done.stdout.split()
    assert label == mine.label
    np.testing.assert_array_equal([float(value) for value in values], expected)


def test_only_the_named_file_runs(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("raise SystemExit('the wrong file ran')\n")
    file = write(tmp_path, "def f(x): return np.tanh(x)\n")
    assert isinstance(load_activation(file, "f"), Own)
    file = write(tmp_path, "import other\ndef f(x): return np.tanh(x)\n")
    with pytest.raises(ActivationError, match="No module named 'other'"):
        load_activation(file, "f")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def g(x): return x", r"expected a function f\(x\) or a subclass.*functions in it: g"),
        ("f = 3", r"expected a function f\(x\)"),
        ("def f(x) return x", "a Python file that runs, got SyntaxError"),
        ("raise SystemExit(3)", "a Python file that runs, got SystemExit: 3"),
        ("1 / 0", "a Python file that runs, got ZeroDivisionError"),
        ("def f(x): return x.sum()", r"expected an array of shape \(1025,\)"),
        ("def f(x): return 'a'", r"expected a numpy array of shape \(1025,\), got a str"),
        ("def f(x): return float(x)", "expected numbers for an array.*TypeError"),
        ("def f(x): return np.log(x)", "nan or infinity at x = -8"),
        ("def f(x): return x + 1j", "real numbers, got dtype complex128"),
        ("def f(x): return x > 0", "real numbers, got dtype bool"),
        ("def f(x): return 0 * x + 2", "got the constant 2"),
        ("def f(x): return x / np.abs(x).sum()", "expected an elementwise function"),
        ("def f(x): return np.sign(x - 0.123)", r"got a jump by 2 at x = 0\.123"),
        ("def f(x): return x**2\ndef f_derivative(x): return x", "derivative: expected -16"),
        ("def f(x, c): return c * x", "names that are not allowed: c"),
        ("def f(x, a='b'): return x", "a: expected a number or a list of numbers, got 'b'"),
        ("def f(x, a): return a * x", "takes a; missing: a"),
        ("def f(x): return np.tanh(x) / (x.size != 3)", r"nan or infinity at x"),
        (
            "def f(x): return np.tanh(x) * [1][x.size == 3]",
            r"of shape \(3,\), got Ind",
        ),
        (
            "def f(x): return np.tanh(x) * [1][x.ndim == 2 and len(x) > 32]",
            r"shape .1024, 9., got Ind",
        ),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path: Path, text: str, message: str) -> None:
    parameters = {"c": 1.0} if "x, c" in text else {}
    with pytest.raises(ActivationError, match=message):
        load_activation(write(tmp_path, text + "\n"), "f", **parameters)


COUNTED = """
from itertools import count
import numpy as np
calls = count()
def wave(x):
    if next(calls) == {last}:
        raise OSError("the disk is gone")
    return np.sin(x)
"""


def refusal(file: Path, name: str) -> str:
    """Return why an activation is refused, or nothing."""
    try:
        load_activation(file, name)
    except ActivationError as error:
        return str(error)
    return ""


def test_a_function_may_fail_at_any_of_its_calls(tmp_path: Path) -> None:
    unbroken = load_activation(write(tmp_path, COUNTED.format(last=-1)), "wave")
    calls = next(unbroken.inner.module.calls)
    found = [refusal(write(tmp_path, COUNTED.format(last=last)), "wave") for last in range(calls)]
    # How fast g grows is looked at where g may not be defined, so that errors are allowed there.
    refused = [message for message in found if message]
    assert len(refused) > 10
    for message in refused:
        assert "wave" in message
        assert message.endswith("OSError: the disk is gone")


def test_a_missing_file_and_wrong_parameters(swish: Path, tmp_path: Path) -> None:
    with pytest.raises(ActivationError, match=r"readable Python file at .*nowhere\.py"):
        load_activation(tmp_path / "nowhere.py", "swish")
    with pytest.raises(ActivationError, match="takes beta; unknown: gamma"):
        activation("swish", file=str(swish), gamma=1)
    with pytest.raises(ActivationError, match=r"a number or a list of numbers, got \{\}"):
        load_activation(swish, "swish", beta={})
    swish.write_bytes(b"x = '\xff'\n")
    with pytest.raises(ActivationError, match="readable Python file"):
        load_activation(swish, "swish")


@pytest.mark.parametrize(("order", "tolerance"), [(1, 1e-12), (2, 1e-9)])
def test_differences(order: int, tolerance: float) -> None:
    x = np.linspace(-3, 3, 41)
    for g, exact in [
        (np.sin, (np.cos(x), -np.sin(x))),
        (np.exp, (np.exp(x), np.exp(x))),
        (lambda x: x**3, (3 * x**2, 6 * x)),
    ]:
        np.testing.assert_allclose(
            differentiate(g, x, order), exact[order - 1], atol=20 * tolerance, rtol=tolerance
        )
    assert differentiate(np.abs, np.array([0.0]))[0] == 0


@pytest.mark.parametrize("distance", [1e-15, 1e-9, 3e-7, 1e-6, 1e-3])
def test_no_difference_extends_across_a_kink_however_near(distance):
    kink, places = 0.25, 0.25 + distance * np.array([-1, 1])
    found = differentiate(lambda x: np.abs(x - kink) + x * x, places, kinks=[kink])
    np.testing.assert_allclose(found, [-1, 1] + 2 * places, atol=3e-6)
    [at_kink] = differentiate(lambda x: np.abs(x - kink), np.array([kink]), kinks=[kink])
    assert abs(at_kink) < 1e-9, "the mean of both slopes"


def test_the_example_of_the_docs_runs(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "activations.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "my_activation.py").write_text(blocks[0])
    mine = activation("mish", file=str(tmp_path / "my_activation.py"), sharpness=2.0)
    assert 0 < hessian_error(sample_teacher(mine, 3, 4, seed=0)) < 1e-10
    smooth = activation("bump", file=str(tmp_path / "my_activation.py"))
    assert hessian_error(sample_teacher(smooth, 3, 4, seed=0)) == 0


@pytest.mark.parametrize(
    ("formula", "place", "power"),
    [
        ("np.sqrt(np.abs(x))", r"-?[\d.e-]+", "0.50"),
        ("np.sqrt(np.abs(x - 1.2345)) + 50 * np.tanh(x)", r"1\.2345", r"0\.(49|50)"),
        ("np.abs(x)**0.6", r"-?[\d.e-]+", "0.60"),
        ("np.sqrt(np.maximum(0, 1 - x * x))", "-1", "0.50"),
    ],
)
def test_a_slope_whose_square_can_not_be_integrated(
    tmp_path: Path, formula: str, place: str, power: str
) -> None:
    message = rf"near x = {place} it changes as the distance to the power {power}"
    with pytest.raises(ActivationError, match=message):
        load_activation(write(tmp_path, f"def f(x): return {formula}\n"), "f")


@pytest.mark.parametrize(
    "formula",
    [
        "np.tanh(1e4 * x)",
        "np.abs(x)**0.8",
        "x * np.log(np.abs(x) + 1e-300)",
        "np.where(x > 0, x, np.expm1(np.minimum(x, 0)))",
        "np.round(np.tanh(x), 12)",
        "1e-9 * np.tanh(x) + 3",
    ],
)
def test_steep_but_integrable_slopes_are_taken(tmp_path: Path, formula: str) -> None:
    assert load_activation(write(tmp_path, f"def f(x): return {formula}\n"), "f").name == "f"


AT_THE_EDGE = """
from hessweep.activations import DualKernel
def wave(x): return np.sin(x)
def wave_dual(p, q, c):
    odd, even = (np.exp(-(p + q) / 2) * f(c) for f in (np.sinh, np.cosh))
    rest = 1 - c * c / (p * q)
    with np.errstate(invalid="ignore"):
        {spoilt}
    return DualKernel(odd, even, -odd / 2, -odd / 2, odd, -even / 2, -even / 2, odd / 4)
"""


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ("odd = odd * rest / rest", "K at p, q, c = 1, 1, 1: expected a finite number, got nan"),
        ("even = np.where(rest, even, 1.1 * even)", r"K_c at p, q, c = 1, 1, 1: expected 0\.567"),
    ],
)
def test_a_dual_kernel_is_tried_on_parallel_rows(tmp_path: Path, spoilt, message) -> None:
    with pytest.raises(ActivationError, match=message):
        load_activation(write(tmp_path, AT_THE_EDGE.format(spoilt=spoilt)), "wave")


def test_a_dual_kernel_may_have_the_limits_of_a_kink(tmp_path: Path) -> None:
    text = (
        "from hessweep.activations import activation\n"
        "def corner(x): return np.maximum(x, 0)\n"
        "def corner_dual(p, q, c): return activation('relu').dual(p, q, c)\n"
    )
    corner = load_activation(write(tmp_path, text), "corner")
    teacher = sample_teacher("relu", 3, 4, seed=1)
    np.testing.assert_array_equal(
        hessian(Network(teacher.W1, teacher.W2, corner)), hessian(teacher)
    )


def test_a_dual_kernel_may_be_more_accurate_than_the_integrals_it_is_tried_with(tmp_path) -> None:
    """The kink is not named, so that the integrals of bent are wrong, and say so."""
    text = (
        "import numpy as np\n"
        "from hessweep.activations import activation\n"
        "def bent(x): return np.maximum(x - 0.3, 0)\n"
        "def slope(x): return 1.0 * (x > 0.3)\n"
        "_named = activation(bent, derivative=slope, kinks=(0.3,))\n"
        "bent_derivative = slope\n"
        "def bent_dual(p, q, c): return _named.dual(p, q, c{more})\n"
    )
    load_activation(write(tmp_path, text.format(more="")), "bent")
    with pytest.raises(ActivationError, match=r"K at p, q, c = 1, 1, 0\.3: expected 0\.121"):
        load_activation(write(tmp_path, text.format(more=")._replace(K=0.5 + 0 * c")), "bent")


TABLE = """
from pathlib import Path
_T = np.loadtxt(Path(__file__).with_name("table.txt"))
def act(x): return np.interp(x, _T[:, 0], _T[:, 1])
"""


def write_table(folder: Path, f) -> None:
    x = np.linspace(-20, 20, 2001)
    np.savetxt(folder / "table.txt", np.column_stack([x, f(x)]))


def test_data_that_a_file_reads_belongs_to_the_identity(tmp_path: Path) -> None:
    file = write(tmp_path, TABLE)
    write_table(tmp_path, np.tanh)
    one = load_activation(file, "act")
    [(name, digest)] = one.data
    assert name == "table.txt"
    assert digest == hashlib.sha256((tmp_path / "table.txt").read_bytes()).hexdigest()
    assert one.identity["data"] == {name: digest}
    assert load_activation(file, "act") == one
    write_table(tmp_path, np.sin)
    two = load_activation(file, "act")
    assert two != one
    assert two.identity != one.identity
    assert two.label != one.label
    np.testing.assert_allclose(two(np.array([1.0])), np.sin(1), rtol=1e-3)
    write_table(tmp_path, np.tanh)
    assert load_activation(file, "act") == one
    # The same file and the same data elsewhere are the same activation.
    moved = tmp_path / "moved"
    moved.mkdir()
    write_table(moved, np.tanh)
    assert load_activation(write(moved, TABLE), "act") == one
    assert "data" not in load_activation(write(tmp_path, SWISH), "swish").identity


def test_data_that_changes_while_it_is_in_use_is_noticed(tmp_path: Path) -> None:
    write_table(tmp_path, np.tanh)
    mine = load_activation(write(tmp_path, TABLE), "act")
    packed = pickle.dumps(mine)
    write_table(tmp_path, np.sin)
    code = "import pickle, sys; pickle.loads(sys.stdin.buffer.read())(__import__('numpy').ones(1))"
    done = subprocess.run([sys.executable, "-c", code], input=packed, capture_output=True)
    assert b"the data that it reads changed while it was in use (table.txt)" in done.stderr


def test_revisions_of_the_kind_and_of_the_activation_both_count(swish: Path) -> None:
    mine = load_activation(swish, "swish")
    versions = {kind: Setup(mine, 2, 2, kind=kind).kernel_version for kind in ("exact", "density")}
    assert versions["density"] == versions["exact"] + KINDS["density"].revision
    assert versions["exact"] == Setup(activation("relu"), 2, 2).kernel_version + Own.revision
    assert KINDS["density"].revision
    assert Own.revision
