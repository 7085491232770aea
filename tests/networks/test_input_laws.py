"""Laws of inputs: what each text means, and that it is its own identity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hessweep import spectrum
from hessweep.activations import activation
from hessweep.errors import InputError, ShapeError
from hessweep.networks import InputLaw, Network, StoredArrays
from hessweep.setup import Setup

NUMBERS = st.floats(-1e6, 1e6)
VARIANCES = st.lists(st.floats(0, 1e6), min_size=1, max_size=4).map(tuple)
COVARIANCES = st.one_of(
    st.none(),
    st.tuples(st.just("power-law"), st.floats(0, 100)),
    st.tuples(st.just("rank"), st.integers(1, 9).map(float)),
    st.tuples(st.just("diagonal"), VARIANCES),
    st.tuples(st.just("covariance"), st.just("0f" * 32)),
)
MEANS = st.one_of(
    st.none(),
    NUMBERS,
    st.lists(NUMBERS, min_size=2, max_size=4).map(tuple),
    st.just("a1" * 32),
)


@given(COVARIANCES, MEANS)
def test_a_text_means_the_law_that_it_is_of(covariance, mean):
    law = InputLaw(covariance, mean)
    assert InputLaw.parse(str(law)) == law


def test_texts_are_short():
    assert str(InputLaw(("power-law", 1.0), 0.5)) == "power-law(1) mean(0.5)"
    assert str(InputLaw(("diagonal", (1.0, 0.25)))) == "diagonal(1,0.25)"
    assert str(InputLaw(("power-law", 0.0), 0.0)) == str(InputLaw()) == "standard"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "normal",
        "mean(1",
        "mean(1) mean(2)",
        "rank(2) power-law(1)",
        "median(1)",
        "mean(x)",
        "mean(nan)",
        "mean(1)  rank(1)",
        "rank(1.5)",
        "rank(0)",
        "power-law(-1)",
        "power-law(1,2)",
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(InputError, match="expected"):
        InputLaw.parse(text)


def test_a_power_law_falls_as_its_exponent_says():
    variances = InputLaw.parse("power-law(1.5)").inputs(50).covariance
    assert variances.sum() == pytest.approx(50, rel=1e-14)
    slope = np.diff(np.log(variances)) / np.diff(np.log(np.arange(1, 51)))
    np.testing.assert_allclose(slope, -1.5, rtol=1e-10)


def test_a_rank_and_a_mean_are_what_they_say():
    inputs = InputLaw.parse("rank(2) mean(0.5)").inputs(4)
    np.testing.assert_array_equal(inputs.covariance, [2, 2, 0, 0])
    np.testing.assert_array_equal(inputs.mean, [0.5] * 4)
    assert InputLaw().inputs(4) is None


@pytest.mark.parametrize("text", ["rank(4)", "diagonal(1,2)", "mean(1,2)"])
def test_a_law_of_another_number_of_inputs_is_refused(text):
    with pytest.raises(ShapeError, match="expected"):
        InputLaw.parse(text).inputs(3)


def test_the_content_of_a_file_is_its_identity():
    matrix = np.array([[2.0, 0.0], [0.0, 1.0]])
    one = StoredArrays({"array": matrix}, "a.npy")
    same = StoredArrays({"array": np.asfortranarray(matrix.astype(np.float32))}, "b.npy")
    others = [
        {"array": matrix + np.eye(2) * 1e-15},
        {"array": matrix.ravel()},
        {"other": matrix},
    ]
    assert one.sha256 == same.sha256
    assert all(StoredArrays(arrays).sha256 != one.sha256 for arrays in others)
    # -0 is 0.
    assert StoredArrays({"array": -1 * matrix * -1}).sha256 == one.sha256
    assert StoredArrays({"array": np.array([-0.0])}).sha256 == (
        StoredArrays({"array": np.array([0.0])}).sha256
    )


def test_a_setup_uses_the_file_of_its_hash():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((3, 3))
    file = StoredArrays({"array": root @ root.T})
    text = f"covariance({file.sha256})"
    setup = Setup(activation("erf"), 3, 2, inputs=text, files=(file,))
    network = setup.network(4)
    # An invertible covariance is a change of parameters: here of the kernel alone.
    moved = Network(network.W1 @ np.linalg.cholesky(root @ root.T), network.W2, "erf")
    assert network.inputs.covariance.tolist() == (root @ root.T).tolist()
    [values] = [result.eigenvalues for result in setup.compute([4])]
    np.testing.assert_allclose(values, spectrum(network), rtol=0, atol=0)
    assert np.linalg.norm(values - spectrum(moved)) > 1e-3
    assert setup.has_files
    lost = Setup(activation("erf"), 3, 2, inputs=text)
    assert not lost.has_files
    assert lost.key(4) == setup.key(4)
    with pytest.raises(InputError, match="give the study"):
        lost.network(4)


@pytest.mark.parametrize("name", ["erf", "cubic", "quadratic", "linear", "relu", "exp"])
@pytest.mark.parametrize("biases", ["none", "both"])
@pytest.mark.parametrize(
    "text", ["mean(0.5)", "power-law(1)", "rank(2)", "rank(2) mean(0.5)", "diagonal(1,0.5,0,0)"]
)
def test_the_formula_is_the_rank_that_is_proved(name, biases, text):
    setup = Setup(activation(name), 4, 3, biases=biases, inputs=text)
    scalars = setup.compute([1])[0].scalars
    assert scalars["rank_certificate"] == "proved"
    assert scalars["effective_parameters_kind"] == "exact"
    assert scalars["effective_parameters"] == scalars["rank"]
