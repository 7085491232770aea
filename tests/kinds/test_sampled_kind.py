"""The kind `sampled`, and exact deep points: their numbers against other routes."""

from dataclasses import replace

import numpy as np
import pytest

from hessweep import hessian, sample_deep_teacher
from hessweep.activations import activation
from hessweep.errors import InputError
from hessweep.hessian import batch_hessian
from hessweep.kinds import KINDS, TIMES
from hessweep.kinds.deep import _smallest, deep_rank_columns, plan_of
from hessweep.networks import DeepNetwork, as_deep
from hessweep.setup import Setup
from hessweep.spectrum import Spectrum, root_spectrum


def setup_of(name, widths, **axes):
    return Setup.of_widths(activation(name), widths, **axes)


@pytest.mark.parametrize(
    ("name", "widths", "biases", "kind", "route"),
    [
        ("linear", (3, 4, 2, 2), "both", "exact", "deep, linear"),
        ("linear", (3, 4, 2, 2), "hidden", "sampled", "deep, linear"),
        ("quadratic", (2, 3, 2, 1), "output", "exact", "deep, nodes"),
        ("quadratic", (2, 3, 2, 1), "none", "sampled", "deep, nodes"),
    ],
)
def test_exact_deep_points_have_the_numbers_of_their_matrix(name, widths, biases, kind, route):
    setup = setup_of(name, widths, biases=biases, kind=kind)
    for point, result in zip(setup.points([2, 5]), setup.compute([2, 5]), strict=True):
        expected = np.linalg.eigvalsh(hessian(point.network()))
        scalars = result.scalars
        allowed = scalars["eigenvalue_error"] + 1e-13 * expected[-1]
        assert np.abs(result.eigenvalues - expected).max() <= allowed
        assert scalars["route"] == route
        assert scalars["P"] == setup.P == len(expected)
        assert scalars["trace"] == pytest.approx(expected.sum(), rel=1e-12)
        assert scalars["rank_certificate"] == "proved"
        true = expected[-scalars["rank"]]
        off = abs(scalars["lambda_min"] - true)
        assert off <= true * scalars["lambda_min_error"] + 1e-13 * expected[-1]
        if kind == "sampled":
            assert scalars["sampling_error"] == 0


def test_sampled_points_are_inside_their_error_of_the_exact_ones_of_two_layers():
    """The same teachers, whose exact spectra come from kernels in closed form."""
    for name, N_i, N_h in (("erf", 4, 3), ("relu", 3, 3), ("erf", 2, 3)):
        exact = Setup(activation(name), N_i, N_h).compute([1])[0]
        sampled = Setup(activation(name), N_i, N_h, kind="sampled").compute([1])[0]
        relative, rounding = sampled.scalars["sampling_error"], 1e-14 * exact.eigenvalues[-1]
        assert 0 < relative <= 0.2
        off = np.abs(sampled.eigenvalues - exact.eigenvalues)
        allowed = relative * sampled.eigenvalues + exact.scalars["eigenvalue_error"] + rounding
        assert (off <= allowed).all()
        assert sampled.scalars["rank"] == exact.scalars["rank"]
        stated, true = sampled.scalars["lambda_min_error"], exact.scalars["lambda_min"]
        assert relative <= stated < 1
        allowed = true * (stated + exact.scalars["lambda_min_error"])
        assert abs(sampled.scalars["lambda_min"] - true) <= allowed
        assert sampled.scalars["effective_parameters"] == exact.scalars["effective_parameters"]


def test_sampled_points_with_other_inputs_are_inside_their_error_of_the_exact_ones():
    for name in ("erf", "relu"):
        setup = Setup(activation(name), 3, 2, inputs="power-law(1) mean(0.5)")
        exact = setup.compute([0])[0]
        sampled = replace(setup, kind="sampled").compute([0])[0]
        relative, rounding = sampled.scalars["sampling_error"], 1e-13 * exact.eigenvalues[-1]
        off = np.abs(sampled.eigenvalues - exact.eigenvalues)
        allowed = relative * exact.eigenvalues + exact.scalars["eigenvalue_error"] + rounding
        assert (off <= allowed).all()
        assert sampled.scalars["rank"] == exact.scalars["rank"]


def test_more_samples_are_taken_for_a_smaller_asked_error():
    rough, fine = (
        setup_of("relu", (4, 3, 2, 1), kind="sampled", asked_error=error).compute([0])[0]
        for error in (0.6, 0.1)
    )
    assert rough.scalars["samples"] < fine.scalars["samples"]
    assert fine.scalars["sampling_error"] <= 0.1 < rough.scalars["sampling_error"] <= 0.6


