"""Every route against LAPACK on the assembled Hessian, and against the others."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hessweep.activations import activation
from hessweep.errors import ShapeError
from hessweep.hessian import hessian
from hessweep.networks import Network, sample_teacher, sample_weights
from hessweep.spectrum import (
    row_space,
    spectrum,
    spectrum_plan,
    spectrum_with_error,
    stacked_spectra,
)
from hessweep.spectrum.gram import stacked_gram
from hessweep.spectrum.solver import SMALL, workspace_numbers

ACTIVATIONS = [
    activation("linear"),
    activation("polynomial", coefficients=[0.0, -2.0]),
    activation("polynomial", coefficients=[0.7, 1.5]),
    activation("quadratic", epsilon=0.3),
    activation("power", degree=2),
    activation("power", degree=3),
    activation("cubic"),
    activation("polynomial", coefficients=[0.0, 1.0, 0.0, -0.5, 0.2]),
    activation("erf"),
]


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Draw networks of all shapes, degenerate ones among them."""
    N_i, N_h = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    W1, W2 = (np.array(w) for w in sample_weights(N_i, N_h, draw(st.integers(0, 99))))
    row, other = draw(st.integers(0, N_h - 1)), draw(st.integers(0, N_h - 1))
    match draw(st.sampled_from(["generic", "repeated", "opposite", "zero", "rank 1", "large"])):
        case "repeated":
            W1[row] = W1[other]
        case "opposite":
            W1[row] = -W1[other]
        case "zero":
            W1[row] = 0
        case "rank 1":
            W1 = np.outer(W2, W1[row])
        case "large":
            W1 *= 8
    if draw(st.booleans()):
        W2[row] = 0
    return Network(W1, W2, draw(st.sampled_from(ACTIVATIONS)))


@given(networks())
@settings(deadline=None, max_examples=300)
def test_agrees_with_lapack_on_the_assembled_hessian(network: Network) -> None:
    found = spectrum_with_error(network)
    expected = np.linalg.eigvalsh(hessian(network))
    assert found.eigenvalues.shape == (network.P,)
    assert (np.diff(found.eigenvalues) >= 0).all()
    assert np.abs(found.eigenvalues - expected).max() <= 1e-12 * expected[-1]


@given(networks())
@settings(deadline=None, max_examples=100)
def test_eigenvalues_sum_to_the_trace_within_the_bound(network: Network) -> None:
    found = spectrum_with_error(network)
    trace = np.trace(hessian(network))
    assert abs(found.eigenvalues.sum() - trace) <= network.P * found.error


@given(networks())
@settings(deadline=None, max_examples=100)
def test_gram_has_the_nonzero_spectrum_whatever_its_size(network: Network) -> None:
    polynomial = network.activation
    if not hasattr(polynomial, "degree"):
        polynomial = activation("polynomial", coefficients=[0.1, 1, 0.5, -0.3])
    [G] = stacked_gram(polynomial, network.W1[None], network.W2[None])
    expected = np.linalg.eigvalsh(hessian(Network(network.W1, network.W2, polynomial)))
    found = np.linalg.eigvalsh(G, UPLO="U")
    longer, shorter = sorted([expected, found], key=len, reverse=True)
    padded = np.concatenate([np.zeros(len(longer) - len(shorter)), shorter])
    assert np.abs(longer - np.sort(padded)).max() <= 1e-12 * expected[-1]


@given(networks())
@settings(deadline=None, max_examples=60)
def test_rotation_of_the_inputs_leaves_the_spectrum(network: Network) -> None:
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((network.N_i, network.N_i)))[0]
    rotated = Network(network.W1 @ rotation, network.W2, network.activation)
    eigenvalues = spectrum(network)
    assert np.abs(spectrum(rotated) - eigenvalues).max() <= 1e-12 * eigenvalues[-1]


@pytest.mark.parametrize(("name", "N_i", "N_h"), [("erf", 40, 9), ("quadratic", 34, 30)])
def test_large_matrices_solved_in_place(name: str, N_i: int, N_h: int) -> None:
    network = sample_teacher(name, N_i, N_h, seed=1)
    assert spectrum_plan(network.activation, N_i, N_h).size > (
        SMALL if name == "quadratic" else 64
    )
    expected = np.linalg.eigvalsh(hessian(network))
    assert np.abs(spectrum(network) - expected).max() <= 1e-12 * expected[-1]


