"""The five examples on ground truth, and what they show."""

import pytest
from pages import follow


@pytest.fixture(scope="module")
def shown():
    return follow("ground-truth.md")


def test_the_examples_show_what_the_page_says(shown):
    assert set(shown["wrong"]) >= {"erf-wide"}
    assert all(counted != proved for counted, proved in shown["wrong"].values())
    assert 0 < shown["off"][10_000] < shown["off"][100] < 1
    error = shown["trace"].std() / 50**0.5
    assert abs(shown["trace"].mean() - shown["truth"].trace) < 4 * error
    found, (lower, upper) = shown["smallest"]["erf"]
    assert found == pytest.approx(lower, rel=1e-3)
    assert found == pytest.approx(upper, rel=1e-3)
    found, (lower, _) = shown["smallest"]["erf-wide"]
    assert abs(found) > 1e20 * lower
    assert shown["proof"].certificate == "proved"
    # P - N_h: a common factor of a neuron's weights and bias.
    assert shown["proof"].value == shown["mine"].P - 6