def test_shares_are_those_of_the_eigenvectors():
    setup = setup_of("quadratic", (2, 3, 2, 1), kind="sampled")
    result = setup.compute([0])[0]
    shares, layers, places = (
        result.flat[name] for name in ("layer_shares", "share_layers", "share_places")
    )
    assert len(shares) == len(layers) == len(places) == 3 * result.scalars["rank"]
    _, vectors = np.linalg.eigh(hessian(setup.network(0)))
    ends = [0, 6, 12, 14]
    for place in (1, 2, 3):
        squares = np.square(vectors[:, -place])
        for layer in (1, 2, 3):
            [share] = shares[(layers == layer) & (places == place)]
            expected = squares[ends[layer - 1] : ends[layer]].sum()
            assert share == pytest.approx(expected, abs=1e-9)


def test_what_has_no_exact_route_is_refused():
    with pytest.raises(InputError, match=r"no exact route .* ask for kind: sampled"):
        setup_of("erf", (3, 4, 4, 1)).compute([0])
    wide = setup_of("erf", (50, 60, 60, 1), kind="sampled")
    assert "take smaller widths" in KINDS["sampled"].refusal(wide)


def test_a_stack_computes_each_deep_point_as_alone():
    setup = setup_of("erf", (2, 2, 2, 1), kind="sampled")
    for seed, together in zip((0, 3), setup.compute([0, 3]), strict=True):
        alone = setup.compute([seed])[0]
        for name in together.scalars.keys() - set(TIMES):
            assert together.scalars[name] == alone.scalars[name], name
        assert together.eigenvalues.tobytes() == alone.eigenvalues.tobytes()


def test_two_layers_as_deep_networks_have_the_same_outputs_and_gradients():
    network = Setup(activation("cubic"), 3, 2, biases="both", N_o=2).network(0)
    deep, x = as_deep(network), np.random.default_rng(0).standard_normal((5, 3))
    np.testing.assert_allclose(deep(x), network(x))
    student = as_deep(Setup(activation("cubic"), 3, 2, biases="both", N_o=2).network(1))
    other = Setup(activation("cubic"), 3, 2, biases="both", N_o=2).network(1)
    for one, two in zip(
        batch_hessian(student, deep, x), batch_hessian(other, network, x), strict=True
    ):
        np.testing.assert_allclose(one, two, atol=1e-12)


def test_the_teacher_is_that_of_its_widths():
    setup = setup_of("erf", (3, 4, 2, 1), biases="hidden")
    expected = sample_deep_teacher("erf", (3, 4, 2, 1), 7, biases="hidden")
    assert (setup.N_i, setup.N_h, setup.N_o, setup.depth) == (3, 6, 1, 3)
    assert np.array_equal(setup.network(7).parameters, expected.parameters)


def test_wide_students_are_refused():
    wide = Setup(activation("erf"), 3, 4, student="split=1", kind="sampled")
    assert "wide students are there for kinds exact and training" in KINDS["sampled"].refusal(wide)
    assert KINDS["sampled"].refusal(replace(wide, student="teacher")) == ""


def test_a_network_that_does_nothing_has_no_smallest_eigenvalue():
    """Its second hidden layer is never active."""
    network = DeepNetwork([[[1.0], [2.0]], [[-1.0, -3.0]], [[1.0]]], "relu")
    found = root_spectrum(network)
    assert not found.eigenvalues.any()
    plan = plan_of(setup_of("relu", (1, 2, 1, 1), kind="sampled"))
    spectrum = Spectrum(found.eigenvalues, float(found.errors.max()), plan)
    columns = deep_rank_columns(network, spectrum, found.errors, found.root.relative_error)
    assert (columns["rank"], columns["rank_certificate"]) == (0, "proved")
    assert (columns["lambda_min"], columns["lambda_min_error"]) == (0, 0)


@pytest.mark.parametrize("sampling", [0.0, 0.01, 0.2])
@pytest.mark.parametrize("rounding", [0.0, 0.01, 0.3])
def test_the_error_of_the_smallest_eigenvalue_is_relative_to_the_truth(rounding, sampling):
    """Of value and truth with `|value - truth| <= rounding + sampling truth`."""
    value = 1.0

    def truths(rounding):
        return (value - rounding) / (1 + sampling), (value + rounding) / (1 - sampling)

    def off(rounding):
        return max(abs(value - truth) / truth for truth in truths(rounding))

    error = truths(rounding)[1] - value
    assert error == max(abs(value - truth) for truth in truths(rounding))
    found, relative = _smallest(np.array([0.0, value, 5.0]), np.full(3, error), 2, sampling)
    assert found == value
    # Not sharper than if rounding were relative to what sampling leaves of the truth.
    assert off(rounding) * (1 - 1e-12) <= relative + 1e-15
    assert relative <= off(rounding / (1 - sampling)) * (1 + 1e-12) + 1e-15
    lost = np.array([0.0, value, 5.0]), np.full(3, (1.0 + sampling) / (1 - sampling)), 2
    assert _smallest(*lost, sampling) == (0.0, 1.0)