def test_row_space_gives_each_outside_eigenvalue_its_multiplicity() -> None:
    network = sample_teacher("erf", 9, 3, seed=2)
    L, [outside] = row_space(network.activation, network.W1[None], network.W2[None])
    assert L.shape == (1, 3, 3)
    eigenvalues = np.linalg.eigvalsh(hessian(network))
    for value in outside:
        assert (np.abs(eigenvalues - value) < 1e-13 * eigenvalues[-1]).sum() == 6


@pytest.mark.parametrize(
    ("chosen", "N_i", "N_h", "expected", "sizes", "zeros"),
    [
        (activation("linear"), 9, 4, "closed form", [(4, 1)], 41 - 10),
        (activation("linear"), 3, 5, "closed form", [(3, 1)], 20 - 3),
        (activation("erf"), 5, 5, "dense", [(30, 1)], 0),
        (activation("erf"), 5, 8, "dense", [(48, 1)], 0),
        (activation("erf"), 8, 5, "row space", [(30, 1), (5, 3)], 0),
        (activation("quadratic"), 5, 5, "gram", [(21, 1)], 9),
        (activation("quadratic"), 8, 5, "row space, gram", [(21, 1), (5, 3)], 9),
        (activation("quadratic"), 2, 2, "dense", [(6, 1)], 0),
        (activation("cubic"), 5, 5, "dense", [(30, 1)], 0),
        (activation("cubic"), 2, 9, "gram", [(10, 1)], 17),
        (activation("power", degree=3), 2, 9, "gram", [(6, 1)], 21),
        (activation("power", degree=2), 5, 5, "gram", [(16, 1)], 14),
    ],
)
def test_route_by_size(chosen, N_i, N_h, expected, sizes, zeros) -> None:
    plan = spectrum_plan(chosen, N_i, N_h)
    assert plan.route == expected
    assert plan.closed_form == (expected == "closed form")
    assert plan.row_space == ("row space" in expected)
    assert plan.gram == ("gram" in expected)
    assert plan.eigenproblems == tuple(sizes)
    assert plan.zeros == zeros
    assert sum(n * times for n, times in sizes) + zeros == N_h * (N_i + 1) or expected == (
        "closed form"
    )
    eigenvalues = spectrum(sample_teacher(chosen, N_i, N_h, seed=0))
    assert (eigenvalues == 0).sum() >= zeros


@pytest.mark.parametrize(
    ("name", "N_i", "N_h"),
    [("erf", 12, 30), ("erf", 60, 12), ("quadratic", 20, 100), ("cubic", 6, 60),
     ("linear", 90, 70), ("quadratic", 120, 12), ("erf", 3, 120), ("quadratic", 3, 2000),
     ("tanh", 4, 60),
     ("silu", 12, 12), ("relu", 9, 30)],
)  # fmt: skip
def test_holds_no_more_memory_than_planned(name: str, N_i: int, N_h: int) -> None:
    network = sample_teacher(name, N_i, N_h, seed=0)
    spectrum(network)  # fills the caches that all points share
    tracemalloc.start()
    try:
        spectrum(network)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    plan = spectrum_plan(network.activation, N_i, N_h)
    # The solver's own workspace is not Python's to trace.
    planned = plan.peak_bytes - 8 * workspace_numbers(plan.size)
    assert peak <= planned + 20_000, "20 kB: interpreter objects"
    assert planned < 6 * peak, "a plan that is far too high would refuse what fits"


@given(
    st.sampled_from(ACTIVATIONS),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 40),
    st.integers(0, 9),
)
@settings(deadline=None, max_examples=120)
def test_stacks_are_bit_identical_to_single_networks(chosen, N_i, N_h, S, first) -> None:
    weights = [sample_weights(N_i, N_h, seed) for seed in range(first, first + S)]
    W1, W2 = (np.array(stack) for stack in zip(*weights, strict=True))
    together = stacked_spectra(chosen, W1, W2)
    alone = [spectrum(Network(*pair, chosen)) for pair in weights]
    np.testing.assert_array_equal(together, alone)
    backwards = stacked_spectra(chosen, np.asfortranarray(W1[::-1]), W2[::-1])
    np.testing.assert_array_equal(backwards[::-1], together)


def test_stacks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 3, 4\) and \(2, 4\)"):
        stacked_spectra(activation("erf"), np.ones((2, 3, 4)), np.ones((2, 4)))
    with pytest.raises(ShapeError, match="N_i"):
        spectrum_plan(activation("erf"), 0, 3)
    assert stacked_spectra(activation("erf"), np.ones((0, 2, 2)), np.ones((0, 2))).shape == (0, 6)
