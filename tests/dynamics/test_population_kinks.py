"""The loss and its Hessian for activations with a kink, against sums over half-lines and ReLU."""

import numpy as np
import pytest

from hessweep import Network, sample_teacher
from hessweep.activations import load_activation
from hessweep.dynamics import PopulationLoss, segment
from hessweep.hessian import hessian_error

FILE = """
import numpy as np

def own_relu(x):
    return np.maximum(x, 0)
"""


def loss_of_one_input(W1, W2, V1, V2):
    """With one input, y - y* is linear on each half-line: `(a² + b²) / 4` for the two slopes."""
    right = W2 @ np.maximum(W1, 0) - V2 @ np.maximum(V1, 0)
    left = W2 @ np.minimum(W1, 0) - V2 @ np.minimum(V1, 0)
    return (right**2 + left**2) / 4


def test_the_loss_near_the_teacher_that_was_wrong_by_3_percent():
    teacher = sample_teacher("relu", 1, 10, 82)
    displacement = np.random.default_rng(82).normal(size=20) * 0.03
    loss = PopulationLoss(teacher).loss(teacher.parameters + displacement)
    assert loss == pytest.approx(4.87603e-5, rel=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_loss_of_relu_with_one_input(seed):
    rng = np.random.default_rng(seed)
    N_h = int(rng.integers(1, 12))
    teacher = sample_teacher("relu", 1, N_h, seed)
    student = teacher.parameters + rng.normal(size=2 * N_h) * 10 ** rng.uniform(-6, -1)
    loss, error = PopulationLoss(teacher).loss_with_error(student)
    true = loss_of_one_input(student[:N_h], student[N_h:], teacher.W1[:, 0], teacher.W2)
    assert abs(loss - true) <= error < 1e-12


@pytest.mark.parametrize("seed", range(6))
def test_hessian_of_an_own_relu_is_that_of_the_closed_form(tmp_path, seed):
    (tmp_path / "own.py").write_text(FILE)
    own = load_activation(tmp_path / "own.py", "own_relu")
    rng = np.random.default_rng(seed)
    teacher = sample_teacher("relu", 2, 3, seed)
    student = teacher.parameters + rng.normal(size=teacher.P) * 10 ** rng.uniform(-4, 0)
    closed = PopulationLoss(teacher).hessian(student)
    numeric = PopulationLoss(Network(teacher.W1, teacher.W2, own)).hessian(student)
    distance = np.linalg.norm(closed.total - numeric.total, 2)
    assert distance <= closed.error + numeric.error
    assert distance < 1e-7 * np.linalg.norm(closed.total, 2)


def test_the_error_covers_what_the_kernel_adds_to_the_functional_part(tmp_path) -> None:
    """A kink that the file does not name makes the kernel inaccurate; one that it names does not.

    The student's inputs do not reach the kink and the teacher's do, so that the whole error is in
    `E[(y - y*) ∂²y/∂θ²]`.
    """
    text = "import numpy as np\ndef bent(x): return np.maximum(x - 0.3, 0) + x * x / 4\n"
    (tmp_path / "unnamed.py").write_text(text)
    (tmp_path / "named.py").write_text(text + "bent_kinks = (0.3,)\n")
    rng = np.random.default_rng(4)
    student = np.r_[rng.normal(size=6) * 0.01, 1.0, -0.5]
    W1, W2 = rng.normal(size=(2, 3)), np.array([1e3, -2e3])
    rough, exact = (
        PopulationLoss(Network(W1, W2, load_activation(tmp_path / f"{name}.py", "bent"))).hessian(
            student
        )
        for name in ("unnamed", "named")
    )
    off = np.linalg.norm(rough.total - exact.total, 2)
    assert exact.error < off <= rough.error + exact.error
    assert off > np.linalg.norm(rough.outer - exact.outer, 2) * 1000


@pytest.mark.parametrize("noise", [1e-12, 1e-9, 1e-6])
def test_the_integral_ends_where_the_gradient_is_noisy(monkeypatch, noise):
    """As that of a numeric kernel; halving parts without end would take for ever."""
    rng = np.random.default_rng(5)
    teacher = sample_teacher("relu", 1, 4, 5)
    displacement = rng.normal(size=8) * 1e-3
    original, seen = PopulationLoss.gradient, []

    def noisy(self, parameters):
        gradient = original(self, parameters)
        seen.append(gradient[..., 0].size)
        assert sum(seen) < 8 * 400, "parts are halved without end"
        return gradient * (1 + noise * rng.normal(size=gradient.shape))

    monkeypatch.setattr(PopulationLoss, "gradient", noisy)
    student = teacher.parameters + displacement
    loss, error = PopulationLoss(teacher).loss_with_error(student)
    true = loss_of_one_input(student[:4], student[4:], teacher.W1[:, 0], teacher.W2)
    assert abs(loss - true) <= error
    assert error < 100 * noise * true + 2e-16


@pytest.mark.parametrize("name", ["tanh", "unnamed"])
def test_the_error_at_the_optimum_is_that_of_the_hessian(tmp_path, name):
    """There the functional part is 0, and only the error of the outer part is left."""
    (tmp_path / "own.py").write_text("import numpy as np\ndef unnamed(x): return abs(x - 0.3)\n")
    g = load_activation(tmp_path / "own.py", name) if name == "unnamed" else name
    teacher = sample_teacher(g, 2, 3, 0)
    assert PopulationLoss(teacher).hessian(teacher.parameters).error >= hessian_error(teacher) > 0


@pytest.mark.parametrize("size", [1e-1, 1e-3, 1e-6])
def test_the_error_of_a_numeric_kernel_is_small_where_its_rows_are_apart(tmp_path, size):
    """It is not below the true one, and of no matter for the loss."""
    (tmp_path / "own.py").write_text(FILE)
    teacher = sample_teacher("relu", 3, 4, 0)
    displacement = size * np.random.default_rng(1).normal(size=teacher.P)
    closed, numeric = (
        PopulationLoss(Network(teacher.W1, teacher.W2, g))
        for g in ("relu", load_activation(tmp_path / "own.py", "own_relu"))
    )
    student = teacher.parameters + displacement
    off = displacement @ (closed.gradient(student) - numeric.gradient(student))
    rounding = closed.rounding(displacement, 1.0) + numeric.rounding(displacement, 1.0)
    found = numeric.kernel_error(displacement)
    assert abs(off) <= found + rounding
    assert 0 < found < 1e-7 * closed.loss(student)
    assert closed.kernel_error(displacement) == 0


@pytest.mark.parametrize("kernel", [1e-9, 1e-4])
def test_the_error_of_the_kernel_is_a_part_of_that_of_the_loss(monkeypatch, kernel):
    teacher = sample_teacher("relu", 2, 3, 0)
    student = teacher.parameters + 1e-2 * np.random.default_rng(2).normal(size=teacher.P)
    loss, without = PopulationLoss(teacher).loss_with_error(student)
    monkeypatch.setattr(PopulationLoss, "kernel_error", lambda *_: kernel)
    again, error = PopulationLoss(teacher).loss_with_error(student)
    assert again == loss
    assert kernel <= error - without <= 10 * kernel


def test_what_is_left_when_halving_ends_counts_as_error(monkeypatch):
    """A segment past a zero row needs many halvings; with one of them its loss is not known."""
    teacher = sample_teacher("relu", 2, 2, 11)
    loss = PopulationLoss(teacher)
    step = np.random.default_rng(11).standard_normal(teacher.P) / 2
    true, small = segment.loss_by_parts(loss, step)
    monkeypatch.setattr(segment, "MAX_DEPTH", 1)
    found, error = segment.loss_by_parts(loss, step)
    assert 1e3 * small < abs(found - true) <= error
