"""Hessians that float64 can not hold: the rank is given all the same, and the reason."""

import numpy as np
import pytest

from hessweep import rank, spectrum
from hessweep.activations import activation, load_activation
from hessweep.errors import PrecisionError
from hessweep.hessian import hessian
from hessweep.networks import Network, sample_teacher
from hessweep.running.task import compute_batch
from hessweep.setup import Setup
from hessweep.spectrum import spectrum_with_error
from hessweep.store.segments import read_columns, segments_folder

LARGE = {
    "exp": ([[30.0, 1.0], [2.0, 3.0]], "exp"),
    "cubic": (np.array([[1.0, 0.3], [-0.4, 0.8]]) * 1e60, "cubic"),
    "quadratic": (np.array([[1.0, 0.3], [-0.4, 0.8]]) * 1e90, "quadratic"),
    "relu": (np.array([[1.0, 0.3], [-0.4, 0.8]]) * 1e160, "relu"),
}


@pytest.mark.parametrize("case", LARGE)
@pytest.mark.parametrize("biases", [None, np.zeros(2)])
def test_the_rank_needs_no_float(case, biases) -> None:
    rows, name = LARGE[case]
    network = Network(rows, [1.0, -0.7], name, b1=biases)
    for compute in (spectrum, hessian):
        with pytest.raises(PrecisionError, match=r"below 1\.8e308"):
            compute(network)
    moderate = Network(np.asarray(rows) / np.abs(rows).max(), [1.0, -0.7], name, b1=biases)
    found = rank(network)
    assert found.certificate == "proved"
    assert found.value == rank(moderate).value


def test_an_undecided_rank_is_the_upper_bound(tmp_path) -> None:
    (tmp_path / "mine.py").write_text("import numpy as np\ndef mine(x): return x + x * x / 2\n")
    g = load_activation(tmp_path / "mine.py", "mine")
    found = rank(Network([[1e100, 1.0], [2.0, 3.0]], [1.0, -0.7], g))
    assert found.certificate == "undecided"
    assert found.value == found.upper == 6


def test_a_point_says_its_rank_beside_the_error(tmp_path) -> None:
    setup = Setup(activation("quadratic", epsilon=1e160), 2, 2)
    segment, errors = compute_batch(setup.points(range(2)), tmp_path)
    assert sorted(errors) == [0, 1]
    stored = read_columns(segments_folder(tmp_path) / segment)[0]["error"].tolist()
    for text in stored:
        assert text.startswith("PrecisionError: expected a Hessian")
        assert text.endswith("the rank of H is 5, proved by theorem")


@pytest.mark.parametrize("epsilon", [1e-59, 1e-80, 1e-100, 1e-120, 1e-140])
def test_tiny_coefficients_have_their_smallest_eigenvalue(epsilon) -> None:
    # λ_min is proportional to ε² for tiny ε, so that an overflow on the way would show.
    for seed in range(6):
        at = {
            size: Setup(activation("quadratic", epsilon=size), 3, 5).point(seed).compute().scalars
            for size in (1e-20, epsilon)
        }
        assert at[epsilon]["rank"] == at[1e-20]["rank"] == 9
        expected = at[1e-20]["lambda_min"] * (epsilon / 1e-20) ** 2
        allowed = at[1e-20]["lambda_min_error"] + at[epsilon]["lambda_min_error"] + 1e-12
        assert abs(at[epsilon]["lambda_min"] / expected - 1) <= allowed


def test_squares_that_leave_float64_do_not_spoil_the_norm() -> None:
    teacher = sample_teacher("linear", 3, 4, 0)
    usual = spectrum_with_error(teacher).frobenius_norm
    for factor in (1e-90, 1e90):
        scaled = Network(teacher.W1 * factor, teacher.W2 * factor, "linear")
        norm = spectrum_with_error(scaled).frobenius_norm
        np.testing.assert_allclose(norm, usual * factor**2, rtol=1e-14)


def test_a_point_says_the_bounds_of_an_undecided_rank(tmp_path) -> None:
    (tmp_path / "mine.py").write_text(
        "import numpy as np\ndef mine(x): return 1e160 * np.tanh(x)\n"
    )
    setup = Setup(load_activation(tmp_path / "mine.py", "mine"), 2, 2)
    with pytest.raises(PrecisionError, match=r"; the rank of H is from 0 to 6$"):
        setup.compute([0])
